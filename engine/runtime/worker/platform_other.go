//go:build !linux

package worker

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// Worker processes are written for Linux: elsewhere the package builds, so that the rest
// of the program can be worked on, and no process starts.

type socket struct{}

var errLinuxOnly = errors.New("worker processes run on Linux only")

func socketPair() (ours *socket, theirs *os.File, err error) { return nil, nil, errLinuxOnly }

func (*socket) Read([]byte) (int, error)       { return 0, errLinuxOnly }
func (*socket) Write([]byte) (int, error)      { return 0, errLinuxOnly }
func (*socket) polled() (io.ReadCloser, error) { return nil, errLinuxOnly }
func (*socket) shutdown()                      {}
func (*socket) Close() error                   { return nil }

func newBodyMemory() (*bodyMemory, *os.File, error) { return nil, nil, errLinuxOnly }

func mapBodies(int) []byte { return nil }

func unmapBodies([]byte) {}

func trimBodies([]byte) {}

func processAttributes() *syscall.SysProcAttr { return nil }

func killGroup(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		p.Kill()
	}
}

func prepareProcess() {}

func limitMemory(int64) error { return nil }

func limitData(int64) error { return nil }

func usageOf(int) (resident int64, processor float64) { return 0, 0 }

func endOf(state *os.ProcessState) (signal string, status int) {
	if state == nil {
		return "", -1
	}
	return "", state.ExitCode()
}
