// Kernels whose indices come from memory. An index out of range is not followed: the number of the launch is left
// in the program's fault word, and the run gives an error that names the node.
#include "element.h"

struct Fault {
	int32 *word;
	int32 launch, pad;  // the launch's number, from 1
};
INLINE void report(const Fault &f) { __nvvm_atom_cas_gen_i(f.word, 0, f.launch); }

INLINE int64 index_at(const void *indices, int64 i, int32 wide) {
	return wide ? ((const int64 *)indices)[i] : ((const int32 *)indices)[i];
}
// False where the index is outside of -n to n-1.
INLINE bool resolve(int64 &index, int64 n) {
	if (index < 0) index += n;
	return index >= 0 && index < n;
}

// Gather: data [outer, axis, inner] by indices [count] gives [outer, count, inner].
struct Gather {
	void *out;
	const void *data, *indices;
	Fault fault;
	int64 n;
	int64 axis, count, inner;
	int32 wide, pad;
};
template <class T> INLINE void gather(const Gather &p) {
	for (int64 i = block_x() * threads() + thread(); i < p.n; i += (int64)blocks_x() * threads()) {
		int64 inner = i % p.inner, rest = i / p.inner, which = rest % p.count, outer = rest / p.count;
		int64 index = index_at(p.indices, which, p.wide);
		if (!resolve(index, p.axis)) {
			report(p.fault);
			continue;
		}
		((T *)p.out)[i] = ((const T *)p.data)[(outer * p.axis + index) * p.inner + inner];
	}
}
KERNEL(256) gather_1(const Gather p) { gather<uint8>(p); }
KERNEL(256) gather_2(const Gather p) { gather<uint16>(p); }
KERNEL(256) gather_4(const Gather p) { gather<uint32>(p); }
KERNEL(256) gather_8(const Gather p) { gather<uint64>(p); }

// GatherElements: an index an output element; the other coordinates are the output's.
constexpr int IndexDims = 6;
struct GatherElements {
	void *out;
	const void *data, *indices;
	Fault fault;
	uint32 n;
	int32 dims, axis, wide;
	Divisor size[IndexDims];  // of the indices, from the innermost
	int64 stride[IndexDims];  // of the data
	int64 length;             // of the data's axis
};
// Where element i of the indices points: its own coordinates, but for the axis.
template <class P> INLINE bool element_at(const P &p, uint32 i, int64 &at) {
	int64 index = index_at(p.indices, i, p.wide);
	if (!resolve(index, p.length)) return false;
	uint32 rest = i;
	at = 0;
	for (int d = 0; d < p.dims; d++) {
		int64 c = split(rest, p.size[d]);
		at += (d == p.axis ? index : c) * p.stride[d];
	}
	return true;
}
template <class T> INLINE void gather_elements(const GatherElements &p) {
	for (uint32 i = block_x() * threads() + thread(); i < p.n; i += blocks_x() * threads()) {
		int64 at;
		if (!element_at(p, i, at)) {
			report(p.fault);
			continue;
		}
		((T *)p.out)[i] = ((const T *)p.data)[at];
	}
}
KERNEL(256) gather_elements_1(const GatherElements p) { gather_elements<uint8>(p); }
KERNEL(256) gather_elements_2(const GatherElements p) { gather_elements<uint16>(p); }
KERNEL(256) gather_elements_4(const GatherElements p) { gather_elements<uint32>(p); }
KERNEL(256) gather_elements_8(const GatherElements p) { gather_elements<uint64>(p); }

// Tuples of indices [tuples, depth], each of which names a slice of inner elements. GatherND reads slices of data, of
// which each batch has rows tuples; ScatterND writes updates over them. Writers of one place race, as ONNX allows.
struct Tuples {
	void *out;
	const void *data, *indices;
	Fault fault;
	int64 n, inner, per_batch, batch_stride;  // per_batch: tuples of a batch; batch_stride: elements of data
	int32 depth, operation, type, pad;
	int64 length[IndexDims], stride[IndexDims];  // from the outermost
};
INLINE bool tuple_at(const Tuples &p, int64 tuple, int64 &at) {
	at = 0;
	for (int d = 0; d < p.depth; d++) {
		int64 index = ((const int64 *)p.indices)[tuple * p.depth + d];
		if (!resolve(index, p.length[d])) return false;
		at += index * p.stride[d];
	}
	return true;
}
template <class T> INLINE void gather_tuples(const Tuples &p) {
	for (int64 i = block_x() * threads() + thread(); i < p.n; i += (int64)blocks_x() * threads()) {
		int64 tuple = i / p.inner, at;
		if (!tuple_at(p, tuple, at)) {
			report(p.fault);
			continue;
		}
		((T *)p.out)[i] = ((const T *)p.data)[tuple / p.per_batch * p.batch_stride + at + i % p.inner];
	}
}
KERNEL(256) gather_nd_1(const Tuples p) { gather_tuples<uint8>(p); }
KERNEL(256) gather_nd_2(const Tuples p) { gather_tuples<uint16>(p); }
KERNEL(256) gather_nd_4(const Tuples p) { gather_tuples<uint32>(p); }
KERNEL(256) gather_nd_8(const Tuples p) { gather_tuples<uint64>(p); }

enum { ScatterReplace, ScatterAdd, ScatterMul, ScatterMax, ScatterMin };
template <class T> INLINE void combine(void *out, int64 at, uint8 type, T v, int operation) {
	T old = load<T>(out, at, type);
	switch (operation) {
	case ScatterAdd: v = old + v; break;
	case ScatterMul: v = old * v; break;
	case ScatterMax: v = old > v ? old : v; break;
	case ScatterMin: v = old < v ? old : v; break;
	}
	store<T>(out, at, type, v);
}
INLINE void put(void *out, int64 at, const void *from, int64 i, uint8 type, int operation) {
	if (type == Float32 || type == Float16 || type == BFloat16) combine<float>(out, at, type, load<float>(from, i, type), operation);
	else if (type == Float64) combine<double>(out, at, type, load<double>(from, i, type), operation);
	else combine<int64>(out, at, type, load<int64>(from, i, type), operation);
}

// out holds a copy of the data already. With an operation places may meet: one thread then does all, in order.
KERNEL(256) scatter_nd(const Tuples p) {
	for (int64 i = block_x() * threads() + thread(); i < p.n; i += (int64)blocks_x() * threads()) {
		int64 at;
		if (!tuple_at(p, i / p.inner, at)) {
			report(p.fault);
			continue;
		}
		put(p.out, at + i % p.inner, p.data, i, (uint8)p.type, p.operation);
	}
}

struct ScatterElements {
	void *out;
	const void *indices, *updates;
	Fault fault;
	uint32 n;
	int32 dims, axis, wide, operation, type;
	Divisor size[IndexDims];  // of the updates, from the innermost
	int64 stride[IndexDims];  // of the output
	int64 length;
};
KERNEL(256) scatter_elements(const ScatterElements p) {
	for (uint32 i = block_x() * threads() + thread(); i < p.n; i += blocks_x() * threads()) {
		int64 at;
		if (!element_at(p, i, at)) {
			report(p.fault);
			continue;
		}
		put(p.out, at, p.updates, i, (uint8)p.type, p.operation);
	}
}

// OneHot: indices [outer, inner] of any number give [outer, depth, inner] of values[1] at the index and values[0] elsewhere.
struct OneHot {
	void *out;
	const void *indices, *values;
	int64 n, depth, inner;
	int32 index_type, type;
};
KERNEL(256) one_hot(const OneHot p) {
	for (int64 i = block_x() * threads() + thread(); i < p.n; i += (int64)blocks_x() * threads()) {
		int64 inner = i % p.inner, rest = i / p.inner, at = rest % p.depth, outer = rest / p.depth;
		int64 index = p.index_type == Float32 ? (int64)load<float>(p.indices, outer * p.inner + inner, Float32) : load<int64>(p.indices, outer * p.inner + inner, (uint8)p.index_type);
		if (index < 0) index += p.depth;
		int which = index == at;
		if (p.type == Float32) ((float *)p.out)[i] = ((const float *)p.values)[which];
		else if (p.type == Float64) ((double *)p.out)[i] = ((const double *)p.values)[which];
		else store<int64>(p.out, i, (uint8)p.type, load<int64>(p.values, which, (uint8)p.type));
	}
}

// TopK along an axis: data [outer, axis, inner], largest or smallest first; among equals the lower index first.
// A thread has a line: it looks for the next value after the last one, k times.
struct TopK {
	void *values;
	int64 *indices;
	const void *data;
	int64 lines, axis, inner, k;
	int32 largest, type;
};
template <class T> INLINE void top(const TopK &p) {
	for (int64 line = block_x() * threads() + thread(); line < p.lines; line += (int64)blocks_x() * threads()) {
		int64 outer = line / p.inner, inner = line % p.inner, last = -1;
		const int64 from = outer * p.axis * p.inner + inner, to = outer * p.k * p.inner + inner;
		T bound = 0;
		for (int64 n = 0; n < p.k; n++) {
			int64 best = -1;
			T value = 0;
			for (int64 i = 0; i < p.axis; i++) {
				T v = load<T>(p.data, from + i * p.inner, (uint8)p.type);
				bool after = last < 0 || (p.largest ? v < bound : v > bound) || (v == bound && i > last);
				if (after && (best < 0 || (p.largest ? v > value : v < value))) {
					best = i;
					value = v;
				}
			}
			if (best < 0) best = last < 0 ? 0 : last;  // not a number anywhere: no order
			store<T>(p.values, to + n * p.inner, (uint8)p.type, load<T>(p.data, from + best * p.inner, (uint8)p.type));
			p.indices[to + n * p.inner] = best;
			last = best;
			bound = value;
		}
	}
}
KERNEL(128) top_f32(const TopK p) { top<float>(p); }
KERNEL(128) top_f64(const TopK p) { top<double>(p); }
KERNEL(128) top_i64(const TopK p) { top<int64>(p); }
