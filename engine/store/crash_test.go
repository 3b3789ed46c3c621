package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The test binary is its own second process: with SERVERY_STORE_CHILD set it does what
// that says to SERVERY_STORE_DIR instead of running tests.
func TestMain(m *testing.M) {
	switch os.Getenv("SERVERY_STORE_CHILD") {
	case "":
		os.Exit(m.Run())
	case "hold":
		holdChild(os.Getenv("SERVERY_STORE_DIR"))
	case "write":
		writeChild(os.Getenv("SERVERY_STORE_DIR"))
	case "rows":
		rowsChild(os.Getenv("SERVERY_STORE_DIR"))
	}
}

func child(t *testing.T, what, dir string) (*exec.Cmd, io.WriteCloser, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SERVERY_STORE_CHILD="+what, "SERVERY_STORE_DIR="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, in, bufio.NewReader(out)
}

// holdChild has the folder open until its standard input ends.
func holdChild(dir string) {
	db, err := Open(dir, Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("open")
	io.Copy(io.Discard, os.Stdin)
	db.Close()
}

func TestASecondProcessIsToldWhoHasTheFolder(t *testing.T) {
	dir := t.TempDir()
	cmd, in, out := child(t, "hold", dir)
	if line, err := out.ReadString('\n'); err != nil || line != "open\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	_, err := Open(dir, Options{})
	var taken *InUseError
	if !errors.As(err, &taken) {
		t.Fatalf("Open while a child has it: %v", err)
	}
	if taken.PID != cmd.Process.Pid {
		t.Errorf("process %d has it, the error says %d", cmd.Process.Pid, taken.PID)
	}
	for _, want := range []string{dir, strconv.Itoa(taken.PID), "--data-dir"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not mention %s", err, want)
		}
	}
	in.Close()
	cmd.Wait()
	db := mustOpen(t, dir)

	// And the other way round, by the same process.
	if _, err := Open(dir, Options{}); !errors.As(err, &taken) || taken.PID != os.Getpid() {
		t.Errorf("a second Open by this process: %v", err)
	}
	mustClose(t, db)
	mustClose(t, mustOpen(t, dir))
}

func TestTheLockOfAKilledProcessIsFree(t *testing.T) {
	dir := t.TempDir()
	cmd, _, out := child(t, "hold", dir)
	if line, err := out.ReadString('\n'); err != nil || line != "open\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	mustClose(t, mustOpen(t, dir))
}

// A process that is killed between fork and exec of another leaves its lock to that one for
// a moment: the next start waits for it, and not for one that is alive.
func TestALockOfADeadProcessIsWaitedFor(t *testing.T) {
	dir := t.TempDir()
	cmd, _, out := child(t, "hold", dir)
	if line, err := out.ReadString('\n'); err != nil || line != "open\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	// An id that is nobody's any more stands in the file while the child holds the lock.
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Skip(err)
	}
	if err := os.WriteFile(filepath.Join(dir, lockName), []byte(strconv.Itoa(dead.Process.Pid)), 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		l, err := takeLock(dir)
		if err == nil {
			l.release()
		}
		got <- err
	}()
	select {
	case err := <-got:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	cmd.Process.Kill()
	if err := <-got; err != nil {
		t.Errorf("after the end of the holder: %v", err)
	}
}

// writeChild changes pairs of records for ever, and says after each change that it is
// done. Some are large, so that logs and memtables turn over.
func writeChild(dir string) {
	db, err := Open(dir, Options{})
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	n := 0
	err = db.Table("left").Each("last", func(_ string, v []byte) error {
		n, err = strconv.Atoi(string(v))
		return err
	})
	if err != nil {
		fmt.Println("read:", err)
		os.Exit(1)
	}
	source := rand.NewChaCha8([32]byte{1, byte(n), byte(n >> 8)})
	random := rand.New(source)
	for {
		n++
		filler := make([]byte, 100)
		if random.IntN(4) == 0 {
			filler = make([]byte, 400_000)
		}
		source.Read(filler)
		number := []byte(strconv.Itoa(n))
		slot := strconv.Itoa(n % 50)
		err := db.Table("left").Apply(map[string][]byte{
			"last": number, "a" + slot: number, "b" + slot: number, "filler" + slot: filler,
			"gone" + strconv.Itoa(n-1): nil, "gone" + strconv.Itoa(n): number,
		})
		if err != nil {
			fmt.Println("apply:", err)
			os.Exit(1)
		}
		fmt.Println("done", n)
	}
}

// killAt kills a child that long after it has said that stopAt changes are done, and gives
// how many it had said until then.
func killAt(t *testing.T, cmd *exec.Cmd, out *bufio.Reader, stopAt int, later time.Duration) (acknowledged int) {
	t.Helper()
	for acknowledged < stopAt {
		line, err := out.ReadString('\n')
		if err != nil {
			t.Fatalf("the child ended before change %d: %q, %v", stopAt, line, err)
		}
		acknowledged = parseDone(t, line)
	}
	for spin := time.Now(); time.Since(spin) < later; {
	}
	cmd.Process.Kill()
	for { // what it had said before it was killed
		line, err := out.ReadString('\n')
		if err != nil {
			break
		}
		acknowledged = parseDone(t, line)
	}
	cmd.Wait()
	return acknowledged
}

func TestNoAcknowledgedChangeIsLostOrHalfThereAfterAKill(t *testing.T) {
	kills := 12
	if testing.Short() {
		kills = 5
	}
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(7, 7))
	acknowledged, total := 0, 0
	for kill := range kills {
		cmd, _, out := child(t, "write", dir)
		// Killed after a random number of changes and a random moment within the next.
		stopAt := acknowledged + 1 + random.IntN(60)
		acknowledged = killAt(t, cmd, out, stopAt, time.Duration(random.IntN(3000))*time.Microsecond)
		total++
		checkAfterKill(t, dir, acknowledged)
		if kill%3 == 2 { // the next child replays the log of this process' orderly close
			mustClose(t, mustOpen(t, dir))
		}
	}
	t.Logf("%d kills, %d acknowledged changes", total, acknowledged)
}

func parseDone(t *testing.T, line string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(line), "done "))
	if err != nil {
		t.Fatalf("the child says %q", line)
	}
	return n
}

// checkAfterKill looks at a copy, so that the next child meets what the killed one left.
func checkAfterKill(t *testing.T, dir string, acknowledged int) {
	t.Helper()
	copied := t.TempDir()
	copyFolder(t, dir, copied)
	db := mustOpen(t, copied)
	defer mustClose(t, db)
	got := content(t, db.Table("left"), "")
	last, err := strconv.Atoi(got["last"])
	if err != nil || last < acknowledged || last > acknowledged+1 {
		t.Fatalf("last is %q, %d was acknowledged", got["last"], acknowledged)
	}
	for n := max(1, last-49); n <= last; n++ {
		slot := strconv.Itoa(n % 50)
		if a, b := got["a"+slot], got["b"+slot]; a != strconv.Itoa(n) || b != a {
			t.Errorf("after change %d of %d: halves %q and %q", n, last, a, b)
		}
		if got["filler"+slot] == "" {
			t.Errorf("the filler of change %d is gone", n)
		}
	}
	for key := range got {
		if n, ok := strings.CutPrefix(key, "gone"); ok && n != strconv.Itoa(last) {
			t.Errorf("deleted key %s has come back after change %d", key, last)
		}
	}
}
