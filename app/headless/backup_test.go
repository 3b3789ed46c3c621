package headless

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestABackupGoesToAFileAndBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	file := filepath.Join(t.TempDir(), "b.tar")
	if _, errs, status := servery("backup", "--data-dir", dir, file); status != 1 || !strings.Contains(errs, "nothing to back up") {
		t.Errorf("of a folder that is not there: %d %q", status, errs)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a backup made a data folder")
	}
	broken := filepath.Join(t.TempDir(), "broken.onnx")
	if err := os.WriteFile(broken, []byte("this is no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	servery("models", "import", broken, "--data-dir", dir)
	out, errs, status := servery("backup", file, "--data-dir", dir)
	if status != 0 || errs != "" || !strings.Contains(out, "b.tar holds 0 endpoints and 1 model version with 16 bytes, in ") {
		t.Fatalf("backup: %d %q %q", status, out, errs)
	}
	if _, errs, status = servery("restore", file, "--data-dir", dir); status != 1 || !strings.Contains(errs, "--force") {
		t.Errorf("restore over a folder: %d %q", status, errs)
	}
	out, errs, status = servery("restore", "--force", file, "--data-dir", dir)
	if status != 0 || errs != "" || !strings.Contains(out, "1 model version") || !strings.Contains(out, dir+".before-restore-") {
		t.Errorf("restore: %d %q %q", status, out, errs)
	}
	if out, _, status = servery("models", "list", "--data-dir", dir); status != 0 || !strings.Contains(out, "main.default.broken") {
		t.Errorf("after the restore: %d %q", status, out)
	}
	if _, errs, status = servery("restore", broken, "--data-dir", filepath.Join(dir, "new")); status != 1 || !strings.Contains(errs, "cannot be used as a backup") {
		t.Errorf("restore of a model: %d %q", status, errs)
	}
	for _, args := range [][]string{{"backup"}, {"restore"}, {"backup", "a", "b"}} {
		if _, errs, status = servery(args...); status != 2 || !strings.Contains(errs, "one FILE") {
			t.Errorf("%v: %d %q", args, status, errs)
		}
	}
}
