//go:build cuda && linux && (amd64 || arm64)

package nvml

import (
	"errors"
	"strings"
	"testing"

	"servery/engine/runtime/cuda/driver/standin"
)

func TestFigures(t *testing.T) {
	for behaviour, want := range map[string]Figures{
		"":     {1 << 28, 1 << 30, 41, 51, 71.5},
		"poor": {1 << 28, 1 << 30, -1, -1, -1},
	} {
		t.Setenv("STANDIN_NVML", behaviour)
		l, err := Open(standin.NVMLPath(t))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if v := l.Driver(); v != "570.00-standin" {
			t.Errorf("driver %q", v)
		}
		f, err := l.Read("GPU-10111213-1415-1617-1819-1a1b1c1d1e1f")
		if err != nil || f != want {
			t.Errorf("%q: %+v, %v", behaviour, f, err)
		}
		if _, err := l.Read("MIG-of-another-machine"); err == nil || !strings.Contains(err.Error(), "MIG-of-another-machine") {
			t.Errorf("an unknown card: %v", err)
		}
	}
}

func TestNVMLIsAbsent(t *testing.T) {
	t.Setenv("STANDIN_NVML", "uninitialised")
	for path, says := range map[string]string{
		"/nowhere/libnvidia-ml.so.1": "/nowhere/libnvidia-ml.so.1",
		"libm.so.6":                  "no nvmlInit_v2",
		standin.NVMLPath(t):          "nvmlInit gives 9",
	} {
		if l, err := Open(path); l != nil || !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
