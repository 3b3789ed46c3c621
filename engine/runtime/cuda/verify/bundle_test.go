//go:build cuda && linux && (amd64 || arm64)

package verify

import (
	"archive/zip"
	"bytes"
	"encoding/gob"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"servery/engine/onnx/conformance"
	"servery/engine/onnx/onnxtest"
	"servery/engine/runtime/cuda/driver"
	"servery/engine/tensor"
)

// bundleVariable names the file into which a run of the tests puts ONNX Runtime's answers, the ONNX
// project's cases and the shared models, and does nothing else. Appended to the tests' program,
// it makes that one test and measure the GPU of any machine: see `make gpu-program`.
const bundleVariable = "SERVERY_GPU_BUNDLE"

// answers are ONNX Runtime's, by the test that asked for them.
var answers struct {
	sync.Mutex
	writing bool        // a bundle is being made
	bundle  *zip.Reader // nil where the tests run on the stand-in
	made    map[string][]byte
}

func TestMain(m *testing.M) {
	if path := os.Getenv(bundleVariable); path != "" {
		answers.writing, answers.made = true, map[string][]byte{}
		code := m.Run()
		if err := writeBundle(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.Exit(code)
	}
	program, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if own, err := zip.OpenReader(program); err == nil {
		os.Exit(onThisMachine(m, &own.Reader))
	}
	os.Exit(m.Run())
}

// onThisMachine runs the tests on the machine's GPU, and the benchmarks where no flags say what to run.
func onThisMachine(m *testing.M, bundle *zip.Reader) int {
	report, err := driver.Load("")
	var devices []driver.Info
	if err == nil {
		devices, err = driver.Devices()
	}
	if err != nil || len(devices) == 0 {
		fmt.Fprintf(os.Stderr, "FAIL: nothing can be tested, this machine has no GPU that CUDA runs on: %v\n", err)
		return 1
	}
	fmt.Printf("on %s, compute capability %d, %d processors; the driver is for CUDA %v and lacks %d entry points %q\n",
		devices[0].Name, devices[0].Capability, devices[0].Processors, report.Version, len(report.Missing), report.Missing[:min(len(report.Missing), 5)])
	folder, err := os.MkdirTemp("", "gpu-test")
	if err == nil {
		defer os.RemoveAll(folder)
		err = extract(bundle, folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv("SERVERY_SHARED", folder)
	os.Setenv(conformance.Variable, filepath.Join(folder, "data"))
	answers.bundle = bundle
	if len(os.Args) == 1 {
		os.Args = append(os.Args, "-test.v", "-test.bench=.")
	}
	return m.Run()
}

// extract writes the bundle's models and cases below folder.
func extract(bundle *zip.Reader, folder string) error {
	for _, top := range []string{"models", "data"} {
		files, err := fs.Sub(bundle, top)
		if err != nil {
			return err
		}
		if err := os.CopyFS(filepath.Join(folder, top), files); err != nil {
			return err
		}
	}
	return nil
}

// writeBundle makes the bundle of the answers that were given.
func writeBundle(path string) error {
	if len(answers.made) == 0 {
		return fmt.Errorf("no test asked ONNX Runtime: %s holds nothing", path)
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	z := zip.NewWriter(file)
	for name, content := range answers.made {
		w, err := z.Create("answers/" + name)
		if err != nil {
			return err
		}
		if _, err := w.Write(content); err != nil {
			return err
		}
	}
	_, cases, err := conformance.Cases()
	if err != nil {
		return err
	}
	for top, folder := range map[string]string{"data": cases, "models": onnxtest.ModelsFolder(root)} {
		if err := addFolder(z, top, folder); err != nil {
			return err
		}
	}
	return z.Close()
}

func addFolder(z *zip.Writer, top, folder string) error {
	return filepath.WalkDir(folder, func(path string, f fs.DirEntry, err error) error {
		if err != nil || !f.Type().IsRegular() {
			return err
		}
		rest, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		w, err := z.Create(filepath.ToSlash(filepath.Join(top, rest)))
		if err != nil {
			return err
		}
		in, err := os.Open(path)
		if err != nil {
			return err
		}
		defer in.Close()
		_, err = io.Copy(w, in)
		return err
	})
}

// keepAnswer puts an answer into the bundle that is being made, and ends the test.
func keepAnswer(t *testing.T, values []tensor.Named) {
	t.Helper()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(values); err != nil {
		t.Fatal(err)
	}
	answers.Lock()
	defer answers.Unlock()
	if answers.made[t.Name()] != nil {
		t.Fatal("the test asks twice, and only one answer is kept")
	}
	answers.made[t.Name()] = b.Bytes()
	t.SkipNow()
}

// storedAnswer is what ONNX Runtime gave in the test when the bundle was made.
func storedAnswer(t *testing.T) (values []tensor.Named) {
	t.Helper()
	file, err := answers.bundle.Open("answers/" + t.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := gob.NewDecoder(file).Decode(&values); err != nil {
		t.Fatal(err)
	}
	return values
}
