//go:build linux && cgo

#define _GNU_SOURCE
#include "peer.h"
#include "api.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct peer {
	api f;
	OrtSession *session;
	OrtMemoryInfo *memory;
	char *input, *output;
	int64_t shape[8];
	size_t rank, bytes;
	float *data;
	volatile float seen;
};

peer *peer_load(const char *library, const char *model, const char *input, const char *output, const int64_t *shape, size_t rank) {
	peer *p = calloc(1, sizeof *p);
	setenv("ORT_DISABLE_TELEMETRY", "1", 1);
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	if (p == NULL || handle == NULL || rank > 8) return NULL;
	const OrtApiBase *base = ((const OrtApiBase *(*)(void))dlsym(handle, "OrtGetApiBase"))();
	const void *const *slots = base->get_api(ORT_NEEDED_API);
	if (slots == NULL) return NULL;
#define X(index, result, name, parameters) p->f.name = (result(*) parameters)slots[index];
	ORT_FUNCTIONS(X)
#undef X
	OrtEnv *env;
	OrtSessionOptions *options;
	if (p->f.create_env(ORT_LOG_FATAL, "peer", &env) || p->f.create_session_options(&options) ||
	    p->f.set_intra_threads(options, 1) || p->f.set_inter_threads(options, 1) || p->f.set_optimization(options, ORT_OPTIMIZE_ALL) ||
	    p->f.add_session_config(options, "session.intra_op.allow_spinning", "0") ||
	    p->f.create_session(env, model, options, &p->session) ||
	    p->f.create_cpu_memory_info(ORT_ALLOCATOR_DEVICE, ORT_MEMORY_DEFAULT, &p->memory))
		return NULL;
	p->f.release_session_options(options);
	p->input = strdup(input);
	p->output = strdup(output);
	p->bytes = sizeof(float);
	p->rank = rank;
	for (size_t i = 0; i < rank; i++) p->bytes *= (size_t)(p->shape[i] = shape[i]);
	p->data = calloc(1, p->bytes);
	return p;
}

int64_t peer_loop(peer *p, int64_t n) {
	struct timespec start, end;
	const char *inputs[1] = {p->input}, *outputs[1] = {p->output};
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int64_t i = 0; i < n; i++) {
		OrtValue *in = NULL, *out = NULL;
		void *data;
		if (p->f.create_tensor_over(p->memory, p->data, p->bytes, p->shape, p->rank, 1, &in) ||
		    p->f.run(p->session, NULL, inputs, (const OrtValue *const *)&in, 1, outputs, 1, &out) ||
		    p->f.tensor_data(out, &data))
			return -1;
		p->seen = *(float *)data;
		p->f.release_value(out);
		p->f.release_value(in);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (int64_t)(end.tv_sec - start.tv_sec) * 1000000000 + (end.tv_nsec - start.tv_nsec);
}
