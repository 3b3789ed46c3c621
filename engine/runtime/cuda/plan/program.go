// Package plan turns an ONNX graph and the shapes of its inputs into a Program: launches of
// kernels, in order, on memory whose every offset is fixed. It knows no driver and runs
// nothing; runtime/cuda/executor does.
package plan

import "servery/engine/tensor"

// Space is a region of the device's memory.
type Space uint8

// The regions that a Program addresses.
const (
	// Arena is memory of one run: inputs, intermediate values, outputs.
	Arena Space = iota
	// Constants hold weights, read-only and shared by all programs of a model.
	Constants
)

// Alignment is that of each value in the arena and of each constant, in bytes. A value that is a
// part of another one begins at a multiple of 16 bytes.
const Alignment = 256

// Pointer is a device address to be put into a launch's parameters.
type Pointer struct {
	// At is the offset of the 8 bytes in Params.
	At int
	// Space and Constant say what is pointed at: the arena, or the constant of that index.
	Space    Space
	Constant int
	// Offset is in bytes from the start of the arena or of the constant.
	Offset int64
}

// Launch is one kernel on the device.
type Launch struct {
	Kernel      string    // the entry's name in the module
	Grid, Block [3]uint32 // blocks, and threads of a block
	Shared      uint32    // bytes of dynamic shared memory
	// Params is the kernel's one argument, a structure by value, with zeros where Pointers
	// go.
	Params   []byte
	Pointers []Pointer
	// Nodes names the graph's nodes that it computes, for errors and profiles.
	Nodes string
}

// Slot is an input or output of a program.
type Slot struct {
	Name  string
	Type  tensor.Type
	Shape []int64
	// Offset is where it lies in the arena; Bytes is its size, which may be 0.
	Offset, Bytes int64
}

// Program is what a run does for one combination of input shapes: inputs are copied to their
// slots, the launches follow each other on one stream, outputs are copied from theirs.
type Program struct {
	Inputs, Outputs []Slot
	Launches        []Launch
	// Fault is a word that is zero before a run. A launch that meets an index out of range
	// leaves its number there, from 1. It is nil where no launch may.
	Fault *Slot
	// Arena is the size of the arena in bytes.
	Arena int64
}

// Constant is a block of weights.
type Constant struct {
	// Name is of the graph's value, for errors.
	Name string
	// Data is what lies on the device. It may be part of a mapped file, and is not changed.
	Data []byte
}
