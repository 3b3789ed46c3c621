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
	"os"
	"path"
	"strings"
	"time"

	"servery/engine/artifact"
)

// Writer writes one backup: first all records, then the versions, then Close. It holds
// about 1 MiB, whatever the backup's size. After an error it is of no use.
type Writer struct {
	ctx      context.Context
	out      io.Writer
	sum      hash.Hash
	tar      *tar.Writer
	head     Head
	contents Contents
	records  []byte
	pieces   int
	progress func(done int64)
}

// NewWriter begins a backup. Of head, Format is set here. progress, which may be nil, is
// told the bytes of versions' files so far; ctx ends the writing.
func NewWriter(ctx context.Context, w io.Writer, head Head, progress func(done int64)) (*Writer, error) {
	if progress == nil {
		progress = func(int64) {}
	}
	head.Format = format
	b := &Writer{ctx: ctx, out: w, sum: sha256.New(), head: head, contents: Contents{Tables: map[string]int{}, Versions: []Version{}}, progress: progress}
	b.tar = tar.NewWriter(io.MultiWriter(w, b.sum))
	return b, b.describe(headName, head)
}

func (b *Writer) describe(name string, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return b.entry(name, append(text, '\n'))
}

func (b *Writer) entry(name string, content []byte) error {
	if err := b.begin(name, int64(len(content))); err != nil {
		return err
	}
	_, err := b.tar.Write(content)
	return err
}

func (b *Writer) begin(name string, size int64) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	return b.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: b.head.CreatedAt.Truncate(time.Second)})
}

// Record adds a record: a key as the store gives it, "table/…", and its value.
func (b *Writer) Record(key string, value []byte) error {
	b.records = binary.AppendUvarint(b.records, uint64(len(key)))
	b.records = append(b.records, key...)
	b.records = binary.AppendUvarint(b.records, uint64(len(value)))
	b.records = append(b.records, value...)
	table, _, _ := strings.Cut(key, "/")
	b.contents.Tables[table]++
	b.contents.Records++
	if len(b.records) < piece {
		return nil
	}
	return b.flush()
}

func (b *Writer) flush() error {
	if len(b.records) == 0 {
		return nil
	}
	b.pieces++
	err := b.entry(fmt.Sprintf("%s%06d", stateFolder, b.pieces), b.records)
	b.records = b.records[:0]
	return err
}

// Version adds the files of a version: v has its Model, Number and Folder, and the SHA256
// that its files should have. root is nil where they are gone; then, and where they are not
// what they should be, the backup says so.
func (b *Writer) Version(v Version, root *os.Root) error {
	if err := b.flush(); err != nil {
		return err
	}
	want := v.SHA256
	files, err := b.files(v.Folder, root)
	if err != nil {
		return err
	}
	v.Files, v.Size, v.SHA256 = len(files), 0, artifact.Combine(files)
	for _, f := range files {
		v.Size += f.Size
	}
	switch {
	case root == nil:
		v.Problem = "its files are gone from the data folder"
	case want != "" && v.SHA256 != want:
		v.Problem = "its files are not those that were imported"
	}
	b.contents.Versions = append(b.contents.Versions, v)
	b.contents.Bytes += v.Size
	return nil
}

func (b *Writer) files(folder string, root *os.Root) (files []artifact.File, err error) {
	if root == nil {
		return nil, nil
	}
	done := b.contents.Bytes
	buffer := make([]byte, 1<<20)
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		f, err := artifact.Open(root, name)
		if err != nil {
			return err
		}
		defer f.Close()
		one, err := b.file(path.Join(modelsFolder, folder, name), f, buffer, &done)
		one.Name = name
		files = append(files, one)
		return err
	})
	return files, err
}

func (b *Writer) file(name string, f *os.File, buffer []byte, done *int64) (one artifact.File, err error) {
	info, err := f.Stat()
	if err != nil {
		return one, err
	}
	if err := b.begin(name, info.Size()); err != nil {
		return one, err
	}
	sum := sha256.New()
	for {
		if err := b.ctx.Err(); err != nil {
			return one, err
		}
		n, read := f.Read(buffer)
		sum.Write(buffer[:n])
		if _, err := b.tar.Write(buffer[:n]); err != nil {
			return one, err // also where the file has grown
		}
		one.Size += int64(n)
		*done += int64(n)
		b.progress(*done)
		if errors.Is(read, io.EOF) {
			break
		}
		if read != nil {
			return one, read
		}
	}
	one.SHA256 = [sha256.Size]byte(sum.Sum(nil))
	return one, nil
}

// Close ends the backup and says what is in it.
func (b *Writer) Close() (Contents, error) {
	if err := b.flush(); err != nil {
		return Contents{}, err
	}
	if err := b.describe(contentsName, b.contents); err != nil {
		return Contents{}, err
	}
	if err := b.tar.Close(); err != nil {
		return Contents{}, err
	}
	_, err := io.WriteString(b.out, seal(b.sum.Sum(nil)))
	return b.contents, err
}
