// Package batch says how requests that wait for a model share one run of it: which of them
// go together, how their tensors are joined along the rows (the first dimension), how the
// outputs are taken apart again, and how many runs are worth going on at once. It is pure:
// no clock, no goroutine, no runtime. engine/runtime/worker does what it says.
//
// A dense model or an ensemble of trees does sixteen rows in little more time than one,
// since fetching its weights takes longer than using them; a convolution gains nothing or
// loses. Whether a model gains is measured on the machine at load (Cost) and followed
// while it serves (Pace).
package batch
