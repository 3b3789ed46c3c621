package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"strings"

	"servery/engine/artifact"
)

// Sink takes what a backup holds, in its order. A nil function takes nothing of its kind.
// Nothing that it was given counts before Read has returned nil.
type Sink struct {
	// Record takes a record. value is its to keep only if it copies it.
	Record func(key string, value []byte) error
	// File takes a file of a version, by its path below the models' folder, with forward
	// slashes. It must read content to its end.
	File func(name string, size int64, content io.Reader) error
}

// Is tells whether a file begins as a backup does.
func Is(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, len(headName)+1)
	_, err = io.ReadFull(f, start)
	return err == nil && string(start) == headName+"\x00"
}

// Read reads a whole backup and checks every byte of it: a *DamagedError or *NewerError
// tells that it cannot be used. progress may be nil; ctx ends the reading.
func Read(ctx context.Context, f *os.File, sink Sink, progress func(done, total int64)) (Head, Contents, error) {
	info, err := f.Stat()
	if err != nil {
		return Head{}, Contents{}, err
	}
	size := info.Size() - int64(sealSize)
	r := &reader{ctx: ctx, path: f.Name(), sink: sink, sum: sha256.New(), total: size, progress: progress,
		found: Contents{Tables: map[string]int{}}, files: map[string][]artifact.File{}}
	if size < 0 {
		return Head{}, Contents{}, r.damaged("it is too short")
	}
	head, contents, err := r.read(io.NewSectionReader(f, 0, size))
	if err != nil {
		return head, contents, err
	}
	line := make([]byte, sealSize)
	if _, err := f.ReadAt(line, size); err != nil {
		return head, contents, err
	}
	if string(line) != seal(r.sum.Sum(nil)) {
		return head, contents, r.damaged("its content does not match its checksum")
	}
	return head, contents, nil
}

type reader struct {
	ctx         context.Context
	path        string
	sink        Sink
	sum         hash.Hash
	done, total int64
	progress    func(done, total int64)

	found Contents
	files map[string][]artifact.File // by the version's folder
}

func (r *reader) damaged(format string, args ...any) error {
	return &DamagedError{Path: r.path, Reason: fmt.Sprintf(format, args...)}
}

// counted is the archive on its way: summed up, told and given up with ctx.
type counted struct {
	*reader
	from io.Reader
}

func (c counted) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.from.Read(b)
	c.sum.Write(b[:n])
	c.done += int64(n)
	if c.progress != nil {
		c.progress(c.done, c.total)
	}
	return n, err
}

func (r *reader) read(from io.Reader) (head Head, contents Contents, err error) {
	archive := counted{r, from}
	t := tar.NewReader(archive)
	entries, last := 0, ""
	for ; ; entries++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return head, contents, r.broken(entries, fmt.Errorf("%w: %w", tar.ErrHeader, err))
		}
		last = h.Name
		switch {
		case h.Typeflag != tar.TypeReg:
			err = r.damaged("its entry %q is no file", h.Name)
		case entries == 0 && h.Name == headName:
			err = r.json(t, h, &head)
			if err == nil && head.Format > format {
				err = &NewerError{Path: r.path, Format: head.Format}
			}
		case entries == 0:
			err = r.damaged("it is no backup of Servery")
		case h.Name == contentsName:
			err = r.json(t, h, &contents)
		case strings.HasPrefix(h.Name, stateFolder):
			err = r.records(t, h)
		case strings.HasPrefix(h.Name, modelsFolder):
			err = r.file(t, h)
		default:
			err = r.damaged("its entry %q does not belong there", h.Name)
		}
		if err != nil {
			return head, contents, r.broken(entries, err)
		}
	}
	if entries == 0 || last != contentsName {
		return head, contents, r.damaged("it is cut short")
	}
	if _, err := io.Copy(io.Discard, archive); err != nil {
		return head, contents, err
	}
	return head, contents, r.compare(contents)
}

// broken tells an archive that cannot be read from an error that is somebody else's.
func (r *reader) broken(entries int, err error) error {
	var disk *fs.PathError
	switch {
	case r.ctx.Err() != nil:
		return r.ctx.Err()
	case errors.As(err, &disk):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF) && entries == 0, errors.Is(err, tar.ErrHeader) && entries == 0:
		return r.damaged("it is no backup of Servery")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return r.damaged("it is cut short")
	case errors.Is(err, tar.ErrHeader):
		return r.damaged("the head of an entry is damaged")
	}
	return err
}

func (r *reader) json(t *tar.Reader, h *tar.Header, into any) error {
	if h.Size > maxDescription {
		return r.damaged("its entry %q is too long", h.Name)
	}
	text, err := io.ReadAll(t)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return r.damaged("its entry %q cannot be read", h.Name)
	}
	return nil
}

func (r *reader) records(t *tar.Reader, h *tar.Header) error {
	if h.Size > maxPiece {
		return r.damaged("its entry %q is too long", h.Name)
	}
	rest, err := io.ReadAll(t)
	if err != nil {
		return err
	}
	for len(rest) > 0 {
		var key, value []byte
		var ok bool
		if key, rest, ok = cutPart(rest); ok {
			value, rest, ok = cutPart(rest)
		}
		if !ok {
			return r.damaged("its entry %q cannot be read", h.Name)
		}
		table, _, _ := strings.Cut(string(key), "/")
		r.found.Tables[table]++
		r.found.Records++
		if r.sink.Record == nil {
			continue
		}
		if err := r.sink.Record(string(key), value); err != nil {
			return err
		}
	}
	return nil
}

// cutPart takes what stands behind its length off the beginning of b.
func cutPart(b []byte) (part, rest []byte, ok bool) {
	n, width := binary.Uvarint(b)
	if width <= 0 || n > uint64(len(b)-width) {
		return nil, nil, false
	}
	return b[width : width+int(n)], b[width+int(n):], true
}

// versionParts is how many parts the folder of a version has: catalog, schema, model and
// number.
const versionParts = 4

func (r *reader) file(t *tar.Reader, h *tar.Header) error {
	name := strings.TrimPrefix(h.Name, modelsFolder)
	parts := strings.SplitN(name, "/", versionParts+1)
	if len(parts) <= versionParts {
		return r.damaged("its file %q belongs to no version", name)
	}
	sum := sha256.New()
	content := io.TeeReader(t, sum)
	if r.sink.File != nil {
		if err := r.sink.File(name, h.Size, content); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return err
	}
	folder := strings.Join(parts[:versionParts], "/")
	r.files[folder] = append(r.files[folder], artifact.File{Name: parts[versionParts], Size: h.Size, SHA256: [sha256.Size]byte(sum.Sum(nil))})
	return nil
}

// compare holds what was found against what the backup says of itself.
func (r *reader) compare(says Contents) error {
	if says.Records != r.found.Records || !maps.Equal(says.Tables, r.found.Tables) {
		return r.damaged("it holds %d records where it should hold %d", r.found.Records, says.Records)
	}
	told := 0
	for _, v := range says.Versions {
		files := r.files[v.Folder]
		if len(files) > 0 {
			told++
		}
		if len(files) != v.Files || artifact.Combine(files) != v.SHA256 {
			return r.damaged("the files of version %d of %s are damaged in it", v.Number, v.Model)
		}
	}
	if told != len(r.files) {
		return r.damaged("it holds files that belong to no version")
	}
	return nil
}
