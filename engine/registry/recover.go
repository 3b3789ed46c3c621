package registry

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// The reasons of versions that a start finds Failed.
const (
	reasonInterrupted = "Servery ended while this version was imported. Import the model again."
	reasonGone        = "The version's files are gone from the data folder. Put them back and start Servery again, or import the model again."
)

// recover reads the records and puts in order what a crash left.
func (r *Registry) recover() error {
	incoming := filepath.Join(r.dir, incomingFolder)
	if err := os.RemoveAll(incoming); err != nil {
		return fmt.Errorf("cannot empty the folder for imports under way: %w", err)
	}
	if err := os.Mkdir(incoming, 0o700); err != nil {
		return fmt.Errorf("cannot make the folder for imports under way: %w", err)
	}
	models, err := r.load()
	if err != nil {
		return err
	}
	all, err := r.loadPlaces(models)
	if err != nil {
		return err
	}
	r.current.Store(newSnapshot(models, all))
	if err := r.resolve(); err != nil {
		return err
	}
	r.sweep()
	r.recoverUploads()
	return nil
}

// load reads all models from their records.
func (r *Registry) load() ([]Model, error) {
	bySlot := map[string]*Model{}
	err := r.table.Each(modelPrefix, func(key string, value []byte) error {
		var record modelRecord
		var name Name
		slot := key[len(modelPrefix):]
		err := json.Unmarshal(value, &record)
		if err == nil {
			name, err = ParseName(cmp.Or(record.Name, slot))
		}
		if err != nil {
			return fmt.Errorf("the catalog's record %q cannot be read: %w", key, err)
		}
		m := &Model{ID: cmp.Or(record.ID, idFor(slot, record.CreatedAt)), Tags: record.Tags, Catalog: name.Catalog, Schema: name.Schema, Name: name.Model, Comment: record.Comment, Owner: record.Owner,
			CreatedAt: record.CreatedAt, UpdatedAt: record.UpdatedAt, CreatedBy: record.CreatedBy, UpdatedBy: record.UpdatedBy}
		if slot != name.String() {
			m.slot = slot
		}
		for alias, version := range record.Aliases {
			m.Aliases = withAlias(m.Aliases, alias, version)
		}
		bySlot[slot], r.next[name.String()] = m, record.Next
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = r.table.Each(versionPrefix, func(key string, value []byte) error {
		var record versionRecord
		slot, number, ok := splitVersionKey(key)
		m := bySlot[slot]
		if !ok || m == nil {
			return fmt.Errorf("the catalog's record %q belongs to no model", key)
		}
		if err := json.Unmarshal(value, &record); err != nil {
			return fmt.Errorf("the catalog's record %q cannot be read: %w", key, err)
		}
		m.Versions = append(m.Versions, r.restore(nameOf(*m), number, record))
		r.next[m.FullName()] = max(r.next[m.FullName()], number+1)
		return nil
	})
	var models []Model
	for _, m := range bySlot {
		slices.SortFunc(m.Versions, func(a, b Version) int { return b.Number - a.Number })
		m.Aliases = slices.DeleteFunc(m.Aliases, func(a Alias) bool { // see write
			_, there := m.Version(a.Version)
			return !there
		})
		models = append(models, *m)
	}
	return models, err
}

// restore is a version as its record and its files say. What the files say now is not
// written down: they may lie on a disk that is not there yet.
func (r *Registry) restore(name Name, number int, record versionRecord) Version {
	v := record.version(number)
	if !record.Stored {
		return v
	}
	v.Dir = r.versionDir(name, number)
	if v.Status != Ready {
		return v
	}
	root, err := os.OpenRoot(v.Dir)
	if err != nil {
		return failed(v, refuse(reasonGone))
	}
	defer root.Close()
	if !record.Reread {
		return v
	}
	main := v.ModelFile
	if _, err := root.Lstat(descriptionFile); err == nil {
		main = ""
	}
	if err := inspect(root, main, &v); err != nil {
		return failed(v, err)
	}
	withExample(&v, record.Example)
	return v
}

// resolve makes the imports that a crash cut off Failed. Nobody was told that they
// succeeded, and their files, which may be in place already, were not checked to the end.
func (r *Registry) resolve() error {
	for _, m := range r.current.Load().models {
		for _, v := range m.Versions {
			if v.Status != Pending || v.Uploading {
				continue
			}
			m, _ := r.current.Load().find(m.FullName())
			v.Status, v.Reason = Failed, reasonInterrupted
			m.Versions = slices.Clone(m.Versions)
			m.Versions[slices.IndexFunc(m.Versions, func(old Version) bool { return old.Number == v.Number })] = v
			switch err := r.store(m, r.next[m.FullName()], &v, 0); {
			case errors.Is(err, syscall.ENOSPC):
				// A full disk is no reason not to start: what is there serves, and can be
				// deleted. The next start finds the version Pending again.
				r.current.Store(r.current.Load().with(m))
			case err != nil:
				return err
			}
		}
	}
	return nil
}

// sweep removes the folders of versions that have no record, or whose record keeps no
// files: those of imports and removals that a crash cut off. Whatever else lies below the
// registry's folder is left alone. What cannot be removed now is tried at the next start.
func (r *Registry) sweep() {
	kept := map[string]bool{}
	for _, m := range r.current.Load().models {
		for _, v := range m.Versions {
			if v.Dir != "" {
				kept[v.Dir] = true
			}
		}
	}
	found, err := fs.Glob(os.DirFS(r.dir), "[^.]*/*/*/*") // a folder with a dot is the registry's own
	if err != nil {
		return
	}
	for _, name := range found {
		dir := filepath.Join(r.dir, filepath.FromSlash(name))
		if number, err := strconv.Atoi(filepath.Base(dir)); err == nil && number > 0 && !kept[dir] {
			r.empty(r.discard(dir))
		}
	}
}
