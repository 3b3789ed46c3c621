#pragma once
#include <cuda.h>

// What became of binding. code is what cuInit answered; text says why the library could not be
// used where code is 0 and bound is 0.
typedef struct {
	int bound;
	int code;
	int version;         // of cuDriverGetVersion: 1000 * major + 10 * minor
	char text[512];
	char path[512];      // of the library, as the loader found it
	char names[8192];    // of the missing entry points, with a space between two
} servery_cuda_binding;

void servery_cuda_bind(const char *path, servery_cuda_binding *b);
void servery_cuda_unbind(void);

// Calls that answered CUDA_ERROR_NOT_SUPPORTED because the driver has no such entry point.
long servery_cuda_missing_calls(void);

// Missing from the header that cu carries; part of the driver since 11.4.
CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long flags);
// Since 12.4; older drivers give CUDA_ERROR_NOT_SUPPORTED.
CUresult cuFuncGetParamInfo(CUfunction f, size_t index, size_t *offset, size_t *size);
