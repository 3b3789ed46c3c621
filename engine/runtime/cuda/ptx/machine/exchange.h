// What the lanes of a warp do together: shuffles, votes, matrices.
#pragma once
#include "convert.h"
#include "memory.h"

namespace ptx {

// The lanes of members must all be here. Those that the block does not have are no matter.
INLINE void gathered(const Warp &w, u32 m, u32 members, int line, const char *what) {
	u32 absent = members & w.exist & ~m;
	if (absent) fault(w, launch_failed, line, -1, "%s waits for the lanes %08x, which do not come", what, absent);
	if (m & ~members) fault(w, launch_failed, line, -1, "%s is executed by the lanes %08x, which its mask %08x lacks", what, m & ~members, members);
}
// The mask is the same in all lanes.
INLINE void gathered(const Warp &w, u32 m, const V<u32> &members, int line, const char *what) {
	if (m) gathered(w, m, members[__builtin_ctz(m)], line, what);
}

enum Shuffle { idx, up, down, bfly };

// A lane that reads one that is not here gets a NaN.
template <Shuffle kind> OUTLINE void shfl(const Warp &w, int line, u32 m, V<u32> &d, u32 &p, const V<u32> &a, const V<u32> &b, const V<u32> &c, const V<u32> &members) {
	gathered(w, m, members, line, "shfl.sync");
	V<u32> r;
	u32 q = 0;
	LANES {
		int from = (int)(b[l] & 31), clamp = (int)(c[l] & 31), segment = (int)(c[l] >> 8 & 31);
		int most = (l & segment) | (clamp & ~segment), least = l & segment, j;
		bool in;
		switch (kind) {
		case up: j = l - from, in = j >= most; break;
		case down: j = l + from, in = j <= most; break;
		case bfly: j = l ^ from, in = j <= most; break;
		default: j = least | (from & ~segment), in = j <= most;
		}
		if (!in) j = l;
		r[l] = m >> j & 1 ? a[j] : ~0u;
		q |= (u32)in << l;
	}
	d = r;
	p = q;
}

OUTLINE u32 vote_all(const Warp &w, int line, u32 m, u32 p, const V<u32> &members) { return gathered(w, m, members, line, "vote.sync"), (p & m) == m ? everyone : 0; }
OUTLINE u32 vote_any(const Warp &w, int line, u32 m, u32 p, const V<u32> &members) { return gathered(w, m, members, line, "vote.sync"), p & m ? everyone : 0; }
OUTLINE u32 vote_uni(const Warp &w, int line, u32 m, u32 p, const V<u32> &members) { return gathered(w, m, members, line, "vote.sync"), (p & m) == m || !(p & m) ? everyone : 0; }
OUTLINE void ballot(const Warp &w, int line, u32 m, V<u32> &d, u32 p, const V<u32> &members) {
	gathered(w, m, members, line, "vote.sync");
	d = all<u32>(p & m);
}
OUTLINE void match_any(const Warp &w, int line, u32 m, V<u32> &d, const V<u32> &a, const V<u32> &members) {
	gathered(w, m, members, line, "match.sync");
	V<u32> r = all<u32>(0);
	each(m, [&](int l) { each(m, [&](int j) { r[l] |= (u32)(a[j] == a[l]) << j; }); });
	d = r;
}
template <class T, class Op> OUTLINE void redux(const Warp &w, int line, u32 m, V<T> &d, const V<T> &a, const V<u32> &members) {
	gathered(w, m, members, line, "redux.sync");
	bool first = true;
	T r = 0;
	each(m, [&](int l) { r = first ? a[l] : Op::template of<T>(r, a[l], 0), first = false; });
	d = all<T>(r);
}
OUTLINE void warp_sync(Warp &w, int line, u32 m, const V<u32> &members) {
	gathered(w, m, members, line, "bar.warp.sync");
	if (!m || !w.block->shadow) return;
	tick(*w.block);
	w.clock = w.block->clock;
}

// ldmatrix: the rows of matrix i are where lanes 8i to 8i+7 say; each lane gets two neighbours of a row.
template <bool transposed, class A, class... D> OUTLINE void ldmatrix(Warp &w, At at, u32 m, const V<A> &address, s64 offset, D &...d) {
	constexpr int n = sizeof...(D);
	if (m != everyone) fault(w, launch_failed, at.line, -1, "ldmatrix is reached by the lanes %08x: all 32 must come", m);
	u64 a[lanes];
	sums(a, address, offset);
	u32 rows = n == 4 ? everyone : (1u << (8 * n)) - 1;
	Shared::check(w, at, rows, a, 16);
	touch(w, at.line, rows, a, 16, reads);
	V<u32> *to[] = {&d...};
	V<u32> r[n];
	for (int i = 0; i < n; i++) LANES {
		auto element = [&](int row, int column) { return (u32)((const u16 *)(w.block->shared + a[8 * i + row]))[column]; };
		int q = 2 * (l & 3);
		r[i][l] = transposed ? element(q, l >> 2) | element(q + 1, l >> 2) << 16 : element(l >> 2, q) | element(l >> 2, q + 1) << 16;
	}
	for (int i = 0; i < n; i++) *to[i] = r[i];
}

typedef f32 Row8 __attribute__((vector_size(32)));

// d = a b + c, of 16x8 outputs and k inner elements. Lane 4g+t holds of c and d the elements
// (g,2t), (g,2t+1), (g+8,2t), (g+8,2t+1).
template <int k> INLINE void multiply(V<f32> *d[4], const f32 (&a)[16][k], const Row8 (&b)[k], const V<f32> *c[4]) {
	f32 out[16][8];
	for (int h = 0; h < 4; h++) LANES out[(l >> 2) + 8 * (h >> 1)][2 * (l & 3) + (h & 1)] = (*c[h])[l];
	for (int r = 0; r < 16; r++) {
		Row8 sum;
		memcpy(&sum, out[r], 32);
		for (int i = 0; i < k; i++) sum += a[r][i] * b[i];
		memcpy(out[r], &sum, 32);
	}
	for (int h = 0; h < 4; h++) LANES (*d[h])[l] = out[(l >> 2) + 8 * (h >> 1)][2 * (l & 3) + (h & 1)];
}
INLINE void whole_warp(const Warp &w, u32 m, int line) {
	if (m != everyone) fault(w, launch_failed, line, -1, "mma.sync is reached by the lanes %08x: all 32 must come", m);
}

// The device drops the low 13 bits of what is not rounded to tf32.
INLINE f32 tf32(u32 b) { return bits<f32>(b & 0xffffe000); }
OUTLINE void mma_tf32(const Warp &w, int line, u32 m, V<f32> &d0, V<f32> &d1, V<f32> &d2, V<f32> &d3, const V<u32> &a0, const V<u32> &a1, const V<u32> &a2, const V<u32> &a3,
                      const V<u32> &b0, const V<u32> &b1, const V<f32> &c0, const V<f32> &c1, const V<f32> &c2, const V<f32> &c3) {
	whole_warp(w, m, line);
	f32 a[16][8];
	Row8 b[8];
	LANES {
		int g = l >> 2, t = l & 3;
		a[g][t] = tf32(a0[l]), a[g + 8][t] = tf32(a1[l]), a[g][t + 4] = tf32(a2[l]), a[g + 8][t + 4] = tf32(a3[l]);
		b[t][g] = tf32(b0[l]), b[t + 4][g] = tf32(b1[l]);
	}
	V<f32> *d[] = {&d0, &d1, &d2, &d3};
	const V<f32> *c[] = {&c0, &c1, &c2, &c3};
	multiply(d, a, b, c);
}

struct Half { static f32 of(u32 b) { return to_f32({(u16)b}); } };
struct Brain { static f32 of(u32 b) { return bits<f32>(b << 16); } };
// Two elements to a register. k is 16, or 8 with half of the registers.
template <class E, int k> INLINE void mma_pairs(const Warp &w, int line, u32 m, V<f32> *d[4], const V<u32> *const *ra, const V<u32> *const *rb, const V<f32> *c[4]) {
	whole_warp(w, m, line);
	f32 a[16][k];
	Row8 b[k];
	LANES {
		int g = l >> 2, t = 2 * (l & 3);
		for (int i = 0; i < k / 4; i++)
			for (int j = 0; j < 2; j++) a[g + 8 * (i & 1)][t + 8 * (i >> 1) + j] = E::of((*ra[i])[l] >> (16 * j) & 0xffff);
		for (int i = 0; i < k / 8; i++)
			for (int j = 0; j < 2; j++) b[t + 8 * i + j][g] = E::of((*rb[i])[l] >> (16 * j) & 0xffff);
	}
	multiply(d, a, b, c);
}
template <class E> OUTLINE void mma16(const Warp &w, int line, u32 m, V<f32> &d0, V<f32> &d1, V<f32> &d2, V<f32> &d3, const V<u32> &a0, const V<u32> &a1, const V<u32> &a2, const V<u32> &a3,
                                      const V<u32> &b0, const V<u32> &b1, const V<f32> &c0, const V<f32> &c1, const V<f32> &c2, const V<f32> &c3) {
	V<f32> *d[] = {&d0, &d1, &d2, &d3};
	const V<f32> *c[] = {&c0, &c1, &c2, &c3};
	const V<u32> *a[] = {&a0, &a1, &a2, &a3}, *b[] = {&b0, &b1};
	mma_pairs<E, 16>(w, line, m, d, a, b, c);
}
template <class E> OUTLINE void mma8(const Warp &w, int line, u32 m, V<f32> &d0, V<f32> &d1, V<f32> &d2, V<f32> &d3, const V<u32> &a0, const V<u32> &a1, const V<u32> &b0,
                                     const V<f32> &c0, const V<f32> &c1, const V<f32> &c2, const V<f32> &c3) {
	V<f32> *d[] = {&d0, &d1, &d2, &d3};
	const V<f32> *c[] = {&c0, &c1, &c2, &c3};
	const V<u32> *a[] = {&a0, &a1}, *b[] = {&b0};
	mma_pairs<E, 8>(w, line, m, d, a, b, c);
}

}  // namespace ptx
