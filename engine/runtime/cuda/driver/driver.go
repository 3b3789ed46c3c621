// Package driver speaks to NVIDIA's driver through gorgonia.org/cu. The driver is bound when
// Load is called, not when the program starts: one binary runs with and without it, and needs
// nothing of the CUDA toolkit.
//
// A [Context] belongs to the goroutine that opened it, and with it its streams, events and graphs.
// What a program without the build tag cuda has of this
// package is Load, which says so, and the types that describe errors and devices.
package driver

import (
	"errors"
	"fmt"
	"strings"
)

// Reasons for which Load finds no GPU. Its error tells more and what to do.
var (
	ErrNotBuilt  = errors.New("this program is built without CUDA")
	ErrNoDriver  = errors.New("no NVIDIA driver is installed")
	ErrNoDevice  = errors.New("the NVIDIA driver finds no GPU")
	ErrOldDriver = errors.New("the NVIDIA driver is too old")
)

// OldestVersion is the oldest version of the driver's API that serves: 11.4, of the drivers
// 470 and newer. Older ones cannot make a graph ready without an entry point that newer ones
// advise against.
const OldestVersion Version = 11040

// Variable is the environment variable that names the driver's library in an unusual place.
const Variable = "SERVERY_CUDA_LIBRARY"

// Version is a version of the driver's API: 1000 times the major part and 10 times the minor.
type Version int

// String gives "12.2" for 12020.
func (v Version) String() string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// Report says what was bound.
type Report struct {
	Version Version  // of the driver's API: the newest CUDA that it serves
	Path    string   // of the library
	Missing []string // entry points that the driver lacks, by name; a call of one gives ErrNotSupported
}

// Info describes a device.
type Info struct {
	Index       int    // among the devices that the driver shows, from 0
	Name        string // as NVIDIA sells it
	UUID        string // GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx
	Memory      int64  // bytes
	Capability  int    // compute capability: 10 times the major part and the minor, 90 for 9.0
	Processors  int    // streaming multiprocessors
	SharedBytes int    // of shared memory that a block may ask for, at most
	Driver      Version
}

// Error is a failed call of the driver.
type Error struct {
	Call   string // cuMemAlloc
	Code   int    // the CUresult
	Name   string // CUDA_ERROR_OUT_OF_MEMORY; empty where the driver does not know the code
	Text   string // what the driver says of the code
	Detail string // of what: sizes, names, the compiler's log
}

// Codes that callers tell apart: errors.Is(err, ErrOutOfMemory).
var (
	ErrInvalidValue    = &Error{Code: 1}
	ErrOutOfMemory     = &Error{Code: 2}
	ErrNotInitialized  = &Error{Code: 3}
	ErrInvalidContext  = &Error{Code: 201}
	ErrNoBinary        = &Error{Code: 209} // PTX for a newer GPU
	ErrInvalidPTX      = &Error{Code: 218}
	ErrNotFound        = &Error{Code: 500}
	ErrIllegalAddress  = &Error{Code: 700}
	ErrNotSupported    = &Error{Code: 801}
	ErrCaptureRefuses  = &Error{Code: 900}
	ErrCaptureIsBroken = &Error{Code: 901}
)

// Is tells whether target is an Error of the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Call == "" || t.Call == e.Call)
}

func (e *Error) Error() string {
	name := e.Name
	if name == "" {
		name = "unknown code"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s (%d)", e.Call, name, e.Code)
	if e.Text != "" {
		b.WriteString(": " + e.Text)
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if advice := e.advice(); advice != "" {
		b.WriteString(". " + advice)
	}
	return b.String()
}

// Fatal tells whether the process has lost the device: every further call fails the same way
// until the process is started again.
func (e *Error) Fatal() bool {
	switch e.Code {
	case 214, 220, 710: // memory that cannot be corrected, NVLink, an assertion in a kernel
		return true
	}
	return e.Code == 700 || e.Code == 702 || e.Code >= 714 && e.Code <= 719 || e.Code == 999
}

func (e *Error) advice() string {
	switch e.Code {
	case 1:
		return "An argument is out of its range: this is a mistake in Servery, please report it"
	case 2:
		return "The GPU's memory is full: serve a smaller model or batch, or stop what else uses the GPU (nvidia-smi lists it)"
	case 3, 4:
		return "The driver is not loaded, or ends: call Load first"
	case 201:
		return "No context is current on this thread: call from the goroutine that opened the context"
	case 209, 218, 222:
		return "The device code is not for this GPU or driver: a newer driver may take it"
	case 500:
		return "The module has no such function"
	case 801:
		return "This driver lacks the call: update it"
	case 803, 804:
		return "The driver's library and its kernel module differ: restart the machine after an update of the driver"
	case 900, 901:
		return "A call that waits, allocates or frees was made while a stream was captured"
	}
	if e.Fatal() {
		return "The process has lost the GPU and must be started again; where it happens again, look at the kernel's log (dmesg) for Xid"
	}
	return ""
}
