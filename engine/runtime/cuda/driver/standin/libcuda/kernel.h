// What a kernel is to the stand-in: a host function that does all blocks of a launch.
#pragma once
#include <stddef.h>

struct Launch {
	unsigned grid[3], block[3];
	size_t shared;      // bytes of dynamic shared memory
	void **parameters;  // one address a parameter, as the kernel declares them
};

// Returns 0, or the CUresult that the launch ends with. Memory that is not there may be touched.
typedef int (*Kernel)(const Launch *);

// Gives the entry of that name, of every module loaded from then on or before, its host function.
// A library of translated kernels registers each of its own when it is loaded.
extern "C" void standin_register(const char *name, Kernel kernel);
