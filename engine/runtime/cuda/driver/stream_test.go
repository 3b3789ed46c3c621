//go:build cuda && linux && (amd64 || arm64)

package driver

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

var one = Dim{1, 1, 1}

func TestAStreamKeepsOrder(t *testing.T) {
	open(t)
	c := context(t)
	s, m := must(c.NewStream())(t), must(c.Load(ptx))(t)
	x, y := must(c.Alloc(8))(t), must(c.Alloc(8))(t)
	host := must(c.AllocPinned(8))(t)
	closing(t, s.Close, host.Free, host.Free, y.Free, x.Free, m.Close)
	slow := must(m.Function("slow_scale"))(t)
	copy(host.Bytes(), floats(1, 2))
	if err := errors.Join(
		s.Fill(y, 0, 8, 0),
		s.Upload(x, 0, host, 0, 8),
		s.Launch(slow, one, one, 0, scaling(x, 0, 2, 2)),
		s.Copy(y, 4, x, 0, 4),
		s.Download(host, 0, y, 0, 8),
		s.Synchronize(),
	); err != nil {
		t.Fatal(err)
	}
	if got := host.Bytes(); !slices.Equal(got, floats(0, 4)) {
		t.Errorf("%v", got)
	}
	for _, err := range []error{s.Fill(y, 1, 8, 0), s.Upload(x, 0, host, 4, 8), s.Copy(y, -1, x, 0, 1), s.Download(host, 0, y, 0, 9)} {
		if err == nil || !strings.Contains(err.Error(), "of 8") {
			t.Errorf("out of range: %v", err)
		}
	}
}

func TestEventsOrderStreams(t *testing.T) {
	open(t)
	c := context(t)
	a, b, m := must(c.NewStream())(t), must(c.NewStream())(t), must(c.Load(ptx))(t)
	x, host := must(c.Alloc(4))(t), must(c.AllocPinned(4))(t)
	start, end := must(c.NewEvent())(t), must(c.NewEvent())(t)
	closing(t, start.Close, end.Close, end.Close, a.Close, b.Close, b.Close, m.Close, x.Free, host.Free)
	if err := x.Write(0, floats(1)); err != nil {
		t.Fatal(err)
	}
	slow := must(m.Function("slow_scale"))(t)
	if err := errors.Join(
		a.Record(start),
		a.Launch(slow, one, one, 0, scaling(x, 0, 2, 1)),
		a.Record(end),
		b.Wait(end),
		b.Download(host, 0, x, 0, 4),
		b.Synchronize(), end.Synchronize(), c.Synchronize(),
	); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(host.Bytes(), floats(3)) {
		t.Errorf("%v: the second stream did not wait", host.Bytes())
	}
	if d := must(end.Since(start))(t); d < 20*time.Millisecond || d > time.Minute {
		t.Errorf("%v for a kernel of 20 ms", d)
	}
}

func TestGraphs(t *testing.T) {
	lib := open(t)
	c := context(t)
	s, m := must(c.NewStream())(t), must(c.Load(ptx))(t)
	x, host := must(c.Alloc(4))(t), must(c.AllocPinned(4))(t)
	f := must(m.Function("scale"))(t)
	closing(t, s.Close, host.Free, x.Free, m.Close)
	g := must(s.Capture(func() error {
		return errors.Join(
			s.Upload(x, 0, host, 0, 4),
			s.Launch(f, one, one, 0, scaling(x, 0, 3, 1)),
			s.Download(host, 0, x, 0, 4),
		)
	}))(t)
	closing(t, g.Close, g.Close)
	for _, v := range []float32{1, 5} {
		copy(host.Bytes(), floats(v))
		if err := errors.Join(s.Run(g), s.Synchronize()); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(host.Bytes(), floats(3*v+1)) {
			t.Errorf("%v of %v", host.Bytes(), v)
		}
	}
	if n := lib.Calls()["cuLaunchKernel"]; n != 1 {
		t.Errorf("%d launches outside graphs", n)
	}

	mine := errors.New("mine")
	if _, err := s.Capture(func() error { return mine }); !errors.Is(err, mine) {
		t.Errorf("%v", err)
	}
	if _, err := s.Capture(s.Synchronize); !errors.Is(err, ErrCaptureRefuses) || !errors.Is(err, ErrCaptureIsBroken) {
		t.Errorf("waiting inside: %v", err)
	}
	if _, err := s.Capture(func() error { _, err := c.Alloc(4); return err }); !errors.Is(err, ErrCaptureRefuses) {
		t.Errorf("allocating inside: %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = s.Capture(func() error { panic("inside") })
	}()
	// Nothing of that is left on the stream.
	if err := s.Synchronize(); err != nil {
		t.Error(err)
	}
}

// A captured stream takes another with it by an event, and must wait for it in the end.
func TestTwoStreamsInOneGraph(t *testing.T) {
	open(t)
	c := context(t)
	a, b, m := must(c.NewStream())(t), must(c.NewStream())(t), must(c.Load(ptx))(t)
	x, y, host := must(c.Alloc(4))(t), must(c.Alloc(4))(t), must(c.AllocPinned(8))(t)
	fork, join, outside := must(c.NewEvent())(t), must(c.NewEvent())(t), must(c.NewEvent())(t)
	closing(t, fork.Close, join.Close, outside.Close, a.Close, b.Close, m.Close, x.Free, y.Free, host.Free)
	f := must(m.Function("scale"))(t)
	half := func() error {
		return errors.Join(a.Upload(x, 0, host, 0, 4), a.Record(fork), b.Wait(fork), b.Copy(y, 0, x, 0, 4), b.Launch(f, one, one, 0, scaling(y, 0, 2, 1)))
	}
	g := must(a.Capture(func() error {
		return errors.Join(half(), a.Launch(f, one, one, 0, scaling(x, 0, 10, 1)), b.Record(join), a.Wait(join), a.Download(host, 0, x, 0, 4), a.Download(host, 4, y, 0, 4))
	}))(t)
	closing(t, g.Close)
	copy(host.Bytes(), floats(3))
	if err := errors.Join(a.Run(g), a.Synchronize()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(host.Bytes(), floats(31, 7)) {
		t.Errorf("%v", host.Bytes())
	}
	for _, r := range []struct {
		name    string
		capture func() error
		code    int
	}{
		{"the other stream is not waited for", half, 904},
		{"it does more afterwards", func() error {
			return errors.Join(half(), b.Record(join), a.Wait(join), b.Fill(y, 0, 4, 0))
		}, 904},
		{"an event from outside", func() error { return errors.Join(b.Record(outside), a.Wait(outside)) }, 905},
	} {
		var e *Error
		if _, err := a.Capture(r.capture); !errors.As(err, &e) || e.Code != r.code {
			t.Errorf("%s: %v", r.name, err)
		}
	}
	// Neither stream is captured any more.
	if err := errors.Join(b.Fill(y, 0, 4, 0), a.Synchronize(), b.Synchronize()); err != nil {
		t.Error(err)
	}
}
