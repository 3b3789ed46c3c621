//go:build cuda && linux && (amd64 || arm64)

package executor

import (
	"errors"

	"servery/engine/runtime/cuda/driver"
	"servery/engine/runtime/cuda/plan"
)

// weights are a model's constants on the device. Device.mu guards them.
type weights struct {
	chunks    []*driver.Buffer
	used      int64    // of the last chunk
	addresses []uint64 // by the constant's index
}

// leastChunk is the least memory that is taken for constants at once: the driver deals in
// pages of 2 MiB.
const leastChunk = 2 << 20

// add copies the constants that are not there yet.
func (w *weights) add(d *Device, c *driver.Context, constants []plan.Constant) error {
	fresh := constants[len(w.addresses):]
	if len(fresh) == 0 {
		return nil
	}
	var size int64
	for _, k := range fresh {
		size += aligned(int64(len(k.Data)))
	}
	known, used, chunks := len(w.addresses), w.used, len(w.chunks)
	if chunks == 0 || w.used+size > w.chunks[chunks-1].Size() {
		b, err := d.alloc(c, "loading the weights", max(size, leastChunk))
		if err != nil {
			return err
		}
		w.chunks, w.used = append(w.chunks, b), 0
	}
	chunk := w.chunks[len(w.chunks)-1]
	var err error
	for _, k := range fresh {
		if err = chunk.Write(w.used, k.Data); err != nil {
			break
		}
		w.addresses = append(w.addresses, chunk.Address()+uint64(w.used))
		w.used += aligned(int64(len(k.Data)))
	}
	if err == nil {
		// The driver gives the host's memory back before the bytes have arrived, and streams
		// do not wait for it.
		err = c.Synchronize()
	}
	if err != nil {
		w.addresses, w.used = w.addresses[:known], used
		if len(w.chunks) > chunks {
			err = errors.Join(err, chunk.Free())
			w.chunks = w.chunks[:chunks]
		}
	}
	return err
}

func (w *weights) bytes() (total int64) {
	for _, b := range w.chunks {
		total += b.Size()
	}
	return total
}

func (w *weights) free() error {
	var errs []error
	for _, b := range w.chunks {
		errs = append(errs, b.Free())
	}
	*w = weights{}
	return errors.Join(errs...)
}

// aligned is the next multiple of plan.Alignment.
func aligned(n int64) int64 { return (n + plan.Alignment - 1) / plan.Alignment * plan.Alignment }
