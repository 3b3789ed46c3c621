//go:build unix

package artifact

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestRefusesPipesWithoutWaiting(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Skip("no pipe can be made here: ", err)
	}
	_, _, err := digest(t, dir)
	if err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
}
