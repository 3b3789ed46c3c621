//go:build linux && cgo

#define _GNU_SOURCE
#include "shim.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fail(failure *error, int code, const char *message) {
	free(error->message);
	error->code = code;
	error->message = strdup(message);
	return 1;
}

int take(library *lib, OrtStatus *status, failure *error) {
	if (status == NULL) return 0;
	fail(error, lib->f.get_error_code(status), lib->f.get_error_message(status));
	lib->f.release_status(status);
	return 1;
}

// load fills lib from the shared library. The functions are only read where the library
// says that it has this version of the API, so an old one cannot be read past its end.
static int load(library *lib, const char *path, failure *error) {
	char text[256];
	lib->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (lib->handle == NULL) {
		const char *why = dlerror();
		return fail(error, ORT_FAIL, why ? why : "dlopen failed");
	}
	const OrtApiBase *(*get_base)(void) = (const OrtApiBase *(*)(void))dlsym(lib->handle, "OrtGetApiBase");
	if (get_base == NULL) return fail(error, ORT_FAIL, "it has no OrtGetApiBase, so it is not ONNX Runtime");
	const OrtApiBase *base = get_base();
	lib->version = base->get_version();
	const void *const *slots = base->get_api(ORT_NEEDED_API);
	if (slots == NULL) {
		snprintf(text, sizeof text, "it is ONNX Runtime %s, and 1.%d or later is needed", lib->version, ORT_NEEDED_API);
		return fail(error, ORT_NOT_IMPLEMENTED, text);
	}
#define X(index, result, name, parameters) lib->f.name = (result(*) parameters)slots[index];
	ORT_FUNCTIONS(X)
#undef X
	return 0;
}

library *servery_open(const char *path, failure *error) {
	// Official builds since 1.29 report the process to their vendor when an environment
	// is made, and overflow the stack over a command line of 34 kB while doing so.
	// Only this variable stops it: DisableTelemetryEvents comes too late for the first.
	setenv("ORT_DISABLE_TELEMETRY", "1", 1);
	library *lib = calloc(1, sizeof *lib);
	if (lib == NULL) {
		fail(error, ORT_FAIL, "out of memory");
		return NULL;
	}
	// The severity is the highest: every error is returned as well, and a client's bad
	// request must not write into the log.
	if (load(lib, path, error) ||
	    take(lib, lib->f.create_env(ORT_LOG_FATAL, "servery", &lib->env), error) ||
	    take(lib, lib->f.disable_telemetry(lib->env), error) ||
	    take(lib, lib->f.create_cpu_memory_info(ORT_ALLOCATOR_DEVICE, ORT_MEMORY_DEFAULT, &lib->memory), error) ||
	    take(lib, lib->f.default_allocator(&lib->allocator), error)) {
		servery_close(lib);
		return NULL;
	}
	return lib;
}

// servery_close leaves the shared library mapped: its threads and its exit handlers may
// still run code in it.
void servery_close(library *lib) {
	if (lib->memory) lib->f.release_memory_info(lib->memory);
	if (lib->env) lib->f.release_env(lib->env);
	free(lib);
}

OrtRunOptions *servery_cancel(library *lib, failure *error) {
	OrtRunOptions *options = NULL;
	take(lib, lib->f.create_run_options(&options), error);
	return options;
}

void servery_cancel_set(library *lib, OrtRunOptions *options, int terminate) {
	OrtStatus *status = terminate ? lib->f.set_terminate(options) : lib->f.unset_terminate(options);
	if (status) lib->f.release_status(status);
}

void servery_cancel_free(library *lib, OrtRunOptions *options) { lib->f.release_run_options(options); }
