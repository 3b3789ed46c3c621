package mlmodel

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Folder is what a model folder says about itself. Everything but Flavor, ModelFile and
// Flavors may be empty.
type Folder struct {
	Flavor    string     // the flavor that is served: "onnx"
	ModelFile string     // the ONNX file, below the folder, with forward slashes
	Signature *Signature // nil where the model was logged without one
	// Example is the input example as the body of a scoring request; nil where there is
	// none, or none that can be sent (sparse matrices, broken files).
	Example       []byte
	RunID         string
	UUID          string
	ModelID       string // MLflow 3: "m-…"
	MLflowVersion string
	Time          string   // utc_time_created, as written
	Flavors       []string // all flavors, sorted
}

const (
	descriptionFile = "MLmodel"
	// maxDescription and maxExample are bytes. A signature of 10,000 columns takes 1 MB;
	// an image of 224 × 224 × 3 numbers with 16 digits takes 3 MB.
	maxDescription = 16 << 20
	maxExample     = 4 << 20
)

// Read reads the model folder at root: MLmodel and the input example. It checks that the
// ONNX file is there but does not look into it. No file outside root is opened. Errors:
// *FormatError, *UnsupportedError (no onnx flavor), *UnsafeError (a path that leads out),
// or what the file system says.
func Read(root *os.Root) (*Folder, error) {
	b, err := readFile(root, descriptionFile, maxDescription)
	if err != nil {
		return nil, err
	}
	d, err := parseDescription(b)
	if err != nil {
		return nil, err
	}
	if _, err := statFile(root, d.folder.ModelFile); err != nil {
		return nil, err
	}
	if d.folder.Example, err = d.example.read(root); err != nil {
		return nil, err
	}
	return &d.folder, nil
}

// statFile looks at a file below root and refuses what is not a regular file.
func statFile(root *os.Root, name string) (fs.FileInfo, error) {
	info, err := root.Stat(filepath.FromSlash(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &FormatError{File: name, Message: "is missing", Err: err}
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the model's file %s cannot be read: %w", name, err)
	case err != nil:
		// os.Root's error for a path that leads out has no name of its own.
		return nil, &UnsafeError{Path: name, Message: "leads outside the model's folder or cannot be opened", Err: err}
	case info.IsDir():
		return nil, &FormatError{File: name, Message: "is a folder"}
	case !info.Mode().IsRegular():
		return nil, &UnsafeError{Path: name, Message: "is not a regular file"}
	}
	return info, nil
}

// readFile reads a file below root of at most limit bytes.
func readFile(root *os.Root, name string, limit int64) ([]byte, error) {
	if _, err := statFile(root, name); err != nil {
		return nil, err
	}
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, fmt.Errorf("the model's file %s cannot be read: %w", name, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("the model's file %s cannot be read: %w", name, err)
	}
	if int64(len(b)) > limit {
		return nil, &FormatError{File: name, Message: fmt.Sprintf("has more than %d MiB", limit>>20)}
	}
	return b, nil
}

// localPath refuses every path but plain relative ones with forward slashes that stay
// below the folder, on this system and on every other.
func localPath(p string) error {
	switch {
	case strings.ContainsRune(p, 0):
		return &UnsafeError{Path: p, Message: "has a zero byte in its path"}
	case strings.HasPrefix(p, "/"), strings.HasPrefix(p, `\`), len(p) > 1 && p[1] == ':', strings.Contains(p, "://"):
		return &UnsafeError{Path: p, Message: "is an absolute path; it must lie in the model's folder"}
	case strings.Contains(p, `\`):
		return &UnsafeError{Path: p, Message: "has a backslash in its path; write it with forward slashes"}
	case slices.Contains(strings.Split(p, "/"), ".."), !filepath.IsLocal(filepath.FromSlash(p)):
		return &UnsafeError{Path: p, Message: "leads out of the model's folder"}
	}
	return nil
}
