package onnx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// place is where one tensor's external data lies. A length of -1 is not given.
type place struct {
	location       string
	offset, length int64
}

// extent is how far into a file of external data a model reads, and for which tensor.
type extent struct {
	end    int64
	tensor string
}

// memoryLocation begins the locations by which ONNX Runtime marks tensors that lie in its
// own memory: in a file such a mark would read whatever address it states.
const memoryLocation = "*/_ORT_MEM_ADDR_"

// safeLocation refuses every location but plain relative paths with forward slashes that
// stay below the model's folder, on this system and on every other.
func safeLocation(location string) error {
	unsafe := func(message string) error { return &UnsafeError{Path: location, Message: message} }
	switch {
	case location == "":
		return &FormatError{Offset: -1, Message: "a tensor's external data has an empty location"}
	case strings.ContainsRune(location, 0):
		return unsafe("has a zero byte in its path")
	case strings.HasPrefix(location, memoryLocation):
		return unsafe("is an address in memory, not a file")
	case strings.HasPrefix(location, "/"), strings.HasPrefix(location, `\`), len(location) > 1 && location[1] == ':':
		return unsafe("is an absolute path; it must lie beside the model")
	case strings.Contains(location, `\`):
		return unsafe("has a backslash in its path; write it with forward slashes")
	}
	for part := range strings.SplitSeq(location, "/") {
		if part == ".." {
			return unsafe("leads out of the model's folder")
		}
	}
	if !filepath.IsLocal(filepath.FromSlash(location)) {
		return unsafe("is not a path below the model's folder")
	}
	return nil
}

// checkExternal checks each file of external data: that it is a regular file inside root,
// below the model's folder, and long enough.
func checkExternal(root *os.Root, model string, references map[string]extent) error {
	for location, need := range references {
		name := path.Join(path.Dir(filepath.ToSlash(model)), location)
		info, err := root.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return &FormatError{Offset: -1, Err: err, Message: fmt.Sprintf(
				"its weights lie in the file %q, which is missing; put it beside the model", location)}
		case err != nil:
			return rootError(location, err)
		case !info.Mode().IsRegular():
			return &UnsafeError{Path: location, Message: "is not a regular file"}
		case info.Size() < need.end:
			return &FormatError{Offset: -1, Message: fmt.Sprintf(
				"the file %q with its weights has %d bytes, and the tensor %q needs %d; perhaps the copy is incomplete",
				location, info.Size(), need.tensor, need.end)}
		}
	}
	return nil
}
