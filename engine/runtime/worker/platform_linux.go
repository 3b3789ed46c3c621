package worker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// socket is the engine's end of a connection. It is no os.File, because Go's poller would
// wake a thread for whatever comes, also while another one waits for just that.
type socket struct{ fd int }

// socketPair gives the two ends of a connection: the engine's, and the file that the
// process inherits. Both are closed on exec, so that no other child gets them.
func socketPair() (ours *socket, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket pair: %w", err)
	}
	for _, fd := range fds {
		// Fewer wake-ups for long bodies. The system cuts it to what it allows.
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20)
	}
	ours = &socket{fds[0]}
	if err := ours.bound(readPatience); err != nil {
		ours.Close()
		unix.Close(fds[1])
		return nil, nil, err
	}
	return ours, os.NewFile(uintptr(fds[1]), "engine"), nil
}

// bound sets how long a Read waits at most; 0 is without end.
func (s *socket) bound(patience time.Duration) error {
	t := unix.NsecToTimeval(int64(patience))
	if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &t); err != nil {
		return fmt.Errorf("bound the reads of a socket: %w", err)
	}
	return nil
}

// Read waits in the system, which wakes the thread that waits and no other. It is
// syscall.EAGAIN where nothing has come for as long as bound says.
func (s *socket) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(s.fd, b)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Write writes all of b, however long that takes.
func (s *socket) Write(b []byte) (int, error) {
	written := 0
	for written < len(b) {
		n, err := unix.Write(s.fd, b[written:])
		written += max(n, 0)
		if errors.Is(err, unix.EAGAIN) { // polled is being called
			_, err = unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLOUT}}, -1)
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return written, err
		}
	}
	return written, nil
}

// polledSocket is the same connection in Go's poller, for a goroutine that reads.
type polledSocket struct {
	*os.File
	conn syscall.RawConn
	once func(fd uintptr) bool // made once: a read allocates nothing

	// Of one read.
	b   []byte
	n   int
	err error
}

// polled gives the connection to Go's poller, which it must leave again by Close.
func (s *socket) polled() (_ io.ReadCloser, err error) {
	fd, err := unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("wait for a worker process: %w", err)
	}
	// The poller takes what does not block. That is a property of the connection and not
	// of one descriptor: only Write may notice meanwhile.
	unix.SetNonblock(fd, true)
	p := &polledSocket{File: os.NewFile(uintptr(fd), "worker")}
	unix.SetNonblock(fd, false)
	if p.conn, err = p.SyscallConn(); err != nil {
		p.Close()
		return nil, fmt.Errorf("wait for a worker process: %w", err)
	}
	p.once = func(fd uintptr) bool {
		for {
			if p.n, _, p.err = unix.Recvfrom(int(fd), p.b, unix.MSG_DONTWAIT); !errors.Is(p.err, unix.EINTR) {
				return !errors.Is(p.err, unix.EAGAIN)
			}
		}
	}
	return p, nil
}

func (p *polledSocket) Read(b []byte) (int, error) {
	p.b = b
	err := p.conn.Read(p.once)
	p.b = nil
	switch {
	case err != nil:
		return 0, err
	case p.err != nil:
		return 0, p.err
	case p.n == 0:
		return 0, io.EOF
	}
	return p.n, nil
}

// shutdown ends the connection for both sides: what waits for it returns, and what has
// come can still be read.
func (s *socket) shutdown() { unix.Shutdown(s.fd, unix.SHUT_RDWR) }

// Close may be called once nobody reads or writes.
func (s *socket) Close() error { return unix.Close(s.fd) }

// newBodyMemory makes shared memory, and the file that a process maps it from. The file is open
// for reading only: a model that writes wherever it likes hits no other request.
func newBodyMemory() (*bodyMemory, *os.File, error) {
	fd, err := unix.MemfdCreate("bodies", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, nil, fmt.Errorf("make shared memory: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, sharedSize); err != nil {
		return nil, nil, fmt.Errorf("set up shared memory: %w", err)
	}
	b, err := unix.Mmap(fd, 0, sharedSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("map shared memory: %w", err)
	}
	file, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		unix.Munmap(b)
		return nil, nil, err
	}
	return &bodyMemory{b: b}, file, nil
}

// mapBodies maps the memory in the process; nil where there is none.
func mapBodies(fd int) []byte {
	b, err := unix.Mmap(fd, 0, sharedSize, unix.PROT_READ, unix.MAP_SHARED)
	unix.Close(fd)
	if err != nil {
		return nil
	}
	return b
}

func unmapBodies(b []byte) { unix.Munmap(b) }

// trimBodies gives pages back to the system; they are zeros after it.
func trimBodies(b []byte) { unix.Madvise(b, unix.MADV_REMOVE) }

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
func limitMemory(limit int64) error { return bound(unix.RLIMIT_AS, 0, limit) }

// limitData bounds the memory that can be written and is the process's own, in the same way.
// NVIDIA's driver reserves more addresses than the machine and its GPUs have memory.
func limitData(limit int64) error { return bound(unix.RLIMIT_DATA, 5, limit) }

// bound sets the limit of a resource; field is that of /proc/self/statm which says how much of
// it there is now.
func bound(resource, field int, limit int64) error {
	if limit <= 0 {
		return nil
	}
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return err
	}
	pages, err := strconv.ParseUint(strings.Fields(string(text))[field], 10, 64)
	if err != nil {
		return err
	}
	most := pages*uint64(os.Getpagesize()) + uint64(limit)
	var now unix.Rlimit
	if err := unix.Getrlimit(resource, &now); err != nil {
		return err
	}
	most = min(most, now.Max)
	return unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most})
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
