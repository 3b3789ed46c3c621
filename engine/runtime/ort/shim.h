// What the Go side calls. Memory that crosses the border is C's, but for the data of
// large input tensors, which Go pins for the time of the call.
#ifndef SERVERY_ORT_SHIM_H
#define SERVERY_ORT_SHIM_H

#include "api.h"

// failure is ONNX Runtime's error, or ours with one of its codes. message is malloc'ed,
// and NULL where there is none.
typedef struct {
	int code;
	char *message;
} failure;

typedef struct {
	void *handle;
	const char *version;
	api f;
	OrtEnv *env;
	OrtMemoryInfo *memory;
	OrtAllocator *allocator;
} library;

typedef struct {
	int intra_threads;
	int no_arena;
	size_t n_config;
	const char *const *config; // key, value, key, value…
} session_options;

typedef struct {
	library *lib;
	OrtSession *session;
	size_t n_inputs, n_overridable, n_outputs;
	char **input_names; // the overridable initializers' names follow the inputs'
	char **output_names;
} session;

// port describes an input or output. of_maps and key as in tensor.Port.
typedef struct {
	int kind, type, key, of_maps, optional;
	size_t rank;
	int64_t *shape;
	char **dims;
} port;

// node is a value of a tree that is laid out flat: the children of a sequence or of a map
// (keys, values) are the nodes first to first+children-1 of the same array.
typedef struct {
	int kind, type;
	const int64_t *shape;
	size_t rank;
	int64_t elements;
	void *data;             // the numbers, or the strings' bytes one after another
	size_t bytes;
	const int64_t *offsets; // elements+1 offsets into data, for strings
	size_t first, children;
	OrtValue *value;
	void *block;            // malloc'ed memory that data or offsets are in, or NULL
} node;

// frame holds what one run takes and gives. It is reused from run to run.
typedef struct {
	const char **names; // of the inputs given
	size_t n_inputs;
	node *in;           // the first n_inputs are the inputs, the rest their children
	size_t n_in;
	char *arena;        // room for in, shapes, offsets and copied data
	size_t arena_bytes;
	OrtValue **values;  // of the inputs
	OrtValue **results; // of the outputs
	node *out;          // the first n_outputs are the outputs
	size_t n_out, room_out;
	failure error;
} frame;

library *servery_open(const char *path, failure *error);
void servery_close(library *);

session *servery_session(library *, const char *path, const session_options *, failure *error);
void servery_session_close(session *);
// servery_port describes input i (overridable initializers after the inputs) or output i.
int servery_port(session *, int is_output, size_t i, port *, failure *error);
void servery_port_free(port *);

frame *servery_frame(const session *);
int servery_frame_reserve(frame *, size_t bytes);
void servery_frame_free(library *, frame *);
// servery_run evaluates the model on the frame's inputs and describes its outputs. It
// returns 0, or 1 with the frame's error set. Either way the inputs are released, and
// after 0 servery_release must follow.
int servery_run(session *, frame *, const OrtRunOptions *);
void servery_release(library *, frame *);

OrtRunOptions *servery_cancel(library *, failure *error);
void servery_cancel_set(library *, OrtRunOptions *, int terminate);
void servery_cancel_free(library *, OrtRunOptions *);

// For all files of the shim: take reports a status, releases it and returns 1 where it
// is an error; fail sets an error of ours and returns 1.
int take(library *, OrtStatus *, failure *error);
int fail(failure *error, int code, const char *message);

#endif
