// What the translation writes besides the instructions themselves.
#pragma once
#include "exchange.h"

namespace ptx {

INLINE V<u32> lane_numbers() {
	V<u32> v;
	LANES v[l] = (u32)l;
	return v;
}
#define LANEMASK(name, expression)    \
	INLINE V<u32> lanemask_##name() { \
		V<u32> v;                     \
		LANES v[l] = expression;      \
		return v;                     \
	}
LANEMASK(eq, 1u << l)
LANEMASK(lt, (1u << l) - 1)
LANEMASK(le, (2u << l) - 1)
LANEMASK(gt, ~((2u << l) - 1))
LANEMASK(ge, ~((1u << l) - 1))
#undef LANEMASK

// Parts of a register, the lowest first.
template <int i, class T, class W> INLINE void part(V<T> &d, const V<W> &a) { LANES d[l] = (T)(a[l] >> (i * 8 * (int)sizeof(T))); }
template <class W, class... T> INLINE void join(V<W> &d, const V<T> &...a) {
	V<W> r;
	LANES {
		W v = 0;
		int i = 0;
		((v |= (W)((W)a[l] << (i++ * 8 * (int)sizeof(a[l])))), ...);
		r[l] = v;
	}
	d = r;
}

INLINE V<f32> widened(const V<u16> &a) {
	V<f32> v;
	widen(v, a);
	return v;
}
INLINE V<f32> flushed(const V<f32> &a) {
	V<f32> v = a;
	flush(v);
	return v;
}
// Half i of each lane.
template <int i, class T> INLINE V<f32> half(const V<T> &a) {
	V<u16> h;
	LANES h[l] = (u16)(a[l] >> (16 * i));
	return widened(h);
}

// Parameters of a call: size bytes for each lane.
template <class T, class D> INLINE void read(const char *buffer, u32 size, u32 offset, u32 m, V<D> &d) {
	each(m, [&](int l) {
		T t;
		memcpy(&t, buffer + (u32)l * size + offset, sizeof t);
		d[l] = (D)t;
	});
}
template <class T, class S> INLINE void write(char *buffer, u32 size, u32 offset, u32 m, const V<S> &s) {
	each(m, [&](int l) {
		T t = (T)s[l];
		memcpy(buffer + (u32)l * size + offset, &t, sizeof t);
	});
}

OUTLINE void branch_by(Warp &w, Flow &f, int line, const V<u32> &index, const int *table, u32 n) {
	each(f.M, [&](int l) {
		if (index[l] >= n) fault(w, launch_failed, line, l, "brx.idx %u of a table of %u", index[l], n);
		f.pc[l] = table[index[l]];
	});
}

}  // namespace ptx
