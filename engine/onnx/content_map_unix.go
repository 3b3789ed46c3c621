//go:build unix

package onnx

import (
	"os"
	"syscall"
)

// mapping is a file in memory.
type mapping struct{ data []byte }

func mapped(f *os.File, size int64) (mapping, error) {
	data, err := syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	return mapping{data}, err
}

func (m mapping) close() error { return syscall.Munmap(m.data) }
