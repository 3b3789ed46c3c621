// Arithmetic of integers, f32 and f64, lane by lane.
#pragma once
#include <math.h>

#include <type_traits>

#include "lanes.h"

namespace ptx {

#define WIDE(name, expression)                                                              \
	template <class T> OUTLINE void name(V<T> &d, const V<T> &a, const V<T> &b) {             \
		PARTS(T) d.x[i] = expression;                                                        \
	}
WIDE(add, a.x[i] + b.x[i])
WIDE(sub, a.x[i] - b.x[i])
WIDE(mul, a.x[i] * b.x[i])
WIDE(and_, a.x[i] & b.x[i])
WIDE(or_, a.x[i] | b.x[i])
WIDE(xor_, a.x[i] ^ b.x[i])
#undef WIDE
template <class T> OUTLINE void mov(V<T> &d, const V<T> &a) { PARTS(T) d.x[i] = a.x[i]; }
template <class T> OUTLINE void not_(V<T> &d, const V<T> &a) { PARTS(T) d.x[i] = ~a.x[i]; }
template <class T> OUTLINE void neg(V<T> &d, const V<T> &a) { PARTS(T) d.x[i] = -a.x[i]; }
template <class T> OUTLINE void mad(V<T> &d, const V<T> &a, const V<T> &b, const V<T> &c) { PARTS(T) d.x[i] = a.x[i] * b.x[i] + c.x[i]; }

OUTLINE void fma(V<f32> &d, const V<f32> &a, const V<f32> &b, const V<f32> &c) {
#if defined(__FMA__)
	PARTS(f32) d.x[i] = (V<f32>::X)_mm256_fmadd_ps((__m256)a.x[i], (__m256)b.x[i], (__m256)c.x[i]);
#else
	LANES d[l] = __builtin_fmaf(a[l], b[l], c[l]);
#endif
}
OUTLINE void fma(V<f64> &d, const V<f64> &a, const V<f64> &b, const V<f64> &c) { LANES d[l] = __builtin_fma(a[l], b[l], c[l]); }

// An operation of one lane, done for all of them.
#define UNARY(name, expression)                                                              \
	template <class T> OUTLINE void name(V<T> &d, const V<T> &a_) {                          \
		LANES { T a = a_[l]; d[l] = expression; }                                            \
	}
#define BINARY(name, B, expression)                                                          \
	template <class T> OUTLINE void name(V<T> &d, const V<T> &a_, const V<B> &b_) {          \
		LANES { T a = a_[l]; B b = b_[l]; d[l] = expression; }                               \
	}
#define TERNARY(name, B, C, expression)                                                      \
	template <class T> OUTLINE void name(V<T> &d, const V<T> &a_, const V<B> &b_, const V<C> &c_) { \
		LANES { T a = a_[l]; B b = b_[l]; C c = c_[l]; d[l] = expression; }                  \
	}

template <class T> INLINE int width() { return 8 * (int)sizeof(T); }
template <class T> INLINE T shift_left(T a, u32 b) { return b >= (u32)width<T>() ? 0 : (T)(a << b); }
template <class T> INLINE T shift_right(T a, u32 b) { return b >= (u32)width<T>() ? (a < 0 ? (T)-1 : 0) : (T)(a >> b); }
BINARY(shl, u32, shift_left<T>(a, b))
BINARY(shr, u32, shift_right<T>(a, b))

// Twice as wide.
template <class T> struct Double;
template <> struct Double<u16> { typedef u32 T; };
template <> struct Double<s16> { typedef s32 T; };
template <> struct Double<u32> { typedef u64 T; };
template <> struct Double<s32> { typedef s64 T; };
template <> struct Double<u64> { typedef unsigned __int128 T; };
template <> struct Double<s64> { typedef __int128 T; };
template <class T> INLINE T high(T a, T b) { return (T)(((typename Double<T>::T)a * b) >> width<T>()); }
BINARY(mul_hi, T, high<T>(a, b))
TERNARY(mad_hi, T, T, (T)(high<T>(a, b) + c))
template <class T, class W> OUTLINE void mul_wide(V<W> &d, const V<T> &a, const V<T> &b) { LANES d[l] = (W)a[l] * b[l]; }
template <class T, class W> OUTLINE void mad_wide(V<W> &d, const V<T> &a, const V<T> &b, const V<W> &c) { LANES d[l] = (W)a[l] * b[l] + c[l]; }
INLINE s32 low24(s32 a) { return (s32)((u32)a << 8) >> 8; }
INLINE u32 low24(u32 a) { return a & 0xffffff; }
BINARY(mul24, T, (T)((s64)low24(a) * low24(b)))
TERNARY(mad24, T, T, (T)((s64)low24(a) * low24(b) + c))

// A division by zero has no meaning in PTX and must not end the process; -1 is what devices give.
template <class T> INLINE T quotient(T a, T b) {
	if (b == 0) return (T)-1;
	if (std::is_signed<T>() && b == (T)-1) return (T)(0 - (u64)a);
	return a / b;
}
template <class T> INLINE T remainder_of(T a, T b) {
	if (b == 0) return a;
	if (std::is_signed<T>() && b == (T)-1) return 0;
	return a % b;
}
BINARY(div, T, quotient<T>(a, b))
BINARY(rem, T, remainder_of<T>(a, b))
BINARY(min, T, (a < b ? a : b))
BINARY(max, T, (a > b ? a : b))
UNARY(abs, (a < 0 ? (T)(0 - (u64)a) : a))
TERNARY(sad, T, T, (T)(c + (a < b ? b - a : a - b)))

template <class T> OUTLINE void popc(V<u32> &d, const V<T> &a) { LANES d[l] = (u32)__builtin_popcountll(a[l]); }
template <class T> OUTLINE void clz(V<u32> &d, const V<T> &a) { LANES d[l] = a[l] ? (u32)(__builtin_clzll(a[l]) - 64 + width<T>()) : (u32)width<T>(); }
template <class T> INLINE T reversed(T a) {
	T r = 0;
	for (int i = 0; i < width<T>(); i++) r = (T)(r << 1 | (a >> i & 1));
	return r;
}
UNARY(brev, reversed<T>(a))

template <class T> INLINE T extracted(T a, u32 b, u32 c) {
	typedef typename std::make_unsigned<T>::type U;
	u32 at = b & 0xff, n = c & 0xff, w = (u32)width<T>();
	if (n == 0) return 0;
	U v = at >= w ? 0 : (U)a >> at;
	bool sign = std::is_signed<T>() && a < 0;
	if (sign && at > 0) v |= at >= w ? (U)-1 : (U)((U)-1 << (w - at));
	if (n >= w) return (T)v;
	// The sign is that of the field's highest bit, or of a's where the field goes beyond it.
	u32 top = at + n - 1 < w - 1 ? at + n - 1 : w - 1;
	bool negative = std::is_signed<T>() && ((U)a >> top & 1);
	v &= ((U)1 << n) - 1;
	if (negative) v |= (U)-1 << n;
	return (T)v;
}
TERNARY(bfe, u32, u32, extracted<T>(a, b, c))
template <class T> OUTLINE void bfi(V<T> &d, const V<T> &a, const V<T> &b, const V<u32> &c, const V<u32> &n) {
	LANES {
		u32 at = c[l] & 0xff, count = n[l] & 0xff, w = (u32)width<T>();
		T field = count >= w ? (T)-1 : ((T)1 << count) - 1;
		T mask = at >= w ? 0 : (T)(field << at);
		d[l] = (b[l] & ~mask) | ((at >= w ? 0 : a[l] << at) & mask);
	}
}
OUTLINE void prmt(V<u32> &d, const V<u32> &a, const V<u32> &b, const V<u32> &c) {
	LANES {
		u64 from = (u64)b[l] << 32 | a[l];
		u32 r = 0;
		for (int i = 0; i < 4; i++) {
			u32 s = c[l] >> (4 * i), byte = (u32)(from >> (8 * (s & 7))) & 0xff;
			if (s & 8) byte = byte & 0x80 ? 0xff : 0;
			r |= byte << (8 * i);
		}
		d[l] = r;
	}
}
// right and left are of shf: 32 bits out of b:a. clamp limits the distance to 32, wrap takes it modulo 32.
INLINE u32 distance(u32 c, bool clamp) { return clamp ? (c > 32 ? 32 : c) : c & 31; }
template <bool clamp> OUTLINE void shf_l(V<u32> &d, const V<u32> &a, const V<u32> &b, const V<u32> &c) {
	LANES { u32 n = distance(c[l], clamp); d[l] = n == 32 ? a[l] : (u32)(((u64)b[l] << 32 | a[l]) << n >> 32); }
}
template <bool clamp> OUTLINE void shf_r(V<u32> &d, const V<u32> &a, const V<u32> &b, const V<u32> &c) {
	LANES { u32 n = distance(c[l], clamp); d[l] = (u32)(((u64)b[l] << 32 | a[l]) >> n); }
}
template <int table> OUTLINE void lop3(V<u32> &d, const V<u32> &a, const V<u32> &b, const V<u32> &c) {
	LANES {
		u32 r = 0;
		for (int k = 0; k < 8; k++)
			if (table >> k & 1) r |= (k & 4 ? a[l] : ~a[l]) & (k & 2 ? b[l] : ~b[l]) & (k & 1 ? c[l] : ~c[l]);
		d[l] = r;
	}
}

// Floats. min and max give the other operand where one is NaN, and order the zeros.
template <class T> INLINE T lesser(T a, T b) { return a != a ? b : b != b ? a : a < b || (a == b && __builtin_signbit(a)) ? a : b; }
template <class T> INLINE T greater(T a, T b) { return a != a ? b : b != b ? a : a > b || (a == b && !__builtin_signbit(a)) ? a : b; }
BINARY(fmin, T, lesser<T>(a, b))
BINARY(fmax, T, greater<T>(a, b))
BINARY(fmin_nan, T, (a != a || b != b ? (T)NAN : lesser<T>(a, b)))
BINARY(fmax_nan, T, (a != a || b != b ? (T)NAN : greater<T>(a, b)))
UNARY(fabs, (std::is_same<T, f32>() ? (T)__builtin_fabsf((f32)a) : (T)__builtin_fabs(a)))
BINARY(fdiv, T, a / b)
UNARY(rcp, 1 / a)
UNARY(sqrt, (std::is_same<T, f32>() ? (T)__builtin_sqrtf((f32)a) : (T)__builtin_sqrt(a)))
UNARY(rsqrt, (std::is_same<T, f32>() ? (T)(1 / __builtin_sqrt(a)) : 1 / (T)__builtin_sqrt(a)))
UNARY(ex2, ::exp2f(a))
UNARY(lg2, ::log2f(a))
UNARY(sin, ::sinf(a))
UNARY(cos, ::cosf(a))
UNARY(tanh, ::tanhf(a))
BINARY(copysign, T, (std::is_same<T, f32>() ? (T)__builtin_copysignf((f32)b, (f32)a) : (T)__builtin_copysign(b, a)))
// What .ftz does to a subnormal and .sat to a result.
template <class T> INLINE void flush(V<T> &d) {
	if constexpr (std::is_same<T, f32>()) LANES d[l] = __builtin_fabsf(d[l]) < 1.17549435e-38f ? __builtin_copysignf(0, d[l]) : d[l];
}
template <class T> INLINE void saturate(V<T> &d) { LANES d[l] = d[l] > 0 ? (d[l] < 1 ? d[l] : 1) : 0; }
INLINE void add_sat(V<s32> &d, const V<s32> &a, const V<s32> &b) {
	LANES { s64 r = (s64)a[l] + b[l]; d[l] = (s32)(r > INT32_MAX ? INT32_MAX : r < INT32_MIN ? INT32_MIN : r); }
}
INLINE void sub_sat(V<s32> &d, const V<s32> &a, const V<s32> &b) {
	LANES { s64 r = (s64)a[l] - b[l]; d[l] = (s32)(r > INT32_MAX ? INT32_MAX : r < INT32_MIN ? INT32_MIN : r); }
}
template <class T, class S> OUTLINE void slct(V<T> &d, const V<T> &a, const V<T> &b, const V<S> &c) { LANES d[l] = c[l] >= 0 ? a[l] : b[l]; }

template <class T> INLINE int class_of(T a) { return __builtin_fpclassify(FP_NAN, FP_INFINITE, FP_NORMAL, FP_SUBNORMAL, FP_ZERO, a); }
template <class T> OUTLINE u32 testp(u32 classes, const V<T> &a) {
	u32 m = 0;
	LANES m |= (u32)(classes >> class_of(a[l]) & 1) << l;
	return m;
}

}  // namespace ptx
