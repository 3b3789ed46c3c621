//go:build cuda && linux && (amd64 || arm64)

package driver

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// The code is a host function of the stand-in: kernels.cpp.
const ptx = `
.version 7.0
.target sm_80
.address_size 64
.visible .entry scale(.param .align 8 .b8 p[16]) { ret; }
.visible .entry slow_scale(
	.param .align 8 .b8 p[16]
)
{ ret; }
.visible .entry nowhere() { ret; }
`

// context opens the first device until the test ends.
func context(t *testing.T) *Context {
	t.Helper()
	c, err := Open(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// closing closes x when the test ends.
func closing(t *testing.T, closers ...func() error) {
	t.Cleanup(func() {
		for _, c := range closers {
			if err := c(); err != nil {
				t.Error(err)
			}
		}
	})
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// scaling is the parameter of scale and slow_scale: for n floats from the byte at of b.
func scaling(b *Buffer, at int64, a float32, n int32) []byte {
	p := binary.NativeEndian.AppendUint64(nil, b.Address()+uint64(at))
	p = binary.NativeEndian.AppendUint32(p, math.Float32bits(a))
	return binary.NativeEndian.AppendUint32(p, uint32(n))
}

func floats(values ...float32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.NativeEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func TestDevices(t *testing.T) {
	lib := open(t)
	lib.Set("devices", 2)
	lib.Set("capability", 86)
	devices := must(Devices())(t)
	want := Info{1, "Stand-in 1", "GPU-10111213-1415-1617-1819-1a1b1c1d1e1f", 1 << 30, 86, 2, 227 << 10, 12080}
	if len(devices) != 2 || devices[1] != want {
		t.Errorf("%+v", devices)
	}
	if _, err := Open(2); err == nil || !strings.Contains(err.Error(), "device 2") {
		t.Errorf("%v", err)
	}
}

func TestBuffers(t *testing.T) {
	open(t)
	c := context(t)
	b := must(c.Alloc(16))(t)
	got := make([]byte, 16)
	if err := b.Read(0, got); err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(float64(math.Float32frombits(binary.NativeEndian.Uint32(got)))) {
		t.Errorf("memory starts as %v, not as NaN", got)
	}
	if err := errors.Join(b.Write(4, []byte{1, 2, 3}), b.Write(16, nil), b.Read(0, got)); err != nil {
		t.Fatal(err)
	}
	if want := []byte{255, 255, 255, 255, 1, 2, 3, 255}; !slices.Equal(got[:8], want) {
		t.Errorf("%v", got)
	}
	for _, err := range []error{b.Write(14, []byte{1, 2, 3}), b.Read(-1, got), b.Read(17, nil)} {
		if err == nil || !strings.Contains(err.Error(), "of 16") {
			t.Errorf("out of range: %v", err)
		}
	}
	free, total, err := c.Memory()
	if err != nil || total != 1<<30 || free != total-256 {
		t.Errorf("%d of %d free, %v", free, total, err)
	}
	if err := errors.Join(b.Free(), b.Free()); err != nil {
		t.Error(err)
	}
	if err := b.Write(0, []byte{1}); !errors.Is(err, ErrInvalidValue) {
		t.Errorf("a write to freed memory: %v", err)
	}
}

func TestOutOfMemory(t *testing.T) {
	lib := open(t)
	lib.Set("memory", 4096)
	c := context(t)
	a := must(c.Alloc(4000))(t)
	if b, err := c.Alloc(1); b != nil || !errors.Is(err, ErrOutOfMemory) || !strings.Contains(err.Error(), "1 bytes. The GPU's memory is full") {
		t.Errorf("%v", err)
	}
	if err := a.Free(); err != nil {
		t.Fatal(err)
	}
	b := must(c.Alloc(4096))(t)
	closing(t, b.Free)
	for _, size := range []int64{0, -1, 1 << 62} {
		if _, err := c.Alloc(size); err == nil {
			t.Errorf("%d bytes are given", size)
		}
	}
}

func TestNoContextIsCurrentOnAnotherThread(t *testing.T) {
	open(t)
	c := context(t) // this goroutine keeps its thread
	failure := make(chan error)
	go func() {
		_, err := c.Alloc(1)
		failure <- err
	}()
	if err := <-failure; !errors.Is(err, ErrInvalidContext) || !strings.Contains(err.Error(), "goroutine that opened the context") {
		t.Errorf("%v", err)
	}
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Error(err)
	}
	if _, err := c.Alloc(1); !errors.Is(err, ErrInvalidContext) {
		t.Errorf("after Close: %v", err)
	}
}

func TestModulesThatDoNotLoad(t *testing.T) {
	lib := open(t)
	lib.Set("capability", 75)
	c := context(t)
	if _, err := c.Load(ptx); !errors.Is(err, ErrNoBinary) || !strings.Contains(err.Error(), "the code is for sm_80, the device is sm_75") {
		t.Errorf("%v", err)
	}
	if _, err := c.Load("no PTX"); !errors.Is(err, ErrInvalidPTX) || !strings.Contains(err.Error(), "the text has no .version") {
		t.Errorf("%v", err)
	}
	if _, err := c.Load("a\x00b"); err == nil {
		t.Error("a zero byte is taken")
	}
	lib.Set("capability", 80)
	m := must(c.Load(ptx))(t)
	closing(t, m.Close, m.Close)
	if _, err := m.Function("none"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "none") {
		t.Errorf("%v", err)
	}
}

func TestLaunches(t *testing.T) {
	open(t)
	c := context(t)
	s, m := must(c.NewStream())(t), must(c.Load(ptx))(t)
	x := must(c.Alloc(12))(t)
	closing(t, x.Free, m.Close, s.Close)
	f := must(m.Function("scale"))(t)
	if n := must(f.MaxThreads())(t); n != 1024 {
		t.Errorf("%d threads", n)
	}
	if err := x.Write(0, floats(1, 2, 3)); err != nil {
		t.Fatal(err)
	}
	one := Dim{1, 1, 1}
	if err := errors.Join(s.Launch(f, one, one, 0, scaling(x, 4, 10, 2)), s.Synchronize()); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 12)
	if err := x.Read(0, got); err != nil || !slices.Equal(got, floats(1, 22, 32)) {
		t.Errorf("%v, %v", got, err)
	}
	params := scaling(x, 0, 1, 0)
	if n := testing.AllocsPerRun(100, func() { _ = s.Launch(f, one, one, 0, params) }); n != 0 {
		t.Errorf("a launch allocates %v times", n)
	}
	const much = 100 << 10
	if err := s.Launch(f, one, one, much, params); !errors.Is(err, ErrInvalidValue) || !strings.Contains(err.Error(), "scale, grid {1 1 1}") {
		t.Errorf("without AllowShared: %v", err)
	}
	if err := errors.Join(f.AllowShared(much), f.AllowShared(1), s.Launch(f, one, one, much, params)); err != nil {
		t.Errorf("with AllowShared: %v", err)
	}
	if err := f.AllowShared(1 << 20); !errors.Is(err, ErrInvalidValue) {
		t.Errorf("%v", err)
	}
	if err := s.Launch(f, one, one, 0, params[:12]); err == nil || !strings.Contains(err.Error(), "12 bytes of parameters and takes 16") {
		t.Errorf("%v", err)
	}
	if err := s.Launch(f, Dim{0, 1, 1}, one, 0, params); !errors.Is(err, ErrInvalidValue) {
		t.Errorf("%v", err)
	}
	if err := s.Launch(must(m.Function("nowhere"))(t), one, one, 0, nil); !errors.Is(err, ErrNotSupported) {
		t.Errorf("a kernel without a host function: %v", err)
	}
}

func TestAFaultOfAKernelStays(t *testing.T) {
	lib := open(t)
	c := must(Open(0))(t)
	s, m, x := must(c.NewStream())(t), must(c.Load(ptx))(t), must(c.Alloc(256))(t)
	f := must(m.Function("scale"))(t)
	// 65 floats of 64: the guard page.
	if err := s.Launch(f, Dim{1, 1, 1}, Dim{1, 1, 1}, 0, scaling(x, 0, 1, 65+1024)); err != nil {
		t.Fatal(err)
	}
	var e *Error
	if err := s.Synchronize(); !errors.As(err, &e) || !errors.Is(err, ErrIllegalAddress) || !e.Fatal() || !strings.Contains(err.Error(), "must be started again") {
		t.Errorf("%v", err)
	}
	if _, err := c.Alloc(1); !errors.Is(err, ErrIllegalAddress) {
		t.Errorf("the next call: %v", err)
	}
	for name, end := range map[string]func() error{"free": x.Free, "module": m.Close, "stream": s.Close} {
		if err := end(); !errors.Is(err, ErrIllegalAddress) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := c.Close(); !errors.Is(err, ErrIllegalAddress) {
		t.Errorf("context: %v", err)
	}
	if live := lib.Live(); len(live) > 0 {
		t.Errorf("left: %v", live)
	}
}
