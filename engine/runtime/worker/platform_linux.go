package worker

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// socketPair gives the two ends of a connection: the engine's, and the file that the
// process inherits. Both are closed on exec, so that no other child gets them.
func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket pair: %w", err)
	}
	for _, fd := range fds {
		// Fewer wake-ups for long bodies. The system cuts it to what it allows.
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20)
	}
	ours, theirs = os.NewFile(uintptr(fds[0]), "worker"), os.NewFile(uintptr(fds[1]), "engine")
	patience := unix.NsecToTimeval(int64(readPatience))
	if err := unix.SetsockoptTimeval(fds[0], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience); err != nil {
		ours.Close()
		theirs.Close()
		return nil, nil, fmt.Errorf("bound the reads of a socket: %w", err)
	}
	return ours, theirs, nil
}

// awaitInput waits until a read of f would not block.
func awaitInput(f *os.File) error {
	set := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(set, -1); err != unix.EINTR {
			return err
		}
	}
}

// shutdown ends a connection for both sides: what waits for it returns, and what has come
// can still be read.
func shutdown(f *os.File) { unix.Shutdown(int(f.Fd()), unix.SHUT_RDWR) }

// processAttributes put a worker into a group of its own, which a Ctrl-C in the engine's
// terminal does not reach, and end it when the thread that started it ends.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killGroup ends a process and what it may have started.
func killGroup(pid int) { syscall.Kill(-pid, syscall.SIGKILL) }

// prepareProcess makes this process the first that the system ends when memory is short,
// and keeps it from writing gigabytes of core.
func prepareProcess() {
	os.WriteFile("/proc/self/oom_score_adj", []byte("500"), 0)
	unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}

// limitMemory bounds the address space to what this process has now and limit bytes more.
// The present size is not the model's: Go and the threads' stacks reserve about 1.5 GiB of
// addresses and use 20 MiB of them.
func limitMemory(limit int64) error {
	if limit <= 0 {
		return nil
	}
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return err
	}
	pages, err := strconv.ParseUint(strings.Fields(string(text))[0], 10, 64)
	if err != nil {
		return err
	}
	bound := pages*uint64(os.Getpagesize()) + uint64(limit)
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &now); err != nil {
		return err
	}
	bound = min(bound, now.Max)
	return unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: bound, Max: bound})
}

// clockTicks a second is the unit of processor time in /proc; Linux has it fixed at 100
// for programs on every architecture.
const clockTicks = 100

// usageOf reads a process's resident bytes and processor seconds; zeros where it is gone.
func usageOf(pid int) (resident int64, processor float64) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0
	}
	// The second field is the program's name in parentheses, which may hold anything.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	const utime, stime, rss = 14 - 3, 15 - 3, 24 - 3
	if len(fields) <= rss {
		return 0, 0
	}
	user, _ := strconv.ParseFloat(string(fields[utime]), 64)
	system, _ := strconv.ParseFloat(string(fields[stime]), 64)
	pages, _ := strconv.ParseInt(string(fields[rss]), 10, 64)
	return pages * int64(os.Getpagesize()), (user + system) / clockTicks
}

// endOf is how a process ended: by a signal, or with a status.
func endOf(state *os.ProcessState) (signal string, status int) {
	if state == nil {
		return "", -1
	}
	if w, ok := state.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return unix.SignalName(w.Signal()), -1
	}
	return "", state.ExitCode()
}
