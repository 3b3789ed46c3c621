//go:build cuda && linux && (amd64 || arm64)

package driver

/*
#include <stdlib.h>
#include "bind.h"

enum { log_size = 16384 };

// The driver writes the compiler's complaints to log.
static CUresult load_ptx(CUmodule *module, const char *ptx, char *log) {
	CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
	void *values[] = {log, (void *)(size_t)(log_size - 1)};
	return cuModuleLoadDataEx(module, ptx, 2, options, values);
}

// params is copied before the call returns.
static CUresult launch(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                       unsigned shared, CUstream stream, void *params) {
	void *parameters[] = {params};
	return cuLaunchKernel(f, gx, gy, gz, bx, by, bz, shared, stream, parameters, NULL);
}
*/
import "C"

import (
	"fmt"
	"strings"
	"unsafe"

	"gorgonia.org/cu"
)

// Module is device code, compiled for the device.
type Module struct {
	m      C.CUmodule
	closed bool
}

// Load lets the driver compile PTX, which takes seconds where it has not cached the result. The
// error has the compiler's log.
func (c *Context) Load(ptx string) (*Module, error) {
	if strings.IndexByte(ptx, 0) >= 0 {
		return nil, fmt.Errorf("cuda: the device code has a zero byte: it is not PTX")
	}
	text := C.CString(ptx)
	defer C.free(unsafe.Pointer(text))
	log := (*C.char)(C.calloc(1, C.log_size))
	defer C.free(unsafe.Pointer(log))
	m := &Module{}
	r := C.load_ptx(&m.m, text, log)
	if err := failed("cuModuleLoadDataEx", r, "%d bytes of PTX: %s", len(ptx), strings.TrimSpace(C.GoString(log))); err != nil {
		return nil, err
	}
	return m, nil
}

// module is m as cu knows it: a struct of the handle alone.
func (m *Module) module() cu.Module { return *(*cu.Module)(unsafe.Pointer(&m.m)) }

// Close unloads m. Its functions may not be launched any more. A second Close does nothing.
func (m *Module) Close() error {
	if m.closed {
		return nil
	}
	m.closed = true
	return failed("cuModuleUnload", m.module().Unload(), "")
}

// Function is a kernel of a module.
type Function struct {
	f      C.CUfunction
	name   string
	shared int // bytes of dynamic shared memory it may have
	params int // bytes of its parameter; -1 where the driver does not tell
}

// sharedByDefault is what every function may have without asking.
const sharedByDefault = 48 << 10

// Function gives the entry of that name.
func (m *Module) Function(name string) (*Function, error) {
	f, err := m.module().Function(name)
	if err != nil {
		return nil, failed("cuModuleGetFunction", err, "%s", name)
	}
	// cu's Function is a struct of the handle alone.
	fn := &Function{f: *(*C.CUfunction)(unsafe.Pointer(&f)), name: name, shared: sharedByDefault}
	var at, size C.size_t
	switch r := C.cuFuncGetParamInfo(fn.f, 0, &at, &size); r {
	case C.CUDA_SUCCESS:
		fn.params = int(size)
	case C.CUDA_ERROR_INVALID_VALUE: // it has none
	case C.CUDA_ERROR_NOT_SUPPORTED: // before CUDA 12.4
		fn.params = -1
	default:
		return nil, failed("cuFuncGetParamInfo", r, "%s", name)
	}
	return fn, nil
}

// AllowShared lets launches of f have up to n bytes of dynamic shared memory, where 48 KB are
// not enough; at most Info.SharedBytes, less what f declares itself.
func (f *Function) AllowShared(n int) error {
	if n <= f.shared {
		return nil
	}
	r := C.cuFuncSetAttribute(f.f, C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, C.int(n))
	if err := failed("cuFuncSetAttribute", r, "%s, %d bytes of shared memory", f.name, n); err != nil {
		return err
	}
	f.shared = n
	return nil
}

// MaxThreads is how many threads a block of f may have: registers may allow less than 1024.
func (f *Function) MaxThreads() (int, error) {
	n, err := (*(*cu.Function)(unsafe.Pointer(&f.f))).Attribute(cu.FnMaxThreadsPerBlock)
	return n, failed("cuFuncGetAttribute", err, "%s", f.name)
}

// Dim is a number of blocks, or of threads in a block, along x, y and z; none of them zero.
type Dim struct{ X, Y, Z uint32 }

// Launch enqueues f with shared bytes of dynamic shared memory. params is its one parameter, a
// structure by value as f declares it; nil of a kernel without. What goes wrong inside the kernel
// shows when the stream is synchronized. params may be used again at once.
func (s *Stream) Launch(f *Function, grid, block Dim, shared int, params []byte) error {
	// A shorter one would be read past its end.
	if f.params >= 0 && len(params) != f.params {
		return fmt.Errorf("cuda: %s is launched with %d bytes of parameters and takes %d: the device code and the program differ", f.name, len(params), f.params)
	}
	r := C.launch(f.f, C.uint(grid.X), C.uint(grid.Y), C.uint(grid.Z), C.uint(block.X), C.uint(block.Y), C.uint(block.Z),
		C.uint(shared), s.c(), unsafe.Pointer(unsafe.SliceData(params)))
	if r == 0 {
		return nil
	}
	return failed("cuLaunchKernel", r, "%s, grid %v, block %v, %d bytes of shared memory", f.name, grid, block, shared)
}
