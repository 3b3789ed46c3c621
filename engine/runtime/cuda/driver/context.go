//go:build cuda && linux && (amd64 || arm64)

package driver

import (
	"errors"
	"runtime"

	"gorgonia.org/cu"
)

// Context is a device's primary context, current on the thread of the goroutine that opened
// it. That goroutine alone uses the Context and closes it, and streams, events and graphs made
// from it. Memory, modules and functions are the device's: a goroutine with a Context of its own of
// the same device may use them, one at a time.
type Context struct {
	device cu.Device
	closed bool
}

// Open locks the goroutine to its thread and makes the primary context of the device current
// there. Threads that wait for the device sleep: a spinning one would take a processor from
// the models that run on the CPU.
func Open(index int) (*Context, error) {
	d, err := cu.GetDevice(index)
	if err != nil {
		return nil, failed("cuDeviceGet", err, "device %d", index)
	}
	if err := d.SetPrimaryCtxFlags(cu.SchedBlockingSync); err != nil {
		return nil, failed("cuDevicePrimaryCtxSetFlags", err, "device %d", index)
	}
	primary, err := d.RetainPrimaryCtx()
	if err != nil {
		return nil, failed("cuDevicePrimaryCtxRetain", err, "device %d", index)
	}
	runtime.LockOSThread()
	if err := cu.SetCurrentContext(primary); err != nil {
		runtime.UnlockOSThread()
		return nil, errors.Join(
			failed("cuCtxSetCurrent", err, "device %d", index),
			failed("cuDevicePrimaryCtxRelease", d.ReleasePrimaryCtx(), "device %d", index))
	}
	return &Context{device: d}, nil
}

// Close waits for the device, takes the context from the thread and unlocks the goroutine.
// What was made from the context must be closed before. A second Close does nothing.
func (c *Context) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	err := errors.Join(
		failed("cuCtxSynchronize", cu.Synchronize(), ""),
		failed("cuCtxSetCurrent", cu.SetCurrentContext(cu.CUContext{}), "none"),
		failed("cuDevicePrimaryCtxRelease", c.device.ReleasePrimaryCtx(), "device %d", int(c.device)))
	runtime.UnlockOSThread()
	return err
}

// Synchronize waits until the device has done all that was enqueued.
func (c *Context) Synchronize() error {
	return failed("cuCtxSynchronize", cu.Synchronize(), "")
}

// Memory gives the device's memory in bytes: what is free, for all processes, and all of it.
func (c *Context) Memory() (free, total int64, err error) {
	free, total, err = cu.MemInfo()
	return free, total, failed("cuMemGetInfo", err, "")
}
