// Memory of the device and pinned memory, and what copies and fills them.
#include "standin.h"

#include <string.h>
#include <sys/mman.h>

static const size_t page = 4096;
static size_t up(size_t n, size_t to) { return (n + to - 1) / to * to; }

struct Block { size_t size, taken; char *mapped; size_t length; };
static std::map<CUdeviceptr, Block> blocks;  // under state().lock
static std::map<char *, size_t> pinned;
static size_t used;

// Whether n bytes at p lie in one live allocation.
static bool inside(CUdeviceptr p, size_t n) {
	std::lock_guard<std::mutex> hold(state().lock);
	auto b = blocks.upper_bound(p);
	if (b == blocks.begin()) return false;
	--b;
	return p + n <= b->first + b->second.size;
}

bool allocation(uint64_t address, uint64_t *start, uint64_t *end) {
	std::lock_guard<std::mutex> hold(state().lock);
	auto b = blocks.upper_bound(address);
	if (b == blocks.begin()) return false;
	--b;
	*start = b->first;
	*end = b->first + b->second.size;
	return address < b->first + b->second.taken + page;
}

static bool is_pinned(const void *p, size_t n) {
	std::lock_guard<std::mutex> hold(state().lock);
	auto b = pinned.upper_bound((char *)p);
	if (b == pinned.begin()) return false;
	--b;
	return (char *)p + n <= b->first + b->second;
}

// Takes length bytes, whole pages of NaN, with a guard page behind them.
static char *map_guarded(size_t length) {
	char *at = (char *)mmap(nullptr, length + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED || mprotect(at, length, PROT_READ | PROT_WRITE)) return nullptr;
	return (char *)memset(at, 0xff, length);
}

// The pages are given back and the addresses kept: a late access faults.
static void unmap_for_ever(char *at, size_t length) {
	madvise(at, length, MADV_DONTNEED);
	mprotect(at, length, PROT_NONE);
}

API CUresult cuMemAlloc_v2(CUdeviceptr *p, size_t size) {
	ENTER(cuMemAlloc_v2);
	CONTEXT;
	if (!size) return CUDA_ERROR_INVALID_VALUE;
	if (capturing(context)) return capture_unsupported;
	std::lock_guard<std::mutex> hold(state().lock);
	if (size > (size_t)state().settings.memory) return CUDA_ERROR_OUT_OF_MEMORY;
	// As the driver's: a multiple of 256 bytes, at such an address.
	size_t taken = up(size, 256), length = up(taken, page);
	if (used + taken > (size_t)state().settings.memory) return CUDA_ERROR_OUT_OF_MEMORY;
	char *mapped = map_guarded(length);
	if (!mapped) return CUDA_ERROR_OUT_OF_MEMORY;
	*p = (CUdeviceptr)(mapped + length - taken);
	blocks[*p] = {size, taken, mapped, length};
	used += taken;
	state().live["device memory"][(void *)*p] = size;
	return CUDA_SUCCESS;
}

static CUresult free_device(CUdeviceptr p) {
	CONTEXT;
	CUresult r = synchronize_all(context);
	std::lock_guard<std::mutex> hold(state().lock);
	auto b = blocks.find(p);
	if (b == blocks.end()) return CUDA_ERROR_INVALID_VALUE;
	unmap_for_ever(b->second.mapped, b->second.length);
	used -= b->second.taken;
	blocks.erase(b);
	state().live["device memory"].erase((void *)p);
	return r;
}

API CUresult cuMemFree_v2(CUdeviceptr p) { ENTER_TO_FREE(cuMemFree_v2, free_device(p)); }

API CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
	ENTER(cuMemGetInfo_v2);
	CONTEXT;
	std::lock_guard<std::mutex> hold(state().lock);
	*total = state().settings.memory;
	*free = *total - used;
	return CUDA_SUCCESS;
}

API CUresult cuMemAllocHost_v2(void **p, size_t size) {
	ENTER(cuMemAllocHost_v2);
	CONTEXT;
	if (!size) return CUDA_ERROR_INVALID_VALUE;
	*p = map_guarded(up(size, page));
	if (!*p) return CUDA_ERROR_OUT_OF_MEMORY;
	std::lock_guard<std::mutex> hold(state().lock);
	pinned[(char *)*p] = size;
	state().live["pinned memory"][*p] = size;
	return CUDA_SUCCESS;
}

static CUresult free_pinned(void *p) {
	CONTEXT;
	std::lock_guard<std::mutex> hold(state().lock);
	auto b = pinned.find((char *)p);
	if (b == pinned.end()) return CUDA_ERROR_INVALID_VALUE;
	unmap_for_ever(b->first, up(b->second, page));
	pinned.erase(b);
	state().live["pinned memory"].erase(p);
	return CUDA_SUCCESS;
}

API CUresult cuMemFreeHost(void *p) { ENTER_TO_FREE(cuMemFreeHost, free_pinned(p)); }

static CUresult upload(CUdeviceptr to, const void *from, size_t n, CUstream s, bool async) {
	CONTEXT;
	if (!inside(to, n)) return CUDA_ERROR_INVALID_VALUE;
	Command run;
	if (async && is_pinned(from, n)) {
		run = [=] { return memcpy((void *)to, from, n), CUDA_SUCCESS; };
	} else {
		// Other memory of the host is read before the call returns.
		auto staged = std::make_shared<std::string>((const char *)from, n);
		run = [=] { return memcpy((void *)to, staged->data(), n), CUDA_SUCCESS; };
	}
	CUresult r = enqueue(context, s, run);
	return r || async ? r : synchronize(context, s);
}

static CUresult download(void *to, CUdeviceptr from, size_t n, CUstream s, bool async) {
	CONTEXT;
	if (!inside(from, n)) return CUDA_ERROR_INVALID_VALUE;
	CUresult r = enqueue(context, s, [=] { return memcpy(to, (void *)from, n), CUDA_SUCCESS; });
	return r || (async && is_pinned(to, n)) ? r : synchronize(context, s);
}

API CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t n) {
	ENTER(cuMemcpyHtoD_v2);
	return upload(to, from, n, nullptr, false);
}

API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t n, CUstream s) {
	ENTER(cuMemcpyHtoDAsync_v2);
	return upload(to, from, n, s, true);
}

API CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t n) {
	ENTER(cuMemcpyDtoH_v2);
	return download(to, from, n, nullptr, false);
}

API CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t n, CUstream s) {
	ENTER(cuMemcpyDtoHAsync_v2);
	return download(to, from, n, s, true);
}

API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t n, CUstream s) {
	ENTER(cuMemcpyDtoDAsync_v2);
	CONTEXT;
	if (!inside(to, n) || !inside(from, n)) return CUDA_ERROR_INVALID_VALUE;
	return enqueue(context, s, [=] { return memcpy((void *)to, (void *)from, n), CUDA_SUCCESS; });
}

API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t n, CUstream s) {
	ENTER(cuMemsetD8Async);
	CONTEXT;
	if (!inside(to, n)) return CUDA_ERROR_INVALID_VALUE;
	return enqueue(context, s, [=] { return memset((void *)to, value, n), CUDA_SUCCESS; });
}
