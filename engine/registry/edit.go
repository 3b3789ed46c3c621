package registry

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"

	"servery/engine/crashpoint"
)

// SetAlias points an alias at a version that exists; an alias of that name moves. Aliases
// are kept in lower case. Errors: *NameError, *NotFoundError, *DiskError.
func (r *Registry) SetAlias(ctx context.Context, fullName, alias string, version int) error {
	alias, err := ParseAlias(alias)
	if err != nil {
		return err
	}
	return r.edit(ctx, fullName, func(m *Model) error {
		if _, ok := m.Version(version); !ok {
			return &NotFoundError{Name: m.FullName(), Version: version}
		}
		m.Aliases = withAlias(m.Aliases, alias, version)
		return nil
	})
}

// DeleteAlias removes an alias. Errors: *NotFoundError, *DiskError.
func (r *Registry) DeleteAlias(ctx context.Context, fullName, alias string) error {
	return r.edit(ctx, fullName, func(m *Model) error {
		kept := slices.DeleteFunc(slices.Clone(m.Aliases), func(a Alias) bool { return a.Name == strings.ToLower(alias) })
		if len(kept) == len(m.Aliases) {
			return &NotFoundError{Name: m.FullName(), Alias: alias}
		}
		m.Aliases = kept
		return nil
	})
}

// withAlias is the list with an alias added or moved; it is sorted by name.
func withAlias(aliases []Alias, name string, version int) []Alias {
	aliases = slices.Clone(aliases)
	i, found := slices.BinarySearchFunc(aliases, name, func(a Alias, name string) int { return strings.Compare(a.Name, name) })
	if found {
		aliases[i].Version = version
		return aliases
	}
	return slices.Insert(aliases, i, Alias{Name: name, Version: version})
}

// edit changes what a model's own record holds. Its UpdatedBy stays that of the last
// import: who sets an alias is not told.
func (r *Registry) edit(ctx context.Context, fullName string, change func(*Model) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	full := strings.ToLower(fullName)
	err := func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		m, ok := r.current.Load().find(full)
		if !ok {
			return &NotFoundError{Name: fullName}
		}
		if err := change(&m); err != nil {
			return err
		}
		m.UpdatedAt = r.time()
		return r.store(m, r.next[full], nil, 0)
	}()
	if err == nil {
		r.tell(full)
	}
	return err
}

// DeleteVersion removes a version, its artifact and the aliases that point at it. Its
// number is not given again. Errors: *NotFoundError, *InUseError, *DiskError.
func (r *Registry) DeleteVersion(ctx context.Context, fullName string, version int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	full := strings.ToLower(fullName)
	aside, err := r.takeVersion(fullName, full, version)
	if err != nil {
		return err
	}
	r.tell(full)
	r.empty(aside)
	crashpoint.Here("version.emptied")
	return nil
}

func (r *Registry) takeVersion(fullName, full string, version int) (aside string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.current.Load().find(full)
	if !ok {
		return "", &NotFoundError{Name: fullName}
	}
	v, ok := m.Version(version)
	if !ok {
		return "", &NotFoundError{Name: full, Version: version}
	}
	if err := r.inUse(m, v); err != nil {
		return "", err
	}
	m.Versions = slices.DeleteFunc(slices.Clone(m.Versions), func(v Version) bool { return v.Number == version })
	m.Aliases = slices.DeleteFunc(slices.Clone(m.Aliases), func(a Alias) bool { return a.Version == version })
	m.UpdatedAt = r.time()
	if err := r.store(m, r.next[full], nil, version); err != nil {
		return "", err
	}
	crashpoint.Here("version.gone")
	return r.discard(r.versionDir(nameOf(m), version)), nil
}

// DeleteModel removes a model with all its versions and artifacts. A model that is made
// with the same name later begins with version 1 again. Errors: *NotFoundError,
// *InUseError, *DiskError.
func (r *Registry) DeleteModel(ctx context.Context, fullName string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	full := strings.ToLower(fullName)
	aside, err := r.takeModel(fullName, full)
	if err != nil {
		return err
	}
	r.tell(full)
	for _, dir := range aside {
		r.empty(dir)
	}
	return nil
}

func (r *Registry) takeModel(fullName, full string) (aside []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.current.Load().find(full)
	if !ok {
		return nil, &NotFoundError{Name: fullName}
	}
	for _, v := range m.Versions {
		if err := r.inUse(m, v); err != nil {
			return nil, err
		}
	}
	if err := r.remove(m); err != nil {
		return nil, err
	}
	for _, v := range m.Versions {
		aside = append(aside, r.discard(r.versionDir(nameOf(m), v.Number)))
	}
	return aside, nil
}

// inUse is an *InUseError where a version is served or still being imported.
func (r *Registry) inUse(m Model, v Version) error {
	if v.Status == Pending && (!v.Uploading || r.finalizing(m, v.Number)) {
		return &InUseError{Name: m.FullName(), Version: v.Number}
	}
	if uses := r.uses.Load(); uses != nil && *uses != nil {
		if names := (*uses)(m.FullName(), v.Number); len(names) > 0 {
			return &InUseError{Name: m.FullName(), Version: v.Number, Endpoints: names}
		}
	}
	return nil
}

// nameOf is the name that the folders of m's versions have.
func nameOf(m Model) Name {
	parts := strings.SplitN(m.key(), ".", 3)
	return Name{parts[0], parts[1], parts[2]}
}

// key is the name that m's records have.
func (m Model) key() string { return cmp.Or(m.slot, m.FullName()) }

// empty removes what discard moved aside, now or once nothing is held any more: a large
// artifact takes its time, so that no lock is held. What is left goes at the next start.
func (r *Registry) empty(aside string) {
	if aside != "" && !r.holds.keep(aside) {
		os.RemoveAll(aside)
	}
}
