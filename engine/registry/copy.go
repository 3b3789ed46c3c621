package registry

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"

	"servery/engine/artifact"
)

// chunk is how much is copied between two looks at the context.
const chunk = 1 << 20

// sink is a file that is written.
type sink interface {
	io.Writer
	Sync() error
	Close() error
}

// creator makes a file that is not there yet below root.
type creator func(root *os.Root, name string) (sink, error)

// createFile makes a file that can only be read once it is closed: artifacts never
// change.
func createFile(root *os.Root, name string) (sink, error) {
	return root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
}

// copier copies a model's files, takes their digests on the way and makes them durable.
type copier struct {
	ctx      context.Context
	source   *source
	to       *os.Root
	create   creator
	limits   limits
	progress func(Progress)
	done     int64
	total    int64
	buffer   []byte
	folders  map[string]bool // made in to
	files    []artifact.File
}

// copy copies all pieces. Errors: *refusal, *SourceError, *DiskError, the context's.
func (c *copier) copy(pieces []piece) error {
	c.buffer, c.folders = make([]byte, chunk), map[string]bool{".": true}
	for _, p := range pieces {
		c.total += p.size
	}
	for _, p := range pieces {
		if err := c.file(p.name); err != nil {
			return err
		}
	}
	for folder := range c.folders {
		if err := syncFolder(c.to, folder); err != nil {
			return c.failed(err)
		}
	}
	return nil
}

// open opens a piece in the source. The file that the user named is opened by its path,
// so that it may be a link; those that the model names are held to its folder.
func (c *copier) open(name string) (*os.File, error) {
	if name == c.source.main {
		f, err := os.Open(c.source.path)
		if err != nil {
			return nil, c.source.unreadable(err)
		}
		return f, nil
	}
	f, err := artifact.Open(c.source.root, name)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil, c.source.unreadable(err)
	case err != nil:
		return nil, refuse("The model is refused because it is not safe: its file %q cannot be opened as a file in the model's folder.", name)
	}
	if n, err := links(f); err != nil {
		return nil, errors.Join(c.source.unreadable(err), f.Close())
	} else if n > 1 {
		f.Close()
		return nil, refuse("The model is refused because it is not safe: its file %q has another name too (a hard link), perhaps outside "+
			"the model's folder; put a copy of the file in its place.", name)
	}
	return f, nil
}

// file copies one file.
func (c *copier) file(name string) (err error) {
	from, err := c.open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	if err := c.makeFolder(path.Dir(name)); err != nil {
		return c.failed(err)
	}
	to, err := c.create(c.to, name)
	if err != nil {
		return c.failed(err)
	}
	defer func() {
		if closed := to.Close(); err == nil && closed != nil {
			err = c.failed(closed)
		}
	}()
	hash, size := sha256.New(), int64(0)
	for {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		n, read := from.Read(c.buffer)
		if n > 0 {
			if n := int64(n); n > c.limits.bytes-c.done { // it grew since it was looked at
				return tooLarge(c.limits)
			}
			hash.Write(c.buffer[:n])
			if _, err := to.Write(c.buffer[:n]); err != nil {
				return c.failed(err)
			}
			size, c.done = size+int64(n), c.done+int64(n)
			c.progress(Progress{Stage: StageCopy, Done: c.done, Total: max(c.total, c.done)})
		}
		if read == io.EOF {
			break
		}
		if read != nil {
			return c.source.unreadable(read)
		}
	}
	if err := to.Sync(); err != nil {
		return c.failed(err)
	}
	c.files = append(c.files, artifact.File{Name: name, Size: size, SHA256: [sha256.Size]byte(hash.Sum(nil))})
	return nil
}

// makeFolder makes a folder in the copy, and those above it.
func (c *copier) makeFolder(name string) error {
	if c.folders[name] {
		return nil
	}
	if err := c.makeFolder(path.Dir(name)); err != nil {
		return err
	}
	if err := c.to.Mkdir(name, 0o700); err != nil {
		return err
	}
	c.folders[name] = true
	return nil
}

// failed is an error of writing the data folder.
func (c *copier) failed(err error) error { return diskError(err, c.total) }

// diskError says what a failed write means to a person; bytes is what the import needs.
func diskError(err error, bytes int64) error {
	if diskFull(err) {
		return &DiskError{Message: "There is no space left on the disk with the models: the import needs " + bytesText(bytes) +
			". Free some space and import the model again", Full: true, Err: err}
	}
	return &DiskError{Message: "The model could not be copied into the data folder", Err: err}
}

// syncFolder makes the names in a folder durable.
func syncFolder(root *os.Root, name string) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(syncDirectory(f), f.Close())
}
