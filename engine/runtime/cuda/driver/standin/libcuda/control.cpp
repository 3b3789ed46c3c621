// What tests tell the stand-in and ask of it.
#include "standin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

std::atomic<int> lost{0};

// STANDIN_FAIL="call nth code": as standin_fail, for a process that a test does not control.
static State *first_state() {
	State *s = new State;  // threads of streams may outlive static objects
	char call[128];
	long nth;
	int code;
	const char *text = getenv("STANDIN_FAIL");
	if (text && sscanf(text, "%127s %ld %d", call, &nth, &code) == 3) s->faults[call][nth] = code;
	return s;
}

State &state() {
	static State *s = first_state();
	return *s;
}

long from_environment(const char *variable, long otherwise) {
	const char *text = getenv(variable);
	return text ? atol(text) : otherwise;
}

CUresult injected(const char *call) {
	State &s = state();
	std::lock_guard<std::mutex> hold(s.lock);
	long n = ++s.calls[call];
	auto f = s.faults.find(call);
	if (f == s.faults.end()) return CUDA_SUCCESS;
	auto at = f->second.find(n);
	return at == f->second.end() ? CUDA_SUCCESS : (CUresult)at->second;
}

bool initialized() {
	std::lock_guard<std::mutex> hold(state().lock);
	return state().initialized;
}

void born(const char *kind, void *object, size_t size) {
	std::lock_guard<std::mutex> hold(state().lock);
	state().live[kind][object] = size;
}

bool dies(const char *kind, void *object) {
	std::lock_guard<std::mutex> hold(state().lock);
	return state().live[kind].erase(object) == 1;
}

// Forgets settings, faults, counts and the loss of the device; not what is alive.
API void standin_reset() {
	State &s = state();
	std::lock_guard<std::mutex> hold(s.lock);
	s.settings = Settings();
	s.calls.clear();
	s.faults.clear();
	lost = 0;
}

// Returns 0 where there is no such setting.
API int standin_set(const char *name, long value) {
	State &s = state();
	std::lock_guard<std::mutex> hold(s.lock);
	if (!strcmp(name, "devices")) s.settings.devices = value;
	else if (!strcmp(name, "memory")) s.settings.memory = value;
	else if (!strcmp(name, "capability")) s.settings.capability = value;
	else if (!strcmp(name, "version")) s.settings.version = value;
	else if (!strcmp(name, "races")) s.settings.races = value;
	else return 0;
	return 1;
}

// Lets the nth call from the reset on, counted from 1, give code. "kernel:NAME" is the kernel of
// that name when it runs, not its launch.
API void standin_fail(const char *call, long nth, int code) {
	std::lock_guard<std::mutex> hold(state().lock);
	state().faults[call][nth] = code;
}

// The calls made since the reset as "name count" lines, and what is alive as "kind count".
API size_t standin_calls(char *text, size_t size) {
	std::lock_guard<std::mutex> hold(state().lock);
	std::string all;
	for (auto &c : state().calls)
		if (c.first.find(':') == std::string::npos) all += c.first + " " + std::to_string(c.second) + "\n";
	strncpy(text, all.c_str(), size - 1);
	return all.size();
}

API size_t standin_live(char *text, size_t size) {
	std::lock_guard<std::mutex> hold(state().lock);
	std::string all;
	for (auto &k : state().live)
		if (!k.second.empty()) all += k.first + " " + std::to_string(k.second.size()) + "\n";
	strncpy(text, all.c_str(), size - 1);
	return all.size();
}
