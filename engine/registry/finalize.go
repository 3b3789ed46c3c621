package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Finalize registers what was uploaded of a version, as an import of a folder is: it is
// copied, hashed and read, and the version is Ready, or Failed with the reason. When it
// returns, the version survives a crash of the machine; where it fails or is cancelled the
// upload is kept, and it can be called again. A version that is not Pending is returned as
// it is. progress may be nil. Errors: *NotFoundError, *StateError, *DiskError, ctx's.
func (r *Registry) Finalize(ctx context.Context, fullName string, version int, progress func(Progress)) (Version, error) {
	if progress == nil {
		progress = func(Progress) {}
	}
	m, v, end, err := r.beginFinalize(ctx, File{Model: fullName, Version: version, Path: "."})
	if err != nil || end == nil {
		return v, err
	}
	defer end()
	source, err := openSource(filepath.Join(r.uploadDir(m, version), filesFolder))
	if err != nil {
		return Version{}, diskError(errors.Unwrap(err), 0)
	}
	defer source.root.Close()
	v.Uploading, v.UpdatedAt, v.UpdatedBy = false, r.time(), v.CreatedBy
	name := Name{m.Catalog, m.Schema, m.Name}
	v, err = r.fill(ctx, name, Import{CreatedBy: v.CreatedBy}, source, v, progress)
	switch {
	case err != nil && ctx.Err() != nil:
		return Version{}, fmt.Errorf("the registration of version %d of %s was cancelled: %w", version, m.FullName(), ctx.Err())
	case err != nil:
		return Version{}, err
	}
	r.mu.Lock()
	r.dropUpload(m, version)
	r.mu.Unlock()
	r.tell(m.FullName())
	return v, nil
}

// beginFinalize waits until nobody else registers the version, then keeps its upload from
// changing until end is called. end is nil where there is nothing to register any more.
func (r *Registry) beginFinalize(ctx context.Context, f File) (m Model, v Version, end func(), err error) {
	for {
		if err := ctx.Err(); err != nil {
			return m, v, nil, err
		}
		r.mu.Lock()
		m, v, err = r.find(f)
		var u *upload
		if err == nil && v.Uploading {
			u = r.upload(m, v.Number)
		}
		switch {
		case err != nil:
		case v.Status == Pending && !v.Uploading:
			err = &StateError{fmt.Sprintf("Version %d of the model %s is imported, not uploaded: wait until that is done.", v.Number, m.FullName())}
		case u == nil:
		case u.finalizing != nil:
			done := u.finalizing
			r.mu.Unlock()
			select {
			case <-done:
			case <-ctx.Done():
			}
			continue
		case !r.hasFiles(m, v.Number):
			err = &StateError{fmt.Sprintf("No file of version %d of the model %s was uploaded: upload the files of its MLflow folder first.", v.Number, m.FullName())}
		default:
			done := make(chan struct{})
			u.finalizing = done
			end = func() {
				r.mu.Lock()
				u.finalizing = nil
				r.mu.Unlock()
				close(done)
			}
		}
		r.mu.Unlock()
		return m, v, end, err
	}
}

// hasFiles tells that something was uploaded.
func (r *Registry) hasFiles(m Model, n int) bool {
	entries, err := os.ReadDir(filepath.Join(r.uploadDir(m, n), filesFolder))
	return err == nil && len(entries) > 0
}

// giveUpUploads makes the versions Failed whose uploads nobody goes on with.
func (r *Registry) giveUpUploads() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.current.Load().models {
		for _, v := range m.Versions {
			if v.Uploading && !r.finalizing(m, v.Number) && r.now().Sub(r.lastUpload(m, v)) > uploadPatience {
				r.giveUpUpload(m.FullName(), v.Number)
			}
		}
	}
}

// giveUpUpload makes one version Failed and removes what was uploaded. Where that cannot
// be stored it stays as it is until the next time. The caller holds mu.
func (r *Registry) giveUpUpload(full string, number int) {
	m, ok := r.current.Load().find(full)
	if !ok {
		return
	}
	m.Versions = append([]Version(nil), m.Versions...)
	for i := range m.Versions {
		if v := &m.Versions[i]; v.Number == number {
			v.Status, v.Reason, v.Uploading, v.UpdatedAt = Failed, reasonAbandoned, false, r.time()
			if r.store(m, r.next[full], v, 0) == nil {
				r.dropUpload(m, number)
			}
			return
		}
	}
}

// lastUpload is when an upload last changed.
func (r *Registry) lastUpload(m Model, v Version) time.Time {
	last := v.CreatedAt
	if info, err := os.Stat(filepath.Join(r.uploadDir(m, v.Number), partialFolder)); err == nil && info.ModTime().After(last) {
		last = info.ModTime()
	}
	return last
}

// recoverUploads puts in order what a crash left of uploads: those that no version waits
// for go, and so do files that did not come to their end.
func (r *Registry) recoverUploads() {
	waiting := map[string]bool{}
	for _, m := range r.current.Load().models {
		for _, v := range m.Versions {
			if v.Uploading {
				waiting[r.uploadDir(m, v.Number)] = true
			}
		}
	}
	found, err := os.ReadDir(filepath.Join(r.dir, uploadsFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	for _, entry := range found {
		dir := filepath.Join(r.dir, uploadsFolder, entry.Name())
		if !waiting[dir] {
			os.RemoveAll(dir)
			continue
		}
		partial := filepath.Join(dir, partialFolder)
		left, _ := os.ReadDir(partial)
		info, err := os.Stat(partial)
		for _, file := range left {
			os.RemoveAll(filepath.Join(partial, file.Name()))
		}
		if err == nil && len(left) > 0 { // removing is no sign of a client
			_ = os.Chtimes(partial, time.Time{}, info.ModTime())
		}
	}
	r.giveUpUploads()
}
