//go:build linux && cgo

#include "shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

frame *servery_frame(const session *s) {
	frame *f = calloc(1, sizeof *f);
	if (f == NULL) return NULL;
	size_t inputs = s->n_inputs + s->n_overridable + 1, outputs = s->n_outputs + 1;
	f->names = calloc(inputs, sizeof *f->names);
	f->values = calloc(inputs, sizeof *f->values);
	f->results = calloc(outputs, sizeof *f->results);
	f->out = calloc(outputs, sizeof *f->out);
	f->room_out = outputs;
	if (f->names == NULL || f->values == NULL || f->results == NULL || f->out == NULL) {
		servery_frame_free(s->lib, f);
		return NULL;
	}
	return f;
}

int servery_frame_reserve(frame *f, size_t bytes) {
	free(f->arena);
	f->arena_bytes = 0;
	f->arena = malloc(bytes);
	if (f->arena == NULL) return fail(&f->error, ORT_FAIL, "out of memory");
	f->arena_bytes = bytes;
	return 0;
}

void servery_frame_free(library *lib, frame *f) {
	if (f->out) servery_release(lib, f);
	free(f->names);
	free(f->values);
	free(f->results);
	free(f->out);
	free(f->arena);
	free(f->error.message);
	free(f);
}

static int build_strings(library *lib, frame *f, node *n) {
	if (take(lib, lib->f.create_tensor(lib->allocator, n->shape, n->rank, n->type, &n->value), &f->error)) return 1;
	for (int64_t i = 0; i < n->elements; i++) {
		size_t length = (size_t)(n->offsets[i + 1] - n->offsets[i]);
		char *buffer = NULL;
		if (length == 0) continue; // it is empty already
		if (take(lib, lib->f.string_buffer(n->value, (size_t)i, length, &buffer), &f->error)) return 1;
		memcpy(buffer, (const char *)n->data + n->offsets[i], length);
	}
	return 0;
}

// build makes the ONNX Runtime value of an input node and of what it holds. Values made
// before an error stay in the nodes; release_inputs takes them.
static int build(library *lib, frame *f, node *n) {
	if (n->kind == ORT_TENSOR) {
		if (n->type == ORT_ELEMENT_STRING) return build_strings(lib, f, n);
		return take(lib, lib->f.create_tensor_over(lib->memory, n->data, n->bytes, n->shape, n->rank, n->type, &n->value), &f->error);
	}
	OrtValue **children = malloc((n->children + 1) * sizeof *children);
	if (children == NULL) return fail(&f->error, ORT_FAIL, "out of memory");
	int bad = 0;
	for (size_t i = 0; !bad && i < n->children; i++) {
		bad = build(lib, f, &f->in[n->first + i]);
		children[i] = f->in[n->first + i].value;
	}
	bad = bad || take(lib, lib->f.create_value((const OrtValue *const *)children, n->children, n->kind, &n->value), &f->error);
	free(children);
	return bad;
}

static void release_inputs(library *lib, frame *f) {
	for (size_t i = 0; i < f->n_in; i++) {
		if (f->in[i].value) lib->f.release_value(f->in[i].value);
		f->in[i].value = NULL;
	}
}

// overlaps tells whether memory belongs to one of the inputs. A model that passes an
// input through returns it where it lies, and the input's memory is not ours to keep.
static int overlaps(const frame *f, const void *data, size_t bytes) {
	for (size_t i = 0; i < f->n_in; i++) {
		const char *start = f->in[i].data;
		if (f->in[i].type != ORT_ELEMENT_STRING && (const char *)data < start + f->in[i].bytes && start < (const char *)data + bytes)
			return 1;
	}
	return 0;
}

static size_t element_bytes(int type) {
	static const unsigned char sizes[] = {0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8, 8, 16, 2};
	return type >= 0 && type < (int)sizeof sizes ? sizes[type] : 0;
}

static int read_strings(library *lib, frame *f, node *n) {
	size_t count = (size_t)n->elements;
	if (take(lib, lib->f.string_bytes(n->value, &n->bytes), &f->error)) return 1;
	size_t head = (count + 1) * sizeof(int64_t);
	n->block = malloc(head + n->bytes + 1);
	if (n->block == NULL) return fail(&f->error, ORT_FAIL, "out of memory");
	_Static_assert(sizeof(size_t) == sizeof(int64_t), "the offsets are read as int64");
	int64_t *offsets = n->block;
	n->offsets = offsets;
	n->data = (char *)n->block + head;
	offsets[count] = (int64_t)n->bytes;
	if (count == 0) return 0;
	return take(lib, lib->f.string_content(n->value, n->data, n->bytes, (size_t *)offsets, count), &f->error);
}

static int read_tensor(library *lib, frame *f, node *n) {
	if (take(lib, lib->f.get_tensor_view(n->value, &n->type, &n->shape, &n->rank), &f->error)) return 1;
	n->elements = 1;
	for (size_t i = 0; i < n->rank; i++) n->elements *= n->shape[i];
	if (n->type == ORT_ELEMENT_STRING) return read_strings(lib, f, n);
	size_t size = element_bytes(n->type);
	if (size == 0) {
		char text[80];
		snprintf(text, sizeof text, "a tensor of ONNX element type %d, which Servery cannot show", n->type);
		return fail(&f->error, ORT_NOT_IMPLEMENTED, text);
	}
	n->bytes = (size_t)n->elements * size;
	if (n->bytes == 0) return 0;
	if (take(lib, lib->f.tensor_data(n->value, &n->data), &f->error)) return 1;
	if (overlaps(f, n->data, n->bytes)) {
		n->block = malloc(n->bytes);
		if (n->block == NULL) return fail(&f->error, ORT_FAIL, "out of memory");
		n->data = memcpy(n->block, n->data, n->bytes);
	}
	return 0;
}

// append adds n empty nodes and returns the index of the first. It moves the nodes.
static int append(frame *f, size_t n, size_t *first) {
	if (f->n_out + n > f->room_out) {
		size_t room = 2 * (f->n_out + n);
		node *out = realloc(f->out, room * sizeof *out);
		if (out == NULL) return fail(&f->error, ORT_FAIL, "out of memory");
		f->out = out;
		f->room_out = room;
	}
	*first = f->n_out;
	memset(f->out + f->n_out, 0, n * sizeof *f->out);
	f->n_out += n;
	return 0;
}

static int read_children(library *lib, frame *f, size_t at) {
	size_t n = 0, first = 0;
	if (take(lib, lib->f.value_count(f->out[at].value, &n), &f->error) || append(f, n, &first)) return 1;
	f->out[at].first = first;
	f->out[at].children = n;
	for (size_t i = 0; i < n; i++)
		if (take(lib, lib->f.get_value(f->out[at].value, (int)i, lib->allocator, &f->out[first + i].value), &f->error)) return 1;
	return 0;
}

// read_node describes the output node at and appends the nodes of what it holds. An
// optional output that the model left out keeps kind ORT_UNKNOWN.
static int read_node(library *lib, frame *f, size_t at) {
	node *n = &f->out[at];
	int there = 0, tensor = 0;
	if (n->value == NULL) return 0;
	if (take(lib, lib->f.has_value(n->value, &there), &f->error)) return 1;
	if (!there) return 0;
	// kind_of_value makes a whole type description on its way (0.3 µs), is_tensor does not.
	if (take(lib, lib->f.is_tensor(n->value, &tensor), &f->error)) return 1;
	if (tensor) n->kind = ORT_TENSOR;
	else if (take(lib, lib->f.kind_of_value(n->value, &n->kind), &f->error)) return 1;
	switch (n->kind) {
	case ORT_TENSOR:
		return read_tensor(lib, f, n);
	case ORT_SEQUENCE:
	case ORT_MAP:
		return read_children(lib, f, at);
	}
	return fail(&f->error, ORT_NOT_IMPLEMENTED, "the model returned a value that is neither tensor nor sequence nor map");
}

int servery_run(session *s, frame *f, const OrtRunOptions *options) {
	library *lib = s->lib;
	int bad = 0;
	f->n_out = 0;
	for (size_t i = 0; !bad && i < f->n_inputs; i++) {
		bad = build(lib, f, &f->in[i]);
		f->values[i] = f->in[i].value;
	}
	if (!bad) {
		memset(f->results, 0, s->n_outputs * sizeof *f->results);
		bad = take(lib, lib->f.run(s->session, options, f->names, (const OrtValue *const *)f->values, f->n_inputs,
		                           (const char *const *)s->output_names, s->n_outputs, f->results), &f->error);
		size_t first;
		// There is room for the outputs themselves since the frame was made.
		append(f, s->n_outputs, &first);
		for (size_t i = 0; i < s->n_outputs; i++) f->out[i].value = f->results[i];
	}
	for (size_t i = 0; !bad && i < f->n_out; i++) bad = read_node(lib, f, i);
	release_inputs(lib, f);
	if (bad) servery_release(lib, f);
	return bad;
}

void servery_release(library *lib, frame *f) {
	for (size_t i = f->n_out; i-- > 0;) {
		if (f->out[i].value) lib->f.release_value(f->out[i].value);
		free(f->out[i].block);
	}
	f->n_out = 0;
}
