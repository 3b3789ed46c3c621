// A warp, the block it is of, and where its lanes stand in the code.
#pragma once
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#include <vector>

#include "kernel.h"
#include "lanes.h"

namespace ptx {

// CUresults that a launch ends with.
enum { illegal_address = 700, misaligned_address = 716, launch_failed = 719 };

struct Fault { int code; };

struct Range { u64 start = 1, length = 0; };
struct Warp;

// What a translated kernel is.
struct Entry {
	const char *name;
	int (*run)(Warp &, void *frame);
	size_t frame;             // bytes of registers of a warp
	u32 local, shared;        // bytes of each lane, and of the block without the dynamic ones
	int granule;              // as a power of two, the bytes of the smallest access to shared memory
	int sites;                // accesses to global memory
	const u32 *sizes, *offsets;  // of the parameters, 0 ends sizes
	const Range *variables;   // of the module, length 0 ends them
};

// An access, for the cache of its range and for messages.
struct At { int line, site; };

// Which lanes do what. Lanes that part run one set after another, always the set that is least far
// in the code, so that they meet again where their ways do.
struct Flow {
	u32 alive, M;  // M: the lanes that run
	u32 B;         // the lanes whose registers may be written: all, where nobody waits elsewhere
	bool split;
	int pc[lanes];

	void start(u32 m, int at = 0) {
		alive = m;
		LANES pc[l] = INT_MAX;
		go(m, at);
	}
	__attribute__((noinline)) void go(u32 m, int at) { each(m, [&](int l) { pc[l] = at; }); }
	// The lanes that run part.
	__attribute__((noinline)) void part(u32 taken, int yes, int no) { each(M, [&](int l) { pc[l] = taken >> l & 1 ? yes : no; }); }
	void end(u32 m) {
		go(m, INT_MAX);
		alive &= ~m;
	}
	// Chooses the lanes to run and gives where they stand, or -1 where all have ended.
	__attribute__((noinline)) int next() {
		if (!alive) return -1;
		int least = INT_MAX;
		LANES least = pc[l] < least ? pc[l] : least;
		M = 0;
		LANES M |= (u32)(pc[l] == least) << l;
		split = M != alive;
		B = split ? M : everyone;
		return least;
	}
};

struct Shadow;

// A copy by cp.async, done when it is waited for.
struct Copy {
	u32 mask;
	u64 to[lanes], from[lanes];
	u32 bytes, given[lanes];
	int line;
};

// A block, and the memory that blocks run in one after another.
struct Block {
	const Launch *launch;
	const Entry *entry;
	const char *parameters;
	u32 parameter_bytes;
	u32 index[3];
	int warps;
	char *shared;
	u32 shared_size;
	std::vector<Range> ranges;  // the last found by each access
	// The race detector's clock: see races.h.
	Shadow *shadow;
	u32 clock, barrier;
};

struct Warp {
	Block *block;
	u32 index;      // in the block
	u32 exist;      // lanes that the block has
	Flow flow;
	V<u32> tid[3];
	char *local;
	u32 clock;      // of the last bar.warp.sync
	u32 waits_for, line;  // the barrier that it has reached
	std::vector<Copy> open;                 // copies that no group has
	std::vector<std::vector<Copy>> groups;  // older ones first
};

// Ends the launch. lane is below 0 where the whole warp is meant.
[[noreturn]] __attribute__((format(printf, 5, 6))) OUTLINE void fault(const Warp &w, int code, int line, int lane, const char *format, ...) {
	char text[512], thread[64];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (lane < 0) snprintf(thread, sizeof thread, "warp %u", w.index);
	else snprintf(thread, sizeof thread, "thread (%u,%u,%u)", w.tid[0][lane], w.tid[1][lane], w.tid[2][lane]);
	const Block &b = *w.block;
	fprintf(stderr, "stand-in: %s, line %d of its PTX, block (%u,%u,%u), %s: %s\n", b.entry->name, line, b.index[0], b.index[1], b.index[2], thread, text);
	throw Fault{code};
}

// What ends a run of a warp: it has ended, or waits at a barrier.
enum { ended, waiting };

INLINE int wait_at_barrier(Warp &w, Flow &f, u32 m, u32 id, int line, int resume) {
	if (m != w.exist) fault(w, launch_failed, line, -1, "bar.sync is reached by the lanes %08x of %08x: all threads of a block must come to a barrier", m, w.exist);
	f.go(m, resume);
	w.waits_for = id;
	w.line = line;
	return waiting;
}

}  // namespace ptx
