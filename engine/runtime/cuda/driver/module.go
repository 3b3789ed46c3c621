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

enum { max_parameters = 32 };

// values has room for max_parameters. A kernel that takes more than it was given reads zeros.
static CUresult launch(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                       unsigned shared, CUstream stream, unsigned long long *values) {
	void *parameters[max_parameters];
	for (int i = 0; i < max_parameters; i++) parameters[i] = &values[i];
	return cuLaunchKernel(f, gx, gy, gz, bx, by, bz, shared, stream, parameters, NULL);
}
*/
import "C"

import (
	"fmt"
	"math"
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
	return &Function{f: *(*C.CUfunction)(unsafe.Pointer(&f)), name: name, shared: sharedByDefault}, nil
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

// Args are the parameters of a launch, in order, each of at most 8 bytes. The zero value has
// none. An Args may be kept and reset, so that a launch allocates nothing.
type Args struct {
	values [C.max_parameters]C.ulonglong
	n      int
}

// Reset takes all parameters away.
func (a *Args) Reset() *Args {
	*a = Args{}
	return a
}

// Buffer adds the address of the byte at in b.
func (a *Args) Buffer(b *Buffer, at int64) *Args { return a.add(uint64(b.at) + uint64(at)) }

// Int32 adds an .s32 or .u32.
func (a *Args) Int32(v int32) *Args { return a.add(uint64(uint32(v))) }

// Int64 adds an .s64 or .u64.
func (a *Args) Int64(v int64) *Args { return a.add(uint64(v)) }

// Float32 adds an .f32.
func (a *Args) Float32(v float32) *Args { return a.add(uint64(math.Float32bits(v))) }

func (a *Args) add(v uint64) *Args {
	if a.n < len(a.values) {
		a.values[a.n] = C.ulonglong(v)
	}
	a.n++
	return a
}

// Dim is a number of blocks, or of threads in a block, along x, y and z; none of them zero.
type Dim struct{ X, Y, Z uint32 }

// Launch enqueues f with shared bytes of dynamic shared memory. What goes wrong inside the
// kernel shows when the stream is synchronized. args may be used again at once.
func (s *Stream) Launch(f *Function, grid, block Dim, shared int, args *Args) error {
	if args.n > len(args.values) {
		return fmt.Errorf("cuda: %s is launched with %d parameters: at most %d are passed", f.name, args.n, len(args.values))
	}
	r := C.launch(f.f, C.uint(grid.X), C.uint(grid.Y), C.uint(grid.Z), C.uint(block.X), C.uint(block.Y), C.uint(block.Z),
		C.uint(shared), s.c(), &args.values[0])
	if r == 0 {
		return nil
	}
	return failed("cuLaunchKernel", r, "%s, grid %v, block %v, %d bytes of shared memory", f.name, grid, block, shared)
}
