//go:build !unix

package onnx

import (
	"io"
	"os"
)

// mapping is a file in memory: where there is no mapping, a copy of it.
type mapping struct{ data []byte }

func mapped(f *os.File, size int64) (mapping, error) {
	data := make([]byte, size)
	_, err := io.ReadFull(f, data)
	return mapping{data}, err
}

func (m mapping) close() error { return nil }
