package e2e

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// The power is cut at random moments while endpoints are made, updated and deleted and
// models imported and deleted; then all that was acknowledged is there, each endpoint with
// one whole configuration. CUTS is how often, 5 by itself.
//
// The data folder lies on a file system in a file. At a cut the program is stopped, so that
// it writes nothing more, and the file is copied: it holds what the disk would hold, without
// what is still in the system's memory. The copy is the disk from then on.
func TestPowerCutsLoseNothingAcknowledged(t *testing.T) {
	cuts := 5
	if n, err := strconv.Atoi(os.Getenv("CUTS")); err == nil {
		cuts = n
	}
	random := rand.New(rand.NewPCG(20261130, 25))
	disk := newDisk(t, 256<<20)
	w := newWorld(t, t.TempDir(), filepath.Join(disk.at, "data"), random)
	began := time.Now()
	for cut := range cuts {
		stop := make(chan struct{})
		ended := w.work(stop, cut)
		<-time.After(time.Duration(100+random.IntN(900)) * time.Millisecond)
		if err := w.p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		<-time.After(50 * time.Millisecond) // what was answered reaches the clients
		disk.cut()
		close(stop)
		w.p.kill()
		<-ended
		disk.swap()
		w.restart()
		w.check()
		if t.Failed() {
			t.Fatalf("cut %d:\n%s", cut, w.p.written())
		}
	}
	t.Logf("%d power cuts in %v, none lost anything acknowledged: %s", cuts, time.Since(began).Round(time.Second), w.ledger.words())
	if w.ledger.updates == 0 || w.ledger.creates == 0 || w.ledger.imports == 0 || w.ledger.deletes == 0 {
		t.Fatal("nothing of a kind was acknowledged: the test proved nothing")
	}
}

// disk is a file system in a file in memory.
type disk struct {
	t           *testing.T
	at          string // where it is mounted
	image, next string
}

func newDisk(t *testing.T, size int64) *disk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a power cut takes a file system of its own, and mounting one takes root")
	}
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		t.Skip(err)
	}
	memory, err := os.MkdirTemp("/dev/shm", "disk-")
	if err != nil {
		t.Skipf("there is no file system in memory: %v", err)
	}
	d := &disk{t: t, at: filepath.Join(memory, "mounted"), image: filepath.Join(memory, "image"), next: filepath.Join(memory, "next")}
	t.Cleanup(func() {
		syscall.Unmount(d.at, syscall.MNT_DETACH)
		os.RemoveAll(memory)
	})
	if err := os.Mkdir(d.at, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.image, size); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", d.image).CombinedOutput(); err != nil {
		t.Skipf("no file system can be made here: %v %s", err, out)
	}
	if out, err := d.mount(); err != nil {
		t.Skipf("no file system can be mounted here: %v %s", err, out)
	}
	return d
}

func (d *disk) mount() ([]byte, error) {
	return exec.Command("mount", "-o", "loop", d.image, d.at).CombinedOutput()
}

// cut copies what is on the disk now.
func (d *disk) cut() {
	d.t.Helper()
	if out, err := exec.Command("cp", "--sparse=always", d.image, d.next).CombinedOutput(); err != nil {
		d.t.Fatalf("%v %s", err, out)
	}
}

// swap puts what was on the disk at the cut in its place. The program has ended.
func (d *disk) swap() {
	d.t.Helper()
	if err := syscall.Unmount(d.at, syscall.MNT_DETACH); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(d.next, d.image); err != nil {
		d.t.Fatal(err)
	}
	if out, err := d.mount(); err != nil {
		d.t.Fatalf("after a power cut the file system cannot be mounted: %v %s", err, out)
	}
}
