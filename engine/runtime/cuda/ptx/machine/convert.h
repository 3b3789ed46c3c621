// Conversions, and arithmetic of f16.
#pragma once
#include <limits>

#include "arithmetic.h"

namespace ptx {

struct f16 { u16 b; };

INLINE f32 to_f32(f16 h) {
#if defined(__F16C__)
	return _cvtsh_ss(h.b);
#else
	u32 sign = (u32)(h.b & 0x8000) << 16, e = h.b >> 10 & 31, m = h.b & 1023;
	if (e == 31) return bits<f32>(sign | 0x7f800000 | m << 13);
	f32 v = e ? bits<f32>((e + 112) << 23 | m << 13) : (f32)m * 5.9604644775390625e-8f;
	return sign ? -v : v;
#endif
}

enum Rounding { rn, rz, rm, rp };

// x divided by 2^e, rounded to an integer. |x| is below 2^53.
INLINE f64 rounded(f64 x, Rounding r) {
	switch (r) {
	case rz: return __builtin_trunc(x);
	case rm: return __builtin_floor(x);
	case rp: return __builtin_ceil(x);
	default: return __builtin_rint(x);
	}
}

// Rounds once, from f64, which holds every f32 and every sum and product of two f16.
INLINE f16 to_f16(f64 x, Rounding r = rn) {
	u16 sign = __builtin_signbit(x) ? 0x8000 : 0;
	if (x != x) return {0x7fff};
	f64 a = __builtin_fabs(x);
	if (a == (f64)INFINITY) return {(u16)(sign | 0x7c00)};
	if (sign) r = r == rm ? rp : r == rp ? rm : r;
	int e;
	__builtin_frexp(a, &e);  // a is in [2^(e-1), 2^e)
	if (a == 0 || e < -13) e = -13;
	f64 m = rounded(__builtin_ldexp(a, 11 - e), r);  // at most 2^11, in steps of 2^(e-11)
	if (e > 16 || (e == 16 && m >= 2048)) return {(u16)(sign | (r == rz || r == rm ? 0x7bff : 0x7c00))};
	// A carry moves on into the exponent.
	return {(u16)(sign | (((u32)(e + 13) << 10) + (u32)m))};
}
INLINE f16 to_f16(f32 x) {
#if defined(__F16C__)
	if (x != x) return {0x7fff};
	return {(u16)_cvtss_sh(x, 0)};
#else
	return to_f16((f64)x, rn);
#endif
}

// a * b + c in f64, its last bit odd where something was lost, so that the next rounding is right.
INLINE f64 fused(f64 a, f64 b, f64 c) {
	f64 p = a * b, s = p + c, t = s - p, lost = (p - (s - t)) + (c - t);
	u64 u = bits<u64>(s);
	if (lost != 0 && lost == lost && !(u & 1)) s = bits<f64>((lost > 0) == (s > 0) ? u + 1 : u - 1);
	return s;
}

#define HALF(name, expression)                                                               \
	INLINE f16 name##_one(f16 a_, f16 b_) {                                                  \
		[[maybe_unused]] f32 a = to_f32(a_), b = to_f32(b_);                                 \
		return expression;                                                                   \
	}                                                                                        \
	OUTLINE void name(V<u16> &d, const V<u16> &a, const V<u16> &b) { LANES d[l] = name##_one({a[l]}, {b[l]}).b; } \
	OUTLINE void name##x2(V<u32> &d, const V<u32> &a, const V<u32> &b) {                     \
		LANES d[l] = name##_one({(u16)a[l]}, {(u16)b[l]}).b | (u32)name##_one({(u16)(a[l] >> 16)}, {(u16)(b[l] >> 16)}).b << 16; \
	}
HALF(add_f16, to_f16(a + b))
HALF(sub_f16, to_f16(a - b))
HALF(mul_f16, to_f16(a * b))
HALF(min_f16, to_f16(lesser<f32>(a, b)))
HALF(max_f16, to_f16(greater<f32>(a, b)))
HALF(min_nan_f16, to_f16(a != a || b != b ? NAN : lesser<f32>(a, b)))
HALF(max_nan_f16, to_f16(a != a || b != b ? NAN : greater<f32>(a, b)))
HALF(neg_f16, (f16{(u16)(a_.b ^ 0x8000)}))
HALF(abs_f16, (f16{(u16)(a_.b & 0x7fff)}))
HALF(ex2_f16, to_f16(::exp2f(a)))
HALF(tanh_f16, to_f16(::tanhf(a)))
#undef HALF
INLINE f16 fma_one(u16 a, u16 b, u16 c) { return to_f16(fused(to_f32({a}), to_f32({b}), to_f32({c}))); }
OUTLINE void fma_f16(V<u16> &d, const V<u16> &a, const V<u16> &b, const V<u16> &c) { LANES d[l] = fma_one(a[l], b[l], c[l]).b; }
OUTLINE void fma_f16x2(V<u32> &d, const V<u32> &a, const V<u32> &b, const V<u32> &c) {
	LANES d[l] = fma_one((u16)a[l], (u16)b[l], (u16)c[l]).b | (u32)fma_one((u16)(a[l] >> 16), (u16)(b[l] >> 16), (u16)(c[l] >> 16)).b << 16;
}
OUTLINE void widen(V<f32> &d, const V<u16> &a) { LANES d[l] = to_f32({a[l]}); }

// Integers to integers, with the sign of S, to the range of D where sat.
template <class D, class S, bool sat> INLINE D integer(S s) {
	if (!sat) return (D)s;
	__int128 v = s, lo = std::numeric_limits<D>::min(), hi = std::numeric_limits<D>::max();
	return (D)(v < lo ? lo : v > hi ? hi : v);
}
// R is the register's type, wider than D where D is of 8 bits or the register is of more.
template <class D, class S, bool sat, class R, class A> OUTLINE void cvt(V<R> &d, const V<A> &a) {
	LANES d[l] = (R)(typename std::conditional<std::is_signed<D>::value, typename std::make_signed<R>::type, R>::type)integer<D, S, sat>((S)a[l]);
}

// A float to an integer: clamped to its range, a NaN to 0.
template <class D> INLINE D to_integer(f64 x, Rounding r) {
	if (x != x) return 0;
	x = rounded(x, r);
	if (x <= (f64)std::numeric_limits<D>::min()) return std::numeric_limits<D>::min();
	if (x >= (f64)std::numeric_limits<D>::max()) return std::numeric_limits<D>::max();
	return (D)x;
}
template <class D, class S, Rounding r, class R> OUTLINE void float_to_integer(V<R> &d, const V<S> &a) {
	LANES d[l] = (R)to_integer<D>(a[l], r);
}

INLINE f32 step(f32 d, f32 to) { return ::nextafterf(d, to); }
INLINE f64 step(f64 d, f64 to) { return ::nextafter(d, to); }
template <class D, class S> INLINE D to_float(S s, Rounding r) {
	D d = (D)s;
	if (r == rn || d != d) return d;
	long double x = d, y = s;
	if (r == rz) r = y > 0 ? rm : rp;
	if (r == rm && x > y) return step(d, (D)-INFINITY);
	if (r == rp && x < y) return step(d, (D)INFINITY);
	return d;
}
template <class D, class S, Rounding r, class A> OUTLINE void integer_to_float(V<D> &d, const V<A> &a) { LANES d[l] = to_float<D, S>((S)a[l], r); }
template <class S, Rounding r, class A> OUTLINE void integer_to_f16(V<u16> &d, const V<A> &a) { LANES d[l] = to_f16((f64)(S)a[l], r).b; }
template <class D, class S, Rounding r> OUTLINE void float_to_float(V<D> &d, const V<S> &a) { LANES d[l] = to_float<D, S>(a[l], r); }
template <Rounding r, class S> OUTLINE void narrow(V<u16> &d, const V<S> &a) {
	if constexpr (r == rn && std::is_same<S, f32>()) LANES d[l] = to_f16(a[l]).b;
	else LANES d[l] = to_f16((f64)a[l], r).b;
}
// The two halves of d, of b below and of a above.
OUTLINE void pack(V<u32> &d, const V<f32> &a, const V<f32> &b) { LANES d[l] = (u32)to_f16(a[l]).b << 16 | to_f16(b[l]).b; }
template <class T, Rounding r> OUTLINE void integral(V<T> &d, const V<T> &a) { LANES d[l] = (T)rounded(a[l], r); }

template <Rounding r> OUTLINE void integral_f16(V<u16> &d, const V<u16> &a) { LANES d[l] = to_f16(rounded(to_f32({a[l]}), r)).b; }

// To 10 bits of mantissa, ties away from zero.
OUTLINE void to_tf32(V<u32> &d, const V<f32> &a) {
	LANES { u32 u = bits<u32>(a[l]); d[l] = a[l] != a[l] ? 0x7fffffff : (u & 0x7f800000) == 0x7f800000 ? u : (u + 0x1000) & 0xffffe000; }
}

}  // namespace ptx
