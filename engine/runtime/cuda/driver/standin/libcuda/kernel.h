// What a kernel is to the stand-in: a host function that does all blocks of a launch.
#pragma once
#include <stddef.h>
#include <stdint.h>

// What a kernel may ask of the stand-in.
struct Host {
	// Gives where the live allocation begins and ends that address lies in, or is not far behind
	// of; false where there is none.
	bool (*allocation)(uint64_t address, uint64_t *start, uint64_t *end);
};

struct Launch {
	unsigned grid[3], block[3];
	size_t shared;      // bytes of dynamic shared memory
	void **parameters;  // one address a parameter, as the kernel declares them
	const Host *host;
	bool races;         // whether to look for races in shared memory
};

// Returns 0, or the CUresult that the launch ends with. Memory that is not there may be touched.
typedef int (*Kernel)(const Launch *);

// Gives the entry of that name, of every module without a translation loaded from then on or
// before, its host function.
extern "C" void standin_register(const char *name, Kernel kernel);

// A kernel translated from the PTX text with that digest: the FNV-1a of 64 bits of the text without
// the white space around it.
struct Translated {
	uint64_t digest;
	const char *name;
	Kernel kernel;
};

// A library of translated kernels exports this. The stand-in loads the one that the environment
// variable SERVERY_CUDA_KERNELS names.
extern "C" const Translated *standin_translated(size_t *n);
