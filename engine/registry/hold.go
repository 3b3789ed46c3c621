package registry

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"sync"
)

// Hold is the files of all versions at one moment. They stay until Release, whatever is
// deleted meanwhile, unless the disk has no room even for moving them aside.
type Hold struct {
	registry *Registry
	versions []HeldVersion
	moved    map[string]string // a version's folder: where it lies since it was deleted
}

// HeldVersion is a version that has files.
type HeldVersion struct {
	Model  string // its full name
	Number int
	// Folder is where the files lie below the registry's folder, with forward slashes:
	// "main/default/digits/1". A model that was renamed keeps the folder of its first name.
	Folder string
	SHA256 string // of all files, see artifact.Digest
	Size   int64  // bytes of all files
}

// holds are all that are not released yet.
type holds struct {
	mu    sync.Mutex
	open  map[*Hold]struct{}
	later []string // folders moved aside, to be removed once nothing is held
}

// Hold holds the files of all versions; at is called in the same moment, between two
// changes of the registry, so that what it reads elsewhere belongs to these versions. An
// error of at is returned, and nothing held.
func (r *Registry) Hold(at func() error) (*Hold, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := at(); err != nil {
		return nil, err
	}
	h := &Hold{registry: r, moved: map[string]string{}}
	for _, m := range r.current.Load().models {
		for _, v := range m.Versions {
			if v.Dir == "" {
				continue
			}
			folder := path.Join(filepath.ToSlash(nameOf(m).folder()), strconv.Itoa(v.Number))
			h.versions = append(h.versions, HeldVersion{Model: m.FullName(), Number: v.Number, Folder: folder, SHA256: v.SHA256, Size: v.Size})
			h.moved[v.Dir] = ""
		}
	}
	r.holds.mu.Lock()
	defer r.holds.mu.Unlock()
	if r.holds.open == nil {
		r.holds.open = map[*Hold]struct{}{}
	}
	r.holds.open[h] = struct{}{}
	return h, nil
}

// Versions are those that had files, by model and, of a model, newest first.
func (h *Hold) Versions() []HeldVersion { return h.versions }

// Open opens the folder with a version's files; fs.ErrNotExist where it is gone from the
// disk.
func (h *Hold) Open(v HeldVersion) (*os.Root, error) {
	dir := filepath.Join(h.registry.dir, filepath.FromSlash(v.Folder))
	h.registry.mu.Lock() // nothing is moved meanwhile
	defer h.registry.mu.Unlock()
	h.registry.holds.mu.Lock()
	moved := h.moved[dir]
	h.registry.holds.mu.Unlock()
	if moved != "" {
		dir = moved
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if _, err := fs.ReadDir(root.FS(), "."); err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

// Release lets the files go that were deleted meanwhile.
func (h *Hold) Release() {
	all := &h.registry.holds
	all.mu.Lock()
	delete(all.open, h)
	var later []string
	if len(all.open) == 0 {
		later, all.later = all.later, nil
	}
	all.mu.Unlock()
	for _, aside := range later {
		os.RemoveAll(aside)
	}
}

// note tells that a version's folder was moved.
func (h *holds) note(from, to string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for open := range h.open {
		// A folder that was made again since then under the same name is another version's.
		if moved, held := open.moved[from]; held && moved == "" {
			open.moved[from] = to
		}
	}
}

// keep takes a folder for later, where something is held.
func (h *holds) keep(aside string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.open) == 0 {
		return false
	}
	h.later = append(h.later, aside)
	return true
}
