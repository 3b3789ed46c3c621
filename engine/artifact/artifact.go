// Package artifact is the identity of a model version's files: one digest over all of
// them, taken when the version is imported and again before a worker loads it. It reads
// files and must never know what they mean, where they came from or who serves them; it
// stands on the standard library alone.
package artifact

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// File is one file of an artifact.
type File struct {
	Name   string // below the artifact's folder, with forward slashes
	Size   int64  // bytes
	SHA256 [sha256.Size]byte
}

// FileError says which file of an artifact has no digest, and why.
type FileError struct {
	Name    string // below the artifact's folder, with forward slashes
	Message string // what is wrong, as the end of a sentence: "is a symbolic link"
	Err     error  // the cause, or nil
}

// Error is a sentence for a person.
func (e *FileError) Error() string { return fmt.Sprintf("the model's file %q %s", e.Name, e.Message) }

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// errIrregular is returned where opening a file gave something else than was looked at.
var errIrregular = errors.New("it was exchanged while it was opened")

// Digest reads every file below root and returns the hex digest over all of them (see
// Combine) and their bytes. Folders count only by the files in them. Anything but files
// and folders (symbolic links, devices, pipes) is a *FileError: their content is not the
// artifact's own. The digest depends on no time, owner or permission.
func Digest(root *os.Root) (sha256hex string, size int64, err error) {
	var files []File
	buffer := make([]byte, 1<<20)
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return &FileError{Name: name, Message: "cannot be read: " + err.Error(), Err: err}
		case entry.IsDir():
			return nil
		case !entry.Type().IsRegular():
			return &FileError{Name: name, Message: Irregular(entry.Type())}
		}
		f, err := Open(root, name)
		if err != nil {
			return &FileError{Name: name, Message: "cannot be read: " + err.Error(), Err: err}
		}
		defer f.Close()
		hash := sha256.New()
		// The file is hidden behind a plain Reader: os.File's WriteTo would pass the buffer by.
		n, err := io.CopyBuffer(hash, struct{ io.Reader }{f}, buffer)
		if err != nil {
			return &FileError{Name: name, Message: "cannot be read: " + err.Error(), Err: err}
		}
		files = append(files, File{Name: name, Size: n, SHA256: [sha256.Size]byte(hash.Sum(nil))})
		size += n
		return nil
	})
	if err != nil {
		return "", 0, err
	}
	return Combine(files), size, nil
}

// Combine is the hex digest over files in any order: SHA-256 over, for each file by
// name, the length of its name (8 bytes, little-endian), its name, its size (8 bytes)
// and its own SHA-256. Lengths stand before what they measure, so that no two lists of
// files read alike. files is not changed.
func Combine(files []File) string {
	sorted := slices.Clone(files)
	slices.SortFunc(sorted, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	var b bytes.Buffer
	for _, f := range sorted {
		b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(f.Name))))
		b.WriteString(f.Name)
		b.Write(binary.LittleEndian.AppendUint64(nil, uint64(f.Size)))
		b.Write(f.SHA256[:])
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:])
}

// Open opens a regular file below root for reading. It looks before it opens, for
// opening a named pipe would wait for ever, and follows no symbolic link in the last
// part of the name; what it opened is what it looked at.
func Open(root *os.Root, name string) (*os.File, error) {
	before, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("it " + Irregular(before.Mode()))}
	}
	f, err := root.OpenFile(name, openFlags, 0)
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = &fs.PathError{Op: "open", Path: name, Err: errIrregular}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Irregular says what a file is that is not a regular one, as the end of a sentence.
func Irregular(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "is a symbolic link; put the file itself in its place"
	case mode&fs.ModeDir != 0:
		return "is a folder"
	}
	return "is not a regular file"
}
