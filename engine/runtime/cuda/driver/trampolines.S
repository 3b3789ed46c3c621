//go:build cuda && linux && (amd64 || arm64)

// Each entry point of the driver is a jump through a slot of its own. The arguments stay where
// the caller put them, so no prototype is needed. The names are hidden, so that a library that the
// process loads later finds the driver itself under them. The slots lie one after another in the order
// of entrypoints.h: bind.c fills them.

#if defined(__x86_64__)
#define X(name) \
	.globl name; .hidden name; .type name, @function; \
	.text; .p2align 4; \
	name: jmp *slot_##name(%rip); \
	.size name, .-name; \
	.data; slot_##name: .quad servery_cuda_unbound;
#elif defined(__aarch64__)
#define X(name) \
	.globl name; .hidden name; .type name, %function; \
	.text; .p2align 4; \
	name: adrp x16, slot_##name; ldr x16, [x16, :lo12:slot_##name]; br x16; \
	.size name, .-name; \
	.data; slot_##name: .quad servery_cuda_unbound;
#endif

	.hidden servery_cuda_unbound
	.data
	.p2align 3
	.globl servery_cuda_slots
	.hidden servery_cuda_slots
servery_cuda_slots:
#include "entrypoints.h"

	.section .note.GNU-stack, "", %progbits
