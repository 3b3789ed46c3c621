//go:build cuda && linux && (amd64 || arm64)

package driver

import (
	"debug/elf"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"servery/engine/runtime/cuda/driver/standin"
)

// open binds the stand-in for the length of a test.
func open(t *testing.T) *standin.Library {
	t.Helper()
	lib := standin.Open(t, standin.Path(t))
	if _, err := Load(standin.Path(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unbind)
	return lib
}

// That this program runs shows that cu's init is defused.
func TestTheProgramNeedsNoDriverToStart(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	libraries, err := f.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(libraries, func(l string) bool { return strings.Contains(l, "cuda") || strings.Contains(l, "nvidia") }) {
		t.Errorf("the program needs %v", libraries)
	}
	if _, err := Devices(); !errors.Is(err, ErrNotInitialized) {
		t.Errorf("a call before Load: %v", err)
	}
}

func TestLoadReports(t *testing.T) {
	open(t)
	r, err := Load("another path is not looked at any more")
	if err != nil {
		t.Fatal(err)
	}
	if r.Version != 12080 || r.Path != standin.Path(t) {
		t.Errorf("%+v", r)
	}
	// What the stand-in has not is missing, nothing that this package calls.
	for _, name := range r.Missing {
		if strings.HasPrefix(name, "cuGraphLaunch") || strings.HasPrefix(name, "cuMemAlloc_") {
			t.Errorf("missing: %s", name)
		}
	}
}

func TestKernelsAreLoadedWithTheirModule(t *testing.T) {
	for set, want := range map[string]string{"": "EAGER", "LAZY": "LAZY"} {
		t.Run(want, func(t *testing.T) {
			t.Setenv(moduleLoading, set)
			open(t)
			if got := os.Getenv(moduleLoading); got != want {
				t.Errorf("%s is %q", moduleLoading, got)
			}
		})
	}
}

func TestLoadWithoutADriver(t *testing.T) {
	_, err := Load("/nowhere/libcuda.so.1")
	if !errors.Is(err, ErrNoDriver) || !strings.Contains(err.Error(), "/nowhere/libcuda.so.1") || !strings.Contains(err.Error(), "Install") {
		t.Errorf("%v", err)
	}
	// A library that is none of NVIDIA's.
	if _, err := Load("libm.so.6"); !errors.Is(err, ErrNoDriver) || !strings.Contains(err.Error(), "cuInit") {
		t.Errorf("%v", err)
	}
	open(t)
}

func TestLoadRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*standin.Library)
		is      error
		says    string
	}{
		"no device": {func(l *standin.Library) { l.Set("devices", 0) }, ErrNoDevice, "CUDA 12.8"},
		"too old":   {func(l *standin.Library) { l.Set("version", 11020) }, ErrOldDriver, "at least 11.4 is needed"},
		"mismatch":  {func(l *standin.Library) { l.Fail("cuInit", 1, 803) }, &Error{Call: "cuInit", Code: 803}, "restart the machine"},
		"unknown":   {func(l *standin.Library) { l.Fail("cuInit", 1, 999) }, &Error{Call: "cuInit", Code: 999}, "CUDA_ERROR_UNKNOWN"},
		"version":   {func(l *standin.Library) { l.Fail("cuDriverGetVersion", 1, 1) }, ErrOldDriver, "0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			lib := standin.Open(t, standin.Path(t))
			c.prepare(lib)
			_, err := Load(standin.Path(t))
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			if _, err := Devices(); !errors.Is(err, ErrNotInitialized) {
				t.Errorf("a call after it: %v", err)
			}
			lib.Reset()
			if _, err := Load(standin.Path(t)); err != nil {
				t.Errorf("the next Load: %v", err)
			}
			unbind()
		})
	}
}

func TestMissingEntryPoints(t *testing.T) {
	standin.Open(t, standin.OldPath(t))
	r, err := Load(standin.OldPath(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unbind)
	if !slices.Contains(r.Missing, "cuGraphInstantiateWithFlags") || !slices.Contains(r.Missing, "cuGraphLaunch") {
		t.Errorf("missing: %v", r.Missing)
	}
	before := MissingCalls()
	c := context(t)
	s, err := c.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m := must(c.Load(ptx))(t)
	defer m.Close()
	// Nobody tells how long the parameter is: it is taken as it comes.
	f := must(m.Function("scale"))(t)
	x := must(c.Alloc(4))(t)
	defer x.Free()
	if err := errors.Join(s.Launch(f, one, one, 0, scaling(x, 0, 1, 1)), s.Synchronize()); err != nil {
		t.Error(err)
	}
	if g, err := s.Capture(func() error { return nil }); !errors.Is(err, ErrNotSupported) || !strings.Contains(err.Error(), "update it") {
		t.Errorf("%v, %v", g, err)
	}
	if n := MissingCalls() - before; n != 2 {
		t.Errorf("%d missing calls", n)
	}
}
