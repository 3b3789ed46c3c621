//go:build linux && cgo

#include "shim.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static int configure(library *lib, OrtSessionOptions *options, const session_options *o, failure *error) {
	// Spinning threads take a core each from the requests next door.
	if (take(lib, lib->f.set_intra_threads(options, o->intra_threads), error) ||
	    take(lib, lib->f.set_inter_threads(options, 1), error) ||
	    take(lib, lib->f.set_optimization(options, ORT_OPTIMIZE_ALL), error) ||
	    take(lib, lib->f.add_session_config(options, "session.intra_op.allow_spinning", "0"), error) ||
	    take(lib, lib->f.add_session_config(options, "session.inter_op.allow_spinning", "0"), error))
		return 1;
	if (o->no_arena && take(lib, lib->f.disable_arena(options), error)) return 1;
	for (size_t i = 0; i < o->n_config; i++)
		if (take(lib, lib->f.add_session_config(options, o->config[2 * i], o->config[2 * i + 1]), error)) return 1;
	return 0;
}

typedef OrtStatus *(*namer)(const OrtSession *, size_t, OrtAllocator *, char **);

// add_names copies n names behind the first at of names.
static int add_names(session *s, char **names, size_t at, size_t n, namer get, failure *error) {
	for (size_t i = 0; i < n; i++) {
		char *name = NULL;
		if (take(s->lib, get(s->session, i, s->lib->allocator, &name), error)) return 1;
		names[at + i] = strdup(name);
		OrtStatus *status = s->lib->f.allocator_free(s->lib->allocator, name);
		if (status) s->lib->f.release_status(status);
		if (names[at + i] == NULL) return fail(error, ORT_FAIL, "out of memory");
	}
	return 0;
}

static int read_names(session *s, failure *error) {
	api *f = &s->lib->f;
	if (take(s->lib, f->input_count(s->session, &s->n_inputs), error) ||
	    take(s->lib, f->overridable_count(s->session, &s->n_overridable), error) ||
	    take(s->lib, f->output_count(s->session, &s->n_outputs), error))
		return 1;
	// One more each, so that none is an empty allocation.
	s->input_names = calloc(s->n_inputs + s->n_overridable + 1, sizeof *s->input_names);
	s->output_names = calloc(s->n_outputs + 1, sizeof *s->output_names);
	if (s->input_names == NULL || s->output_names == NULL) return fail(error, ORT_FAIL, "out of memory");
	return add_names(s, s->input_names, 0, s->n_inputs, f->input_name, error) ||
	       add_names(s, s->input_names, s->n_inputs, s->n_overridable, f->overridable_name, error) ||
	       add_names(s, s->output_names, 0, s->n_outputs, f->output_name, error);
}

session *servery_session(library *lib, const char *path, const session_options *o, failure *error) {
	OrtSessionOptions *options = NULL;
	session *s = calloc(1, sizeof *s);
	if (s == NULL) {
		fail(error, ORT_FAIL, "out of memory");
		return NULL;
	}
	s->lib = lib;
	int bad = take(lib, lib->f.create_session_options(&options), error) || configure(lib, options, o, error) ||
	          take(lib, lib->f.create_session(lib->env, path, options, &s->session), error) || read_names(s, error);
	if (options) lib->f.release_session_options(options);
	if (bad) {
		servery_session_close(s);
		return NULL;
	}
	return s;
}

// servery_session_close gives the heap back to the system: without it the pages of a
// model's weights stay with the process (768 MiB after four sessions of resnet50).
void servery_session_close(session *s) {
	if (s->session) s->lib->f.release_session(s->session);
	for (size_t i = 0; s->input_names && s->input_names[i]; i++) free(s->input_names[i]);
	for (size_t i = 0; s->output_names && s->output_names[i]; i++) free(s->output_names[i]);
	free(s->input_names);
	free(s->output_names);
	free(s);
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

static int describe(library *lib, const OrtTypeInfo *info, port *p, failure *error);

// describe_tensor reads type and shape. A graph that states no shape gives rank 0 here,
// as a scalar does: ONNX Runtime does not tell them apart.
static int describe_tensor(library *lib, const OrtTypeInfo *info, port *p, failure *error) {
	const OrtTensorInfo *tensor = NULL;
	if (take(lib, lib->f.as_tensor_info(info, &tensor), error)) return 1;
	if (tensor == NULL) return fail(error, ORT_NOT_IMPLEMENTED, "a tensor without a type");
	if (take(lib, lib->f.element_type(tensor, &p->type), error) || take(lib, lib->f.rank(tensor, &p->rank), error)) return 1;
	if (p->rank == 0) return 0;
	p->shape = calloc(p->rank, sizeof *p->shape);
	p->dims = calloc(p->rank, sizeof *p->dims);
	const char **names = calloc(p->rank, sizeof *names);
	if (p->shape == NULL || p->dims == NULL || names == NULL) {
		free(names);
		return fail(error, ORT_FAIL, "out of memory");
	}
	int bad = take(lib, lib->f.dimensions(tensor, p->shape, p->rank), error) ||
	          take(lib, lib->f.dimension_names(tensor, names, p->rank), error);
	for (size_t i = 0; !bad && i < p->rank; i++)
		if (names[i] && (p->dims[i] = strdup(names[i])) == NULL) bad = fail(error, ORT_FAIL, "out of memory");
	free(names);
	return bad;
}

// describe_inside describes what a container holds, and releases its info.
static int describe_inside(library *lib, OrtTypeInfo *inside, port *p, failure *error) {
	int bad = describe(lib, inside, p, error);
	lib->f.release_type_info(inside);
	return bad;
}

static int describe(library *lib, const OrtTypeInfo *info, port *p, failure *error) {
	int kind = ORT_UNKNOWN;
	OrtTypeInfo *inside = NULL;
	if (take(lib, lib->f.kind_of_info(info, &kind), error)) return 1;
	switch (kind) {
	case ORT_TENSOR:
		p->kind = kind;
		return describe_tensor(lib, info, p, error);
	case ORT_SEQUENCE: {
		const OrtSequenceInfo *sequence = NULL;
		if (take(lib, lib->f.as_sequence_info(info, &sequence), error) ||
		    take(lib, lib->f.sequence_element_info(sequence, &inside), error) ||
		    describe_inside(lib, inside, p, error))
			return 1;
		if (p->kind == ORT_SEQUENCE) return fail(error, ORT_NOT_IMPLEMENTED, "a sequence of sequences");
		p->of_maps = p->kind == ORT_MAP;
		p->kind = kind;
		return 0;
	}
	case ORT_MAP: {
		const OrtMapInfo *map = NULL;
		if (take(lib, lib->f.as_map_info(info, &map), error) || take(lib, lib->f.map_key_type(map, &p->key), error) ||
		    take(lib, lib->f.map_value_info(map, &inside), error) || describe_inside(lib, inside, p, error))
			return 1;
		p->kind = kind;
		return 0;
	}
	case ORT_OPTIONAL: {
		const OrtOptionalInfo *optional = NULL;
		if (take(lib, lib->f.as_optional_info(info, &optional), error) ||
		    take(lib, lib->f.optional_contained_info(optional, &inside), error) ||
		    describe_inside(lib, inside, p, error))
			return 1;
		p->optional = 1;
		return 0;
	}
	}
	return fail(error, ORT_NOT_IMPLEMENTED, kind == ORT_SPARSE ? "a sparse tensor" : "a value of an opaque type");
}

int servery_port(session *s, int is_output, size_t i, port *p, failure *error) {
	api *f = &s->lib->f;
	OrtTypeInfo *info = NULL;
	OrtStatus *status;
	memset(p, 0, sizeof *p);
	if (is_output) status = f->output_type(s->session, i, &info);
	else if (i < s->n_inputs) status = f->input_type(s->session, i, &info);
	else status = f->overridable_type(s->session, i - s->n_inputs, &info);
	return take(s->lib, status, error) || describe_inside(s->lib, info, p, error);
}

void servery_port_free(port *p) {
	for (size_t i = 0; p->dims && i < p->rank; i++) free(p->dims[i]);
	free(p->dims);
	free(p->shape);
}
