//go:build cuda && linux && (amd64 || arm64)

package driver

/*
#cgo CFLAGS: -Wall
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "bind.h"
*/
import "C"

import (
	"cmp"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"unsafe"
)

// Library is the name under which the loader of shared libraries knows the driver.
const Library = "libcuda.so.1"

// moduleLoading is the driver's variable that says when it loads a kernel. Since CUDA 12.2 that
// is at the first launch unless told otherwise, and may wait for the whole device, which a
// launch that is captured must not.
const moduleLoading = "CUDA_MODULE_LOADING"

var loaded struct {
	sync.Mutex
	report *Report
}

// Load binds the driver's library at path, where path is empty that which Variable names, else
// Library, and initialises it. The first success holds for the process: later calls give the same report, whatever
// their path. An error wraps ErrNoDriver, ErrNoDevice or ErrOldDriver, or is an *Error of
// cuInit; Load may then be tried again.
func Load(path string) (Report, error) {
	loaded.Lock()
	defer loaded.Unlock()
	if loaded.report != nil {
		return *loaded.report, nil
	}
	if path == "" {
		path = cmp.Or(os.Getenv(Variable), Library)
	}
	if os.Getenv(moduleLoading) == "" {
		os.Setenv(moduleLoading, "EAGER")
	}
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	b := (*C.servery_cuda_binding)(C.calloc(1, C.sizeof_servery_cuda_binding))
	defer C.free(unsafe.Pointer(b))
	C.servery_cuda_bind(name, b)

	r := Report{
		Version: Version(b.version),
		Path:    C.GoString(&b.path[0]),
		Missing: strings.Fields(C.GoString(&b.names[0])),
	}
	if err := refusal(path, b, r); err != nil {
		unbind()
		return Report{}, err
	}
	loaded.report = &r
	return r, nil
}

// unbind lets every call give ErrNotInitialized again, and Load start anew.
func unbind() {
	C.servery_cuda_unbind()
	loaded.report = nil
}

// refusal says why the library cannot be used; nil where it can.
func refusal(path string, b *C.servery_cuda_binding, r Report) error {
	switch {
	case b.code == C.CUDA_ERROR_NO_DEVICE || b.code == C.CUDA_ERROR_INVALID_DEVICE:
		return fmt.Errorf("%w: %s (CUDA %s) is there, but no device. Look at nvidia-smi, and whether CUDA_VISIBLE_DEVICES hides it", ErrNoDevice, r.Path, r.Version)
	case b.code != 0:
		return &Error{Call: "cuInit", Code: int(b.code), Name: initName(int(b.code)), Detail: r.Path}
	case b.bound == 0:
		return fmt.Errorf("%w, or it cannot be used: %s: %s. Install NVIDIA's driver (on Debian: nvidia-driver and libcuda1)", ErrNoDriver, path, C.GoString(&b.text[0]))
	case r.Version < OldestVersion:
		return fmt.Errorf("%w: %s serves CUDA %s, at least %s is needed. Install driver 470 or newer", ErrOldDriver, r.Path, r.Version, OldestVersion)
	}
	return nil
}

// initName names the codes of cuInit: the library that could is closed again by then.
func initName(code int) string {
	return map[int]string{
		C.CUDA_ERROR_OUT_OF_MEMORY:                  "CUDA_ERROR_OUT_OF_MEMORY",
		C.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:         "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
		C.CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE: "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE",
		C.CUDA_ERROR_SYSTEM_NOT_READY:               "CUDA_ERROR_SYSTEM_NOT_READY",
		C.CUDA_ERROR_UNKNOWN:                        "CUDA_ERROR_UNKNOWN",
	}[code]
}

// MissingCalls counts the calls that gave ErrNotSupported because the driver lacks them.
func MissingCalls() int { return int(C.servery_cuda_missing_calls()) }

// failed makes an *Error of what a call of cu or of the driver gave; nil of a success. format
// and args say of what.
func failed(call string, result any, format string, args ...any) error {
	code := 0
	switch r := result.(type) {
	case nil:
		return nil
	case C.CUresult:
		code = int(r)
	case error:
		// cu's type is not exported; it is an int.
		v := reflect.ValueOf(r)
		if v.Kind() != reflect.Int {
			return fmt.Errorf("%s: %w", call, r)
		}
		code = int(v.Int())
	}
	if code == 0 {
		return nil
	}
	e := &Error{Call: call, Code: code, Detail: fmt.Sprintf(format, args...)}
	var text *C.char
	if C.cuGetErrorName(C.CUresult(code), &text) == 0 && text != nil {
		e.Name = C.GoString(text)
	}
	text = nil
	if C.cuGetErrorString(C.CUresult(code), &text) == 0 && text != nil {
		e.Text = C.GoString(text)
	}
	return e
}
