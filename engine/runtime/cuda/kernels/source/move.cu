// Kernels that move elements and compute nothing: each for elements of 1, 2, 4 and 8 bytes.
#include "device.h"

constexpr int MoveDims = 8;

// Of n elements, element i of the walk over the dimensions goes from in[sum of i_d * in_stride] to
// out[sum of i_d * out_stride]: transpositions, slices, repetitions, and the parts of a concatenation.
struct Move {
	void *out;
	const void *in;
	int64 in_at, out_at;  // offsets in elements
	uint32 n;
	int32 dims;
	Divisor size[MoveDims];  // from the innermost
	int64 in_stride[MoveDims], out_stride[MoveDims];
};

template <class T> INLINE void move(const Move &p) {
	for (uint32 i = block_x() * threads() + thread(); i < p.n; i += blocks_x() * threads()) {
		uint32 rest = i;
		int64 in = p.in_at, out = p.out_at;
#pragma unroll
		for (int d = 0; d < MoveDims; d++)
			if (d < p.dims) {
				int64 at = split(rest, p.size[d]);
				in += at * p.in_stride[d];
				out += at * p.out_stride[d];
			}
		((T *)p.out)[out] = ((const T *)p.in)[in];
	}
}
KERNEL(256) move_1(const Move p) { move<uint8>(p); }
KERNEL(256) move_2(const Move p) { move<uint16>(p); }
KERNEL(256) move_4(const Move p) { move<uint32>(p); }
KERNEL(256) move_8(const Move p) { move<uint64>(p); }

// Padding. Along each dimension an output index less begin is an input's, or lies outside.
enum { PadConstant, PadReflect, PadEdge, PadWrap };
struct Pad {
	void *out;
	const void *in;
	const void *value;  // one element; null is zero
	uint32 n;
	int32 dims, mode, pad;
	Divisor size[MoveDims];  // of the output, from the innermost
	int32 begin[MoveDims], in_size[MoveDims];
	int64 in_stride[MoveDims];
};

template <class T> INLINE void pad(const Pad &p) {
	for (uint32 i = block_x() * threads() + thread(); i < p.n; i += blocks_x() * threads()) {
		uint32 rest = i;
		int64 in = 0;
		bool outside = false;
		for (int d = 0; d < p.dims; d++) {
			int32 at = (int32)split(rest, p.size[d]) - p.begin[d], n = p.in_size[d];
			if (at < 0 || at >= n) {
				if (p.mode == PadConstant) outside = true;
				else if (p.mode == PadEdge) at = at < 0 ? 0 : n - 1;
				else if (p.mode == PadWrap) at = (at % n + n) % n;
				else if (n == 1) at = 0;
				else {
					int32 period = 2 * (n - 1);
					at = (at % period + period) % period;
					if (at >= n) at = period - at;
				}
			}
			in += at * p.in_stride[d];
		}
		((T *)p.out)[i] = outside ? (p.value ? *(const T *)p.value : (T)0) : ((const T *)p.in)[in];
	}
}
KERNEL(256) pad_1(const Pad p) { pad<uint8>(p); }
KERNEL(256) pad_2(const Pad p) { pad<uint16>(p); }
KERNEL(256) pad_4(const Pad p) { pad<uint32>(p); }
KERNEL(256) pad_8(const Pad p) { pad<uint64>(p); }

// The upper or lower triangle of matrices, from diagonal k on; the rest is zero.
struct Triangle {
	void *out;
	const void *in;
	uint32 n;
	int32 upper;
	int64 k;
	Divisor rows, columns;
};
template <class T> INLINE void triangle(const Triangle &p) {
	for (uint32 i = block_x() * threads() + thread(); i < p.n; i += blocks_x() * threads()) {
		uint32 rest = i;
		int64 column = split(rest, p.columns), row = split(rest, p.rows);
		bool keep = p.upper ? column >= row + p.k : column <= row + p.k;
		((T *)p.out)[i] = keep ? ((const T *)p.in)[i] : (T)0;
	}
}
KERNEL(256) triangle_1(const Triangle p) { triangle<uint8>(p); }
KERNEL(256) triangle_2(const Triangle p) { triangle<uint16>(p); }
KERNEL(256) triangle_4(const Triangle p) { triangle<uint32>(p); }
KERNEL(256) triangle_8(const Triangle p) { triangle<uint64>(p); }
