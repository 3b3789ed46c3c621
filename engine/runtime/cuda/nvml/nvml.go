// Package nvml reads what NVIDIA's driver measures of its cards (utilisation, memory in use,
// temperature, power) through NVML, the library behind nvidia-smi. It comes with the driver and
// is bound when Open is called. No call of it makes a CUDA context.
//
// Signatures and codes: NVIDIA's NVML API reference, of the calls that have kept their form
// since the drivers 470.
package nvml

import "errors"

// ErrAbsent tells that there is no NVML: the cards can be used, but nothing is measured.
var ErrAbsent = errors.New("NVML, which comes with NVIDIA's driver, cannot be used")

// Variable is the environment variable that names NVML's library in an unusual place.
const Variable = "SERVERY_NVML_LIBRARY"

// Figures are what is measured of a card. One that the card does not measure is below zero.
type Figures struct {
	MemoryUsed, MemoryTotal int64   // bytes
	Percent                 float64 // of the last sampling period in which a kernel ran, 0 to 100
	Celsius                 float64
	Watts                   float64
}
