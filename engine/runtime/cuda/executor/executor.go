// Package executor runs plans on a GPU: it keeps a model's weights there, gives each shape of
// its inputs a CUDA graph that copies the inputs in, launches the kernels and copies the
// outputs out, and does a run with one call of the driver.
//
// What a program without the build tag cuda has of this package is [Open], which says so, and
// the errors.
package executor

import (
	"errors"
	"fmt"

	"servery/engine/runtime/cuda/kernels"
	"servery/engine/runtime/cuda/plan"
	"servery/engine/tensor"
)

// Planner makes programs of one model. Its methods are never called at the same time.
type Planner interface {
	// Plan gives the program for inputs of these shapes, by the inputs' names. values are
	// inputs whose content becomes part of the program, which has no slots for them. The
	// program is not changed afterwards. An error that wraps a *graph.UnsupportedError may
	// not come where more values are given.
	Plan(shapes map[string][]int64, values map[string]*tensor.Tensor) (*plan.Program, error)
	// Constants gives what programs point to, by index. Plan may add to its end; what is
	// there stays as it is, and Data can be read until the model is closed.
	Constants() []plan.Constant
}

// Options say which device is opened and where its code comes from.
type Options struct {
	// Index is of the device among those that the driver shows.
	Index int
	// Find gives the module of a kernel, which is loaded when a program needs it; nil is
	// kernels.Find.
	Find func(kernel string) (*kernels.Module, error)
	// Lanes is how many runs may be on the device at the same time, each with memory of its
	// own; 0 is 1. A second one copies while the first computes.
	Lanes int
}

// Limits bound what a model keeps for shapes it has seen. Zero fields take the defaults.
type Limits struct {
	// Graphs is how many shapes have a graph in each lane (64).
	Graphs int
	// GraphBytes is the memory of a lane's graphs (256 MiB), estimated at 8 KiB a launch:
	// the driver does not tell it.
	GraphBytes int64
	// ConstantBytes is the memory of constants that shapes bring with them (256 MiB), which
	// stay. A model that is over it gives ErrTooManyShapes.
	ConstantBytes int64
}

// Memory is what a model and its device hold, in bytes.
type Memory struct {
	Weights int64 // on the device, of the model
	Arenas  int64 // on the device, of all lanes
	Staging int64 // page-locked memory of the host, of all lanes
	Graphs  int   // of the model, in all lanes
}

// MemoryError is a load or a run that the device's memory is too small for. What else the
// model does goes on. It wraps the driver's error where that one refused.
type MemoryError struct {
	// What needs the memory: "loading the weights", "a run".
	What string
	// Needed is the size of that; 0 where the driver's own needs are not known. Free is what
	// the device had left, beside what could be given up for it; Total all it has.
	Needed, Free, Total int64
	// Host tells that it is memory of the machine, page-locked, of which Free and Total are
	// not known.
	Host bool
	Err  error

	// again tells that other lanes hold memory that would do.
	again bool //lint:ignore U1000 only what the tag cuda adds sets it
}

func (e *MemoryError) Error() string {
	need := fmt.Sprintf("%s needs %s", e.What, spell(e.Needed))
	if e.Needed == 0 {
		need = e.What + " needs more"
	}
	if e.Host {
		return "the machine's memory is too small: " + need + " that is page-locked"
	}
	return fmt.Sprintf("the GPU's memory is too small: %s, %s of %s are free. Send smaller batches, serve a smaller model, or stop what else uses the GPU (nvidia-smi lists it)",
		need, spell(e.Free), spell(e.Total))
}

func (e *MemoryError) Unwrap() error { return e.Err }

// LostError is a device that this process cannot use any more: a kernel failed, or the driver
// no longer answers. Every later call gives it. The process must be started again.
type LostError struct{ Err error }

func (e *LostError) Error() string { return "the process has lost the GPU: " + e.Err.Error() }

func (e *LostError) Unwrap() error { return e.Err }

// InputError is an input that does not fit the model.
type InputError struct{ Message string }

func (e *InputError) Error() string { return e.Message }

// IndexError is a run that met an index out of range: what it gave is of no use.
type IndexError struct{ Nodes string }

func (e *IndexError) Error() string { return e.Nodes + ": an index is out of range" }

// ErrTooManyShapes answers a run whose shapes are new to a model that keeps as much for shapes as
// it may: see Limits.ConstantBytes.
var ErrTooManyShapes = errors.New("the model was given more different shapes than it keeps constants for on the GPU")

// ErrClosed answers a call on a Device or Model after its Close.
var ErrClosed = errors.New("the model on the GPU is closed")

// spell writes a size for a person.
func spell(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%d bytes", bytes)
}
