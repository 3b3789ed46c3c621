//go:build cuda && linux && (amd64 || arm64)

package nvml

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
	"unsafe"
)

// Name is the name under which the loader of shared libraries knows NVML.
const Name = "libnvidia-ml.so.1"

// Library is NVML, loaded and initialised. One goroutine at a time uses it.
type Library struct{ b *C.servery_nvml }

// Open loads the library at path, where path is empty that which Variable names, else Name. The error wraps ErrAbsent.
func Open(path string) (*Library, error) {
	if path == "" {
		path = cmp.Or(os.Getenv(Variable), Name)
	}
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	b := (*C.servery_nvml)(C.calloc(1, C.sizeof_servery_nvml))
	if code := C.servery_nvml_open(name, b); code != 0 {
		defer C.free(unsafe.Pointer(b))
		if b.text[0] != 0 {
			return nil, fmt.Errorf("%w: %s", ErrAbsent, C.GoString(&b.text[0]))
		}
		return nil, fmt.Errorf("%w: %s: nvmlInit gives %d", ErrAbsent, path, int(code))
	}
	return &Library{b}, nil
}

// Driver is the version of NVIDIA's driver, "535.183.01"; "" where NVML does not tell it.
func (l *Library) Driver() string {
	var text [96]C.char // NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE is 80
	if C.servery_nvml_driver(l.b, &text[0], C.uint(len(text)-1)) != 0 {
		return ""
	}
	return C.GoString(&text[0])
}

// Read measures the card with a UUID of the form GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx. It
// fails where NVML does not know the card or has lost it.
func (l *Library) Read(uuid string) (Figures, error) {
	id := C.CString(uuid)
	defer C.free(unsafe.Pointer(id))
	var f C.servery_nvml_figures
	if code := C.servery_nvml_read(l.b, id, &f); code != 0 {
		return Figures{}, fmt.Errorf("NVML does not find %s: nvmlDeviceGetHandleByUUID gives %d", uuid, int(code))
	}
	return Figures{MemoryUsed: int64(f.used), MemoryTotal: int64(f.total),
		Percent: float64(f.percent), Celsius: float64(f.celsius), Watts: float64(f.watts)}, nil
}

// Close gives the library back.
func (l *Library) Close() {
	C.servery_nvml_close(l.b)
	C.free(unsafe.Pointer(l.b))
}
