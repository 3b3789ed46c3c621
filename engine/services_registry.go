package engine

import (
	"cmp"
	"context"
	"io"
	"io/fs"
	"os"
	"slices"

	"servery/engine/registry"
)

// Catalogs lists all catalogs by name. Those that a new data folder has are its user's.
func (e *Engine) Catalogs() []registry.Catalog {
	all := slices.Clone(e.registry.Catalogs())
	for i := range all {
		e.ownCatalog(&all[i])
	}
	return all
}

// Schemas lists the schemas of all catalogs by full name.
func (e *Engine) Schemas() []registry.Schema {
	all := slices.Clone(e.registry.Schemas())
	for i := range all {
		e.ownSchema(&all[i])
	}
	return all
}

// Catalog returns one catalog, or *registry.NotFoundError.
func (e *Engine) Catalog(name string) (registry.Catalog, error) {
	c, err := e.registry.Catalog(name)
	e.ownCatalog(&c)
	return c, err
}

// Schema returns one schema by its full name, or *registry.NotFoundError.
func (e *Engine) Schema(fullName string) (registry.Schema, error) {
	s, err := e.registry.Schema(fullName)
	e.ownSchema(&s)
	return s, err
}

// ownCatalog gives a catalog that nobody made to the data folder's user.
func (e *Engine) ownCatalog(c *registry.Catalog) {
	if c.Owner == "" {
		owner := e.access.Owner().Name
		c.Owner, c.CreatedBy, c.UpdatedBy = owner, cmp.Or(c.CreatedBy, owner), cmp.Or(c.UpdatedBy, owner)
	}
}

// ownSchema is ownCatalog for schemas.
func (e *Engine) ownSchema(s *registry.Schema) {
	if s.Owner == "" {
		owner := e.access.Owner().Name
		s.Owner, s.CreatedBy, s.UpdatedBy = owner, cmp.Or(s.CreatedBy, owner), cmp.Or(s.UpdatedBy, owner)
	}
}

// CreateCatalog makes a catalog with a schema named default.
func (e *Engine) CreateCatalog(ctx context.Context, in registry.Place) (registry.Catalog, error) {
	if in.CreatedBy == "" {
		in.CreatedBy = e.user(ctx).Name
	}
	return e.registry.CreateCatalog(ctx, in)
}

// CreateSchema makes a schema in a catalog that exists.
func (e *Engine) CreateSchema(ctx context.Context, in registry.Place) (registry.Schema, error) {
	if in.CreatedBy == "" {
		in.CreatedBy = e.user(ctx).Name
	}
	return e.registry.CreateSchema(ctx, in)
}

// DeleteCatalog removes a catalog that holds no model.
func (e *Engine) DeleteCatalog(ctx context.Context, name string, force bool) error {
	return e.registry.DeleteCatalog(ctx, name, force)
}

// DeleteSchema removes a schema that holds no model.
func (e *Engine) DeleteSchema(ctx context.Context, fullName string) error {
	return e.registry.DeleteSchema(ctx, fullName)
}

// CreateModel makes a registered model without versions.
func (e *Engine) CreateModel(ctx context.Context, in registry.NewModel) (registry.Model, error) {
	if in.CreatedBy == "" {
		in.CreatedBy = e.user(ctx).Name
	}
	return e.registry.CreateModel(ctx, in)
}

// UpdateModel changes a model's comment, owner and name.
func (e *Engine) UpdateModel(ctx context.Context, fullName string, change registry.ModelChange) (registry.Model, error) {
	if change.By == "" {
		change.By = e.user(ctx).Name
	}
	return e.registry.UpdateModel(ctx, fullName, change)
}

// UpdateVersion changes a version's comment.
func (e *Engine) UpdateVersion(ctx context.Context, fullName string, version int, comment, by string) (registry.Version, error) {
	return e.registry.UpdateVersion(ctx, fullName, version, comment, by)
}

// SetTag gives a model a tag, or a version of it where version is not 0.
func (e *Engine) SetTag(ctx context.Context, fullName string, version int, tag registry.Tag, by string) error {
	return e.registry.SetTag(ctx, fullName, version, tag, by)
}

// DeleteTag takes a tag from a model, or from a version of it where version is not 0.
func (e *Engine) DeleteTag(ctx context.Context, fullName string, version int, key, by string) error {
	return e.registry.DeleteTag(ctx, fullName, version, key, by)
}

// RegisterVersion makes a version that waits for its files.
func (e *Engine) RegisterVersion(ctx context.Context, in registry.Registration) (registry.Version, error) {
	if in.CreatedBy == "" {
		in.CreatedBy = e.user(ctx).Name
	}
	return e.registry.Register(ctx, in)
}

// FinalizeVersion imports what was uploaded of a version.
func (e *Engine) FinalizeVersion(ctx context.Context, fullName string, version int) (registry.Version, error) {
	return e.registry.Finalize(ctx, fullName, version, nil)
}

// WriteModelFile uploads one file of a version that waits for its files.
func (e *Engine) WriteModelFile(ctx context.Context, f registry.File, size int64, overwrite bool, body io.Reader) error {
	return e.registry.WriteFile(ctx, f, size, overwrite, body)
}

// MakeModelFolder makes a folder in a version that waits for its files.
func (e *Engine) MakeModelFolder(ctx context.Context, f registry.File) error {
	return e.registry.MakeFolder(ctx, f)
}

// RemoveModelFile removes a file, or an empty folder, of a version that waits for its files.
func (e *Engine) RemoveModelFile(ctx context.Context, f registry.File, folder bool) error {
	return e.registry.RemoveFile(ctx, f, folder)
}

// OpenModelFile opens a file of a version for reading.
func (e *Engine) OpenModelFile(f registry.File) (*os.File, fs.FileInfo, error) {
	return e.registry.OpenFile(f)
}

// ModelFolder lists a folder of a version's files by name.
func (e *Engine) ModelFolder(f registry.File) ([]fs.FileInfo, error) { return e.registry.Folder(f) }
