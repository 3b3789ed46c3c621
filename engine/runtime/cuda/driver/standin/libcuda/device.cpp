// The driver itself, devices and contexts.
#include "standin.h"

#include <stdio.h>
#include <string.h>

static Settings settings() {
	std::lock_guard<std::mutex> hold(state().lock);
	return state().settings;
}

API CUresult cuInit(unsigned) {
	if (CUresult r = injected("cuInit")) return r;
	if (settings().devices < 1) return CUDA_ERROR_NO_DEVICE;
	if (!load_translations()) return CUDA_ERROR_SHARED_OBJECT_INIT_FAILED;
	std::lock_guard<std::mutex> hold(state().lock);
	state().initialized = true;
	return CUDA_SUCCESS;
}

API CUresult cuDriverGetVersion(int *version) {
	if (CUresult r = injected("cuDriverGetVersion")) return r;
	*version = (int)settings().version;
	return CUDA_SUCCESS;
}

static const struct { int code; const char *name, *text; } codes[] = {
	{0, "CUDA_SUCCESS", "no error"},
	{1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
	{2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
	{3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
	{100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
	{101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
	{201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
	{209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
	{218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
	{303, "CUDA_ERROR_SHARED_OBJECT_INIT_FAILED", "shared object initialization failed"},
	{400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
	{500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
	{600, "CUDA_ERROR_NOT_READY", "device not ready"},
	{700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
	{716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
	{719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
	{801, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
	{900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
	{901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"},
	{903, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", "the capture was not begun in this stream"},
	{904, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "the capture has a stream that was not joined to the one that it began in"},
	{905, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION", "a dependency would cross into or out of the capture"},
	{999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

API CUresult cuGetErrorName(CUresult code, const char **name) {
	for (auto &c : codes)
		if (c.code == (int)code) return *name = c.name, CUDA_SUCCESS;
	return *name = nullptr, CUDA_ERROR_INVALID_VALUE;
}

API CUresult cuGetErrorString(CUresult code, const char **text) {
	for (auto &c : codes)
		if (c.code == (int)code) return *text = c.text, CUDA_SUCCESS;
	return *text = nullptr, CUDA_ERROR_INVALID_VALUE;
}

API CUresult cuDeviceGetCount(int *n) {
	ENTER(cuDeviceGetCount);
	*n = (int)settings().devices;
	return CUDA_SUCCESS;
}

API CUresult cuDeviceGet(CUdevice *d, int index) {
	ENTER(cuDeviceGet);
	if (index < 0 || index >= settings().devices) return CUDA_ERROR_INVALID_DEVICE;
	*d = index;
	return CUDA_SUCCESS;
}

API CUresult cuDeviceGetName(char *name, int size, CUdevice d) {
	ENTER(cuDeviceGetName);
	snprintf(name, size, "Stand-in %d", d);
	return CUDA_SUCCESS;
}

API CUresult cuDeviceGetUuid_v2(CUuuid *id, CUdevice d) {
	ENTER(cuDeviceGetUuid_v2);
	for (int i = 0; i < 16; i++) id->bytes[i] = (char)(16 * d + i);
	return CUDA_SUCCESS;
}

API CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice) {
	ENTER(cuDeviceTotalMem_v2);
	*bytes = settings().memory;
	return CUDA_SUCCESS;
}

API CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute a, CUdevice) {
	ENTER(cuDeviceGetAttribute);
	switch ((int)a) {
	case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = 2; break;
	case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = (int)settings().capability / 10; break;
	case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = (int)settings().capability % 10; break;
	case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: *value = 227 << 10; break;
	default: return CUDA_ERROR_INVALID_VALUE;
	}
	return CUDA_SUCCESS;
}

// The stack of contexts of each thread.
static thread_local std::vector<CUcontext> stack;

CUcontext current() {
	if (stack.empty()) return nullptr;
	CUcontext c = stack.back();
	std::lock_guard<std::mutex> hold(state().lock);
	return state().live["context"].count(c) ? c : nullptr;
}

API CUresult cuCtxGetCurrent(CUcontext *c) {
	ENTER(cuCtxGetCurrent);
	*c = current();
	return CUDA_SUCCESS;
}

static CUresult set_current(CUcontext c) {
	if (!stack.empty()) stack.pop_back();
	if (c) stack.push_back(c);
	return CUDA_SUCCESS;
}

API CUresult cuCtxSetCurrent(CUcontext c) {
	if (!c) ENTER_TO_FREE(cuCtxSetCurrent, set_current(c));
	ENTER(cuCtxSetCurrent);
	return set_current(c);
}

API CUresult cuCtxPushCurrent_v2(CUcontext c) {
	ENTER(cuCtxPushCurrent_v2);
	if (!c) return CUDA_ERROR_INVALID_CONTEXT;
	stack.push_back(c);
	return CUDA_SUCCESS;
}

API CUresult cuCtxPopCurrent_v2(CUcontext *c) {
	ENTER(cuCtxPopCurrent_v2);
	if (stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
	if (c) *c = stack.back();
	stack.pop_back();
	return CUDA_SUCCESS;
}

API CUresult cuCtxSynchronize() {
	ENTER(cuCtxSynchronize);
	CONTEXT;
	return synchronize_all(context);
}

API CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice, unsigned) {
	ENTER(cuDevicePrimaryCtxSetFlags_v2);
	return CUDA_SUCCESS;
}

API CUresult cuDevicePrimaryCtxRetain(CUcontext *c, CUdevice d) {
	ENTER(cuDevicePrimaryCtxRetain);
	{
		std::lock_guard<std::mutex> hold(state().lock);
		auto &p = state().primary[d];
		if (p.second++ == 0) {
			p.first = new CUctx_st{d, {}, nullptr};
			p.first->null_stream = new CUstream_st(p.first, 0);
			state().live["context"][p.first] = 0;
		}
		*c = p.first;
	}
	return CUDA_SUCCESS;
}

static CUresult release(CUdevice d) {
	CUcontext gone = nullptr;
	{
		std::lock_guard<std::mutex> hold(state().lock);
		auto p = state().primary.find(d);
		if (p == state().primary.end()) return CUDA_ERROR_INVALID_CONTEXT;
		if (--p->second.second > 0) return CUDA_SUCCESS;
		gone = p->second.first;
		state().primary.erase(p);
		state().live["context"].erase(gone);
	}
	delete gone->null_stream;
	// The rest of gone stays: a stream that was left open still points to it.
	return CUDA_SUCCESS;
}

API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice d) { ENTER_TO_FREE(cuDevicePrimaryCtxRelease_v2, release(d)); }
