package api

import (
	"context"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"servery/engine/registry"
)

// registryRows is a registry's table in memory.
type registryRows struct {
	mu   sync.Mutex
	rows map[string][]byte
}

func (t *registryRows) Each(prefix string, fn func(string, []byte) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(t.rows)) {
		if strings.HasPrefix(key, prefix) {
			if err := fn(key, t.rows[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *registryRows) Apply(changes map[string][]byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, value := range changes {
		if value == nil {
			delete(t.rows, key)
		} else {
			t.rows[key] = slices.Clone(value)
		}
	}
	return nil
}

// catalogFake is a fake whose models are those of a real registry in a folder of the test.
type catalogFake struct{ *fake }

func newCatalogFake(t testing.TB) catalogFake {
	t.Helper()
	r, err := registry.Open(&registryRows{rows: map[string][]byte{}}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := newFake()
	f.registry = r
	return catalogFake{f}
}

func (f catalogFake) Models() []registry.Model { return f.registry.Models() }

func (f catalogFake) Model(fullName string) (registry.Model, error) {
	return f.registry.Model(fullName)
}

func (f catalogFake) ImportModel(ctx context.Context, in registry.Import, progress func(registry.Progress)) (registry.Version, error) {
	return f.registry.Import(ctx, in, progress)
}

func (f catalogFake) SetAlias(ctx context.Context, fullName, alias string, version int) error {
	return f.registry.SetAlias(ctx, fullName, alias, version)
}

func (f catalogFake) DeleteAlias(ctx context.Context, fullName, alias string) error {
	return f.registry.DeleteAlias(ctx, fullName, alias)
}

func (f catalogFake) DeleteVersion(ctx context.Context, fullName string, version int) error {
	return f.registry.DeleteVersion(ctx, fullName, version)
}

func (f *fake) Catalogs() []registry.Catalog { return f.registry.Catalogs() }

func (f *fake) Schemas() []registry.Schema { return f.registry.Schemas() }

func (f *fake) Catalog(name string) (registry.Catalog, error) { return f.registry.Catalog(name) }

func (f *fake) Schema(fullName string) (registry.Schema, error) { return f.registry.Schema(fullName) }

func (f *fake) CreateCatalog(ctx context.Context, in registry.Place) (registry.Catalog, error) {
	return f.registry.CreateCatalog(ctx, in)
}

func (f *fake) CreateSchema(ctx context.Context, in registry.Place) (registry.Schema, error) {
	return f.registry.CreateSchema(ctx, in)
}

func (f *fake) DeleteCatalog(ctx context.Context, name string, force bool) error {
	return f.registry.DeleteCatalog(ctx, name, force)
}

func (f *fake) DeleteSchema(ctx context.Context, fullName string) error {
	return f.registry.DeleteSchema(ctx, fullName)
}

func (f *fake) CreateModel(ctx context.Context, in registry.NewModel) (registry.Model, error) {
	return f.registry.CreateModel(ctx, in)
}

func (f *fake) UpdateModel(ctx context.Context, fullName string, change registry.ModelChange) (registry.Model, error) {
	return f.registry.UpdateModel(ctx, fullName, change)
}

func (f *fake) DeleteModel(ctx context.Context, fullName string) error {
	return f.registry.DeleteModel(ctx, fullName)
}

func (f *fake) UpdateVersion(ctx context.Context, fullName string, version int, comment, by string) (registry.Version, error) {
	return f.registry.UpdateVersion(ctx, fullName, version, comment, by)
}

func (f *fake) SetTag(ctx context.Context, fullName string, version int, tag registry.Tag, by string) error {
	return f.registry.SetTag(ctx, fullName, version, tag, by)
}

func (f *fake) DeleteTag(ctx context.Context, fullName string, version int, key, by string) error {
	return f.registry.DeleteTag(ctx, fullName, version, key, by)
}

func (f *fake) RegisterVersion(ctx context.Context, in registry.Registration) (registry.Version, error) {
	return f.registry.Register(ctx, in)
}

func (f *fake) FinalizeVersion(ctx context.Context, fullName string, version int) (registry.Version, error) {
	return f.registry.Finalize(ctx, fullName, version, nil)
}

func (f *fake) WriteModelFile(ctx context.Context, file registry.File, size int64, overwrite bool, body io.Reader) error {
	return f.registry.WriteFile(ctx, file, size, overwrite, body)
}

func (f *fake) MakeModelFolder(ctx context.Context, file registry.File) error {
	return f.registry.MakeFolder(ctx, file)
}

func (f *fake) RemoveModelFile(ctx context.Context, file registry.File, folder bool) error {
	return f.registry.RemoveFile(ctx, file, folder)
}

func (f *fake) OpenModelFile(file registry.File) (*os.File, fs.FileInfo, error) {
	return f.registry.OpenFile(file)
}

func (f *fake) ModelFolder(file registry.File) ([]fs.FileInfo, error) { return f.registry.Folder(file) }
