// The instructions of an element-wise program, which is what the planner makes of a chain of
// element-wise operators: an accumulator, four registers, operands from memory. The numbers
// are those of program.go.
#pragma once
#include "mathematics.h"

enum Operation : uint8 {
	OpLoad = 0,   // acc = operand
	OpStore = 1,  // register[index] = acc
	// of one number
	OpNeg = 10, OpAbs, OpSign, OpSqrt, OpExp, OpLog, OpReciprocal, OpFloor, OpCeil, OpRound, OpErf,
	OpSin, OpCos, OpTan, OpAsin, OpAcos, OpAtan, OpSinh, OpCosh, OpAsinh, OpAcosh, OpAtanh, OpTanh,
	OpSigmoid, OpRelu, OpSoftplus, OpSoftsign, OpMish, OpGelu, OpGeluTanh, OpSilu, OpHardSwish,
	OpIsNaN, OpNot, OpBitNot, OpTruncate,
	// of one number, with the parameters a and b
	OpHardSigmoid = 60, OpLeakyRelu, OpElu, OpSelu, OpCelu, OpThresholdedRelu, OpShrink, OpClip, OpIsInf, OpAffine,
	// of the accumulator and an operand
	OpAdd = 80, OpSub, OpSubFrom, OpMul, OpDiv, OpDivInto, OpPow, OpPowOf, OpMod, OpModOf, OpFmod, OpFmodOf,
	OpMax, OpMin, OpPRelu, OpPReluOf, OpAnd, OpOr, OpXor, OpEqual, OpGreater, OpGreaterOrEqual, OpLess, OpLessOrEqual,
	OpBitAnd, OpBitOr, OpBitXor, OpShiftLeft, OpShiftLeftOf, OpShiftRight, OpShiftRightOf,
	// acc = register[index of the condition] ? acc : operand
	OpWhere = 120,
};

template <class T> INLINE T not_a_number() { return 0; }
template <> INLINE float not_a_number<float>() { return bits<float>(0x7fffffff); }
template <> INLINE double not_a_number<double>() { return bits<double>(0x7fffffffffffffffll); }

// Functions of float that the activation of a product uses as well.
INLINE float unary(uint8 op, float x, float a, float b) {
	switch (op) {
	case OpNeg: return -x;
	case OpAbs: return __builtin_fabsf(x);
	case OpSign: return x > 0 ? 1.f : x < 0 ? -1.f : x;
	case OpSqrt: return __builtin_sqrtf(x);
	case OpExp: return is_nan(x) ? x : exponential(x);
	case OpLog: return logarithm(x);
	case OpReciprocal: return 1 / x;
	case OpFloor: return __builtin_floorf(x);
	case OpCeil: return __builtin_ceilf(x);
	case OpRound: return __builtin_rintf(x);
	case OpTruncate: return __builtin_truncf(x);
	case OpErf: return error_function(x);
	case OpTanh: return hyperbolic_tangent(x);
	case OpSigmoid: return logistic(x);
	case OpRelu: return x < 0 ? 0.f : x;
	case OpSoftplus: return x > 20 ? x : (float)logarithm1p64(exponential64(x));
	case OpSoftsign: return x / (1 + __builtin_fabsf(x));
	case OpMish: return x * hyperbolic_tangent(x > 20 ? x : (float)logarithm1p64(exponential64(x)));
	case OpGelu: return 0.5f * x * (1 + error_function(x * 0.707106781f));
	case OpGeluTanh: return 0.5f * x * (1 + hyperbolic_tangent(0.797884561f * __builtin_fmaf(0.044715f * x * x, x, x)));
	case OpSilu: return x * logistic(x);
	case OpHardSwish: return x * __builtin_fminf(__builtin_fmaxf(x * (1.f / 6) + 0.5f, 0.f), 1.f);
	case OpIsNaN: return is_nan(x);
	case OpNot: return x == 0;
	case OpHardSigmoid: return __builtin_fmaxf(__builtin_fminf(__builtin_fmaf(a, x, b), 1.f), 0.f);
	case OpLeakyRelu: return x < 0 ? a * x : x;
	case OpElu: return x < 0 ? a * (float)(exponential64(x) - 1) : x;
	case OpSelu: return x > 0 ? b * x : b * a * (float)(exponential64(x) - 1);
	case OpCelu: return __builtin_fmaxf(x, 0.f) + __builtin_fminf(a * (float)(exponential64(x / a) - 1), 0.f);
	case OpThresholdedRelu: return x > a ? x : 0.f;
	case OpShrink: return x < -a ? x + b : x > a ? x - b : 0.f;
	case OpClip: return x < a ? a : x > b ? b : x;
	case OpIsInf: return (a != 0 && x == -bits<float>(0x7f800000)) || (b != 0 && x == bits<float>(0x7f800000));
	case OpAffine: return __builtin_fmaf(x, a, b);
	case OpSin: case OpCos: case OpTan: {
		double s, c;
		sine_cosine64(x, s, c);
		return (float)(op == OpSin ? s : op == OpCos ? c : s / c);
	}
	case OpAsin: return (float)arc_sine64(x);
	case OpAcos: return (float)(1.5707963267948966 - arc_sine64(x));
	case OpAtan: return (float)arc_tangent64(x);
	case OpSinh: return (float)hyperbolic_sine64(x);
	case OpCosh: return (float)hyperbolic_cosine64(x);
	case OpAsinh: return (float)arc_hyperbolic_sine64(x);
	case OpAcosh: return (float)arc_hyperbolic_cosine64(x);
	case OpAtanh: return (float)arc_hyperbolic_tangent64(x);
	}
	return x;
}

// Called, not inlined: one copy serves the many places of a kernel that apply an activation.
__device__ __attribute__((noinline)) float activate(float x, int op, float a, float b) { return unary((uint8)op, x, a, b); }

INLINE double unary(uint8 op, double x, double a, double b) {
	switch (op) {
	case OpNeg: return -x;
	case OpAbs: return __builtin_fabs(x);
	case OpSign: return x > 0 ? 1. : x < 0 ? -1. : x;
	case OpSqrt: return __builtin_sqrt(x);
	case OpExp: return exponential64(x);
	case OpLog: return logarithm64(x);
	case OpReciprocal: return 1 / x;
	case OpFloor: return __builtin_floor(x);
	case OpCeil: return __builtin_ceil(x);
	case OpRound: return __builtin_rint(x);
	case OpTruncate: return __builtin_trunc(x);
	case OpErf: return error_function64(x);
	case OpTanh: return hyperbolic_tangent64(x);
	case OpSigmoid: return 1 / (1 + exponential64(-x));
	case OpRelu: return x < 0 ? 0. : x;
	case OpIsNaN: return is_nan(x);
	case OpNot: return x == 0;
	case OpClip: return x < a ? a : x > b ? b : x;
	case OpAffine: return x * a + b;
	case OpIsInf: return (a != 0 && x == -bits<double>(0x7ff0000000000000ll)) || (b != 0 && x == bits<double>(0x7ff0000000000000ll));
	}
	return x;
}

INLINE int64 unary(uint8 op, int64 x, int64 a, int64 b) {
	switch (op) {
	case OpNeg: return (int64)(0 - (uint64)x);
	case OpAbs: return x < 0 ? (int64)(0 - (uint64)x) : x;
	case OpSign: return x > 0 ? 1 : x < 0 ? -1 : 0;
	case OpRelu: return x < 0 ? 0 : x;
	case OpNot: return x == 0;
	case OpBitNot: return ~x;
	case OpClip: return x < a ? a : x > b ? b : x;
	}
	return x;
}

INLINE float remainder_of(float x, float y, bool truncated) {
	double r = (double)x - __builtin_trunc((double)x / y) * y;
	if (!truncated && r != 0 && (r < 0) != (y < 0)) r += y;
	return (float)r;
}
INLINE double remainder_of(double x, double y, bool truncated) {
	double r = __builtin_fma(-__builtin_trunc(x / y), y, x);
	if (!truncated && r != 0 && (r < 0) != (y < 0)) r += y;
	return r;
}
INLINE int64 quotient_of(int64 x, int64 y) { return y == 0 ? 0 : y == -1 ? (int64)(0 - (uint64)x) : x / y; }
INLINE int64 remainder_of(int64 x, int64 y, bool truncated) {
	if (y == 0 || y == -1) return 0;
	int64 r = x % y;
	return !truncated && r != 0 && (r < 0) != (y < 0) ? r + y : r;
}
INLINE float quotient_of(float x, float y) { return x / y; }
INLINE double quotient_of(double x, double y) { return x / y; }
INLINE float power_of(float x, float y) { return power(x, y); }
INLINE double power_of(double x, double y) { return power64(x, y); }
INLINE int64 power_of(int64 x, int64 y) {
	if (y < 0) return x == 1 ? 1 : x == -1 ? (y & 1 ? -1 : 1) : 0;
	uint64 r = 1, base = (uint64)x;
	for (; y; y >>= 1, base *= base)
		if (y & 1) r *= base;
	return (int64)r;
}

template <class T> INLINE T binary(uint8 op, T x, T y) {
	switch (op) {
	case OpAdd: return x + y;
	case OpSub: return x - y;
	case OpSubFrom: return y - x;
	case OpMul: return x * y;
	case OpDiv: return quotient_of(x, y);
	case OpDivInto: return quotient_of(y, x);
	case OpPow: return power_of(x, y);
	case OpPowOf: return power_of(y, x);
	case OpMod: return remainder_of(x, y, false);
	case OpModOf: return remainder_of(y, x, false);
	case OpFmod: return remainder_of(x, y, true);
	case OpFmodOf: return remainder_of(y, x, true);
	case OpMax: return x != x || x > y ? x : y;
	case OpMin: return x != x || x < y ? x : y;
	case OpPRelu: return x < 0 ? x * y : x;
	case OpPReluOf: return y < 0 ? x * y : y;
	case OpAnd: return x != 0 && y != 0;
	case OpOr: return x != 0 || y != 0;
	case OpXor: return (x != 0) != (y != 0);
	case OpEqual: return x == y;
	case OpGreater: return x > y;
	case OpGreaterOrEqual: return x >= y;
	case OpLess: return x < y;
	case OpLessOrEqual: return x <= y;
	}
	return y;
}

INLINE int64 shift_left(int64 x, int64 n) { return n > 63 ? 0 : (int64)((uint64)x << n); }
INLINE int64 shift_right(int64 x, int64 n) { return n > 63 ? 0 : (int64)((uint64)x >> n); }

template <class T> INLINE T whole(uint8, T x, T) { return x; }
template <> INLINE int64 whole<int64>(uint8 op, int64 x, int64 y) {
	switch (op) {
	case OpBitAnd: return x & y;
	case OpBitOr: return x | y;
	case OpBitXor: return x ^ y;
	case OpShiftLeft: return shift_left(x, y);
	case OpShiftLeftOf: return shift_left(y, x);
	case OpShiftRight: return shift_right(x, y);
	case OpShiftRightOf: return shift_right(y, x);
	}
	return x;
}
