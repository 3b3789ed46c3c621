package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"servery/engine/hardware"
	"servery/engine/runtime/cuda/driver"
)

// The driver is loaded once in a process: each test has one of its own, the test binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "gpus" {
		os.Exit(Main(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// look runs the subcommand with an environment and gives its lines.
func look(t *testing.T, environment ...string) []hardware.GPUs {
	t.Helper()
	cmd := exec.Command(os.Args[0], "gpus")
	cmd.Env = append(os.Environ(), environment...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	return parse(t, out.String())
}

func parse(t *testing.T, text string) (all []hardware.GPUs) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		var g hardware.GPUs
		if err := json.Unmarshal([]byte(line), &g); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, g)
	}
	return all
}

func TestEachFailureOfTheDriverSaysWhatToDo(t *testing.T) {
	for _, c := range []struct {
		err  error
		kind hardware.NoGPUKind
		says string
		todo string
	}{
		{fmt.Errorf("%w: x", driver.ErrNotBuilt), hardware.NotBuilt, "built without CUDA", "make"},
		{fmt.Errorf("%w: x", driver.ErrNoDriver), hardware.NoDriver, "no NVIDIA driver is installed on this machine", "docker run --gpus all"},
		{fmt.Errorf("%w: x", driver.ErrNoDevice), hardware.NoDevice, "finds no GPU", "CUDA_VISIBLE_DEVICES"},
		{fmt.Errorf("%w: x", driver.ErrOldDriver), hardware.OldDriver, "too old for CUDA 11.4", "470"},
		{&driver.Error{Call: "cuInit", Code: 999, Name: "CUDA_ERROR_UNKNOWN"}, hardware.DriverFails, "CUDA_ERROR_UNKNOWN (999)", "nvidia-smi"},
		{errors.New("odd"), hardware.DriverFails, "odd", "nvidia-smi"},
	} {
		g := refusal(c.err)
		if !g.Known || g.None == nil || g.None.Kind != c.kind || !strings.Contains(g.Absence(), c.says) || !strings.Contains(g.None.Advice, c.todo) {
			t.Errorf("%v: %+v", c.err, g.None)
		}
		if strings.HasSuffix(g.None.Reason, ".") || !strings.HasSuffix(g.None.Advice, ".") {
			t.Errorf("%v: a reason is a clause, advice a sentence: %+v", c.err, g.None)
		}
	}
}

func TestACommandLineThatMakesNoSense(t *testing.T) {
	for _, args := range [][]string{{"--every", "soon"}, {"now"}, {"--no"}} {
		var out, errs bytes.Buffer
		if code := Main(args, strings.NewReader(""), &out, &errs); code != 2 || errs.Len() == 0 || out.Len() > 0 {
			t.Errorf("%v: %d, %q, %q", args, code, out.String(), errs.String())
		}
	}
}
