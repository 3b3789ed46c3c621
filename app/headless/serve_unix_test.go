//go:build unix

package headless

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"servery/engine/runtime/ortlib"
)

// The test binary is the program where this variable is set.
const asProgram = "SERVERY_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// A script reads the address and closes the pipe; a person closes the terminal. Both times
// what is in flight is finished and the folder is closed.
func TestServeEndsInOrderWhenNobodyReadsAndTheTerminalIsClosed(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		if signal.Ignored(s) { // by nohup: then it ends nothing, as it should
			t.Logf("%v is ignored", s)
			continue
		}
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0], "serve", "--data-dir", dir, "--listen", "127.0.0.1:0")
		cmd.Env = append(os.Environ(), asProgram+"=1", ortlib.Variable+"="+filepath.Join(dir, "absent"))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for lines.Scan() && !strings.Contains(lines.Text(), "listening on") {
		}
		out.Close()
		if err := cmd.Process.Signal(s); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("after %v: %v\n%s", s, err, said.String())
		}
		if _, err := os.Stat(filepath.Join(dir, "engine.json")); err == nil {
			t.Errorf("after %v: engine.json still says that an engine runs", s)
		}
	}
}
