package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"servery/engine/artifact"
)

const (
	// uploadPatience is how long a version waits for its files: after that the client that
	// was to send them is taken to be gone.
	uploadPatience = 24 * time.Hour
	// roomLeft is what an upload leaves free on the disk, for the records of everything else.
	roomLeft = 64 << 20
	// roomStep is how much is uploaded between two looks at the disk.
	roomStep = 64 << 20

	filesFolder   = "files"   // of an upload: what is there for all to see
	partialFolder = "partial" // of an upload: files that are still coming

	reasonAbandoned = "Its files were not all uploaded within a day, and those that were have been removed. Register the model again."
)

// upload is what this process knows of a version that waits for its files. mu guards it.
type upload struct {
	sizes map[string]int64 // of each file, by its path; nil until it is counted
	bytes int64            // of all files
	// finalizing is closed when the registration under way ends; nil where there is none.
	finalizing chan struct{}
}

// Registration says what version is to be uploaded.
type Registration struct {
	Name      string // full name of a model that exists
	Source    string // what the client calls the model's source; it is only kept
	Comment   string
	RunID     string
	ModelID   string
	Tags      []Tag
	CreatedBy string // a user's name
}

// Register makes a version that is Pending until its files are uploaded and Finalize is
// called. It outlives the process; where nothing comes for a day it becomes Failed.
// Errors: *NameError, *ValueError, *NotFoundError, *DiskError.
func (r *Registry) Register(ctx context.Context, in Registration) (Version, error) {
	name, err := ParseName(in.Name)
	if err != nil {
		return Version{}, err
	}
	tags, err := withTags(nil, in.Tags...)
	for _, e := range []error{checkComment(in.Comment), checkText("source", in.Source, maxText),
		checkText("run id", in.RunID, maxName), checkText("model id", in.ModelID, maxName), ctx.Err()} {
		if err == nil {
			err = e
		}
	}
	if err != nil {
		return Version{}, err
	}
	r.giveUpUploads()
	v, err := func() (Version, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		m, ok := r.current.Load().find(name.String())
		if !ok {
			return Version{}, &NotFoundError{Name: in.Name}
		}
		now := r.time()
		v := Version{Number: max(r.next[name.String()], 1), Status: Pending, Uploading: true, Source: in.Source, Comment: in.Comment,
			RunID: in.RunID, ModelID: in.ModelID, Tags: tags, CreatedAt: now, CreatedBy: in.CreatedBy}
		m.Versions = slices.Insert(slices.Clone(m.Versions), 0, v)
		m.UpdatedAt, m.UpdatedBy = now, in.CreatedBy
		return v, r.store(m, v.Number+1, &v, 0)
	}()
	if err == nil {
		r.tell(name.String())
	}
	return v, err
}

// File is a place among a version's files.
type File struct {
	Model   string // full name, in any case
	Version int
	Path    string // with forward slashes; "." is the folder of all files
}

// find is the version of a file.
func (r *Registry) find(f File) (m Model, v Version, err error) {
	m, ok := r.current.Load().find(strings.ToLower(f.Model))
	if !ok {
		return m, v, &NotFoundError{Name: f.Model}
	}
	if v, ok = m.Version(f.Version); !ok {
		return m, v, &NotFoundError{Name: m.FullName(), Version: f.Version}
	}
	if !fs.ValidPath(f.Path) || strings.Contains(f.Path, `\`) {
		return m, v, &ValueError{fmt.Sprintf("%q is no path inside a model version: it takes names with / between them, without . and ..", f.Path)}
	}
	return m, v, nil
}

// uploadDir is the folder of a version's upload, by an id that no new name changes.
func (r *Registry) uploadDir(m Model, n int) string {
	return filepath.Join(r.dir, uploadsFolder, m.ID+"-"+strconv.Itoa(n))
}

// upload is what is known of a version's upload. The caller holds mu.
func (r *Registry) upload(m Model, n int) *upload {
	dir := r.uploadDir(m, n)
	u := r.uploads[dir]
	if u == nil {
		u = &upload{}
		r.uploads[dir] = u
	}
	return u
}

func (r *Registry) finalizing(m Model, n int) bool {
	u := r.uploads[r.uploadDir(m, n)]
	return u != nil && u.finalizing != nil
}

// dropUpload removes what was uploaded of a version, if anything was. The caller holds mu.
func (r *Registry) dropUpload(m Model, n int) {
	dir := r.uploadDir(m, n)
	delete(r.uploads, dir)
	os.RemoveAll(dir)
}

// open opens the folder of an upload, which is made where it is absent. It fails where the
// version does not wait for files. The caller holds mu.
func (r *Registry) open(f File) (*os.Root, *upload, error) {
	m, v, err := r.find(f)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case !v.Uploading:
		return nil, nil, &StateError{fmt.Sprintf("Version %d of the model %s is %s: its files do not change any more.", v.Number, m.FullName(), v.Status)}
	case r.finalizing(m, v.Number):
		return nil, nil, &StateError{fmt.Sprintf("Version %d of the model %s is being registered: its files do not change any more.", v.Number, m.FullName())}
	}
	dir := r.uploadDir(m, v.Number)
	for _, folder := range []string{filesFolder, partialFolder} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			return nil, nil, diskError(err, 0)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, diskError(err, 0)
	}
	u := r.upload(m, v.Number)
	if u.sizes == nil { // its folders may be new
		if err := errors.Join(u.count(root), r.syncUploads(root)); err != nil {
			root.Close()
			return nil, nil, diskError(err, 0)
		}
	}
	return root, u, nil
}

// syncUploads makes the name of an upload's folder, and of those around it, durable.
func (r *Registry) syncUploads(root *os.Root) error {
	all, err := os.OpenRoot(r.dir)
	if err != nil {
		return err
	}
	return errors.Join(syncFolder(root, "."), syncFolder(all, uploadsFolder), syncFolder(all, "."), all.Close())
}

// count looks at what an earlier process left.
func (u *upload) count(root *os.Root) error {
	sizes, bytes := map[string]int64{}, int64(0)
	err := fs.WalkDir(root.FS(), filesFolder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		sizes[strings.TrimPrefix(name, filesFolder+"/")] = info.Size()
		bytes += info.Size()
		return nil
	})
	if err == nil {
		u.sizes, u.bytes = sizes, bytes
	}
	return err
}

// room refuses more than a version may have and more than the disk takes; size is that of
// the file to come, 0 where it is not known.
func (r *Registry) room(u *upload, name string, size int64) error {
	old, there := u.sizes[name]
	if !there && len(u.sizes) >= r.limits.files {
		return &ValueError{tooMany(r.limits).Error()}
	}
	if size > r.limits.bytes-u.bytes+old {
		return &TooLargeError{Limit: r.limits.bytes}
	}
	return r.roomFor(size)
}

func (r *Registry) roomFor(size int64) error {
	free, err := r.free(r.dir)
	if err == nil && free-roomLeft < size {
		return &DiskError{Message: fmt.Sprintf("There is not enough space on the disk with the models: the upload needs %s more, and %s are free. "+
			"Free some space and upload again", bytesText(size+roomLeft), bytesText(free)), Full: true, Err: syscall.ENOSPC}
	}
	return nil // a disk that cannot tell says so when it is full
}

// WriteFile uploads one file of a version that waits for them. It is there for all to see
// once it is complete and on the disk, and never before. size is its length in bytes, -1
// where it is not known. Folders are made as they are needed. Where a file is there
// already it is replaced, or without overwrite an *ExistsError. Errors: *NotFoundError,
// *ValueError, *StateError, *TooLargeError, *DiskError, the context's and body's.
func (r *Registry) WriteFile(ctx context.Context, f File, size int64, overwrite bool, body io.Reader) error {
	if f.Path == "." {
		return &ValueError{"The path names no file inside the model version."}
	}
	root, partial, err := r.beginFile(f, size)
	if err != nil {
		return err
	}
	defer root.Close()
	defer partial.Close()
	name := path.Join(partialFolder, filepath.Base(partial.Name()))
	defer root.Remove(name) // once it is in place there is none
	written, err := r.receive(ctx, partial, body, size)
	if err != nil {
		return err
	}
	if err := errors.Join(partial.Sync(), partial.Close()); err != nil {
		return diskError(err, written)
	}
	return r.publish(f, name, written, overwrite)
}

func (r *Registry) beginFile(f File, size int64) (*os.Root, *os.File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	root, u, err := r.open(f)
	if err != nil {
		return nil, nil, err
	}
	if err := r.room(u, f.Path, max(size, 0)); err != nil {
		root.Close()
		return nil, nil, err
	}
	partial, err := root.OpenFile(path.Join(partialFolder, newID()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		root.Close()
		return nil, nil, diskError(err, max(size, 0))
	}
	return root, partial, nil
}

// receive writes what comes and looks at the disk now and then.
func (r *Registry) receive(ctx context.Context, to io.Writer, body io.Reader, size int64) (written int64, err error) {
	watched := &writes{to: to}
	for {
		if err := ctx.Err(); err != nil {
			return written, err
		}
		n, err := io.CopyN(watched, body, min(roomStep, r.limits.bytes+1-written))
		written += n
		switch {
		case watched.failed != nil:
			return written, diskError(watched.failed, max(size, written))
		case written > r.limits.bytes:
			return written, &TooLargeError{Limit: r.limits.bytes}
		case errors.Is(err, io.EOF) && size >= 0 && written != size:
			return written, io.ErrUnexpectedEOF
		case errors.Is(err, io.EOF):
			return written, nil
		case err != nil:
			return written, err
		}
		if err := r.roomFor(max(size-written, 0)); err != nil {
			return written, err
		}
	}
}

// writes tells errors of writing from those of reading.
type writes struct {
	to     io.Writer
	failed error
}

func (w *writes) Write(b []byte) (int, error) {
	n, err := w.to.Write(b)
	if err != nil {
		w.failed = err
	}
	return n, err
}

// publish moves a complete file to its place.
func (r *Registry) publish(f File, partial string, size int64, overwrite bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	root, u, err := r.open(f) // once more: meanwhile the version may be registered or gone
	if err != nil {
		return err
	}
	defer root.Close()
	old, there := u.sizes[f.Path]
	if there && !overwrite {
		return &ExistsError{What: partFile, Name: f.Path}
	}
	if err := r.room(u, f.Path, size); err != nil { // others may have been faster
		return err
	}
	name := path.Join(filesFolder, f.Path)
	if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return inTheWay(f.Path, err)
	}
	if err := root.Rename(partial, name); err != nil {
		return inTheWay(f.Path, err)
	}
	u.sizes[f.Path], u.bytes = size, u.bytes+size-old
	for folder := path.Dir(name); folder != "."; folder = path.Dir(folder) {
		if err := syncFolder(root, folder); err != nil {
			return diskError(err, size)
		}
	}
	return nil
}

// inTheWay is a path that cannot be made because a file is where it has a folder, or the
// other way round.
func inTheWay(name string, err error) error {
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.ENOTEMPTY) {
		return &ExistsError{What: "folder or file", Name: name}
	}
	return diskError(err, 0)
}

// MakeFolder makes a folder, and those above it, in a version that waits for its files.
// One that is there already is no error. Errors: as WriteFile's.
func (r *Registry) MakeFolder(ctx context.Context, f File) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	root, _, err := r.open(f)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(path.Join(filesFolder, f.Path), 0o700); err != nil {
		return inTheWay(f.Path, err)
	}
	return nil
}

// RemoveFile removes a file, or with folder an empty folder, of a version that waits for
// its files. Errors: *NotFoundError, *ValueError, *StateError, *DiskError.
func (r *Registry) RemoveFile(ctx context.Context, f File, folder bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	root, u, err := r.open(f)
	if err != nil {
		return err
	}
	defer root.Close()
	name := path.Join(filesFolder, f.Path)
	info, err := root.Lstat(name)
	if f.Path == "." || err != nil || info.IsDir() != folder {
		return &NotFoundError{What: partFile, Name: f.Path}
	}
	if err := root.Remove(name); err != nil {
		if folder && (errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist)) {
			return &StateError{fmt.Sprintf("The folder %q is not empty: remove what is in it first.", f.Path)}
		}
		return diskError(err, 0)
	}
	u.bytes -= u.sizes[f.Path]
	delete(u.sizes, f.Path)
	return nil
}

// files opens the folder of a version's files: what has been uploaded so far, or what is
// registered. It is nil where there are none.
func (r *Registry) files(f File) (*os.Root, error) {
	m, v, err := r.find(f)
	if err != nil {
		return nil, err
	}
	dir := v.Dir
	if v.Uploading {
		dir = filepath.Join(r.uploadDir(m, v.Number), filesFolder)
	}
	if dir == "" {
		return nil, nil
	}
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return root, err
}

// OpenFile opens a file of a version for reading: one that has been uploaded, or one that
// is registered. Errors: *NotFoundError, *ValueError.
func (r *Registry) OpenFile(f File) (*os.File, fs.FileInfo, error) {
	root, err := r.files(f)
	if err != nil {
		return nil, nil, err
	}
	missing := &NotFoundError{What: partFile, Name: f.Path}
	if root == nil {
		return nil, nil, missing
	}
	defer root.Close()
	file, err := artifact.Open(root, f.Path)
	if err != nil {
		return nil, nil, missing
	}
	info, err := file.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, info, nil
}

// Folder lists a folder of a version's files by name. The folder of all files is there
// also where it is empty. Errors: *NotFoundError, *ValueError.
func (r *Registry) Folder(f File) ([]fs.FileInfo, error) {
	root, err := r.files(f)
	if err != nil {
		return nil, err
	}
	if root == nil {
		if f.Path == "." {
			return nil, nil
		}
		return nil, &NotFoundError{What: partFile, Name: f.Path}
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), f.Path)
	if err != nil {
		return nil, &NotFoundError{What: partFile, Name: f.Path}
	}
	list := make([]fs.FileInfo, 0, len(entries))
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && (info.IsDir() || info.Mode().IsRegular()) {
			list = append(list, info)
		}
	}
	return list, nil
}
