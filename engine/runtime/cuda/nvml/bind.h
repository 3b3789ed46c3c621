#pragma once

// NVML's entry points, bound. text says why the library could not be loaded.
typedef struct {
	void *handle;
	int (*init)(void);
	int (*shutdown)(void);
	int (*driver_version)(char *text, unsigned size);
	int (*by_uuid)(const char *uuid, void **device);
	int (*utilisation)(void *device, void *rates);
	int (*memory)(void *device, void *info);
	int (*temperature)(void *device, int sensor, unsigned *celsius);
	int (*power)(void *device, unsigned *milliwatts);
	char text[512];
} servery_nvml;

// What one card measures; below zero what it does not.
typedef struct {
	long long used, total;
	double percent, celsius, watts;
} servery_nvml_figures;

// Each gives an nvmlReturn_t, 0 for success.
int servery_nvml_open(const char *path, servery_nvml *b);
int servery_nvml_driver(servery_nvml *b, char *text, unsigned size);
int servery_nvml_read(servery_nvml *b, const char *uuid, servery_nvml_figures *f);
void servery_nvml_close(servery_nvml *b);
