// Matrix products and convolutions on tensor cores, operands rounded to float16.
#include "product.h"

using Half32 = HalfCore<32, 32, 16, 16>;
using Half64 = HalfCore<64, 64, 32, 32>;
using Half128 = HalfCore<128, 64, 32, 32>;
KERNEL(128) gemm_f16_32(const Product p) { product<Half32, false>(p); }
KERNEL(128) gemm_f16_64(const Product p) { product<Half64, false>(p); }
KERNEL(256) gemm_f16_128(const Product p) { product<Half128, false>(p); }
KERNEL(128) conv_f16_32(const Product p) { product<Half32, true>(p); }
KERNEL(128) conv_f16_64(const Product p) { product<Half64, true>(p); }
KERNEL(256) conv_f16_128(const Product p) { product<Half128, true>(p); }
