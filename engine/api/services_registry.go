package api

import (
	"context"
	"io"
	"io/fs"
	"os"

	"servery/engine/registry"
)

// Registry is the local Unity Catalog beyond Models: what is in it, and versions whose files
// are uploaded. Whether a user may do what is asked is the server's to know. The errors are
// those of package registry.
type Registry interface {
	// Catalogs and Schemas list all of them by name. The slices are shared: they are read only.
	Catalogs() []registry.Catalog
	Schemas() []registry.Schema
	Catalog(name string) (registry.Catalog, error)
	Schema(fullName string) (registry.Schema, error)
	CreateCatalog(ctx context.Context, in registry.Place) (registry.Catalog, error)
	CreateSchema(ctx context.Context, in registry.Place) (registry.Schema, error)
	DeleteCatalog(ctx context.Context, name string, force bool) error
	DeleteSchema(ctx context.Context, fullName string) error

	CreateModel(ctx context.Context, in registry.NewModel) (registry.Model, error)
	UpdateModel(ctx context.Context, fullName string, change registry.ModelChange) (registry.Model, error)
	// DeleteModel removes a model none of whose versions is in use.
	DeleteModel(ctx context.Context, fullName string) error
	UpdateVersion(ctx context.Context, fullName string, version int, comment, by string) (registry.Version, error)
	// SetTag and DeleteTag are about a model's tags, or a version's where version is not 0.
	SetTag(ctx context.Context, fullName string, version int, tag registry.Tag, by string) error
	DeleteTag(ctx context.Context, fullName string, version int, key, by string) error

	// RegisterVersion makes a version that waits for its files, FinalizeVersion imports them.
	RegisterVersion(ctx context.Context, in registry.Registration) (registry.Version, error)
	FinalizeVersion(ctx context.Context, fullName string, version int) (registry.Version, error)
	WriteModelFile(ctx context.Context, f registry.File, size int64, overwrite bool, body io.Reader) error
	MakeModelFolder(ctx context.Context, f registry.File) error
	RemoveModelFile(ctx context.Context, f registry.File, folder bool) error
	OpenModelFile(f registry.File) (*os.File, fs.FileInfo, error)
	ModelFolder(f registry.File) ([]fs.FileInfo, error)
}
