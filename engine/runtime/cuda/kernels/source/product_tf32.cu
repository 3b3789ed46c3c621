// Matrix products and convolutions on tensor cores, operands rounded to tf32.
#include "product.h"

using Tensor32 = TensorCore<32, 32, 16, 16, false>;
using Tensor64 = TensorCore<64, 64, 32, 32, false>;
using Tensor128 = TensorCore<128, 64, 32, 32, false>;
KERNEL(128) gemm_tf32_32(const Product p) { product<Tensor32, false>(p); }
KERNEL(128) gemm_tf32_64(const Product p) { product<Tensor64, false>(p); }
KERNEL(256) gemm_tf32_128(const Product p) { product<Tensor128, false>(p); }
KERNEL(128) conv_tf32_32(const Product p) { product<Tensor32, true>(p); }
KERNEL(128) conv_tf32_64(const Product p) { product<Tensor64, true>(p); }
KERNEL(256) conv_tf32_128(const Product p) { product<Tensor128, true>(p); }
