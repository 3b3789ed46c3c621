// Kernels of the tests of package ptx: make cuda-kernels makes kernels_tf32.ptx of them.
#include "../../kernels/source/device.h"

struct Arrays {
	const float *a, *b;
	float *out;
	int m, n, k;
	int weights[4];
};

KERNEL(256) add(Arrays p) {
	int i = block_x() * threads() + thread();
	if (i < p.n) p.out[i] = p.a[i] + p.b[i];
}

// A parameter that is indexed, and a loop that each lane leaves at another time.
KERNEL(256) collatz(Arrays p) {
	int i = block_x() * threads() + thread();
	if (i >= p.n) return;
	uint64 x = (uint64)p.a[i];
	int steps = 0;
	while (x > 1) {
		if (x & 1) {
			if (steps > 200) break;
			x = 3 * x + 1;
		} else {
			x /= 2;
			if (x == 5) continue;
		}
		steps++;
	}
	p.out[i] = (float)(steps + p.weights[i & 3]);
}

__device__ __attribute__((noinline)) float power(float x, int n, const float *plus) {
	if (n == 0) return 1;
	float r = 1;
	for (int i = 0; i < n; i++) r *= x;
	return r + *plus;
}
KERNEL(256) calls(Arrays p) {
	int i = thread();
	float r = -1;
	if (i % 3) r = power(p.a[i], i % 5, p.b + i) + 1;
	p.out[i] = r;
}

// An array of each thread, in local memory.
KERNEL(256) sorted(Arrays p) {
	int i = thread();
	float v[8];
	for (int j = 0; j < 8; j++) v[j] = p.a[8 * i + j];
#pragma nounroll
	for (int j = 1; j < 8; j++)
#pragma nounroll
		for (int k = j; k > 0 && v[k] < v[k - 1]; k--) {
			float swap = v[k];
			v[k] = v[k - 1];
			v[k - 1] = swap;
		}
#pragma nounroll
	for (int j = 0; j < 8; j++) p.out[8 * i + j] = v[(j + i) % 8];
}

__attribute__((constant)) float table[5] = {1, 2, 3.5f, -1};
__device__ int counter = 5;
KERNEL(256) tables(Arrays p) {
	__nvvm_atom_add_gen_i(&counter, 1);
	p.out[thread()] = table[thread() % 5];
	barrier();
	if (thread() == 0) p.out[0] = (float)counter;
}

KERNEL(256) bytes(const int8 *a, const uint8 *b, uint8 *out, int16 *sums) {
	int i = thread();
	out[i] = (uint8)(a[i] * b[i] >> 3);
	sums[i] = (int16)(a[i] - b[i]);
}

// A row to a block.
KERNEL(128) softmax(Arrays p) {
	__shared__ float partial[4];
	const float *x = p.a + (size_t)block_x() * p.n;
	float *y = p.out + (size_t)block_x() * p.n, most = -3e38f, sum = 0;
	for (int i = thread(); i < p.n; i += threads()) most = __builtin_fmaxf(most, x[i]);
	for (int o = 16; o; o >>= 1) most = __builtin_fmaxf(most, shuffle_xor(most, o));
	if (thread() % 32 == 0) partial[thread() / 32] = most;
	barrier();
	for (int i = 0; i < 4; i++) most = __builtin_fmaxf(most, partial[i]);
	barrier();
	for (int i = thread(); i < p.n; i += threads()) sum += y[i] = __nvvm_ex2_approx_f((x[i] - most) * 1.4426950408889634f);
	for (int o = 16; o; o >>= 1) sum += shuffle_xor(sum, o);
	if (thread() % 32 == 0) partial[thread() / 32] = sum;
	barrier();
	sum = 0;
	for (int i = 0; i < 4; i++) sum += partial[i];
	for (int i = thread(); i < p.n; i += threads()) y[i] /= sum;
}

KERNEL(256) histogram(Arrays p) {
	extern __shared__ int bins[];
	for (int i = thread(); i < p.m; i += threads()) bins[i] = 0;
	barrier();
	for (int i = block_x() * threads() + thread(); i < p.n; i += blocks_x() * threads()) __nvvm_atom_add_gen_i(bins + (int)p.a[i], 1);
	barrier();
	for (int i = thread(); i < p.m; i += threads()) __nvvm_atom_add_gen_f(p.out + i, (float)bins[i]);
}

// out[m,n] = a[m,k] b[k,n], 64 by 64 to a block, 4 by 4 to a thread. The sizes are multiples of 64 and 16.
KERNEL(256) product(Arrays p) {
	__shared__ __attribute__((aligned(16))) float as[16][64 + 4], bs[16][64];
	int t = thread(), x = t % 16 * 4, y = t / 16 * 4, row = block_y() * 64, column = block_x() * 64;
	float sums[4][4] = {};
	for (int k = 0; k < p.k; k += 16) {
		for (int i = 0; i < 4; i++) {
			int r = t / 16 + 16 * i, c = t % 16;
			as[c][r] = p.a[(size_t)(row + r) * p.k + k + c];
			bs[t / 64 + 4 * i][t % 64] = p.b[(size_t)(k + t / 64 + 4 * i) * p.n + column + t % 64];
		}
		barrier();
#pragma unroll
		for (int j = 0; j < 16; j++) {
			float a[4], b[4];
			__builtin_memcpy(a, __builtin_assume_aligned(&as[j][y], 16), 16);
			__builtin_memcpy(b, __builtin_assume_aligned(&bs[j][x], 16), 16);
#pragma unroll
			for (int r = 0; r < 4; r++)
#pragma unroll
				for (int c = 0; c < 4; c++) sums[r][c] += a[r] * b[c];
		}
		barrier();
	}
	for (int r = 0; r < 4; r++)
		for (int c = 0; c < 4; c++) p.out[(size_t)(row + y + r) * p.n + column + x + c] = sums[r][c];
}

// The same by tensor cores in tf32, 64 by 32 to a block of four warps, 16 by 32 to a warp.
KERNEL(128) product_tf32(Arrays p) {
	int warp = thread() / 32, lane = thread() % 32, g = lane / 4, t = lane % 4;
	int row = block_y() * 64 + warp * 16, column = block_x() * 32;
	float d[4][4] = {};
	for (int k = 0; k < p.k; k += 8) {
		uint32 a[4], b[2];
		for (int i = 0; i < 4; i++) asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(a[i]) : "f"(p.a[(size_t)(row + g + 8 * (i & 1)) * p.k + k + t + 4 * (i >> 1)]));
		for (int j = 0; j < 4; j++) {
			for (int i = 0; i < 2; i++) asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(b[i]) : "f"(p.b[(size_t)(k + t + 4 * i) * p.n + column + 8 * j + g]));
			asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
			    : "+f"(d[j][0]), "+f"(d[j][1]), "+f"(d[j][2]), "+f"(d[j][3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
		}
	}
	for (int j = 0; j < 4; j++)
		for (int i = 0; i < 4; i++) p.out[(size_t)(row + g + 8 * (i >> 1)) * p.n + column + 8 * j + 2 * t + (i & 1)] = d[j][i];
}
