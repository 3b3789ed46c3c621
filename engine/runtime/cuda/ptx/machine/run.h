// Launches: blocks are spread over the processors, the warps of a block take turns at barriers.
#pragma once
#include <stdlib.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "glue.h"

namespace ptx {

struct Free { void operator()(void *p) const { free(p); } };
template <class T> using Memory = std::unique_ptr<T, Free>;
INLINE char *aligned(size_t n) { return (char *)aligned_alloc(64, (n + 64) / 64 * 64); }

// What one thread needs to run blocks.
struct Core {
	Block block;
	std::vector<Warp> warps;
	Memory<char> shared, frames, local;
	Memory<Shadow> shadow;
	size_t frame, stride;

	Core(const Launch *l, const Entry *e, const char *parameters, u32 parameter_bytes) {
		Block &b = block;
		b.launch = l, b.entry = e, b.parameters = parameters, b.parameter_bytes = parameter_bytes;
		u32 threads = l->block[0] * l->block[1] * l->block[2];
		b.warps = (int)((threads + lanes - 1) / lanes);
		b.shared_size = e->shared + (u32)l->shared;
		shared.reset(aligned(b.shared_size));
		b.shared = shared.get();
		b.shadow = nullptr;
		b.clock = b.barrier = 1;
		if (l->races && b.shared_size) {
			shadow.reset((Shadow *)calloc(b.shared_size, sizeof(Shadow)));
			b.shadow = shadow.get();
		}
		b.ranges.resize((size_t)e->sites);
		frame = (e->frame + 63) / 64 * 64;
		frames.reset(aligned(frame * (size_t)b.warps));
		stride = (size_t)lanes * ((e->local + 15) & ~15u);
		local.reset(aligned(stride * (size_t)b.warps));
		warps.resize((size_t)b.warps);
		for (u32 i = 0; i < (u32)b.warps; i++) {
			Warp &w = warps[i];
			w.block = &b;
			w.index = i;
			w.local = local.get() + stride * i;
			w.exist = threads - i * lanes >= lanes ? everyone : (1u << (threads - i * lanes)) - 1;
			LANES {
				u32 t = i * lanes + (u32)l;
				w.tid[0][l] = t % block_size(0), w.tid[1][l] = t / block_size(0) % block_size(1), w.tid[2][l] = t / (block_size(0) * block_size(1));
			}
		}
	}
	u32 block_size(int i) const { return block.launch->block[i]; }

	void run(u64 number) {
		Block &b = block;
		const unsigned *grid = b.launch->grid;
		b.index[0] = (u32)(number % grid[0]);
		b.index[1] = (u32)(number / grid[0] % grid[1]);
		b.index[2] = (u32)(number / grid[0] / grid[1]);
		// What nobody has written is NaN.
		memset(b.shared, 0xff, b.shared_size);
		memset(local.get(), 0xff, stride * (size_t)b.warps);
		pass_barrier();
		for (Warp &w : warps) {
			w.flow.start(w.exist);
			w.open.clear();
			w.groups.clear();
		}
		while (turn()) pass_barrier();
	}

	// Everything before is ordered before everything after.
	void pass_barrier() {
		if (!block.shadow) return;
		tick(block);
		block.barrier = block.clock;
		for (Warp &w : warps) w.clock = block.clock;
	}

	// Runs each warp up to a barrier. False where all have ended.
	bool turn() {
		Warp *at = nullptr, *gone = nullptr;
		for (Warp &w : warps) {
			if (block.entry->run(w, frames.get() + frame * w.index) == ended) gone = &w;
			else if (at && at->waits_for != w.waits_for) fault(w, launch_failed, w.line, -1, "waits at the barrier %u, warp %u at the barrier %u", w.waits_for, at->index, at->waits_for);
			else at = &w;
		}
		if (at && gone) fault(*at, launch_failed, at->line, -1, "waits at a barrier to which warp %u does not come: it has ended", gone->index);
		return at != nullptr;
	}
};

// Runs a launch on as many threads as the machine has, and gives the code that it ends with.
static inline int launch(const Entry *e, const Launch *l) {
	std::vector<char> parameters;
	for (int i = 0; e->sizes[i]; i++) {
		parameters.resize(e->offsets[i] + e->sizes[i]);
		memcpy(parameters.data() + e->offsets[i], l->parameters[i], e->sizes[i]);
	}
	u64 blocks = (u64)l->grid[0] * l->grid[1] * l->grid[2];
	std::atomic<u64> next{0};
	std::atomic<int> code{0};
	auto work = [&] {
		try {
			Core core(l, e, parameters.data(), (u32)parameters.size());
			for (u64 n; !code && (n = next++) < blocks;) core.run(n);
		} catch (Fault f) {
			int none = 0;
			code.compare_exchange_strong(none, f.code);
		}
	};
	std::vector<std::thread> others;
	for (u64 n = 1; n < std::thread::hardware_concurrency() && n < blocks; n++) others.emplace_back(work);
	work();
	for (std::thread &t : others) t.join();
	return code;
}

// What the library has, for the stand-in.
inline std::vector<Translated> &translated() {
	static auto *all = new std::vector<Translated>;
	return *all;
}
static inline bool add(const Translated &t) { return translated().push_back(t), true; }

}  // namespace ptx

extern "C" __attribute__((visibility("default"), used)) inline const Translated *standin_translated(size_t *n) {
	*n = ptx::translated().size();
	return ptx::translated().data();
}
