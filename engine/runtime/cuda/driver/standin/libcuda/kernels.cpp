// The host functions of the kernels in the tests of packages driver and executor.
#include "kernel.h"

#include <unistd.h>

struct Scale { float *x, a; int n; };

// x[i] = a * x[i] + n for the first n of x
static int scale(const Launch *l) {
	auto p = (const Scale *)l->parameters[0];
	for (int i = 0; i < p->n; i++) p->x[i] = p->a * p->x[i] + (float)p->n;
	return 0;
}

// As scale, but slow: what does not wait for it is found out.
static int slow_scale(const Launch *l) {
	usleep(20000);
	return scale(l);
}

struct Weigh { const float *x, *w; float *y; int n; };

// y[i] = x[i] * w[i % 4] for n floats
static int weigh(const Launch *l) {
	auto p = (const Weigh *)l->parameters[0];
	for (int i = 0; i < p->n; i++) p->y[i] = p->x[i] * p->w[i % 4];
	return 0;
}

struct Refuse { const float *x; unsigned *fault, number; float limit; };

// Leaves its number where the first of x is above a limit.
static int refuse(const Launch *l) {
	auto p = (const Refuse *)l->parameters[0];
	if (*p->x > p->limit) *p->fault = p->number;
	return 0;
}

__attribute__((constructor)) static void add() {
	standin_register("scale", scale);
	standin_register("slow_scale", slow_scale);
	standin_register("weigh", weigh);
	standin_register("refuse", refuse);
}
