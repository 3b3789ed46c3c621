// Kernels that slide a window over an image: pooling, convolutions that are no products (grouped, in three
// dimensions, transposed), local response normalisation, resizing. A thread has an output element.
#include "device.h"
#include "operation.h"

// Arrays are [images, channels, depth, height, width]; what has fewer dimensions has sizes of 1.
struct Window {
	float *out;
	const float *data, *weights, *bias;
	int64 n;
	int32 channels_in, channels_out, group_in, group_out;  // of an image, and of a group of channels
	int32 in[3], out_size[3], kernel[3], stride[3], pad[3], dilation[3];
	int32 mode, p;       // of a pool: what, and the order of its norm
	int32 count_padding; // of a mean
	int32 end[3];        // input sizes with the padding behind them, to count it
	int32 activation;    // of a convolution
	float activation_a, activation_b;
};

struct Place {
	int32 x, y, z, channel;
	int64 image;
};
INLINE Place place_of(const Window &p, int64 i) {
	Place o;
	o.x = (int32)(i % p.out_size[2]);
	i /= p.out_size[2];
	o.y = (int32)(i % p.out_size[1]);
	i /= p.out_size[1];
	o.z = (int32)(i % p.out_size[0]);
	i /= p.out_size[0];
	o.channel = (int32)(i % p.channels_out);
	o.image = i / p.channels_out;
	return o;
}

enum { PoolMax, PoolMean, PoolNorm };
KERNEL(256) pool_f32(const Window p) {
	for (int64 i = block_x() * threads() + thread(); i < p.n; i += (int64)blocks_x() * threads()) {
		Place o = place_of(p, i);
		const float *in = p.data + (o.image * p.channels_in + o.channel) * p.in[0] * p.in[1] * p.in[2];
		int32 z0 = o.z * p.stride[0] - p.pad[0], y0 = o.y * p.stride[1] - p.pad[1], x0 = o.x * p.stride[2] - p.pad[2];
		float v = p.mode == PoolMax ? -bits<float>(0x7f800000) : 0;
		int32 count = 0;
		for (int32 a = 0; a < p.kernel[0]; a++)
			for (int32 b = 0; b < p.kernel[1]; b++)
				for (int32 c = 0; c < p.kernel[2]; c++) {
					int32 z = z0 + a * p.dilation[0], y = y0 + b * p.dilation[1], x = x0 + c * p.dilation[2];
					count += p.count_padding && z < p.end[0] && y < p.end[1] && x < p.end[2];
					if ((uint32)z >= (uint32)p.in[0] || (uint32)y >= (uint32)p.in[1] || (uint32)x >= (uint32)p.in[2]) continue;
					count += !p.count_padding;
					float e = in[((int64)z * p.in[1] + y) * p.in[2] + x];
					if (p.mode == PoolMax) v = e > v || e != e ? e : v;
					else if (p.mode == PoolMean) v += e;
					else v += p.p == 2 ? e * e : p.p == 1 ? __builtin_fabsf(e) : power(__builtin_fabsf(e), (float)p.p);
				}
		if (p.mode == PoolMean) v /= (float)(count ? count : 1);
		if (p.mode == PoolNorm) v = p.p == 2 ? __builtin_sqrtf(v) : p.p == 1 ? v : power(v, 1.f / (float)p.p);
		p.out[i] = v;
	}
}

// Weights are [channels_out, group_in, kernel].
KERNEL(256) conv_direct_f32(const Window p) {
	for (int64 i = block_x() * threads() + thread(); i < p.n; i += (int64)blocks_x() * threads()) {
		Place o = place_of(p, i);
		int64 plane = (int64)p.in[0] * p.in[1] * p.in[2];
		const float *in = p.data + (o.image * p.channels_in + (int64)(o.channel / p.group_out) * p.group_in) * plane;
		const float *w = p.weights + (int64)o.channel * p.group_in * p.kernel[0] * p.kernel[1] * p.kernel[2];
		int32 z0 = o.z * p.stride[0] - p.pad[0], y0 = o.y * p.stride[1] - p.pad[1], x0 = o.x * p.stride[2] - p.pad[2];
		float v = 0;
		for (int32 channel = 0; channel < p.group_in; channel++, in += plane)
			for (int32 a = 0; a < p.kernel[0]; a++)
				for (int32 b = 0; b < p.kernel[1]; b++)
					for (int32 c = 0; c < p.kernel[2]; c++, w++) {
						int32 z = z0 + a * p.dilation[0], y = y0 + b * p.dilation[1], x = x0 + c * p.dilation[2];
						if ((uint32)z >= (uint32)p.in[0] || (uint32)y >= (uint32)p.in[1] || (uint32)x >= (uint32)p.in[2]) continue;
						v = __builtin_fmaf(in[((int64)z * p.in[1] + y) * p.in[2] + x], *w, v);
					}
		if (p.bias) v += p.bias[o.channel];
		p.out[i] = p.activation ? activate(v, p.activation, p.activation_a, p.activation_b) : v;
	}
}

// Weights are [channels_in, group_out, kernel]. An output element collects the inputs whose windows cover it.
KERNEL(256) conv_transposed_f32(const Window p) {
	for (int64 i = block_x() * threads() + thread(); i < p.n; i += (int64)blocks_x() * threads()) {
		Place o = place_of(p, i);
		int64 plane = (int64)p.in[0] * p.in[1] * p.in[2], taps = (int64)p.kernel[0] * p.kernel[1] * p.kernel[2];
		int32 group = o.channel / p.group_out;
		const float *in = p.data + (o.image * p.channels_in + (int64)group * p.group_in) * plane;
		const float *w = p.weights + ((int64)group * p.group_in * p.group_out + o.channel % p.group_out) * taps;
		float v = 0;
		for (int32 a = 0; a < p.kernel[0]; a++) {
			int32 z = o.z + p.pad[0] - a * p.dilation[0];
			if (z < 0 || z % p.stride[0] || (z /= p.stride[0]) >= p.in[0]) continue;
			for (int32 b = 0; b < p.kernel[1]; b++) {
				int32 y = o.y + p.pad[1] - b * p.dilation[1];
				if (y < 0 || y % p.stride[1] || (y /= p.stride[1]) >= p.in[1]) continue;
				for (int32 c = 0; c < p.kernel[2]; c++) {
					int32 x = o.x + p.pad[2] - c * p.dilation[2];
					if (x < 0 || x % p.stride[2] || (x /= p.stride[2]) >= p.in[2]) continue;
					int64 at = ((int64)z * p.in[1] + y) * p.in[2] + x, tap = ((int64)a * p.kernel[1] + b) * p.kernel[2] + c;
					for (int32 channel = 0; channel < p.group_in; channel++)
						v = __builtin_fmaf(in[channel * plane + at], w[(int64)channel * p.group_out * taps + tap], v);
				}
			}
		}
		if (p.bias) v += p.bias[o.channel];
		p.out[i] = p.activation ? activate(v, p.activation, p.activation_a, p.activation_b) : v;
	}
}

// Local response normalisation over neighbouring channels of [images, channels, inner].
struct Response {
	float *out;
	const float *in;
	int64 n, channels, inner;
	int32 before, behind;  // channels of the window on each side
	float alpha, beta, bias;  // alpha is divided by the window's size already
	int32 pad;
};
KERNEL(256) response_f32(const Response p) {
	for (int64 i = block_x() * threads() + thread(); i < p.n; i += (int64)blocks_x() * threads()) {
		int64 channel = i / p.inner % p.channels;
		int64 from = channel < p.before ? 0 : channel - p.before, to = channel + p.behind < p.channels ? channel + p.behind : p.channels - 1;
		float sum = 0;
		for (int64 c = from; c <= to; c++) {
			float v = p.in[i + (c - channel) * p.inner];
			sum += v * v;
		}
		p.out[i] = p.in[i] / power(p.bias + p.alpha * sum, p.beta);
	}
}

// Resizing by tables: an output coordinate along an axis is a weighted sum of taps input coordinates. Arrays are [outer, depth,
// height, width]; an axis that keeps its size has one tap.
struct Resize {
	void *out;
	const void *in;
	const int32 *index[3];     // [out_size, taps]
	const float *weight[3];    // the same; null where there is one tap of weight 1
	int64 n;
	int32 in_size[3], out_size[3], taps[3], pad;
};
INLINE void resize_place(const Resize &p, int64 i, int32 (&at)[3], int64 &outer) {
	at[2] = (int32)(i % p.out_size[2]);
	i /= p.out_size[2];
	at[1] = (int32)(i % p.out_size[1]);
	i /= p.out_size[1];
	at[0] = (int32)(i % p.out_size[0]);
	outer = i / p.out_size[0];
}
KERNEL(256) resize_f32(const Resize p) {
	for (int64 i = block_x() * threads() + thread(); i < p.n; i += (int64)blocks_x() * threads()) {
		int32 at[3];
		int64 outer;
		resize_place(p, i, at, outer);
		const float *in = (const float *)p.in + outer * p.in_size[0] * p.in_size[1] * p.in_size[2];
		float sum = 0;
		for (int32 a = 0; a < p.taps[0]; a++) {
			int64 z = p.index[0][at[0] * p.taps[0] + a];
			float wz = p.weight[0] ? p.weight[0][at[0] * p.taps[0] + a] : 1;
			for (int32 b = 0; b < p.taps[1]; b++) {
				int64 y = p.index[1][at[1] * p.taps[1] + b];
				float wy = wz * (p.weight[1] ? p.weight[1][at[1] * p.taps[1] + b] : 1);
				for (int32 c = 0; c < p.taps[2]; c++) {
					int64 x = p.index[2][at[2] * p.taps[2] + c];
					float w = wy * (p.weight[2] ? p.weight[2][at[2] * p.taps[2] + c] : 1);
					sum = __builtin_fmaf(in[(z * p.in_size[1] + y) * p.in_size[2] + x], w, sum);
				}
			}
		}
		((float *)p.out)[i] = sum;
	}
}
template <class T> INLINE void resize_nearest(const Resize &p) {
	for (int64 i = block_x() * threads() + thread(); i < p.n; i += (int64)blocks_x() * threads()) {
		int32 at[3];
		int64 outer;
		resize_place(p, i, at, outer);
		int64 z = p.index[0][at[0]], y = p.index[1][at[1]], x = p.index[2][at[2]];
		((T *)p.out)[i] = ((const T *)p.in)[((outer * p.in_size[0] + z) * p.in_size[1] + y) * p.in_size[2] + x];
	}
}
KERNEL(256) resize_1(const Resize p) { resize_nearest<uint8>(p); }
KERNEL(256) resize_2(const Resize p) { resize_nearest<uint16>(p); }
KERNEL(256) resize_4(const Resize p) { resize_nearest<uint32>(p); }
KERNEL(256) resize_8(const Resize p) { resize_nearest<uint64>(p); }
