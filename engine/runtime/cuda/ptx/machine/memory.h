// Memory: what an address means in each space, its checks, loads, stores and atomics.
#pragma once
#include "races.h"

namespace ptx {


template <class A> INLINE void sums(u64 *to, const V<A> &a, s64 offset) { LANES to[l] = (u64)(a[l] + (A)offset); }

// Where memory of the device begins and ends that holds an address; false where there is none.
OUTLINE bool find(const Warp &w, u64 address, Range *r) {
	for (const Range *v = w.block->entry->variables; v->length; v++)
		if (address - v->start < v->length) return *r = *v, true;
	u64 end;
	if (!w.block->launch->host->allocation(address, &r->start, &end)) return false;
	r->length = end - r->start;
	return true;
}

struct Global {
	static constexpr bool shared = false;
	// The common case, all lanes in the range that this access has found before, is left quickly.
	static void check(Warp &w, At at, u32 m, const u64 *a, u32 n) {
		Range &r = w.block->ranges[at.site];
		u64 start = r.start, limit = r.length - n, bad = r.length < n;
		if (m == everyone) LANES bad |= (u64)(a[l] - start > limit) | (a[l] & (n - 1));
		else LANES bad |= ((u64)(a[l] - start > limit) | (a[l] & (n - 1))) & -(u64)(m >> l & 1);
		if (__builtin_expect(bad != 0, 0)) search(w, at, m, a, n);
	}
	OUTLINE void search(Warp &w, At at, u32 m, const u64 *a, u32 n) {
		Range &r = w.block->ranges[at.site];
		each(m, [&](int l) {
			if (a[l] & (n - 1)) fault(w, misaligned_address, at.line, l, "%u bytes at %#llx: the address must be a multiple of %u", n, (unsigned long long)a[l], n);
			if (a[l] - r.start < r.length && a[l] - r.start + n <= r.length) return;
			if (!find(w, a[l], &r)) fault(w, illegal_address, at.line, l, "%u bytes at %#llx, which is no memory of the device", n, (unsigned long long)a[l]);
			if (a[l] - r.start + n > r.length) fault(w, illegal_address, at.line, l, "%u bytes at %#llx, %llu bytes into an allocation of %llu", n, (unsigned long long)a[l], (unsigned long long)(a[l] - r.start), (unsigned long long)r.length);
		});
	}
	static char *pointer(Warp &, int, u64 a) { return (char *)a; }
};

struct Shared {
	static constexpr bool shared = true;
	static void check(Warp &w, At at, u32 m, const u64 *a, u32 n) {
		u64 size = w.block->shared_size, limit = size - n, bad = size < n;
		if (m == everyone) LANES bad |= (u64)(a[l] > limit) | (a[l] & (n - 1));
		else LANES bad |= ((u64)(a[l] > limit) | (a[l] & (n - 1))) & -(u64)(m >> l & 1);
		if (__builtin_expect(bad != 0, 0)) each(m, [&](int l) {
			if (size < n || a[l] > limit) fault(w, launch_failed, at.line, l, "%u bytes at %lld of shared memory, which has %llu", n, (long long)a[l], (unsigned long long)size);
			if (a[l] & (n - 1)) fault(w, misaligned_address, at.line, l, "%u bytes at %llu of shared memory: the address must be a multiple of %u", n, (unsigned long long)a[l], n);
		});
	}
	static char *pointer(Warp &w, int, u64 a) { return w.block->shared + a; }
};

struct Local {
	static constexpr bool shared = false;
	static u32 stride(const Warp &w) { return (w.block->entry->local + 15) & ~15u; }
	static void check(Warp &w, At at, u32 m, const u64 *a, u32 n) {
		u64 size = w.block->entry->local;
		each(m, [&](int l) {
			if (size < n || a[l] > size - n) fault(w, illegal_address, at.line, l, "%u bytes at %lld of local memory, which has %llu", n, (long long)a[l], (unsigned long long)size);
			if (a[l] & (n - 1)) fault(w, misaligned_address, at.line, l, "%u bytes at %llu of local memory: the address must be a multiple of %u", n, (unsigned long long)a[l], n);
		});
	}
	static char *pointer(Warp &w, int l, u64 a) { return w.local + (u64)l * stride(w) + a; }
};

struct Parameters {
	static constexpr bool shared = false;
	static void check(Warp &w, At at, u32 m, const u64 *a, u32 n) {
		each(m, [&](int l) {
			if (a[l] + n > w.block->parameter_bytes) fault(w, illegal_address, at.line, l, "%u bytes at %lld of the parameters, which have %u", n, (long long)a[l], w.block->parameter_bytes);
		});
	}
	static char *pointer(Warp &w, int, u64 a) { return (char *)w.block->parameters + a; }
};

// Splits lanes by what their generic address points into, and does f for each space.
template <class F> INLINE void generic(Warp &w, u32 m, const u64 *a, F f) {
	u64 shared = (u64)w.block->shared, local = (u64)w.local, stride = Local::stride(w);
	u32 in_shared = 0, in_local = 0;
	u64 moved[lanes];
	each(m, [&](int l) {
		if (a[l] - shared < w.block->shared_size) in_shared |= 1u << l, moved[l] = a[l] - shared;
		else if (a[l] - local - l * stride < stride) in_local |= 1u << l, moved[l] = a[l] - local - l * stride;
		else moved[l] = a[l];
	});
	if (in_shared) f(Shared(), in_shared, moved);
	if (in_local) f(Local(), in_local, moved);
	if (u32 rest = m & ~in_shared & ~in_local) f(Global(), rest, moved);
}
struct Generic {};

// Whether the lanes' addresses follow each other, n bytes apart.
INLINE bool in_a_row(const u64 *a, u64 n) {
	u64 off = 0;
	LANES off |= a[l] - (a[0] + (u64)l * n);
	return off == 0;
}
// Four words for each of 32 lanes that are all there, four lanes at a time.
#if defined(__SSE2__)
INLINE void load_rows(const char *const *from, V<u32> *const *to) {
	for (int l = 0; l < lanes; l += 4) {
		__m128 r[4];
		for (int i = 0; i < 4; i++) r[i] = _mm_loadu_ps((const float *)from[l + i]);
		_MM_TRANSPOSE4_PS(r[0], r[1], r[2], r[3]);
		for (int i = 0; i < 4; i++) _mm_storeu_ps((float *)&(*to[i])[l], r[i]);
	}
}
#endif

template <class T, class Space, class... D> INLINE void load_from(Warp &w, At at, u32 m, const u64 *a, V<D> &...d) {
	constexpr u32 n = sizeof(T) * sizeof...(D);
	Space::check(w, at, m, a, n);
	if (Space::shared) touch(w, at.line, m, a, n, reads);
	constexpr bool as_they_are = ((sizeof(D) == sizeof(T)) && ...);
	if constexpr (as_they_are && sizeof...(D) == 1 && !std::is_same<Space, Local>()) {
		if (m == everyone && in_a_row(a, n)) return (void)(memcpy(&d, Space::pointer(w, 0, a[0]), lanes * n), ...);
	}
#if defined(__SSE2__)
	if constexpr (as_they_are && sizeof...(D) == 4 && sizeof(T) == 4) {
		if (m == everyone) {
			const char *from[lanes];
			LANES from[l] = Space::pointer(w, l, a[l]);
			V<u32> *to[] = {&as<u32>(d)...};
			return load_rows(from, to);
		}
	}
#endif
	each(m, [&](int l) {
		const T *p = (const T *)Space::pointer(w, l, a[l]);
		int i = 0;
		((d[l] = (D)p[i++]), ...);
	});
}
// Loads n values of T, one register each, of type D.
template <class T, class Space, class A, class... D> OUTLINE void load(Warp &w, At at, u32 m, const V<A> &address, s64 offset, V<D> &...d) {
	if (!m) return;
	u64 a[lanes];
	sums(a, address, offset);
	if constexpr (std::is_same<Space, Generic>())
		generic(w, m, a, [&](auto space, u32 part, const u64 *at_) { load_from<T, decltype(space)>(w, at, part, at_, d...); });
	else
		load_from<T, Space>(w, at, m, a, d...);
}

template <class T, class Space, class... D> INLINE void store_to(Warp &w, At at, u32 m, const u64 *a, const V<D> &...d) {
	constexpr u32 n = sizeof(T) * sizeof...(D);
	Space::check(w, at, m, a, n);
	if (Space::shared) touch(w, at.line, m, a, n, writes);
	if constexpr (sizeof...(D) == 1 && ((sizeof(D) == sizeof(T)) && ...) && !std::is_same<Space, Local>()) {
		if (m == everyone && in_a_row(a, n)) return (void)(memcpy(Space::pointer(w, 0, a[0]), &d, lanes * n), ...);
	}
	each(m, [&](int l) {
		T *p = (T *)Space::pointer(w, l, a[l]);
		int i = 0;
		((p[i++] = (T)d[l]), ...);
	});
}
template <class T, class Space, class A, class... D> OUTLINE void store(Warp &w, At at, u32 m, const V<A> &address, s64 offset, const V<D> &...d) {
	if (!m) return;
	u64 a[lanes];
	sums(a, address, offset);
	if constexpr (std::is_same<Space, Generic>())
		generic(w, m, a, [&](auto space, u32 part, const u64 *at_) { store_to<T, decltype(space)>(w, at, part, at_, d...); });
	else
		store_to<T, Space>(w, at, m, a, d...);
}

// A value that all lanes read alike, of the parameters.
template <class T, class D> OUTLINE void parameter(V<D> &d, const Warp &w, u32 offset) {
	T t;
	memcpy(&t, w.block->parameters + offset, sizeof t);
	d = all<D>((D)t);
}

// What an atomic makes of the old value a with b (and c).
struct Add { template <class T> static T of(T a, T b, T) { return a + b; } };
struct Min { template <class T> static T of(T a, T b, T) { return b < a ? b : a; } };
struct Max { template <class T> static T of(T a, T b, T) { return b > a ? b : a; } };
struct And { template <class T> static T of(T a, T b, T) { return a & b; } };
struct Or { template <class T> static T of(T a, T b, T) { return a | b; } };
struct Xor { template <class T> static T of(T a, T b, T) { return a ^ b; } };
struct Exchange { template <class T> static T of(T, T b, T) { return b; } };
struct Compare { template <class T> static T of(T a, T b, T c) { return a == b ? c : a; } };
struct Increase { template <class T> static T of(T a, T b, T) { return a >= b ? 0 : a + 1; } };
struct Decrease { template <class T> static T of(T a, T b, T) { return a == 0 || a > b ? b : a - 1; } };

template <class T, class Op> INLINE T atomically_one(T *p, T b, T c) {
	T old, now;
	__atomic_load(p, &old, __ATOMIC_RELAXED);
	do now = Op::template of<T>(old, b, c);
	while (!__atomic_compare_exchange(p, &old, &now, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return old;
}
template <class T, class Space, class Op> INLINE void atomic_in(Warp &w, At at, u32 m, const u64 *a, V<T> &d, const V<T> &b, const V<T> &c) {
	Space::check(w, at, m, a, sizeof(T));
	if (Space::shared) touch(w, at.line, m, a, sizeof(T), updates);
	each(m, [&](int l) { d[l] = atomically_one<T, Op>((T *)Space::pointer(w, l, a[l]), b[l], c[l]); });
}
// Lane by lane, in their order. d may be b or c.
template <class T, class Space, class Op, class A> OUTLINE void atomic(Warp &w, At at, u32 m, V<T> &d, const V<A> &address, s64 offset, const V<T> &b, const V<T> &c) {
	if (!m) return;
	u64 a[lanes];
	sums(a, address, offset);
	if constexpr (std::is_same<Space, Generic>())
		generic(w, m, a, [&](auto space, u32 part, const u64 *at_) { atomic_in<T, decltype(space), Op>(w, at, part, at_, d, b, c); });
	else
		atomic_in<T, Space, Op>(w, at, m, a, d, b, c);
}

// cvta and cvta.to of shared and local; those of global, const and param are the same number.
INLINE void from_shared(const Warp &w, V<u64> &d, const V<u64> &a) { LANES d[l] = a[l] + (u64)w.block->shared; }
INLINE void to_shared(const Warp &w, V<u64> &d, const V<u64> &a) { LANES d[l] = a[l] - (u64)w.block->shared; }
INLINE void from_local(const Warp &w, V<u64> &d, const V<u64> &a) { LANES d[l] = a[l] + (u64)w.local + (u64)l * Local::stride(w); }
INLINE void to_local(const Warp &w, V<u64> &d, const V<u64> &a) { LANES d[l] = a[l] - (u64)w.local - (u64)l * Local::stride(w); }

// cp.async: n bytes, of which the first given are copied and the rest is zero. Nothing arrives
// before it is waited for: until then the bytes are NaN.
template <u32 n, class A, class S> OUTLINE void copy_async(Warp &w, At at, u32 m, const V<A> &to, s64 to_offset, const V<u64> &from, s64 from_offset, const V<S> &given) {
	if (!m) return;
	Copy c;
	c.mask = m;
	c.bytes = n;
	c.line = at.line;
	sums(c.to, to, to_offset);
	sums(c.from, from, from_offset);
	Shared::check(w, at, m, c.to, n);
	touch(w, at.line, m, c.to, n, writes);
	u32 whole = 0;
	each(m, [&](int l) {
		c.given[l] = (u32)given[l];
		if (c.given[l] > n) fault(w, launch_failed, at.line, l, "cp.async of %u bytes of %u", c.given[l], n);
		if (c.from[l] & (n - 1)) fault(w, misaligned_address, at.line, l, "cp.async from %#llx: the address must be a multiple of %u", (unsigned long long)c.from[l], n);
		if (c.given[l] == n) whole |= 1u << l;
		else if (c.given[l]) {
			// Only what is given need be there.
			Range r;
			if (!find(w, c.from[l], &r) || c.from[l] - r.start + c.given[l] > r.length) fault(w, illegal_address, at.line, l, "cp.async of %u bytes at %#llx, which is no memory of the device", c.given[l], (unsigned long long)c.from[l]);
		}
		memset(w.block->shared + c.to[l], 0xff, n);
	});
	if (whole) Global::check(w, at, whole, c.from, n);
	w.open.push_back(c);
}
INLINE void arrive(Warp &w, const std::vector<Copy> &copies) {
	for (const Copy &c : copies) {
		touch(w, c.line, c.mask, c.to, c.bytes, writes);
		each(c.mask, [&](int l) {
			char *to = w.block->shared + c.to[l];
			memcpy(to, (const char *)c.from[l], c.given[l]);
			memset(to + c.given[l], 0, c.bytes - c.given[l]);
		});
	}
}
INLINE void together(const Warp &w, u32 m, u32 alive, int line, const char *what) {
	if (m != alive) fault(w, launch_failed, line, -1, "%s is reached by the lanes %08x of %08x, which the stand-in does not do", what, m, alive);
}
OUTLINE void commit_group(Warp &w, const Flow &f, u32 m, int line) {
	together(w, m, f.alive, line, "cp.async.commit_group");
	w.groups.push_back(std::move(w.open));
	w.open.clear();
}
OUTLINE void wait_group(Warp &w, const Flow &f, u32 m, int line, size_t pending) {
	together(w, m, f.alive, line, "cp.async.wait_group");
	while (w.groups.size() > pending) {
		arrive(w, w.groups.front());
		w.groups.erase(w.groups.begin());
	}
}
OUTLINE void wait_all(Warp &w, const Flow &f, u32 m, int line) {
	wait_group(w, f, m, line, 0);
	arrive(w, w.open);
	w.open.clear();
}

}  // namespace ptx
