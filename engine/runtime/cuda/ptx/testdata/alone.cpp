// A program that executes translated kernels without the stand-in: it reads launches from its
// input and writes what they end with and leave in memory to its output. See machine_test.go.
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <string>
#include <vector>

#include "kernel.h"

extern "C" const Translated *standin_translated(size_t *n);

template <class T> static T take() {
	T t{};
	if (fread(&t, sizeof t, 1, stdin) != 1) exit(0);
	return t;
}
static std::string bytes(size_t n) {
	std::string s(n, 0);
	if (n && fread(&s[0], n, 1, stdin) != 1) exit(1);
	return s;
}

struct Buffer { char *at; size_t size; };
static std::vector<Buffer> buffers;

static bool allocation(uint64_t address, uint64_t *start, uint64_t *end) {
	for (Buffer &b : buffers) {
		*start = (uint64_t)b.at, *end = *start + b.size;
		if (address - *start < b.size + 256) return true;
	}
	return false;
}

int main() {
	size_t n;
	const Translated *all = standin_translated(&n);
	for (;;) {
		uint64_t digest = take<uint64_t>();
		std::string name = bytes(take<uint32_t>());
		Launch l{};
		for (unsigned &x : l.grid) x = take<uint32_t>();
		for (unsigned &x : l.block) x = take<uint32_t>();
		l.shared = take<uint32_t>();
		l.races = take<uint32_t>();
		static const Host host = {allocation};
		l.host = &host;
		buffers.clear();
		for (uint32_t k = take<uint32_t>(); k; k--) {
			size_t size = take<uint64_t>();
			char *at = (char *)aligned_alloc(256, (size + 4096) / 256 * 256);
			memcpy(at, bytes(size).data(), size);
			buffers.push_back({at, size});
		}
		std::vector<std::string> values;
		for (uint32_t k = take<uint32_t>(); k; k--) {
			values.push_back(bytes(take<uint32_t>()));
			for (uint32_t pointers = take<uint32_t>(); pointers; pointers--) {
				uint32_t offset = take<uint32_t>(), buffer = take<uint32_t>();
				uint64_t p = (uint64_t)buffers[buffer].at + take<uint64_t>();
				memcpy(&values.back()[offset], &p, 8);
			}
		}
		std::vector<void *> parameters;
		for (std::string &v : values) parameters.push_back(&v[0]);
		l.parameters = parameters.data();
		int32_t code = -1;
		for (size_t i = 0; i < n; i++)
			if (all[i].digest == digest && all[i].name == name) code = all[i].kernel(&l);
		fwrite(&code, 4, 1, stdout);
		for (Buffer &b : buffers) {
			fwrite(b.at, 1, b.size, stdout);
			free(b.at);
		}
		fflush(stdout);
	}
}
