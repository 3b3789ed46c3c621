// Kernels that make one number of many: reductions, softmax, normalisations, running sums.
#include "element.h"
#include "operation.h"

enum { ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceProd, ReduceL1, ReduceL2, ReduceSumSquare, ReduceLogSum, ReduceLogSumExp };

// Adds up over a block of up to 256 threads, or takes the largest. Every thread gets the answer.
template <class Combine> INLINE float all(float v, float *shared, Combine combine) {
#pragma unroll
	for (int mask = 16; mask; mask /= 2) v = combine(v, shuffle_xor(v, mask));
	int warps = (threads() + 31) / 32;
	if (warps == 1) return v;
	barrier();
	if (thread() % 32 == 0) shared[thread() / 32] = v;
	barrier();
	v = shared[0];
	for (int i = 1; i < warps; i++) v = combine(v, shared[i]);
	return v;
}
INLINE float sum_of(float v, float *shared) {
	return all(v, shared, [](float a, float b) INLINE_LAMBDA { return a + b; });
}
INLINE float max_of(float v, float *shared) {
	return all(v, shared, [](float a, float b) INLINE_LAMBDA { return a > b || a != a ? a : b; });
}

// The elements of an output element are n of the walk over the reduced dimensions, from where the walk over the kept
// ones leads.
constexpr int ReduceDims = 5;
struct Reduce {
	void *out;
	const void *in;
	uint32 outputs, n;
	int32 kept, reduced;  // dimensions
	Divisor kept_size[ReduceDims], reduced_size[ReduceDims];  // from the innermost
	int32 kept_stride[ReduceDims], reduced_stride[ReduceDims];
	int32 operation;
	uint8 type, pad[3];
};
INLINE int64 walk(uint32 i, int dims, const Divisor *size, const int32 *stride) {
	int64 at = 0;
#pragma unroll
	for (int d = 0; d < ReduceDims; d++)
		if (d < dims) at += (int64)split(i, size[d]) * stride[d];
	return at;
}
template <class T> INLINE T first(int operation) { return operation == ReduceProd ? 1 : 0; }
template <class T> INLINE T join(int operation, T a, T b) {
	switch (operation) {
	case ReduceMax: case ReduceLogSumExp: return a > b || a != a ? a : b;
	case ReduceMin: return a < b || a != a ? a : b;
	case ReduceProd: return a * b;
	default: return a + b;
	}
}
template <class T> INLINE T shaped(int operation, T v) {
	switch (operation) {
	case ReduceL1: return v < 0 ? -v : v;
	case ReduceL2: case ReduceSumSquare: return v * v;
	default: return v;
	}
}
INLINE float root(float v) { return __builtin_sqrtf(v); }
INLINE double root(double v) { return __builtin_sqrt(v); }
INLINE int64 root(int64 v) { return (int64)__builtin_sqrt((double)v); }
INLINE float log_of(float v) { return logarithm(v); }
INLINE double log_of(double v) { return logarithm64(v); }
INLINE int64 log_of(int64 v) { return (int64)logarithm64((double)v); }
INLINE float exp_of(float v) { return exponential(v); }
INLINE double exp_of(double v) { return exponential64(v); }
INLINE int64 exp_of(int64 v) { return (int64)exponential64((double)v); }
template <class T> INLINE T done(int operation, T v, uint32 n) {
	switch (operation) {
	case ReduceMean: return v / (T)n;
	case ReduceL2: return root(v);
	case ReduceLogSum: return log_of(v);
	default: return v;
	}
}
template <class T> INLINE bool by_element(int operation) { return operation == ReduceMax || operation == ReduceMin || operation == ReduceLogSumExp; }

// A thread has an output element.
template <class T> INLINE void reduce(const Reduce &p) {
	for (uint32 o = block_x() * threads() + thread(); o < p.outputs; o += blocks_x() * threads()) {
		int64 from = walk(o, p.kept, p.kept_size, p.kept_stride);
		T v = first<T>(p.operation);
		for (uint32 i = 0; i < p.n; i++) {
			T e = shaped(p.operation, load<T>(p.in, from + walk(i, p.reduced, p.reduced_size, p.reduced_stride), p.type));
			v = i == 0 && by_element<T>(p.operation) ? e : join(p.operation, v, e);
		}
		if (p.operation == ReduceLogSumExp) {
			if (v - v != 0) v = 0;  // infinite less infinite is no number
			T sum = 0;
			for (uint32 i = 0; i < p.n; i++) sum += exp_of(load<T>(p.in, from + walk(i, p.reduced, p.reduced_size, p.reduced_stride), p.type) - v);
			v += log_of(sum);
		}
		store<T>(p.out, o, p.type, done(p.operation, v, p.n));
	}
}
KERNEL(128) reduce_f32(const Reduce p) { reduce<float>(p); }
KERNEL(128) reduce_f64(const Reduce p) { reduce<double>(p); }
KERNEL(128) reduce_i64(const Reduce p) { reduce<int64>(p); }

// A block has an output element: for many elements an output, of float.
KERNEL(256) reduce_block_f32(const Reduce p) {
	__shared__ float shared[8];
	int64 from = walk(block_x(), p.kept, p.kept_size, p.kept_stride);
	float v = by_element<float>(p.operation) ? load<float>(p.in, from, p.type) : first<float>(p.operation);
	for (uint32 i = thread(); i < p.n; i += threads())
		v = join(p.operation, v, shaped(p.operation, load<float>(p.in, from + walk(i, p.reduced, p.reduced_size, p.reduced_stride), p.type)));
	int operation = p.operation;
	v = all(v, shared, [operation](float a, float b) INLINE_LAMBDA { return join(operation, a, b); });
	if (p.operation == ReduceLogSumExp) {
		if (v - v != 0) v = 0;
		float sum = 0;
		for (uint32 i = thread(); i < p.n; i += threads())
			sum += exponential(load<float>(p.in, from + walk(i, p.reduced, p.reduced_size, p.reduced_stride), p.type) - v);
		v += logarithm(sum_of(sum, shared));
	}
	if (thread() == 0) store<float>(p.out, block_x(), p.type, done(p.operation, v, p.n));
}

// Arrays seen as [outer, axis, inner].
struct Lines {
	void *out;
	const void *in;
	int64 lines, axis, inner;  // lines: outer * inner
	int32 operation, last;     // last: of equals the last counts; of a running sum: 1 exclusive, 2 reversed
	uint8 type, pad[7];
};
INLINE int64 line_start(const Lines &p, int64 line) { return line / p.inner * p.axis * p.inner + line % p.inner; }

enum { ArgMax, ArgMin };
template <class T> INLINE void arg(const Lines &p) {
	for (int64 line = block_x() * threads() + thread(); line < p.lines; line += (int64)blocks_x() * threads()) {
		int64 at = line_start(p, line), best = 0;
		T value = load<T>(p.in, at, p.type);
		for (int64 i = 1; i < p.axis; i++) {
			T v = load<T>(p.in, at + i * p.inner, p.type);
			bool better = p.operation == ArgMax ? v > value : v < value;
			if (better || (p.last && v == value)) {
				best = i;
				value = v;
			}
		}
		((int64 *)p.out)[line] = best;
	}
}
KERNEL(128) arg_f32(const Lines p) { arg<float>(p); }
KERNEL(128) arg_f64(const Lines p) { arg<double>(p); }
KERNEL(128) arg_i64(const Lines p) { arg<int64>(p); }

template <class T> INLINE void running_sum(const Lines &p) {
	for (int64 line = block_x() * threads() + thread(); line < p.lines; line += (int64)blocks_x() * threads()) {
		int64 at = line_start(p, line);
		T sum = 0;
		for (int64 i = 0; i < p.axis; i++) {
			int64 e = at + (p.last & 2 ? p.axis - 1 - i : i) * p.inner;
			T v = load<T>(p.in, e, p.type);
			store<T>(p.out, e, p.type, p.last & 1 ? sum : sum + v);
			sum += v;
		}
	}
}
KERNEL(128) running_sum_f32(const Lines p) { running_sum<float>(p); }
KERNEL(128) running_sum_f64(const Lines p) { running_sum<double>(p); }
KERNEL(128) running_sum_i64(const Lines p) { running_sum<int64>(p); }

// Softmax, its logarithm, or one at the largest: a block has a line.
enum { Softmax, LogSoftmax, Hardmax };
KERNEL(256) softmax_f32(const Lines p) {
	__shared__ float shared[8];
	for (int64 line = block_x(); line < p.lines; line += blocks_x()) {
		int64 at = line_start(p, line);
		float top = -bits<float>(0x7f800000);
		for (int64 i = thread(); i < p.axis; i += threads()) {
			float v = load<float>(p.in, at + i * p.inner, p.type);
			top = v > top || v != v ? v : top;
		}
		top = max_of(top, shared);
		if (p.operation == Hardmax) {
			float before = bits<float>(0x7f7fffff);
			for (int64 i = thread(); i < p.axis; i += threads())
				if (load<float>(p.in, at + i * p.inner, p.type) == top && i < before) before = (float)i;
			before = -max_of(-before, shared);
			for (int64 i = thread(); i < p.axis; i += threads()) store<float>(p.out, at + i * p.inner, p.type, (float)i == before);
			continue;
		}
		float sum = 0;
		for (int64 i = thread(); i < p.axis; i += threads()) sum += exponential(load<float>(p.in, at + i * p.inner, p.type) - top);
		sum = sum_of(sum, shared);
		float by = p.operation == LogSoftmax ? logarithm(sum) : 1 / sum;
		for (int64 i = thread(); i < p.axis; i += threads()) {
			float v = load<float>(p.in, at + i * p.inner, p.type) - top;
			store<float>(p.out, at + i * p.inner, p.type, p.operation == LogSoftmax ? v - by : exponential(v) * by);
		}
	}
}

// Normalises rows of size elements to mean 0 and deviation 1 (layer, group and instance normalisation; without the mean
// RMSNormalization). Scale and bias of element i of row r are at r % rows * row_step + i / each.
struct Normalize {
	float *out, *mean, *deviation;  // mean and 1/deviation of each row, where not null
	const float *in, *scale, *bias;
	int64 lines, size;
	Divisor rows, each;
	int32 row_step, root_mean_square;
	float epsilon;
	int32 pad;
};
KERNEL(256) normalize_f32(const Normalize p) {
	__shared__ float shared[8];
	for (int64 line = block_x(); line < p.lines; line += blocks_x()) {
		const float *in = p.in + line * p.size;
		float mean = 0, square = 0;
		if (!p.root_mean_square) {
			for (int64 i = thread(); i < p.size; i += threads()) mean += in[i];
			mean = sum_of(mean, shared) / (float)p.size;
		}
		for (int64 i = thread(); i < p.size; i += threads()) square += (in[i] - mean) * (in[i] - mean);
		float by = 1 / __builtin_sqrtf(sum_of(square, shared) / (float)p.size + p.epsilon);
		uint32 q = (uint32)line;
		int64 at = (int64)split(q, p.rows) * p.row_step;
		for (int64 i = thread(); i < p.size; i += threads()) {
			int64 e = at + divide((uint32)i, p.each);
			float v = (in[i] - mean) * by;
			if (p.scale) v *= p.scale[e];
			if (p.bias) v += p.bias[e];
			p.out[line * p.size + i] = v;
		}
		if (thread() == 0 && p.mean) p.mean[line] = mean;
		if (thread() == 0 && p.deviation) p.deviation[line] = by;
	}
}

// Divides lines along an axis by their norm, of order 1 or 2.
KERNEL(128) lp_normalize_f32(const Lines p) {
	for (int64 line = block_x() * threads() + thread(); line < p.lines; line += (int64)blocks_x() * threads()) {
		int64 at = line_start(p, line);
		float sum = 0;
		for (int64 i = 0; i < p.axis; i++) {
			float v = load<float>(p.in, at + i * p.inner, p.type);
			sum += p.operation == 1 ? __builtin_fabsf(v) : v * v;
		}
		float norm = p.operation == 1 ? sum : __builtin_sqrtf(sum);
		for (int64 i = 0; i < p.axis; i++) {
			int64 e = at + i * p.inner;
			store<float>(p.out, e, p.type, norm == 0 ? 0.f : load<float>(p.in, e, p.type) / norm);
		}
	}
}
