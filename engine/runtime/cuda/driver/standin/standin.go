//go:build cuda && linux && (amd64 || arm64)

// Package standin lets tests steer the stand-in for NVIDIA's driver in libcuda/, a shared library
// of its own that `make cuda-standin` builds. It is no part of the product.
package standin

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>

static void reset(void *f) { ((void (*)(void))f)(); }
static int set(void *f, const char *name, long value) { return ((int (*)(const char *, long))f)(name, value); }
static void fail(void *f, const char *call, long nth, int code) { ((void (*)(const char *, long, int))f)(call, nth, code); }
static size_t list(void *f, char *text, size_t size) { return ((size_t(*)(char *, size_t))f)(text, size); }
*/
import "C"

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"
)

// Path gives the path of the library, or ends the test where it is not built.
func Path(t testing.TB) string { return path(t, "SERVERY_CUDA_STANDIN") }

// OldPath gives the path of a library that lacks the entry points for graphs.
func OldPath(t testing.TB) string { return path(t, "SERVERY_CUDA_STANDIN_OLD") }

// NVMLPath gives the path of the stand-in for NVML.
func NVMLPath(t testing.TB) string { return path(t, "SERVERY_NVML_STANDIN") }

func path(t testing.TB, variable string) string {
	t.Helper()
	p := os.Getenv(variable)
	if p == "" {
		t.Fatalf("%s does not name the stand-in: run make cuda-test", variable)
	}
	return p
}

// Library is the stand-in, loaded into the process. It is the driver's library at the same time
// where the driver was loaded from the same path.
type Library struct {
	t      testing.TB
	handle unsafe.Pointer
}

// Open loads the library at path, resets it, and resets it again when the test ends, which then
// fails where an object of the driver is left.
func Open(t testing.TB, path string) *Library {
	t.Helper()
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	handle := C.dlopen(name, C.RTLD_NOW|C.RTLD_LOCAL)
	if handle == nil {
		t.Fatalf("cannot load the stand-in: %s", C.GoString(C.dlerror()))
	}
	l := &Library{t, handle}
	l.Reset()
	t.Cleanup(func() {
		if live := l.Live(); len(live) > 0 {
			t.Errorf("left in the driver: %v", live)
		}
		l.Reset()
		C.dlclose(handle)
	})
	return l
}

func (l *Library) symbol(name string) unsafe.Pointer {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	f := C.dlsym(l.handle, c)
	if f == nil {
		l.t.Fatalf("the stand-in has no %s: build it again with make cuda-standin", name)
	}
	return f
}

// Reset forgets settings, faults, counts and the loss of the device, not what is alive.
func (l *Library) Reset() { C.reset(l.symbol("standin_reset")) }

// Set changes "devices" (1), "memory" in bytes (1 GiB), "capability" (90), "version" (12080) or
// "races" (1), whether kernels look for races in shared memory.
func (l *Library) Set(name string, value int) {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	if C.set(l.symbol("standin_set"), c, C.long(value)) == 0 {
		l.t.Fatalf("the stand-in has no setting %s", name)
	}
}

// Fail lets the nth call since the reset, counted from 1, give code. call is the exported name,
// or "kernel:NAME", the kernel of that name when it runs: the launch is then well, and what waits
// for it fails.
func (l *Library) Fail(call string, nth, code int) {
	c := C.CString(call)
	defer C.free(unsafe.Pointer(c))
	C.fail(l.symbol("standin_fail"), c, C.long(nth), C.int(code))
}

// Calls counts the calls since the reset by exported name.
func (l *Library) Calls() map[string]int { return l.list("standin_calls") }

// Live counts the driver's objects by kind.
func (l *Library) Live() map[string]int { return l.list("standin_live") }

func (l *Library) list(symbol string) map[string]int {
	const size = 16 << 10
	text := (*C.char)(C.calloc(1, size))
	defer C.free(unsafe.Pointer(text))
	if n := C.list(l.symbol(symbol), text, size); n >= size {
		l.t.Fatalf("%s gives %d bytes", symbol, n)
	}
	counts := map[string]int{}
	for line := range strings.Lines(C.GoString(text)) {
		i := strings.LastIndexByte(line, ' ')
		counts[line[:i]], _ = strconv.Atoi(strings.TrimSpace(line[i+1:]))
	}
	return counts
}

// EachFails does f once for each call of the driver that f makes, which then fails with code,
// and lets judge look at what came of it. Calls named in spared do not fail.
func (l *Library) EachFails(code int, f func() error, judge func(call string, nth int, err error), spared ...string) {
	l.t.Helper()
	l.Reset()
	if err := f(); err != nil {
		l.t.Fatalf("where nothing fails: %v", err)
	}
	calls, tried := l.Calls(), 0
	for _, call := range slices.Sorted(maps.Keys(calls)) {
		if slices.Contains(spared, call) {
			continue
		}
		for nth := 1; nth <= calls[call]; nth++ {
			l.Reset()
			l.Fail(call, nth, code)
			err := f()
			tried++
			judge(call, nth, err)
			if live := l.Live(); len(live) > 0 {
				l.t.Fatalf("%s fails at %d with %d and leaves %v", call, nth, code, live)
			}
		}
	}
	l.t.Logf("%d entry points, %d failures with %d", len(calls), tried, code)
	l.Reset()
	if err := f(); err != nil {
		l.t.Errorf("after all: %v", err)
	}
}
