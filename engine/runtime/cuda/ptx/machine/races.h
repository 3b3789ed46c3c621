// Races in shared memory. For each granule (1, 2 or 4 bytes) it is kept who wrote it last and who
// read it since, and when, on a clock that every barrier moves. Two threads race where they touch a
// granule, one of them writing, with no barrier between: neither one of the block nor, within a
// warp, bar.warp.sync.
#pragma once
#include "warp.h"

namespace ptx {

// An entry is time << 12 | who. who is a thread, or one of these.
enum : u32 { lanes_of_warp = 1024, several_warps = 2047, atomically = 2048, who_bits = 12 };
constexpr u32 last_time = (1u << (32 - who_bits)) - 1;

struct Shadow { u32 written, read; };

INLINE void tick(Block &b) {
	if (++b.clock < last_time) return;
	// Nothing of before may count after the clock starts again.
	memset(b.shadow, 0, b.shared_size * sizeof(Shadow));
	b.clock = b.barrier = 1;
}

enum Access { reads, writes, updates };  // updates: atomically

// Whether the access of entry e by somebody else is not yet ordered before now.
INLINE bool recent(const Warp &w, u32 e, u32 thread, bool many) {
	u32 time = e >> who_bits, who = e & 2047;
	if (time < w.block->barrier) return false;
	if (who == thread && !many) return false;
	bool mine = who < 1024 ? who >> 5 == w.index : who == lanes_of_warp + w.index;
	return !mine || time >= w.clock;
}

[[noreturn]] OUTLINE void race(const Warp &w, int line, int lane, u64 address, const char *what, const char *before, u32 e) {
	u32 who = e & 2047;
	char other[48];
	if (who < 1024) snprintf(other, sizeof other, "thread %u", who);
	else if (who == several_warps) snprintf(other, sizeof other, "several warps");
	else snprintf(other, sizeof other, "warp %u", who - lanes_of_warp);
	fault(w, launch_failed, line, lane, "a race: %s byte %llu of shared memory, which %s has %s, without a barrier between", what, (unsigned long long)address, other, before);
}

// Threads of one warp that touch the same address at once count as one.
OUTLINE void record(Warp &w, int line, u32 m, const u64 *address, u32 bytes, Access kind) {
	Block &b = *w.block;
	int g = b.entry->granule;
	u32 now = b.clock << who_bits, since = b.barrier << who_bits;
	// Often both halves of a warp touch the same.
	u64 differ = m != everyone;
	for (int l = 0; l < 16; l++) differ |= address[l] ^ address[l + 16];
	if (!differ) m = 0xffff;
	while (m) {
		int lane = __builtin_ctz(m);
		u64 a = address[lane];
		m &= m - 1;
		bool many = !differ;
		while (m && address[__builtin_ctz(m)] == a) m &= m - 1, many = true;
		u32 thread = w.index * lanes + (u32)lane, me = many ? lanes_of_warp + w.index : thread;
		for (u64 i = a >> g, end = (a + bytes - 1) >> g; i <= end; i++) {
			Shadow &s = b.shadow[i];
			if (kind == reads) {
				if (s.read == (now | me) && s.written < since) continue;
				if (s.written >= since && recent(w, s.written, thread, many)) race(w, line, lane, i << g, "reads", "written", s.written);
				if (s.read >= since && (s.read & 2047) != me) {
					u32 who = s.read & 2047;
					bool same = who < 1024 ? who >> 5 == w.index : who == lanes_of_warp + w.index;
					s.read = now | (same ? lanes_of_warp + w.index : (u32)several_warps);
				} else {
					s.read = now | me;
				}
				continue;
			}
			bool atomic = kind == updates;
			if (s.read >= since && recent(w, s.read, thread, many)) race(w, line, lane, i << g, "writes", "read", s.read);
			if (s.written >= since && !(atomic && (s.written & atomically)) && recent(w, s.written, thread, many && !atomic)) race(w, line, lane, i << g, "writes", "written", s.written);
			if (many && !atomic) race(w, line, lane, i << g, "writes", "written at the same time", lanes_of_warp + w.index);
			if (atomic && s.written >= since && (s.written & 2047) != me) me = several_warps;
			s.written = now | me | (atomic ? (u32)atomically : 0);
		}
	}
}
INLINE void touch(Warp &w, int line, u32 m, const u64 *address, u32 bytes, Access kind) {
	if (w.block->shadow) record(w, line, m, address, bytes, kind);
}

}  // namespace ptx
