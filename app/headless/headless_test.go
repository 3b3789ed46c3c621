package headless

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func servery(args ...string) (out, errs string, status int) {
	var stdout, stderr bytes.Buffer
	status = Main(args, &stdout, &stderr)
	return stdout.String(), stderr.String(), status
}

func TestTheVersionIsThePackages(t *testing.T) {
	b, err := os.ReadFile("../../FyneApp.toml")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^Version = "(.*)"$`).FindSubmatch(b)
	if m == nil || string(m[1]) != Version {
		t.Errorf("FyneApp.toml says %s, the program %q", m, Version)
	}
	if out, _, status := servery("version"); status != 0 || out != "servery "+Version+"\n" {
		t.Errorf("servery version: %d %q", status, out)
	}
}

func TestOnlyWhatNeedsNoWindowIsHandled(t *testing.T) {
	for _, args := range [][]string{{"serve"}, {"models", "list"}, {"worker"}, {"--help"}} {
		if !Handles(args) {
			t.Errorf("%v would open a window", args)
		}
	}
	for _, args := range [][]string{{}, {"--data-dir", "x"}, {"model.onnx"}} {
		if Handles(args) {
			t.Errorf("%v would open no window", args)
		}
	}
}

func TestACommandLineThatMakesNoSenseIsStatus2AndSaysWhy(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"serve", "extra"}, `"extra"`},
		{[]string{"serve", "--port", "1"}, "port"},
		{[]string{"serve", "--scale-to-zero-after", "soon"}, "give a time as in 90s"},
		{[]string{"serve", "--scale-to-zero-after", "5s"}, "is 5s: give one from 10s to 24h"},
		{[]string{"serve", "--timings", "slow"}, "give local"},
		{[]string{"models"}, "models import PATH"},
		{[]string{"models", "import"}, "one PATH"},
		{[]string{"models", "list", "x"}, `"x"`},
	} {
		_, errs, status := servery(c.args...)
		if status != 2 || !strings.Contains(errs, c.says) {
			t.Errorf("%v: status %d %q, want 2 and %q", c.args, status, errs, c.says)
		}
	}
}

func TestFlagsMayStandBehindTheArguments(t *testing.T) {
	flags := newFlags("x", "x", &bytes.Buffer{})
	name := flags.String("name", "", "")
	rest, err := parse(flags, []string{"model.onnx", "--name", "a.b.c", "more"})
	if err != nil || *name != "a.b.c" || !slices.Equal(rest, []string{"model.onnx", "more"}) {
		t.Errorf("%v %q %v", rest, *name, err)
	}
}

func TestModelsAreImportedIntoAFolderOnWhichNothingRuns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	out, errs, status := servery("models", "list", "--data-dir", dir)
	if status != 0 || !strings.Contains(out, "no model yet") {
		t.Fatalf("list of nothing: %d %q %q", status, out, errs)
	}
	broken := filepath.Join(t.TempDir(), "broken.onnx")
	if err := os.WriteFile(broken, []byte("this is no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, status = servery("models", "import", broken, "--data-dir", dir)
	if status != 1 || !strings.Contains(out, "main.default.broken version 1 is FAILED_REGISTRATION: ") {
		t.Errorf("import of a broken file: %d %q", status, out)
	}
	_, errs, status = servery("models", "import", filepath.Join(dir, "absent.onnx"), "--data-dir", dir)
	if status != 1 || !strings.Contains(errs, "absent.onnx") {
		t.Errorf("import of nothing: %d %q", status, errs)
	}
	out, _, status = servery("models", "list", "--data-dir", dir)
	if status != 0 || !strings.Contains(out, "main.default.broken") {
		t.Errorf("list: %d %q", status, out)
	}
}
