//go:build cuda && linux && (amd64 || arm64)

package driver

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
)

// translated is device code that the stand-in executes: see package ptx.
func translated(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../ptx/testdata/kernels_tf32.ptx")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sum is the parameter of the kernel add there: out = a + b, of n floats.
func sum(a, b, out *Buffer, n int) []byte {
	var p []byte
	for _, x := range []*Buffer{a, b, out} {
		p = binary.NativeEndian.AppendUint64(p, uint64(x.at))
	}
	return append(binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(p, 0), uint32(n)), make([]byte, 24)...)
}

func TestTranslatedKernels(t *testing.T) {
	for _, c := range []struct {
		name  string
		n     int
		plant func(fail func(call string, nth, code int))
		want  error
	}{
		{"well", 1000, nil, nil},
		{"a thread behind the end", 1001, nil, ErrIllegalAddress},
		{"the second kernel fails", 1000, func(fail func(string, int, int)) { fail("kernel:add", 2, 719) }, &Error{Code: 719}},
	} {
		t.Run(c.name, func(t *testing.T) {
			lib := open(t)
			ctx := must(Open(0))(t)
			s, m := must(ctx.NewStream())(t), must(ctx.Load(translated(t)))(t)
			x, out := must(ctx.Alloc(4000))(t), must(ctx.Alloc(4000))(t)
			end := func() error {
				return errors.Join(x.Free(), out.Free(), m.Close(), s.Close(), ctx.Close())
			}
			f := must(m.Function("add"))(t)
			var data []byte
			for i := range 1000 {
				data = append(data, floats(float32(i))...)
			}
			if err := x.Write(0, data); err != nil {
				t.Fatal(err)
			}
			if c.plant != nil {
				c.plant(lib.Fail)
			}
			for range 2 {
				if err := s.Launch(f, Dim{4, 1, 1}, Dim{256, 1, 1}, 0, sum(x, x, out, c.n)); err != nil {
					t.Fatal(err)
				}
			}
			err := s.Synchronize()
			if c.want != nil {
				var e, want *Error
				if !errors.As(err, &e) || errors.As(c.want, &want) && e.Code != want.Code || want == nil && !errors.Is(err, c.want) {
					t.Errorf("%v", err)
				}
				if end() == nil {
					t.Error("the fault does not stay")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := out.Read(0, data); err != nil {
				t.Fatal(err)
			}
			for i := range 1000 {
				if got := math.Float32frombits(binary.NativeEndian.Uint32(data[4*i:])); got != float32(2*i) {
					t.Fatalf("%v at %d", got, i)
				}
			}
			if err := end(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What runs is a translation of the very text that was loaded.
func TestATextWithoutTranslationIsRefused(t *testing.T) {
	open(t)
	c := context(t)
	other := strings.Replace(translated(t), "add.f32", "sub.f32", 1)
	if m, err := c.Load(other); m != nil || !errors.Is(err, ErrInvalidPTX) || !strings.Contains(err.Error(), "no translation of this PTX") {
		t.Errorf("%v", err)
	}
	m := must(c.Load("\n" + translated(t) + "\n"))(t)
	closing(t, m.Close)
}
