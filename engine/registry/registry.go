package registry

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"servery/engine/crashpoint"
)

// incomingFolder holds imports under way and folders about to be removed, uploadsFolder
// what is uploaded until it is registered. No catalog has a dot in its name.
const (
	incomingFolder = ".incoming"
	uploadsFolder  = ".uploads"
)

// Registry is the open catalog. All methods may be called from many goroutines at once;
// what is read (Models, Model) never waits for what is written.
type Registry struct {
	dir    string // absolute
	table  Table
	limits limits
	now    func() time.Time
	create creator
	aside  func(dir string) (string, error) // makes a folder for what is removed
	free   func(dir string) (int64, error)

	current atomic.Pointer[snapshot]
	uses    atomic.Pointer[func(string, int) []string]

	// mu orders changes: the numbers, the records and the places of the versions' folders.
	// It is not held while files are copied or read.
	mu      sync.Mutex
	next    map[string]int     // of each model: the number of its next version
	uploads map[string]*upload // by their folders; those that this process has touched

	holds holds

	listening sync.Mutex
	listeners []func(string)
}

// snapshot is all models at one time. It never changes.
type snapshot struct {
	models []Model        // by full name
	index  map[string]int // full name -> index in models
	places places
}

// Open opens the registry whose records are in table and whose artifacts are below
// modelsDir, which is made where it is absent. What a crash left is put in order: copies
// under way and folders that no record knows are removed, imports that did not end become
// Failed. A version whose files are gone is shown as Failed as long as they are.
func Open(table Table, modelsDir string) (*Registry, error) {
	dir, err := filepath.Abs(modelsDir)
	if err != nil {
		return nil, err
	}
	r := &Registry{dir: dir, table: table, limits: defaultLimits, now: time.Now, create: createFile, aside: makeAside, free: freeBytes,
		next: map[string]int{}, uploads: map[string]*upload{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the folder for models: %w", err)
	}
	if err := r.recover(); err != nil {
		return nil, err
	}
	return r, nil
}

// Models lists all models by full name. The slice and all it holds are shared and must
// not be changed; the call costs nothing.
func (r *Registry) Models() []Model { return r.current.Load().models }

// Model returns one model by its full name, in any case, or *NotFoundError.
func (r *Registry) Model(fullName string) (Model, error) {
	if m, ok := r.current.Load().find(strings.ToLower(fullName)); ok {
		return m, nil
	}
	return Model{}, &NotFoundError{Name: fullName}
}

// SetUses gives the function that names the endpoints which serve a version: it decides
// what may be deleted. It must not call the registry's methods that change something.
func (r *Registry) SetUses(uses func(fullName string, version int) []string) { r.uses.Store(&uses) }

// Subscribe has fn called with the full name of each model that changed, was made or was
// deleted, after the change is stored. fn runs on the goroutine that made the change,
// outside all locks, and must not wait for long.
func (r *Registry) Subscribe(fn func(fullName string)) {
	r.listening.Lock()
	defer r.listening.Unlock()
	r.listeners = append(r.listeners, fn)
}

func (r *Registry) tell(fullName string) {
	r.listening.Lock()
	listeners := slices.Clone(r.listeners)
	r.listening.Unlock()
	for _, fn := range listeners {
		fn(fullName)
	}
}

func (s *snapshot) find(full string) (Model, bool) {
	i, ok := s.index[full]
	if !ok {
		return Model{}, false
	}
	return s.models[i], true
}

func newSnapshot(models []Model, p places) *snapshot {
	slices.SortFunc(models, func(a, b Model) int { return cmp.Compare(a.FullName(), b.FullName()) })
	s := &snapshot{models: models, index: make(map[string]int, len(models)), places: p}
	for i, m := range models {
		s.index[m.FullName()] = i
	}
	return s
}

// with is the snapshot with a model added or replaced.
func (s *snapshot) with(m Model) *snapshot {
	models := slices.Clone(s.models)
	if i, ok := s.index[m.FullName()]; ok {
		models[i] = m
	} else {
		models = append(models, m)
	}
	return newSnapshot(models, s.places)
}

// without is the snapshot with a model less.
func (s *snapshot) without(full string) *snapshot {
	return newSnapshot(slices.DeleteFunc(slices.Clone(s.models), func(m Model) bool { return m.FullName() == full }), s.places)
}

// store writes a model's record and those of the versions that changed, deletes those of
// the versions that went, and then shows the model. The caller holds mu, and has changed
// no slice that the old snapshot holds.
func (r *Registry) store(m Model, next int, changed *Version, gone int) error {
	return r.storeIn(places{}, m, next, changed, gone)
}

// storeIn stores a model together with the catalog and the schema that are made for it.
func (r *Registry) storeIn(made places, m Model, next int, changed *Version, gone int) error {
	if err := r.write(made, m, next, changed, gone); err != nil {
		return err
	}
	now := r.current.Load().with(m)
	now.places = now.places.with(made)
	r.current.Store(now)
	return nil
}

// write is storeIn without showing the model.
func (r *Registry) write(made places, m Model, next int, changed *Version, gone int) error {
	record, err := encodeModel(m, next)
	if err != nil {
		return err
	}
	changes, err := made.records()
	if err != nil {
		return err
	}
	changes[modelKey(m.key())] = record
	if changed != nil {
		if changes[versionKey(m.key(), changed.Number)], _, err = encodeVersion(*changed); err != nil {
			return err
		}
	}
	if gone > 0 {
		changes[versionKey(m.key(), gone)] = nil
	}
	err = r.apply(changes)
	if gone > 0 && changed == nil && errors.Is(err, syscall.ENOSPC) {
		// On a full disk the store takes what only deletes. The model's record then keeps
		// aliases of the version, which a start leaves out, and its old UpdatedAt.
		err = r.apply(map[string][]byte{versionKey(m.key(), gone): nil})
	}
	if err != nil {
		return err
	}
	r.next[m.FullName()] = next
	if gone > 0 {
		r.dropUpload(m, gone)
	}
	return nil
}

// remove deletes a model's record and those of all its versions. The caller holds mu.
func (r *Registry) remove(m Model) error {
	full := m.FullName()
	changes := map[string][]byte{modelKey(m.key()): nil}
	for _, v := range m.Versions {
		changes[versionKey(m.key(), v.Number)] = nil
	}
	if err := r.apply(changes); err != nil {
		return err
	}
	delete(r.next, full)
	for _, v := range m.Versions {
		r.dropUpload(m, v.Number)
	}
	r.current.Store(r.current.Load().without(full))
	return nil
}

func (r *Registry) apply(changes map[string][]byte) error {
	if err := r.table.Apply(changes); err != nil {
		return &DiskError{Message: "The catalog could not be written", Full: diskFull(err), Err: err}
	}
	return nil
}

// versionDir is the folder of a version's artifact.
func (r *Registry) versionDir(name Name, n int) string {
	return filepath.Join(r.dir, name.folder(), strconv.Itoa(n))
}

// discard moves a version's folder aside, for empty to remove, and removes the folders
// above it that have nothing else in them: half a folder must not stand where a version
// was. Its record is gone before, so that a crash in between leaves a folder that the next
// start sweeps. Where the disk has no room for a folder aside, it is removed where it
// stands. The caller holds mu, so that no import meanwhile puts something into a folder
// found empty. What cannot be moved now goes at the next start.
func (r *Registry) discard(dir string) (aside string) {
	if _, err := os.Lstat(dir); err != nil {
		return ""
	}
	aside, err := r.aside(filepath.Join(r.dir, incomingFolder))
	if err == nil {
		to := filepath.Join(aside, "version")
		if err = os.Rename(dir, to); err == nil {
			r.holds.note(dir, to)
			crashpoint.Here("version.aside")
		}
	}
	if diskFull(err) {
		err = os.RemoveAll(dir)
	}
	if err != nil {
		return aside
	}
	for up := filepath.Dir(dir); up != r.dir && os.Remove(up) == nil; up = filepath.Dir(up) {
	}
	return aside
}

// makeAside makes a new folder in dir.
func makeAside(dir string) (string, error) { return os.MkdirTemp(dir, "removed-") }
