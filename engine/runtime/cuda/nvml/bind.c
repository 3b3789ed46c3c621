//go:build cuda && linux && (amd64 || arm64)

#include "bind.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

enum { function_not_found = 13, gpu_core = 0 };  // NVML_ERROR_FUNCTION_NOT_FOUND, NVML_TEMPERATURE_GPU

// nvmlUtilization_t and nvmlMemory_t.
typedef struct { unsigned gpu, memory; } rates;
typedef struct { unsigned long long total, free, used; } memory_info;

int servery_nvml_open(const char *path, servery_nvml *b) {
	memset(b, 0, sizeof *b);
	b->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!b->handle) {
		snprintf(b->text, sizeof b->text, "%s", dlerror());
		return function_not_found;
	}
	*(void **)&b->init = dlsym(b->handle, "nvmlInit_v2");
	*(void **)&b->shutdown = dlsym(b->handle, "nvmlShutdown");
	*(void **)&b->driver_version = dlsym(b->handle, "nvmlSystemGetDriverVersion");
	*(void **)&b->by_uuid = dlsym(b->handle, "nvmlDeviceGetHandleByUUID");
	*(void **)&b->utilisation = dlsym(b->handle, "nvmlDeviceGetUtilizationRates");
	*(void **)&b->memory = dlsym(b->handle, "nvmlDeviceGetMemoryInfo");
	*(void **)&b->temperature = dlsym(b->handle, "nvmlDeviceGetTemperature");
	*(void **)&b->power = dlsym(b->handle, "nvmlDeviceGetPowerUsage");
	int code = function_not_found;
	if (!b->init || !b->shutdown || !b->by_uuid)
		snprintf(b->text, sizeof b->text, "%s has no nvmlInit_v2, nvmlShutdown or nvmlDeviceGetHandleByUUID", path);
	else
		code = b->init();
	if (code) dlclose(b->handle);
	return code;
}

int servery_nvml_driver(servery_nvml *b, char *text, unsigned size) {
	return b->driver_version ? b->driver_version(text, size) : function_not_found;
}

int servery_nvml_read(servery_nvml *b, const char *uuid, servery_nvml_figures *f) {
	*f = (servery_nvml_figures){-1, -1, -1, -1, -1};
	void *device;
	int code = b->by_uuid(uuid, &device);
	if (code) return code;
	rates r;
	if (b->utilisation && !b->utilisation(device, &r)) f->percent = r.gpu;
	memory_info m;
	if (b->memory && !b->memory(device, &m)) f->used = (long long)m.used, f->total = (long long)m.total;
	unsigned value;
	if (b->temperature && !b->temperature(device, gpu_core, &value)) f->celsius = value;
	if (b->power && !b->power(device, &value)) f->watts = value / 1000.0;
	return 0;
}

void servery_nvml_close(servery_nvml *b) {
	b->shutdown();
	dlclose(b->handle);
}
