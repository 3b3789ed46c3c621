// The registers of a warp. A PTX register is one value for each of 32 lanes, a predicate is 32
// bits, and an instruction is done for all lanes at once.
#pragma once
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace ptx {

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef float f32;
typedef double f64;

constexpr int lanes = 32;
constexpr u32 everyone = ~0u;

#define INLINE static inline __attribute__((always_inline))
#define OUTLINE static __attribute__((noinline, unused))
#define LANES for (int l = 0; l < lanes; l++)
#define PARTS(T) _Pragma("GCC unroll 8") for (int i = 0; i < (int)sizeof(T); i++)

// 32 values of T, in vectors of 32 bytes.
template <class T> struct alignas(32) V {
	typedef T X __attribute__((vector_size(32)));
	X x[sizeof(T)];
	T &operator[](int l) { return ((T *)x)[l]; }
	const T &operator[](int l) const { return ((const T *)x)[l]; }
};

template <class T, class S> INLINE V<T> &as(V<S> &v) {
	static_assert(sizeof(T) == sizeof(S));
	return (V<T> &)v;
}
template <class T, class S> INLINE const V<T> &as(const V<S> &v) {
	static_assert(sizeof(T) == sizeof(S));
	return (const V<T> &)v;
}

template <class T> INLINE V<T> all(T value) {
	V<T> v;
	LANES v[l] = value;
	return v;
}

template <class T, class S> INLINE T bits(S s) {
	static_assert(sizeof(T) == sizeof(S));
	T t;
	memcpy(&t, &s, sizeof t);
	return t;
}

template <int size> struct Bits;
template <> struct Bits<2> { typedef s16 T; static constexpr V<s16>::X lane = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, -32768}; };
template <> struct Bits<4> { typedef s32 T; static constexpr V<s32>::X lane = {1, 2, 4, 8, 16, 32, 64, 128}; };
template <> struct Bits<8> { typedef s64 T; static constexpr V<s64>::X lane = {1, 2, 4, 8}; };

// All ones in the lanes of m that part i holds.
template <class T> INLINE auto lanes_of(u32 m, int i) {
	typedef Bits<sizeof(T)> B;
	auto b = B::lane;
	auto splat = (typename B::T)(m >> (i * (32 / (int)sizeof(T)))) - (b ^ b);
	return (splat & b) == b;
}

// d of the lanes of m becomes s.
template <class T> OUTLINE void put(u32 m, V<T> &d, const V<T> &s) {
	if (__builtin_expect(m == everyone, 1)) {
		PARTS(T) d.x[i] = s.x[i];
		return;
	}
	PARTS(T) d.x[i] = lanes_of<T>(m, i) ? s.x[i] : d.x[i];
}
INLINE void put(u32 m, u32 &d, u32 s) { d = (d & ~m) | (s & m); }

template <class T> OUTLINE void selp(V<T> &d, const V<T> &a, const V<T> &b, u32 p) {
	PARTS(T) d.x[i] = lanes_of<T>(p, i) ? a.x[i] : b.x[i];
}

// The mask of the lanes in which part i of a comparison is all ones.
template <class T> INLINE u32 mask_of(const T &x) {
	constexpr int size = sizeof(x[0]), n = 32 / size;
#if defined(__AVX2__)
	if constexpr (size == 4) return (u32)_mm256_movemask_ps((__m256)x);
	if constexpr (size == 8) return (u32)_mm256_movemask_pd((__m256d)x);
#endif
	u32 m = 0;
	for (int j = 0; j < n; j++) m |= (u32)(x[j] & 1) << j;
	return m;
}

#define COMPARE(name, sign)                                                               \
	template <class T> OUTLINE u32 name(const V<T> &a, const V<T> &b) {                     \
		u32 m = 0;                                                                         \
		PARTS(T) m |= mask_of(a.x[i] sign b.x[i]) << (i * (32 / (int)sizeof(T)));          \
		return m;                                                                          \
	}
COMPARE(eq, ==)
COMPARE(lt, <)
COMPARE(le, <=)
COMPARE(gt, >)
COMPARE(ge, >=)
#undef COMPARE
// In floats, != is true of NaN and PTX's ne is not.
template <class T> OUTLINE u32 nan(const V<T> &a, const V<T> &b) { return ~(eq(a, a) & eq(b, b)); }
template <class T> OUTLINE u32 num(const V<T> &a, const V<T> &b) { return eq(a, a) & eq(b, b); }
template <class T> OUTLINE u32 ne(const V<T> &a, const V<T> &b) {
	if constexpr ((T)0.5 == 0) return ~eq(a, b);
	else return ~eq(a, b) & num(a, b);
}
template <class T> OUTLINE u32 neu(const V<T> &a, const V<T> &b) { return ~eq(a, b); }
template <class T> OUTLINE u32 equ(const V<T> &a, const V<T> &b) { return eq(a, b) | nan(a, b); }
template <class T> OUTLINE u32 ltu(const V<T> &a, const V<T> &b) { return lt(a, b) | nan(a, b); }
template <class T> OUTLINE u32 leu(const V<T> &a, const V<T> &b) { return le(a, b) | nan(a, b); }
template <class T> OUTLINE u32 gtu(const V<T> &a, const V<T> &b) { return gt(a, b) | nan(a, b); }
template <class T> OUTLINE u32 geu(const V<T> &a, const V<T> &b) { return ge(a, b) | nan(a, b); }

// f(lane) for the lanes of m.
template <class F> INLINE void each(u32 m, F f) {
	if (m == everyone) LANES f(l);
	else
		for (; m; m &= m - 1) f(__builtin_ctz(m));
}

}  // namespace ptx
