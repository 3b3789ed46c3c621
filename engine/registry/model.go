package registry

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// NewModel says what a registered model without versions is like.
type NewModel struct {
	Name      string // full name; its catalog and schema must exist
	Comment   string // at most 64 KiB
	Tags      []Tag
	CreatedBy string // a user's name, who becomes the owner
}

// CreateModel makes a registered model without versions. Errors: *NameError, *ValueError,
// *NotFoundError for its catalog or schema, *ExistsError, *DiskError.
func (r *Registry) CreateModel(ctx context.Context, in NewModel) (Model, error) {
	name, err := ParseName(in.Name)
	if err != nil {
		return Model{}, err
	}
	tags, err := withTags(nil, in.Tags...)
	if err == nil {
		err = errorOf(ctx, checkComment(in.Comment))
	}
	if err != nil {
		return Model{}, err
	}
	m, err := func() (Model, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if _, there := r.current.Load().find(name.String()); there {
			return Model{}, &ExistsError{What: partModel, Name: name.String()}
		}
		if err := r.hasPlace(name); err != nil {
			return Model{}, err
		}
		m := r.newModel(name, in.CreatedBy, r.time())
		m.Comment, m.Tags = in.Comment, tags
		return m, r.store(m, 1, nil, 0)
	}()
	if err == nil {
		r.tell(name.String())
	}
	return m, err
}

// hasPlace tells that a model's catalog and schema exist.
func (r *Registry) hasPlace(name Name) error {
	if _, err := r.Catalog(name.Catalog); err != nil {
		return err
	}
	_, err := r.Schema(name.Catalog + "." + name.Schema)
	return err
}

// newModel is a model that is not stored yet. The caller holds mu. Its records have its
// name, or where those of a renamed model have that, one that no model can be given.
func (r *Registry) newModel(name Name, by string, at time.Time) Model {
	m := Model{ID: newID(), Catalog: name.Catalog, Schema: name.Schema, Name: name.Model, Owner: by,
		CreatedAt: at, CreatedBy: by, UpdatedAt: at, UpdatedBy: by}
	for _, other := range r.current.Load().models {
		if other.key() == name.String() {
			m.slot = name.String() + "~" + m.ID[:8]
		}
	}
	return m
}

// ModelChange says what is to change of a model; nil leaves a thing as it is.
type ModelChange struct {
	Comment *string // at most 64 KiB
	Owner   *string // a user's name
	// NewName is a name in the same schema, or the full name with it.
	NewName *string
	By      string // a user's name
}

// UpdateModel changes a model's comment, owner and name, all or none. A model that an
// endpoint serves keeps its name. Errors: *NameError, *ValueError, *NotFoundError,
// *ExistsError, *InUseError, *DiskError.
func (r *Registry) UpdateModel(ctx context.Context, fullName string, change ModelChange) (Model, error) {
	if err := errorOf(ctx, change.check()); err != nil {
		return Model{}, err
	}
	old := strings.ToLower(fullName)
	m, err := r.updateModel(fullName, old, change)
	if err != nil {
		return Model{}, err
	}
	r.tell(old)
	if m.FullName() != old {
		r.tell(m.FullName())
	}
	return m, nil
}

func (c ModelChange) check() error {
	if c.Comment != nil {
		if err := checkComment(*c.Comment); err != nil {
			return err
		}
	}
	if c.Owner != nil {
		if *c.Owner == "" {
			return &ValueError{"The owner is empty: give a user's name."}
		}
		return checkText("owner", *c.Owner, maxName)
	}
	return nil
}

func (r *Registry) updateModel(fullName, old string, change ModelChange) (Model, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.current.Load()
	m, ok := now.find(old)
	if !ok {
		return Model{}, &NotFoundError{Name: fullName}
	}
	if change.Comment != nil {
		m.Comment = *change.Comment
	}
	if change.Owner != nil {
		m.Owner = *change.Owner
	}
	if change.NewName != nil {
		name, err := r.renamed(m, *change.NewName)
		if err != nil {
			return Model{}, err
		}
		m.slot, m.Name = m.key(), name.Model
		if m.slot == m.FullName() {
			m.slot = ""
		}
	}
	m.UpdatedAt, m.UpdatedBy = r.time(), change.By
	if err := r.write(places{}, m, r.next[old], nil, 0); err != nil {
		return Model{}, err
	}
	if m.FullName() != old {
		delete(r.next, old)
		now = now.without(old)
	}
	r.current.Store(now.with(m))
	return m, nil
}

// renamed is the name that m is to have, where it may have it. The caller holds mu.
func (r *Registry) renamed(m Model, to string) (Name, error) {
	prefix := m.Catalog + "." + m.Schema + "."
	full := strings.ToLower(to)
	if !strings.Contains(to, ".") {
		full = prefix + full
	}
	name, err := ParseName(full)
	switch {
	case err != nil:
		return Name{}, err
	case !strings.HasPrefix(full, prefix):
		return Name{}, &ValueError{fmt.Sprintf("The model %s cannot be renamed to %s: a model stays in its schema.", m.FullName(), full)}
	case full == m.FullName():
		return name, nil
	}
	if _, there := r.current.Load().find(full); there {
		return Name{}, &ExistsError{What: partModel, Name: full}
	}
	for _, v := range m.Versions {
		if err := r.inUse(m, v); err != nil {
			return Name{}, err
		}
	}
	return name, nil
}

// UpdateVersion changes a version's comment. Errors: *ValueError, *NotFoundError,
// *InUseError while it is imported, *DiskError.
func (r *Registry) UpdateVersion(ctx context.Context, fullName string, version int, comment, by string) (Version, error) {
	if err := checkComment(comment); err != nil {
		return Version{}, err
	}
	return r.editVersion(ctx, fullName, version, by, func(v *Version) error {
		v.Comment = comment
		return nil
	})
}
