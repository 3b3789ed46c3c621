//go:build cuda && linux && (amd64 || arm64)

package driver

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// everything uses the whole of the package once, gives the first error and closes all it made.
func everything() (err error) {
	var closers []func() error
	defer func() {
		for _, c := range slices.Backward(closers) {
			err = errors.Join(err, c())
		}
	}()
	if _, err := Devices(); err != nil {
		return err
	}
	c, err := Open(0)
	if err != nil {
		return err
	}
	closers = append(closers, c.Close)
	if _, _, err := c.Memory(); err != nil {
		return err
	}
	var streams [2]*Stream
	var events [2]*Event
	var buffers [2]*Buffer
	for i := range 2 {
		if streams[i], err = c.NewStream(); err != nil {
			return err
		}
		closers = append(closers, streams[i].Close)
		if events[i], err = c.NewEvent(); err != nil {
			return err
		}
		closers = append(closers, events[i].Close)
		if buffers[i], err = c.Alloc(64); err != nil {
			return err
		}
		closers = append(closers, buffers[i].Free)
	}
	host, err := c.AllocPinned(64)
	if err != nil {
		return err
	}
	closers = append(closers, host.Free)
	m, err := c.Load(ptx)
	if err != nil {
		return err
	}
	closers = append(closers, m.Close)
	f, err := m.Function("scale")
	if err != nil {
		return err
	}
	if _, err := f.MaxThreads(); err != nil {
		return err
	}
	if err := f.AllowShared(64 << 10); err != nil {
		return err
	}
	s, x, y := streams[0], buffers[0], buffers[1]
	data := make([]byte, 64)
	enqueue := func() error {
		for _, step := range []func() error{
			func() error { return s.Upload(x, 0, host, 0, 64) },
			func() error { return s.Fill(y, 0, 64, 0) },
			func() error { return s.Copy(y, 0, x, 0, 32) },
			func() error { return s.Launch(f, one, one, 0, scaling(x, 0, 2, 16)) },
			func() error { return s.Download(host, 0, y, 0, 64) },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	}
	g, err := s.Capture(enqueue)
	if err != nil {
		return err
	}
	closers = append(closers, g.Close)
	for _, step := range []func() error{
		func() error { return x.Write(0, data) },
		func() error { return s.Record(events[0]) },
		enqueue,
		func() error { return s.Run(g) },
		func() error { return s.Record(events[1]) },
		func() error { return streams[1].Wait(events[1]) },
		streams[1].Synchronize,
		events[1].Synchronize,
		func() error { _, err := events[1].Since(events[0]); return err },
		s.Synchronize,
		c.Synchronize,
		func() error { return y.Read(0, data) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

var versioned = regexp.MustCompile(`_v\d$`)

// Every call of the driver fails once at each time that it is made.
func TestEveryCallFails(t *testing.T) {
	lib := open(t)
	for _, code := range []int{2, 999} {
		lib.EachFails(code, everything, func(call string, nth int, err error) {
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("%s fails at %d with %d: %v", call, nth, code, err)
				return
			}
			if want := versioned.ReplaceAllString(call, ""); e.Call != want || e.Code != code || e.Name == "" || e.advice() == "" {
				t.Errorf("%s fails at %d with %d: %v", call, nth, code, err)
			}
			if n := strings.Count(fmt.Sprint(err), "(") - 1; n > 3 {
				t.Errorf("%s fails at %d: the error tells of %d more calls: %v", call, nth, n, err)
			}
		}, "cuDriverGetVersion") // cu keeps the error to itself: the version is then -1
	}
}
