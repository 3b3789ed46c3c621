package onnx

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Content is a model with its weights. Large weights lie in files that are mapped into
// memory until Close.
type Content struct {
	*Model
	Graph     *Graph
	Functions []*Function

	mapped []mapping
}

// Open reads the file at path, and the weights that lie beside it, with the checks of
// CheckFile. The files must not change before Close. Errors: those of CheckFile, and
// *UnsupportedError for tensors whose element type package tensor does not have.
func Open(path string) (*Content, error) {
	f, err := openPath(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	c := &Content{}
	if err := c.open(f, root); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Content) open(f *os.File, root *os.Root) error {
	b, err := c.mapFile(f)
	if err != nil {
		return err
	}
	if c.Model, err = read(bytes.NewReader(b), int64(len(b))); err != nil {
		return err
	}
	if err := checkExternal(root, ".", c.references); err != nil {
		return err
	}
	files := map[string][]byte{}
	return c.decode(b, func(location string) ([]byte, error) {
		if b, ok := files[location]; ok {
			return b, nil
		}
		f, err := openRegular(root, location)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		b, err := c.mapFile(f)
		files[location] = b
		return b, err
	})
}

// mapFile maps the whole file into memory until Close.
func (c *Content) mapFile(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 {
		return nil, nil
	}
	m, err := mapped(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("mapping the model's file %q into memory: %w", filepath.Base(f.Name()), err)
	}
	c.mapped = append(c.mapped, m)
	return m.data, nil
}

// Decode reads a model held in memory: like Open. External data is a *FormatError, for
// there is no folder. The content keeps parts of b.
func Decode(b []byte) (*Content, error) {
	m, err := Parse(b)
	if err != nil {
		return nil, err
	}
	c := &Content{Model: m}
	err = c.decode(b, func(location string) ([]byte, error) {
		return nil, &FormatError{Offset: -1, Err: fs.ErrNotExist,
			Message: fmt.Sprintf("its weights lie in the file %q, which is missing", location)}
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Close gives the memory back that files are mapped into: no weight may be read afterwards.
func (c *Content) Close() error {
	var all []error
	for _, m := range c.mapped {
		all = append(all, m.close())
	}
	c.mapped = nil
	return errors.Join(all...)
}

// decode fills the content from b, which holds c.Model.
func (c *Content) decode(b []byte, open func(location string) ([]byte, error)) error {
	d := decoder{open: open}
	d.fields(b, func(f part) {
		switch f.number {
		case 7:
			c.Graph = d.graph(f.content)
		case 25:
			c.Functions = append(c.Functions, d.function(f.content))
		}
	})
	return d.err
}
