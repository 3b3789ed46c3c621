// What kernels need of the CUDA language, without NVIDIA's headers: clang is told to include none
// of them, so that the device code is made on any machine with Debian's clang alone.
#pragma once

#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __launch_bounds__(n) __attribute__((launch_bounds(n)))
#define KERNEL(threads) extern "C" __global__ __launch_bounds__(threads) void
#define INLINE __device__ __forceinline__
#define INLINE_LAMBDA __attribute__((always_inline))
#define __forceinline__ __inline__ __attribute__((always_inline))

typedef signed char int8;
typedef unsigned char uint8;
typedef short int16;
typedef unsigned short uint16;
typedef int int32;
typedef unsigned int uint32;
typedef long long int64;
typedef unsigned long long uint64;
typedef unsigned long size_t;

INLINE uint32 thread() { return __nvvm_read_ptx_sreg_tid_x(); }
INLINE uint32 threads() { return __nvvm_read_ptx_sreg_ntid_x(); }
INLINE uint32 block_x() { return __nvvm_read_ptx_sreg_ctaid_x(); }
INLINE uint32 block_y() { return __nvvm_read_ptx_sreg_ctaid_y(); }
INLINE uint32 block_z() { return __nvvm_read_ptx_sreg_ctaid_z(); }
INLINE uint32 blocks_x() { return __nvvm_read_ptx_sreg_nctaid_x(); }

INLINE void barrier() { __syncthreads(); }

// The value of the lane whose number differs in the bits of mask.
INLINE float shuffle_xor(float v, int mask) {
	return __nvvm_shfl_sync_bfly_f32(0xffffffffu, v, mask, 31);
}
INLINE int shuffle_xor(int v, int mask) {
	return __nvvm_shfl_sync_bfly_i32(0xffffffffu, v, mask, 31);
}

template <class To, class From> INLINE To bits(From v) {
	static_assert(sizeof(To) == sizeof(From), "bits of another size");
	To to;
	__builtin_memcpy(&to, &v, sizeof to);
	return to;
}

INLINE float half_to_float(uint16 h) {
	float f;
	asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h));
	return f;
}
INLINE uint16 float_to_half(float f) {
	uint16 h;
	asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(f));
	return h;
}
INLINE float bfloat_to_float(uint16 b) { return bits<float>((uint32)b << 16); }
INLINE uint16 float_to_bfloat(float f) {
	uint32 u = bits<uint32>(f);
	if ((u & 0x7fffffff) > 0x7f800000) return (uint16)(u >> 16 | 0x40);
	return (uint16)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

// Divides by a number that is known when a program is planned: one multiplication instead of some
// twenty instructions. For n and divisor below 2^31: n / d = (high(n * multiplier) + n) >> shift, with
// shift the bits of d - 1 and multiplier 2^32 * (2^shift - d) / d + 1 (Granlund and Montgomery,
// "Division by Invariant Integers using Multiplication", 1994).
struct Divisor {
	uint32 divisor, multiplier, shift;
};
INLINE uint32 high(uint32 a, uint32 b) { return (uint32)((uint64)a * b >> 32); }
INLINE uint32 divide(uint32 n, const Divisor &d) { return (high(n, d.multiplier) + n) >> d.shift; }
// Takes the remainder off n and leaves the quotient in it.
INLINE uint32 split(uint32 &n, const Divisor &d) {
	uint32 q = divide(n, d), r = n - q * d.divisor;
	n = q;
	return r;
}
