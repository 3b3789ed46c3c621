// Modules from PTX, and launches. Of the PTX its version, its target and the declarations of its
// entries are read. The code itself is a translation of that very text, or where there is none a
// host function of the entry's name: see kernel.h.
#include "kernel.h"
#include "standin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <regex>

struct CUfunc_st {
	std::string name;
	std::vector<size_t> parameters;  // bytes of each
	int shared = 48 << 10;           // bytes of dynamic shared memory allowed
	Kernel kernel = nullptr;         // of the translation
};
struct CUmod_st { std::map<std::string, std::unique_ptr<CUfunc_st>> functions; };

static std::map<std::string, Kernel> &kernels() {
	static auto *k = new std::map<std::string, Kernel>;
	return *k;
}

API void standin_register(const char *name, Kernel kernel) {
	std::lock_guard<std::mutex> hold(state().lock);
	kernels()[name] = kernel;
}

// FNV-1a of the text without the white space around it.
static uint64_t digest_of(const std::string &text) {
	const char *white = " \t\r\n";
	size_t from = text.find_first_not_of(white), to = text.find_last_not_of(white);
	uint64_t h = 14695981039346656037u;
	if (from == std::string::npos) return h;
	for (size_t i = from; i <= to; i++) h = (h ^ (unsigned char)text[i]) * 1099511628211u;
	return h;
}

static std::map<std::pair<uint64_t, std::string>, Kernel> translations;  // under state().lock

bool load_translations() {
	const char *path = getenv("SERVERY_CUDA_KERNELS");
	if (!path || !*path) return true;
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	auto list = library ? (decltype(&standin_translated))dlsym(library, "standin_translated") : nullptr;
	if (!list) {
		fprintf(stderr, "stand-in: SERVERY_CUDA_KERNELS names no library of kernels: %s\n", dlerror());
		return false;
	}
	size_t n;
	const Translated *all = list(&n);
	std::lock_guard<std::mutex> hold(state().lock);
	for (size_t i = 0; i < n; i++) translations[{all[i].digest, all[i].name}] = all[i].kernel;
	return true;
}

// Gives each function of m its translation. Where the text has none, some of its entries must be
// host functions.
static bool find_kernels(const std::string &ptx, CUmod_st *m, std::string *log) {
	uint64_t digest = digest_of(ptx);
	bool any = false;
	std::lock_guard<std::mutex> hold(state().lock);
	for (auto &f : m->functions) {
		auto t = translations.find({digest, f.first});
		if (t != translations.end()) f.second->kernel = t->second;
		any |= f.second->kernel || kernels().count(f.first);
	}
	if (any || m->functions.empty()) return true;
	char text[160];
	snprintf(text, sizeof text, "no translation of this PTX, of the digest %016llx, is loaded: SERVERY_CUDA_KERNELS is unset or out of date, run make cuda-translation", (unsigned long long)digest);
	*log = text;
	return false;
}

// Reads the declaration of an entry's parameters. An array's alignment does not matter here.
static std::vector<size_t> parameter_sizes(const std::string &declared) {
	static const std::regex parameter(R"(\.param\s+(?:\.align\s+\d+\s+)?\.[usbf](\d+)[^,\[]*(?:\[(\d+)\])?)");
	std::vector<size_t> sizes;
	for (std::sregex_iterator i(declared.begin(), declared.end(), parameter), end; i != end; ++i) {
		size_t size = std::stoul((*i)[1]) / 8;
		if ((*i)[2].matched) size *= std::stoul((*i)[2]);
		sizes.push_back(size);
	}
	return sizes;
}

static CUresult parse(const std::string &ptx, CUmod_st *m, std::string *log) {
	static const std::regex version(R"((^|\n)\s*\.version\s+(\d+)\.(\d+))"), target(R"((^|\n)\s*\.target\s+sm_(\d+))");
	static const std::regex entry(R"(\.entry\s+([\w$]+)\s*\(([^)]*)\))");
	std::smatch found;
	if (!std::regex_search(ptx, version)) {
		*log = "the text has no .version";
		return CUDA_ERROR_INVALID_PTX;
	}
	if (!std::regex_search(ptx, found, target)) {
		*log = "the text has no .target sm_";
		return CUDA_ERROR_INVALID_PTX;
	}
	long needs = std::stol(found[2]), has;
	{
		std::lock_guard<std::mutex> hold(state().lock);
		has = state().settings.capability;
	}
	if (needs > has) {
		*log = "the code is for sm_" + std::to_string(needs) + ", the device is sm_" + std::to_string(has);
		return CUDA_ERROR_NO_BINARY_FOR_GPU;
	}
	for (std::sregex_iterator i(ptx.begin(), ptx.end(), entry), end; i != end; ++i) {
		auto f = std::make_unique<CUfunc_st>();
		f->name = (*i)[1];
		f->parameters = parameter_sizes((*i)[2]);
		m->functions[f->name] = std::move(f);
	}
	return CUDA_SUCCESS;
}

API CUresult cuModuleLoadDataEx(CUmodule *m, const void *image, unsigned n, CUjit_option *options, void **values) {
	ENTER(cuModuleLoadDataEx);
	CONTEXT;
	if (capturing(context)) return capture_unsupported;
	char *buffer = nullptr;
	size_t size = 0;
	for (unsigned i = 0; i < n; i++) {
		if (options[i] == CU_JIT_ERROR_LOG_BUFFER) buffer = (char *)values[i];
		if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) size = (size_t)values[i];
	}
	auto loaded = std::make_unique<CUmod_st>();
	std::string log;
	CUresult r = parse((const char *)image, loaded.get(), &log);
	if (!r && !find_kernels((const char *)image, loaded.get(), &log)) r = CUDA_ERROR_INVALID_PTX;
	if (buffer && size) snprintf(buffer, size, "%s", log.c_str());
	if (r) return r;
	*m = loaded.release();
	born("module", *m);
	return CUDA_SUCCESS;
}

static CUresult unload(CUmodule m) {
	if (!dies("module", m)) return CUDA_ERROR_INVALID_HANDLE;
	delete m;
	return CUDA_SUCCESS;
}

API CUresult cuModuleUnload(CUmodule m) { ENTER_TO_FREE(cuModuleUnload, unload(m)); }

API CUresult cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name) {
	ENTER(cuModuleGetFunction);
	auto found = m->functions.find(name);
	if (found == m->functions.end()) return CUDA_ERROR_NOT_FOUND;
	*f = found->second.get();
	return CUDA_SUCCESS;
}

API CUresult cuFuncGetAttribute(int *value, CUfunction_attribute a, CUfunction f) {
	ENTER(cuFuncGetAttribute);
	if (a == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK) *value = 1024;
	else if (a == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) *value = f->shared;
	else return CUDA_ERROR_INVALID_VALUE;
	return CUDA_SUCCESS;
}

API CUresult cuFuncGetParamInfo(CUfunction f, size_t index, size_t *, size_t *size) {
	ENTER(cuFuncGetParamInfo);
	if (index >= f->parameters.size()) return CUDA_ERROR_INVALID_VALUE;
	*size = f->parameters[index];
	return CUDA_SUCCESS;
}

API CUresult cuFuncSetAttribute(CUfunction f, CUfunction_attribute a, int value) {
	ENTER(cuFuncSetAttribute);
	if (a != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value < 0 || value > 227 << 10) return CUDA_ERROR_INVALID_VALUE;
	f->shared = value;
	return CUDA_SUCCESS;
}

static const Host host = {allocation};

API CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                            unsigned shared, CUstream s, void **parameters, void **) {
	ENTER(cuLaunchKernel);
	CONTEXT;
	if (!f) return CUDA_ERROR_INVALID_HANDLE;
	if (!gx || !gy || !gz || !bx || !by || !bz) return CUDA_ERROR_INVALID_VALUE;
	if (gx > 0x7fffffff || gy > 65535 || gz > 65535 || bx > 1024 || by > 1024 || bz > 64) return CUDA_ERROR_INVALID_VALUE;
	if (bx * by * bz > 1024 || (int)shared > f->shared) return CUDA_ERROR_INVALID_VALUE;
	Kernel kernel = f->kernel;
	bool races;
	{
		std::lock_guard<std::mutex> hold(state().lock);
		races = state().settings.races != 0;
		auto k = kernels().find(f->name);
		if (!kernel && k == kernels().end()) {
			fprintf(stderr, "stand-in: no host function is registered for the kernel %s\n", f->name.c_str());
			return CUDA_ERROR_NOT_SUPPORTED;
		}
		if (!kernel) kernel = k->second;
	}
	// The values are taken now, as many bytes of each as the kernel declares.
	std::vector<std::string> values;
	for (size_t i = 0; i < f->parameters.size(); i++) values.emplace_back((const char *)parameters[i], f->parameters[i]);
	std::string fault = "kernel:" + f->name;
	return enqueue(context, s, [=]() mutable {
		if (CUresult r = injected(fault.c_str())) return r;
		std::vector<void *> at;
		for (auto &v : values) at.push_back(&v[0]);
		Launch l = {{gx, gy, gz}, {bx, by, bz}, shared, at.data(), &host, races};
		return (CUresult)kernel(&l);
	});
}
