package driver

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestErrorsSayWhatToDo(t *testing.T) {
	e := &Error{Call: "cuMemAlloc", Code: 2, Name: "CUDA_ERROR_OUT_OF_MEMORY", Text: "out of memory", Detail: "64 bytes"}
	want := "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (2): out of memory: 64 bytes. The GPU's memory is full"
	if got := e.Error(); !strings.HasPrefix(got, want) {
		t.Errorf("%s", got)
	}
	if err := fmt.Errorf("load: %w", e); !errors.Is(err, ErrOutOfMemory) || errors.Is(err, ErrNotFound) {
		t.Error("the codes are not told apart")
	}
	if got := (&Error{Call: "cuLaunchKernel", Code: 12345}).Error(); got != "cuLaunchKernel: unknown code (12345)" {
		t.Errorf("%s", got)
	}
}

func TestWhichErrorsAreFatal(t *testing.T) {
	for code, fatal := range map[int]bool{1: false, 2: false, 201: false, 214: true, 500: false, 600: false, 700: true, 701: false, 702: true, 717: true, 719: true, 720: false, 801: false, 999: true} {
		if got := (&Error{Code: code}).Fatal(); got != fatal {
			t.Errorf("%d: %t", code, got)
		}
	}
}

func TestVersionsAreWrittenAsNVIDIADoes(t *testing.T) {
	for v, want := range map[Version]string{11040: "11.4", 12020: "12.2", 13000: "13.0"} {
		if v.String() != want {
			t.Errorf("%s, want %s", v, want)
		}
	}
}
