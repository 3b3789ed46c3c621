//go:build cuda && linux && (amd64 || arm64)

#define _GNU_SOURCE
#include "bind.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

typedef CUresult (*entrypoint)(void);

static const char *const names[] = {
#define X(name) #name,
#include "entrypoints.h"
#undef X
};
enum { count = sizeof names / sizeof names[0] };

// trampolines.S has one slot a name.
extern entrypoint servery_cuda_slots[count];

static void *library;
static long missing_calls;

__attribute__((visibility("hidden"))) CUresult servery_cuda_unbound(void) { return CUDA_ERROR_NOT_INITIALIZED; }

static CUresult missing(void) {
	__atomic_add_fetch(&missing_calls, 1, __ATOMIC_RELAXED);
	return CUDA_ERROR_NOT_SUPPORTED;
}

long servery_cuda_missing_calls(void) { return __atomic_load_n(&missing_calls, __ATOMIC_RELAXED); }

// cu calls this while the program starts, and ends the program when it fails. The driver's own
// cuInit is called in servery_cuda_bind, once somebody asks for a GPU.
__attribute__((visibility("hidden"))) CUresult cuInit(unsigned int flags) {
	(void)flags;
	return CUDA_SUCCESS;
}

static void note_path(void *handle, servery_cuda_binding *b) {
	struct link_map *map;
	if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0) snprintf(b->path, sizeof b->path, "%s", map->l_name);
}

void servery_cuda_bind(const char *path, servery_cuda_binding *b) {
	memset(b, 0, sizeof *b);
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		snprintf(b->text, sizeof b->text, "%s", dlerror());
		return;
	}
	note_path(handle, b);
	CUresult (*init)(unsigned int) = (CUresult(*)(unsigned int))dlsym(handle, "cuInit");
	CUresult (*version)(int *) = (CUresult(*)(int *))dlsym(handle, "cuDriverGetVersion");
	if (!init || !version) {
		snprintf(b->text, sizeof b->text, "it has no cuInit or no cuDriverGetVersion");
		dlclose(handle);
		return;
	}
	b->code = init(0);
	// Answers without a device too.
	if (version(&b->version) != CUDA_SUCCESS) b->version = 0;
	if (b->code != CUDA_SUCCESS) {
		dlclose(handle);
		return;
	}
	size_t used = 0;
	for (int i = 0; i < count; i++) {
		entrypoint f = (entrypoint)dlsym(handle, names[i]);
		if (!f) {
			int n = snprintf(b->names + used, sizeof b->names - used, "%s%s", used ? " " : "", names[i]);
			if (n > 0 && used + n < sizeof b->names) used += n;
			else b->names[used] = 0;
		}
		servery_cuda_slots[i] = f ? f : missing;
	}
	library = handle;
	b->bound = 1;
}

void servery_cuda_unbind(void) {
	if (!library) return;
	for (int i = 0; i < count; i++) servery_cuda_slots[i] = servery_cuda_unbound;
	dlclose(library);
	library = NULL;
}
