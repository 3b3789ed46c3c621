// Functions of one number, without NVIDIA's libdevice. Those on the way of every network (exponential,
// tanh, error function) are in float with an error of a few units in the last place; the rare
// ones are computed in double.
#pragma once
#include "device.h"

INLINE bool is_nan(float x) { return x != x; }
INLINE bool is_nan(double x) { return x != x; }

INLINE float exp2_approximate(float x) {
	float y;
	asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
	return y;
}
INLINE float reciprocal_approximate(float x) {
	float y;
	asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
	return y;
}

// e^x = 2^n * 2^f: the fraction is small, so that rounding x * log2(e) costs no digits where x is large.
INLINE float exponential(float x) {
	x = x > 89.f ? 89.f : x < -104.f ? -104.f : x;
	float n = __builtin_rintf(x * 1.44269504f);
	float f = __builtin_fmaf(n, -0.693145752f, x);
	f = __builtin_fmaf(n, -1.42860677e-6f, f);
	// Two factors: 2^n alone leaves the range of float where the result is denormal.
	int i = (int)n, half = i >> 1;
	return exp2_approximate(f * 1.44269504f) * bits<float>((half + 127) << 23) * bits<float>((i - half + 127) << 23);
}

INLINE double exponential64(double x) {
	if (is_nan(x)) return x;
	x = x > 710 ? 710 : x < -746 ? -746 : x;
	double n = __builtin_rint(x * 1.4426950408889634);
	double r = __builtin_fma(n, -6.93147180369123816490e-01, x);
	r = __builtin_fma(n, -1.90821492927058770002e-10, r);
	double sum = 1;  // Taylor's series: |r| is at most 0.35, so that 14 terms suffice
	for (int i = 14; i > 0; i--) sum = __builtin_fma(sum, r / i, 1.0);
	int i = (int)n, half = i >> 1;
	return sum * bits<double>((int64)(half + 1023) << 52) * bits<double>((int64)(i - half + 1023) << 52);
}

INLINE double logarithm64(double x) {
	if (is_nan(x) || x < 0) return bits<double>(0x7ff8000000000000ll);
	if (x == 0) return bits<double>((int64)0xfff0000000000000ull);
	if (x == bits<double>(0x7ff0000000000000ll)) return x;
	int e = 0;
	if (x < 2.2250738585072014e-308) {
		x *= 18014398509481984.0;  // 2^54
		e = -54;
	}
	int64 u = bits<int64>(x);
	e += (int)(u >> 52) - 1023;
	double m = bits<double>((u & 0x000fffffffffffffll) | 0x3ff0000000000000ll);
	if (m > 1.4142135623730951) {
		m *= 0.5;
		e++;
	}
	// log m = 2 atanh(s), |s| at most 0.172
	double s = (m - 1) / (m + 1), z = s * s, sum = 0;
	for (int i = 23; i > 0; i -= 2) sum = __builtin_fma(sum, z, 1.0 / i);
	return 2 * s * sum + e * 6.931471805599453e-01;
}
INLINE float logarithm(float x) { return (float)logarithm64(x); }

// tanh: the series where e^2x - 1 would lose digits.
INLINE float hyperbolic_tangent(float x) {
	float a = __builtin_fabsf(x), y;
	if (a < 0.55f) {
		float z = x * x;
		y = __builtin_fmaf(z, -0.00886323552990219656886f, 0.021869488536155202822f);
		y = __builtin_fmaf(z, y, -0.0539682539682539682540f);
		y = __builtin_fmaf(z, y, 0.133333333333333333333f);
		y = __builtin_fmaf(z, y, -0.333333333333333333333f);
		return __builtin_fmaf(x * z, y, x);
	}
	y = 1 - 2 / (exponential(2 * (a > 15 ? 15 : a)) + 1);
	return is_nan(x) ? x : __builtin_copysignf(y, x);
}

INLINE float logistic(float x) { return 1 / (1 + exponential(-x)); }

// The error function: 2/sqrt(pi) e^-x^2 sum 2^n x^(2n+1) / (2n+1)!!, whose terms have one sign, and far out
// the continued fraction of the complement.
INLINE double error_function64(double x) {
	double a = __builtin_fabs(x);
	if (is_nan(x)) return x;
	if (a > 6) return __builtin_copysign(1.0, x);
	if (a < 2.5) {
		double term = a, sum = a, z = 2 * a * a;
		for (int n = 1; n < 60; n++) {
			term *= z / (2 * n + 1);
			sum += term;
		}
		return __builtin_copysign(1.1283791670955126 * exponential64(-a * a) * sum, x);
	}
	double f = 0;
	for (int n = 60; n > 0; n--) f = n * 0.5 / (a + f);
	return __builtin_copysign(1 - exponential64(-a * a) * 0.5641895835477563 / (a + f), x);
}

// For float: Maclaurin's series near zero, and from 0.5 on Abramowitz and Stegun 7.1.26, whose 1.5e-7 is
// little beside a value above 0.52.
INLINE float error_function(float x) {
	float a = __builtin_fabsf(x), y;
	if (a < 0.5f) {
		float z = x * x;
		y = __builtin_fmaf(z, 1.20552e-4f, -8.548327e-4f);
		y = __builtin_fmaf(z, y, 5.2239776e-3f);
		y = __builtin_fmaf(z, y, -2.6866171e-2f);
		y = __builtin_fmaf(z, y, 1.12837917e-1f);
		y = __builtin_fmaf(z, y, -3.76126389e-1f);
		return __builtin_fmaf(z * x, y, 1.12837917f * x);
	}
	float t = 1 / __builtin_fmaf(0.3275911f, a, 1.f);
	y = __builtin_fmaf(t, 1.061405429f, -1.453152027f);
	y = __builtin_fmaf(t, y, 1.421413741f);
	y = __builtin_fmaf(t, y, -0.284496736f);
	y = __builtin_fmaf(t, y, 0.254829592f);
	return is_nan(x) ? x : __builtin_copysignf(1 - t * y * exponential(-a * a), x);
}

// Sine and cosine of x together: x is brought into a quarter of a turn in double, which is exact
// enough up to 2^30 turns.
INLINE void sine_cosine64(double x, double &s, double &c) {
	double n = __builtin_rint(x * 0.63661977236758134);
	double r = __builtin_fma(n, -1.57079632673412561417e+00, x);
	r = __builtin_fma(n, -6.07710050630396597660e-11, r);
	r = __builtin_fma(n, -2.02226624879595063154e-21, r);
	double z = r * r, ss = 1, cc = 1;
	for (int i = 17; i > 1; i -= 2) {
		ss = 1 - ss * z / (i * (i - 1));
		cc = 1 - cc * z / ((i - 1) * (i - 2));
	}
	ss *= r;
	int q = (int)((int64)n & 3);
	s = q & 1 ? cc : ss;
	c = q & 1 ? ss : cc;
	if (q & 2) s = -s;
	if (q == 1 || q == 2) c = -c;
}

INLINE double arc_tangent64(double x) {
	double a = __builtin_fabs(x), base = 0;
	if (is_nan(x)) return x;
	// Into |a| at most tan(pi/12), by the reciprocal and by 30 degrees.
	bool inverse = a > 1;
	if (inverse) a = 1 / a;
	if (a > 0.2679491924311227) {
		a = (a * 1.7320508075688772 - 1) / (a + 1.7320508075688772);
		base = 0.52359877559829887;
	}
	double z = a * a, sum = 0;
	for (int i = 27; i > 0; i -= 2) sum = 1.0 / i - z * sum;
	double y = base + a * sum;
	if (inverse) y = 1.5707963267948966 - y;
	return __builtin_copysign(y, x);
}
INLINE double arc_sine64(double x) { return arc_tangent64(x / __builtin_sqrt((1 - x) * (1 + x))); }
INLINE double hyperbolic_sine64(double x) {
	double a = __builtin_fabs(x);
	if (a < 0.5) {
		double z = x * x, y = 1;
		for (int i = 15; i > 1; i -= 2) y = 1 + y * z / (i * (i - 1));
		return x * y;
	}
	return 0.5 * (exponential64(x) - exponential64(-x));
}
INLINE double hyperbolic_cosine64(double x) { return 0.5 * (exponential64(x) + exponential64(-x)); }
INLINE double logarithm1p64(double x) {
	double u = 1 + x;
	// Kahan's way: what rounding 1 + x lost is put back by the quotient.
	return u == 1 ? x : u > 1e300 ? logarithm64(u) : logarithm64(u) * (x / (u - 1));
}
INLINE double arc_hyperbolic_sine64(double x) {
	double a = __builtin_fabs(x);
	double y = a > 1e8 ? logarithm64(a) + 0.6931471805599453 : logarithm1p64(a + a * a / (1 + __builtin_sqrt(a * a + 1)));
	return __builtin_copysign(y, x);
}
INLINE double arc_hyperbolic_cosine64(double x) { return logarithm64(x + __builtin_sqrt((x - 1) * (x + 1))); }
INLINE double arc_hyperbolic_tangent64(double x) { return 0.5 * logarithm1p64(2 * x / (1 - x)); }
INLINE double hyperbolic_tangent64(double x) {
	double a = __builtin_fabs(x), e = exponential64(-2 * a);
	return a < 0.25 ? hyperbolic_sine64(x) / hyperbolic_cosine64(x) : __builtin_copysign((1 - e) / (1 + e), x);
}

// x^y by 2^(y log2 x) in double, with C's special cases: a negative base has a power where y is whole.
INLINE double power64(double x, double y) {
	if (y == 0 || x == 1) return 1;
	if (is_nan(x) || is_nan(y)) return x + y;
	double whole = __builtin_trunc(y), a = __builtin_fabs(x);
	bool odd = whole == y && __builtin_fabs(y) < 9007199254740992.0 && ((int64)y & 1);
	double infinity = bits<double>(0x7ff0000000000000ll), r;
	if (__builtin_fabs(y) == infinity) return a == 1 ? 1 : (a > 1) == (y > 0) ? infinity : 0;
	if (a == 0 || a == infinity) {
		r = (a == 0) == (y > 0) ? 0 : infinity;
	} else {
		if (x < 0 && whole != y) return bits<double>(0x7ff8000000000000ll);
		double l = y * logarithm64(a);
		r = l > 709.8 ? infinity : exponential64(l);
	}
	return x < 0 || (x == 0 && __builtin_signbit(x)) ? (odd ? -r : r) : r;
}
// Small whole powers by multiplication, as exact as x * x.
INLINE float power(float x, float y) {
	if (y == 2) return x * x;
	if (y == 0.5f) return __builtin_sqrtf(x);
	if (y == 3) return x * x * x;
	return (float)power64(x, y);
}
