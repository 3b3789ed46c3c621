// A stand-in for NVML, for tests: it measures the cards of the stand-in for the driver, whose
// UUIDs count up from GPU-0001..., and answers as the environment says.
//   STANDIN_NVML=uninitialised   nvmlInit_v2 fails, as where the kernel has no module
//   STANDIN_NVML=crash           reading utilisation ends the process
//   STANDIN_NVML=poor            the card measures its memory only
#include <stdlib.h>
#include <string.h>

#define API extern "C" __attribute__((visibility("default")))

enum { success = 0, not_supported = 3, not_found = 6, driver_not_loaded = 9 };

static bool told(const char *word) {
	const char *v = getenv("STANDIN_NVML");
	return v && !strcmp(v, word);
}

static int cards[16];

API int nvmlInit_v2() { return told("uninitialised") ? driver_not_loaded : success; }
API int nvmlShutdown() { return success; }

API int nvmlSystemGetDriverVersion(char *text, unsigned size) {
	strncpy(text, "570.00-standin", size);
	return success;
}

// The first byte of a card's UUID is 16 times its index.
API int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
	if (strlen(uuid) != 40 || strncmp(uuid, "GPU-", 4) || uuid[5] != '0') return not_found;
	const char digit[] = {uuid[4], 0};
	*device = &cards[strtol(digit, nullptr, 16)];
	return success;
}

API int nvmlDeviceGetUtilizationRates(void *device, unsigned *rates) {
	if (told("crash")) abort();
	if (told("poor")) return not_supported;
	rates[0] = 40 + (unsigned)((int *)device - cards);
	rates[1] = 7;
	return success;
}

API int nvmlDeviceGetMemoryInfo(void *, unsigned long long *info) {
	info[0] = 1ull << 30, info[1] = 3ull << 28, info[2] = 1ull << 28;  // total, free, used
	return success;
}

API int nvmlDeviceGetTemperature(void *, int, unsigned *celsius) {
	if (told("poor")) return not_supported;
	*celsius = 51;
	return success;
}

API int nvmlDeviceGetPowerUsage(void *, unsigned *milliwatts) {
	if (told("poor")) return not_supported;
	*milliwatts = 71500;
	return success;
}
