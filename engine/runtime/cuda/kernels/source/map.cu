// Element-wise programs: every output element is computed from the elements of up to eight inputs
// that broadcasting pairs with it. All threads follow the same instructions, so that reading them costs
// little beside the memory that is moved.
#include "element.h"
#include "operation.h"

constexpr int MapDims = 6, MapInputs = 8, MapCode = 32;

struct Instruction {
	uint8 op;
	uint8 source;  // 0: none, 1: an input, 2: the constant a, 3: a register
	uint8 index;   // of the input or register
	uint8 pad;
	float a, b;
};

struct Map {
	void *out;
	const void *in[MapInputs];
	int64 wide[2];  // whole constants of instructions of int64: those with pad 1 and 2 take them for a
	uint32 n;
	int32 dims, length;
	Divisor size[MapDims];  // from the innermost
	int32 stride[MapInputs][MapDims];
	uint8 type[MapInputs];
	uint8 out_type, pad[3];
	Instruction code[MapCode];
};

template <class T> INLINE T element(const Map &p, int input, uint32 i) {
	int64 at = 0;
#pragma unroll
	for (int d = 0; d < MapDims; d++)
		if (d < p.dims) at += (int64)split(i, p.size[d]) * p.stride[input][d];
	return load<T>(p.in[input], at, p.type[input]);
}

template <class T> INLINE T evaluate(const Map &p, uint32 i) {
	T acc = 0, r0 = 0, r1 = 0, r2 = 0, r3 = 0;
	for (int c = 0; c < p.length; c++) {
		const Instruction &in = p.code[c];
		T a = in.pad ? (T)p.wide[in.pad - 1] : (T)in.a, b = in.pad ? (T)p.wide[1] : (T)in.b;
		if (in.op == OpStore) {
			if (in.index == 0) r0 = acc;
			else if (in.index == 1) r1 = acc;
			else if (in.index == 2) r2 = acc;
			else r3 = acc;
			continue;
		}
		if (in.op == OpWhere) {
			T y = in.source == 1 ? element<T>(p, in.index & 15, i) : in.source == 2 ? a : in.index % 16 == 0 ? r0 : in.index % 16 == 1 ? r1 : in.index % 16 == 2 ? r2 : r3;
			int condition = in.index >> 4;
			T truth = condition == 0 ? r0 : condition == 1 ? r1 : condition == 2 ? r2 : r3;
			acc = truth != 0 ? acc : y;
			continue;
		}
		if (in.source == 0) {
			acc = unary(in.op, acc, a, b);
			continue;
		}
		T y;
		if (in.source == 1) y = element<T>(p, in.index, i);
		else if (in.source == 2) y = a;
		else y = in.index == 0 ? r0 : in.index == 1 ? r1 : in.index == 2 ? r2 : r3;
		if (in.op == OpLoad) acc = y;
		else if (in.op >= OpBitAnd) acc = whole<T>(in.op, acc, y);
		else acc = binary<T>(in.op, acc, y);
	}
	return acc;
}

template <class T> INLINE void map(const Map &p) {
	for (uint32 i = block_x() * threads() + thread(); i < p.n; i += blocks_x() * threads())
		store<T>(p.out, i, p.out_type, evaluate<T>(p, i));
}

KERNEL(256) map_f32(const Map p) { map<float>(p); }
KERNEL(256) map_f64(const Map p) { map<double>(p); }
KERNEL(256) map_i64(const Map p) { map<int64>(p); }
