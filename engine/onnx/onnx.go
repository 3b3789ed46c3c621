// Package onnx reads what an ONNX file says about itself (onnx/onnx.proto): inputs,
// outputs, operators, parameters and where its weights lie. It does so before any
// runtime sees the file, so that a broken or hostile one is refused in safe Go with a
// reason a person understands. Weights are skipped, never held: reading a file of 2 GiB
// takes a buffer of 32 KiB and what is kept of its names. Open alone reads nodes and
// weights, for what computes with them. The package runs nothing and knows nothing of
// runtimes' libraries, endpoints, HTTP or storage.
package onnx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"

	"servery/engine/tensor"
)

// maxFileSize is protobuf's limit for one message, 2 GiB - 1: no runtime reads a longer
// file. Larger models keep their weights in external data.
const maxFileSize = math.MaxInt32

// Model is what an ONNX file says.
type Model struct {
	// Inputs are what a run must be given: inputs with an initializer of the same name
	// have a default and are left out. Shape and Dims of a port are equally long.
	Inputs, Outputs []tensor.Port
	// Opsets are the operator sets it is written for: domain -> version. ONNX's own
	// domain is "", also where the file spells it "ai.onnx".
	Opsets    map[string]int64
	Producer  string // "pytorch 2.5.1"; may be empty
	GraphName string
	IRVersion int64
	// Operators are counted over the graph, its subgraphs and the model's local
	// functions; the most used first, then by domain and name.
	Operators []Operator
	Nodes     int // the sum of the operators' counts
	// Parameters is the number of elements of all initializers and of the tensors that
	// Constant nodes hold, subgraphs included.
	Parameters int64
	// External are the files that hold weights, sorted, as written in the model:
	// slash-separated and relative to the model's folder.
	External []string

	references map[string]extent
}

// Operator is how often an operator stands in a model. Domain is "" for ONNX's own.
type Operator struct {
	Domain, Name string
	Count        int
}

// Read reads the file at path. It checks that external data is named by safe relative
// paths but does not look at those files: see CheckFile. Errors: *FormatError,
// *UnsupportedError, *UnsafeError, or what the file system says.
func Read(path string) (*Model, error) {
	f, err := openPath(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readFile(f)
}

// openPath opens a regular file anywhere: links to it are followed.
func openPath(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &FormatError{Offset: -1, Message: "it is not a regular file"}
	}
	return os.Open(path)
}

// Parse reads a model held in memory: like Read.
func Parse(b []byte) (*Model, error) {
	return read(bytes.NewReader(b), int64(len(b)))
}

// CheckFile reads the file name inside root and checks that the files with its external
// data lie in the model's folder or below, are regular files, and are as long as the
// model says. Nothing outside root is opened: os.Root follows no link that leads out.
// A file that is missing or too short is a *FormatError, one that lies outside an
// *UnsafeError.
func CheckFile(root *os.Root, name string) (*Model, error) {
	f, err := openRegular(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := readFile(f)
	if err != nil {
		return nil, err
	}
	if err := checkExternal(root, name, m.references); err != nil {
		return nil, err
	}
	return m, nil
}

func readFile(f *os.File) (*Model, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return read(f, info.Size())
}

func read(r io.ReaderAt, size int64) (*Model, error) {
	if size == 0 {
		return nil, &FormatError{Offset: -1, Message: "it is empty"}
	}
	head := make([]byte, min(size, sniffLength))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the model's file: %w", err)
	}
	if err := sniff(head); err != nil {
		return nil, err
	}
	if size > maxFileSize {
		return nil, &UnsupportedError{Message: fmt.Sprintf("the file has %d bytes, and an ONNX file can have %d at most; "+
			"save the model with its weights as external data", size, maxFileSize)}
	}
	return parse(r, size)
}

// openRegular opens a regular file inside root. It looks before it opens: opening a
// named pipe would wait for ever.
func openRegular(root *os.Root, name string) (*os.File, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, rootError(name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, &UnsafeError{Path: name, Message: "is not a regular file"}
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, rootError(name, err)
	}
	return f, nil
}

// rootError tells a file that is not there, or may not be read, from one that os.Root
// refuses: its error for a path that leads out has no name of its own.
func rootError(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &FormatError{Offset: -1, Message: fmt.Sprintf("its file %q is missing", name), Err: err}
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%q cannot be read: %w", name, err)
	}
	return &UnsafeError{Path: name, Message: "leads outside the model's folder or cannot be opened", Err: err}
}
