// The host functions of the kernels in driver_test.go.
#include "kernel.h"

#include <unistd.h>

template <class T> static T parameter(const Launch *l, int i) { return *(T *)l->parameters[i]; }

// x[i] = a * x[i] + n for the first n of x
static int scale(const Launch *l) {
	float *x = parameter<float *>(l, 0), a = parameter<float>(l, 1);
	int n = parameter<int>(l, 2);
	for (int i = 0; i < n; i++) x[i] = a * x[i] + (float)n;
	return 0;
}

// As scale, but slow: what does not wait for it is found out.
static int slow_scale(const Launch *l) {
	usleep(20000);
	return scale(l);
}

__attribute__((constructor)) static void add() {
	standin_register("scale", scale);
	standin_register("slow_scale", slow_scale);
}
