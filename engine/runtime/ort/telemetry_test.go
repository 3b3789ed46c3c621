//go:build linux && cgo

package ort

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

// quietChild makes the test binary open the library, run a model and end.
const quietChild = "SERVERY_ORT_TEST_CHILD"

func TestMain(m *testing.M) {
	if model := os.Getenv(quietChild); model != "" {
		if err := child(model); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(model string) error {
	l, err := Open(os.Getenv("SERVERY_ONNXRUNTIME"))
	if err != nil {
		return err
	}
	defer l.Close()
	s, err := l.NewSession(model, Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	o, err := s.Run([]tensor.Named{named("x", floats([]int64{1, 1}, 1))}, nil)
	if err != nil {
		return err
	}
	o.Release()
	return nil
}

// The official builds keep a device id and a database of events below the home folder
// and upload them, unless the variable that Open sets says no. CI=… silences them as
// well, so the child has an environment without it.
func TestNothingIsReportedToTheVendor(t *testing.T) {
	path, err := filepath.Abs(libraryPath(t))
	if err != nil {
		t.Fatal(err)
	}
	// 34 kB of arguments overflow the stack of the code that reports.
	for name, arguments := range map[string]int{"no arguments": 0, "34 kB of arguments": 5000} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			command := exec.Command(os.Args[0], strings.Fields(strings.Repeat("argument ", arguments))...)
			command.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "SERVERY_ONNXRUNTIME=" + path,
				quietChild + "=" + file(t, onnxtest.Add(1))}
			command.Dir = home
			if output, err := command.CombinedOutput(); err != nil || len(output) > 0 {
				t.Fatalf("%v: %.2000s", err, output)
			}
			err := filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
				if path != home {
					t.Errorf("ONNX Runtime made %s", path)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
