// Matrix products and convolutions exact to float, for small, middle and large tiles.
#include "product.h"

using Exact32 = Exact<32, 32, 2, 2>;
using Exact64 = Exact<64, 64, 4, 4>;
using Exact128 = Exact<128, 64, 8, 4>;
KERNEL(256) gemm_f32_32(const Product p) { product<Exact32, false>(p); }
KERNEL(256) gemm_f32_64(const Product p) { product<Exact64, false>(p); }
KERNEL(256) gemm_f32_128(const Product p) { product<Exact128, false>(p); }
KERNEL(256) conv_f32_32(const Product p) { product<Exact32, true>(p); }
KERNEL(256) conv_f32_64(const Product p) { product<Exact64, true>(p); }
KERNEL(256) conv_f32_128(const Product p) { product<Exact128, true>(p); }


// Adds up what the splits of the inner dimension gave. A thread has one element of D.
template <bool Convolution> INLINE void add_splits(const Product &p) {
	uint64 n = (uint64)p.batches * p.m * p.n;
	for (uint64 i = block_x() * threads() + thread(); i < n; i += (uint64)blocks_x() * threads()) {
		uint32 batch = (uint32)(i / ((uint64)p.m * p.n));
		uint32 rest = (uint32)(i - (uint64)batch * p.m * p.n);
		uint32 row = rest / p.n, column = rest % p.n;
		float sum = 0;
		for (int s = 0; s < p.splits; s++) sum += p.partial[(((int64)batch * p.splits + s) * p.m + row) * p.n + column];
		int64 a, b, d, bias, residual;
		batch_offsets(p, batch, a, b, d, bias, residual);
		finish<Convolution>(p, d, bias, residual, row, column, sum);
	}
}
KERNEL(256) gemm_splits(const Product p) { add_splits<false>(p); }
KERNEL(256) conv_splits(const Product p) { add_splits<true>(p); }

// The product of few rows with a large matrix: what counts is that the matrix is read once, at full speed. A warp
// has a column of B that lies in a row (b_row is 1), and all rows of A.
KERNEL(256) gemv_f32(const Product p) {
	int64 a0, b0, d0, bias0, residual0;
	batch_offsets(p, block_z(), a0, b0, d0, bias0, residual0);
	int column = block_x() * 8 + thread() / 32, lane = thread() % 32, row = block_y();
	if (column >= p.n) return;
	const float *a = p.a + a0 + (int64)row * p.a_row, *b = p.b + b0 + (int64)column * p.b_column;
	float sum = 0;
	for (int k = lane; k < p.k; k += 32) sum = __builtin_fmaf(a[(int64)k * p.a_column], b[(int64)k * p.b_row], sum);
#pragma unroll
	for (int mask = 16; mask; mask /= 2) sum += shuffle_xor(sum, mask);
	if (lane == 0) finish<false>(p, d0, bias0, residual0, row, column, sum);
}
