//go:build cuda && linux && (amd64 || arm64)

package executor

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"servery/engine/runtime/cuda/driver"
	"servery/engine/runtime/cuda/kernels"
)

// Device is a GPU, opened for this process. Any goroutine may use it.
type Device struct {
	info  driver.Info
	lanes []*lane
	free  chan *lane    // those that run nothing
	done  chan struct{} // closed by Close
	lost  atomic.Pointer[LostError]
	alone sync.Mutex // held by who takes all lanes, holding none before

	// mu is held by whoever allocates, frees, loads code or captures a graph: waiting for
	// the whole device, as freeing does, breaks a capture that goes on in another lane.
	mu     sync.Mutex
	code   code
	models []*Model
	closed bool
}

// Open binds the driver, unless that is done, and makes the device ready. The error wraps
// driver.ErrNotBuilt, ErrNoDriver, ErrNoDevice or ErrOldDriver, or is of the driver. Close
// ends what it started.
func Open(o Options) (*Device, error) {
	if _, err := driver.Load(""); err != nil {
		return nil, err
	}
	devices, err := driver.Devices()
	if err != nil {
		return nil, err
	}
	if o.Index < 0 || o.Index >= len(devices) {
		return nil, fmt.Errorf("%w: there is none of the number %d, the driver shows %d", driver.ErrNoDevice, o.Index, len(devices))
	}
	count := max(o.Lanes, 1)
	d := &Device{info: devices[o.Index], free: make(chan *lane, count), done: make(chan struct{})}
	if o.Find == nil {
		o.Find = kernels.Find
	}
	d.code = newCode(o.Find, d.info.Capability)
	for i := range count {
		l, err := newLane(d, i)
		if err != nil {
			return nil, errors.Join(err, d.Close())
		}
		d.lanes = append(d.lanes, l)
		d.free <- l
	}
	return d, nil
}

// Info describes the device.
func (d *Device) Info() driver.Info { return d.info }

// Close lets runs end, closes the models and gives everything back. A second Close does
// nothing.
func (d *Device) Close() error {
	d.mu.Lock()
	closed := d.closed
	d.closed = true
	d.mu.Unlock()
	if closed {
		return nil
	}
	close(d.done)
	for range d.lanes {
		<-d.free
	}
	// From here on nobody runs or loads.
	d.mu.Lock()
	models := slices.Clone(d.models)
	d.mu.Unlock()
	var errs []error
	for _, m := range models {
		errs = append(errs, m.Close())
	}
	for i, l := range d.lanes {
		errs = append(errs, l.do(func() error {
			var code error
			if i == 0 {
				code = d.code.close()
			}
			return errors.Join(code, l.close())
		}))
		close(l.jobs)
		<-l.ended
	}
	return errors.Join(errs...)
}

// failed marks the device as lost where err says so.
func (d *Device) failed(err error) error {
	var e *driver.Error
	if errors.As(err, &e) && e.Fatal() {
		return d.lose(err)
	}
	return err
}

// lose marks the device as lost: nobody knows what it still does.
func (d *Device) lose(err error) error {
	var already *LostError
	if errors.As(err, &already) {
		return err
	}
	d.lost.CompareAndSwap(nil, &LostError{err})
	return &LostError{err}
}

// usable gives the error of a device that is lost.
func (d *Device) usable() error {
	if lost := d.lost.Load(); lost != nil {
		return lost
	}
	return nil
}

// alloc takes size bytes for what the error names. d.mu is held.
func (d *Device) alloc(c *driver.Context, what string, size int64) (*driver.Buffer, error) {
	b, err := c.Alloc(size)
	if errors.Is(err, driver.ErrOutOfMemory) {
		return nil, d.full(c, what, size, err)
	}
	return b, err
}

// full explains an error for lack of memory. d.mu is held.
func (d *Device) full(c *driver.Context, what string, needed int64, err error) error {
	free, total, unknown := c.Memory()
	if unknown != nil {
		return errors.Join(err, unknown)
	}
	return &MemoryError{What: what, Needed: needed, Free: free, Total: total, Err: err, again: needed <= free+d.arenas()}
}

// explain gives an error its type: one for lack of memory that is not explained yet is of the
// driver's own needs. d.mu is held.
func (d *Device) explain(c *driver.Context, what string, err error) error {
	var known *MemoryError
	if errors.Is(err, driver.ErrOutOfMemory) && !errors.As(err, &known) {
		err = d.full(c, what, 0, err)
	}
	return d.failed(err)
}

// arenas is what the lanes' arenas take. d.mu is held.
func (d *Device) arenas() (bytes int64) {
	for _, l := range d.lanes {
		bytes += l.arenaSize()
	}
	return bytes
}
