// Matrix products and convolutions as one algorithm: D = f(alpha A B + bias + residual), where the
// elements of B are those of a matrix, or those that a convolution's window covers, which are
// gathered while a tile is brought into shared memory (Chetlur et al., "cuDNN: Efficient Primitives
// for Deep Learning", 2014: implicit GEMM). For a convolution A are the weights, a row an output
// channel, and a column of D is a pixel of an image: D has the layout NCHW.
//
// A block computes a tile of Rows x Columns, sixteen of the inner dimension at a time. While it computes,
// the next tile comes from memory into registers; two buffers in shared memory need one barrier a step.
#pragma once
#include "operation.h"

// Dimensions of a batch of products, from the innermost.
constexpr int BatchDims = 3;

struct Product {
	const float *a, *b, *bias, *residual;
	float *d;
	float *partial;  // of splits of the inner dimension; null where there is one
	int32 m, n, k;   // rows and columns of D, and the inner dimension
	int32 splits, split_k;  // how many, and the length of each
	int32 a_row, a_column, b_row, b_column;  // strides in elements
	int32 d_row;                             // a column's is 1
	int32 bias_row, bias_column, residual_row, residual_column;
	int32 batches;
	Divisor batch[BatchDims];
	int32 a_batch[BatchDims], b_batch[BatchDims], d_batch[BatchDims], bias_batch[BatchDims], residual_batch[BatchDims];
	float alpha, activation_a, activation_b;
	int32 activation;
	// Of a convolution: columns are pixels of all images, in order. d_image and residual_image are strides of
	// an image; kernel is the window's size, which the inner index is divided by.
	Divisor pixels, width, window, window_width;
	int32 b_image, b_channel, d_image, residual_image;
	int32 height_in, width_in, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
};

INLINE void batch_offsets(const Product &p, uint32 batch, int64 &a, int64 &b, int64 &d, int64 &bias, int64 &residual) {
	a = b = d = bias = residual = 0;
#pragma unroll
	for (int i = 0; i < BatchDims; i++) {
		int64 at = split(batch, p.batch[i]);
		a += at * p.a_batch[i];
		b += at * p.b_batch[i];
		d += at * p.d_batch[i];
		bias += at * p.bias_batch[i];
		residual += at * p.residual_batch[i];
	}
}

// Stores one element of D, at the place of its row and column.
template <bool Convolution> INLINE void finish(const Product &p, int64 d0, int64 bias0, int64 residual0, int row, int column, float sum) {
	uint32 pixel = column;
	int64 image = 0;
	if (Convolution) {
		pixel = (uint32)column;
		image = column;
		uint32 q = pixel;
		pixel = split(q, p.pixels);
		image = q;
	}
	float v = sum * p.alpha;
	if (p.bias) v += p.bias[bias0 + (int64)row * p.bias_row + (int64)pixel * p.bias_column];
	if (p.residual) v += p.residual[residual0 + image * p.residual_image + (int64)row * p.residual_row + (int64)pixel * p.residual_column];
	if (p.activation == OpRelu) v = v < 0 ? 0.f : v;
	else if (p.activation) v = activate(v, p.activation, p.activation_a, p.activation_b);
	p.d[d0 + image * p.d_image + (int64)row * p.d_row + pixel] = v;
}

// What a thread knows of the column that it loads for the whole product.
struct Column {
	int64 at;       // of the pixel's window, in elements
	int32 y, x;     // its first row and column in the image, below zero in the padding
	bool inside;    // whether there is such a column
};

INLINE Column column_of(const Product &p, uint32 column) {
	Column c;
	c.inside = column < (uint32)p.n;
	uint32 q = c.inside ? column : 0;
	uint32 pixel = split(q, p.pixels);
	uint32 x = split(pixel, p.width);
	c.y = (int32)pixel * p.stride_h - p.pad_h;
	c.x = (int32)x * p.stride_w - p.pad_w;
	c.at = (int64)q * p.b_image;
	return c;
}

INLINE float pixel_of(const Product &p, const float *b, const Column &c, uint32 k, uint32 end) {
	if (!c.inside || k >= end) return 0;
	uint32 tap = split(k, p.window);  // k becomes the channel
	uint32 s = split(tap, p.window_width);
	int32 y = c.y + (int32)tap * p.dilation_h, x = c.x + (int32)s * p.dilation_w;
	if ((uint32)y >= (uint32)p.height_in || (uint32)x >= (uint32)p.width_in) return 0;
	return b[c.at + (int64)k * p.b_channel + y * p.width_in + x];
}

constexpr int Depth = 16;  // of a step along the inner dimension

// The tile of one operand in registers: Count elements a thread. An index runs along the dimension that
// lies closer together in memory first.
template <int Lines, int Threads> struct Tile {
	static constexpr int Count = Lines * Depth / Threads;
	float v[Count];

	INLINE static void place(int i, bool along_k, int &line, int &k) {
		int index = (int)thread() + i * Threads;
		line = along_k ? index / Depth : index % Lines;
		k = along_k ? index % Depth : index / Lines;
	}
	// Lines from first, of lines; inner indices from k0, below end.
	INLINE void fetch(const float *at, int line_stride, int k_stride, int first, int lines, int k0, int end) {
		bool along_k = k_stride == 1;
#pragma unroll
		for (int i = 0; i < Count; i++) {
			int line, k;
			place(i, along_k, line, k);
			line += first;
			k += k0;
			v[i] = line < lines && k < end ? at[(int64)line * line_stride + (int64)k * k_stride] : 0.f;
		}
	}
	INLINE void gather(const Product &p, const float *b, const Column &c, int k0, int end) {
#pragma unroll
		for (int i = 0; i < Count; i++) {
			int line, k;
			place(i, false, line, k);
			v[i] = pixel_of(p, b, c, k0 + k, end);
		}
	}
};

// Runs the tiles of the block's part of the inner dimension through Compute and hands the sums to its finish.
template <class Compute, bool Convolution> INLINE void product(const Product &p) {
	constexpr int Rows = Compute::Rows, Columns = Compute::Columns, Threads = Compute::Threads;
	static_assert(Threads % Columns == 0 || Columns % Threads == 0, "a thread loads one column of a convolution");
	__shared__ union {
		typename Compute::Shared tiles[2];
		float sums[Rows][Columns];
	} shared;
	int row0 = block_y() * Rows, column0 = block_x() * Columns;
	uint32 batch = block_z();
	int part = 0;
	if (p.splits > 1) {
		part = batch % p.splits;
		batch /= p.splits;
	}
	int64 a0, b0, d0, bias0, residual0;
	batch_offsets(p, batch, a0, b0, d0, bias0, residual0);
	const float *a = p.a + a0, *b = p.b + b0;
	int k0 = part * p.split_k, end = k0 + p.split_k < p.k ? k0 + p.split_k : p.k;

	Compute compute;
	compute.clear();
	Tile<Rows, Threads> ta;
	Tile<Columns, Threads> tb;
	Column column;
	if (Convolution) column = column_of(p, column0 + thread() % Columns);
	bool a_along_k = p.a_column == 1, b_along_k = !Convolution && p.b_row == 1;

	auto fetch = [&](int k) INLINE_LAMBDA {
		ta.fetch(a, p.a_row, p.a_column, row0, p.m, k, end);
		if (Convolution) tb.gather(p, b, column, k, end);
		else tb.fetch(b, p.b_column, p.b_row, column0, p.n, k, end);
	};
	auto put = [&](typename Compute::Shared &to) INLINE_LAMBDA {
#pragma unroll
		for (int i = 0; i < ta.Count; i++) {
			int line, k;
			ta.place(i, a_along_k, line, k);
			Compute::put_a(to, line, k, ta.v[i]);
		}
#pragma unroll
		for (int i = 0; i < tb.Count; i++) {
			int line, k;
			tb.place(i, b_along_k, line, k);
			Compute::put_b(to, k, line, tb.v[i]);
		}
	};

	fetch(k0);
	put(shared.tiles[0]);
	barrier();
	int now = 0;
	for (int k = k0; k < end; k += Depth) {
		bool more = k + Depth < end;
		if (more) fetch(k + Depth);
		compute.step(shared.tiles[now]);
		if (more) put(shared.tiles[now ^ 1]);
		barrier();
		now ^= 1;
	}

	// Sums go through shared memory, so that neighbours write neighbouring words and there is one copy of what is
	// done with a sum.
	compute.each([&](int r, int c, float sum) INLINE_LAMBDA { shared.sums[r][c] = sum; });
	barrier();
#pragma unroll 1
	for (int i = thread(); i < Rows * Columns; i += Threads) {
		int r = row0 + i / Columns, c = column0 + i % Columns;
		if (r >= p.m || c >= p.n) continue;
		float sum = shared.sums[i / Columns][i % Columns];
		if (p.splits > 1) p.partial[((int64)block_z() * p.m + r) * p.n + c] = sum;
		else finish<Convolution>(p, d0, bias0, residual0, r, c, sum);
	}
}

// Exact to float: each thread has Height x Width sums.
template <int R, int C, int Height, int Width> struct Exact {
	static constexpr int Rows = R, Columns = C, Threads = R * C / (Height * Width);
	struct Shared {
		float a[Depth][Rows + 4], b[Depth][Columns + 4];
	};
	float sum[Height][Width];

	INLINE static void put_a(Shared &to, int row, int k, float v) { to.a[k][row] = v; }
	INLINE static void put_b(Shared &to, int k, int column, float v) { to.b[k][column] = v; }
	// Rows and columns of a thread are apart by the threads beside it, so that neighbours read neighbouring words.
	INLINE static int row(int i) { return (int)thread() / (C / Width) + i * (R / Height); }
	INLINE static int column(int j) { return (int)thread() % (C / Width) + j * (C / Width); }
	INLINE void clear() {
#pragma unroll
		for (int i = 0; i < Height; i++)
#pragma unroll
			for (int j = 0; j < Width; j++) sum[i][j] = 0;
	}
	INLINE void step(const Shared &from) {
#pragma unroll
		for (int k = 0; k < Depth; k++) {
			float a[Height], b[Width];
#pragma unroll
			for (int i = 0; i < Height; i++) a[i] = from.a[k][row(i)];
#pragma unroll
			for (int j = 0; j < Width; j++) b[j] = from.b[k][column(j)];
#pragma unroll
			for (int i = 0; i < Height; i++)
#pragma unroll
				for (int j = 0; j < Width; j++) sum[i][j] = __builtin_fmaf(a[i], b[j], sum[i][j]);
		}
	}
	template <class F> INLINE void each(F f) {
#pragma unroll
		for (int i = 0; i < Height; i++)
#pragma unroll
			for (int j = 0; j < Width; j++) f(row(i), column(j), sum[i][j]);
	}
};

#if __CUDA_ARCH__ >= 800
// On tensor cores: each warp has a tile of Tall x Wide fragments of 16 x 8. The shared rows are padded so that the
// 32 lanes of a fragment's load fall into 32 banks: (Depth + 4) * row + k and (Columns + 8) * k + column.
template <int R, int C, int WarpRows, int WarpColumns, bool Half> struct TensorCore {
	static constexpr int Rows = R, Columns = C, Threads = 32 * (R / WarpRows) * (C / WarpColumns);
	static constexpr int Tall = WarpRows / 16, Wide = WarpColumns / 8;
	struct Shared {
		uint32 a[Rows][Depth + 4];
		uint32 b[Depth][Columns + 8];
	};
	// Of float16 two elements of the inner dimension share a word.
	struct HalfShared {
		uint16 a[Rows][Depth + 8];
		uint16 b[Depth / 2][Columns + 8][2];
	};
	float sum[Tall][Wide][4];

	INLINE static uint32 tf32(float v) {
		uint32 t;
		asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(t) : "f"(v));
		return t;
	}
	INLINE static void put_a(Shared &to, int row, int k, float v) { to.a[row][k] = tf32(v); }
	INLINE static void put_b(Shared &to, int k, int column, float v) { to.b[k][column] = tf32(v); }
	INLINE static int lane() { return (int)thread() % 32; }
	INLINE static int row0() { return (int)thread() / 32 / (C / WarpColumns) * WarpRows; }
	INLINE static int column0() { return (int)thread() / 32 % (C / WarpColumns) * WarpColumns; }
	INLINE void clear() {
#pragma unroll
		for (int i = 0; i < Tall; i++)
#pragma unroll
			for (int j = 0; j < Wide; j++) sum[i][j][0] = sum[i][j][1] = sum[i][j][2] = sum[i][j][3] = 0;
	}
	INLINE void step(const Shared &from) {
		int g = lane() / 4, t = lane() % 4;
#pragma unroll
		for (int k = 0; k < Depth; k += 8) {
			uint32 a[Tall][4], b[Wide][2];
#pragma unroll
			for (int i = 0; i < Tall; i++) {
				int r = row0() + 16 * i + g;
				a[i][0] = from.a[r][k + t];
				a[i][1] = from.a[r + 8][k + t];
				a[i][2] = from.a[r][k + t + 4];
				a[i][3] = from.a[r + 8][k + t + 4];
			}
#pragma unroll
			for (int j = 0; j < Wide; j++) {
				int c = column0() + 8 * j + g;
				b[j][0] = from.b[k + t][c];
				b[j][1] = from.b[k + t + 4][c];
			}
#pragma unroll
			for (int i = 0; i < Tall; i++)
#pragma unroll
				for (int j = 0; j < Wide; j++)
					asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
					    : "+f"(sum[i][j][0]), "+f"(sum[i][j][1]), "+f"(sum[i][j][2]), "+f"(sum[i][j][3])
					    : "r"(a[i][0]), "r"(a[i][1]), "r"(a[i][2]), "r"(a[i][3]), "r"(b[j][0]), "r"(b[j][1]));
		}
	}
	template <class F> INLINE void each(F f) {
		int g = lane() / 4, t = lane() % 4;
#pragma unroll
		for (int i = 0; i < Tall; i++)
#pragma unroll
			for (int j = 0; j < Wide; j++)
#pragma unroll
				for (int e = 0; e < 4; e++) f(row0() + 16 * i + g + e / 2 * 8, column0() + 8 * j + 2 * t + e % 2, sum[i][j][e]);
	}
};

// As TensorCore, with operands rounded to float16: twice the speed of tf32, the same 10 bits, and 65504 at most.
template <int R, int C, int WarpRows, int WarpColumns> struct HalfCore : TensorCore<R, C, WarpRows, WarpColumns, true> {
	using Base = TensorCore<R, C, WarpRows, WarpColumns, true>;
	using Shared = typename Base::HalfShared;
	INLINE static void put_a(Shared &to, int row, int k, float v) { to.a[row][k] = float_to_half(v); }
	INLINE static void put_b(Shared &to, int k, int column, float v) { to.b[k / 2][column][k % 2] = float_to_half(v); }
	INLINE void step(const Shared &from) {
		int g = Base::lane() / 4, t = Base::lane() % 4;
		uint32 a[Base::Tall][4], b[Base::Wide][2];
#pragma unroll
		for (int i = 0; i < Base::Tall; i++) {
			int r = Base::row0() + 16 * i + g;
			a[i][0] = *(const uint32 *)&from.a[r][2 * t];
			a[i][1] = *(const uint32 *)&from.a[r + 8][2 * t];
			a[i][2] = *(const uint32 *)&from.a[r][2 * t + 8];
			a[i][3] = *(const uint32 *)&from.a[r + 8][2 * t + 8];
		}
#pragma unroll
		for (int j = 0; j < Base::Wide; j++) {
			int c = Base::column0() + 8 * j + g;
			b[j][0] = *(const uint32 *)&from.b[t][c][0];
			b[j][1] = *(const uint32 *)&from.b[t + 4][c][0];
		}
#pragma unroll
		for (int i = 0; i < Base::Tall; i++)
#pragma unroll
			for (int j = 0; j < Base::Wide; j++)
				asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
				    : "+f"(this->sum[i][j][0]), "+f"(this->sum[i][j][1]), "+f"(this->sum[i][j][2]), "+f"(this->sum[i][j][3])
				    : "r"(a[i][0]), "r"(a[i][1]), "r"(a[i][2]), "r"(a[i][3]), "r"(b[j][0]), "r"(b[j][1]));
	}
};
#endif
