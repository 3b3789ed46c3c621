//go:build !cuda || !linux || !(amd64 || arm64)

package inventory

import "servery/engine/hardware"

// Built tells whether this program has CUDA in it.
const Built = false

func read() hardware.GPUs { return NotBuilt() }

// meter measures nothing.
type meter struct{}

func (*meter) measure(*hardware.GPUs) {}
func (*meter) close()                 {}
