package api

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/catalog"
	"github.com/databricks/databricks-sdk-go/service/files"

	"servery/engine/onnx/onnxtest"
	"servery/engine/registry"
)

// description is a minimal MLmodel.
const description = "flavors:\n  onnx:\n    data: model.onnx\n"

// sdkOn is the official Go SDK, unchanged, on a server with a real registry.
func sdkOn(t *testing.T, f catalogFake) (*databricks.WorkspaceClient, context.Context) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	server := httptest.NewServer(New(f, Options{}).Handler())
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	w, err := databricks.NewWorkspaceClient(&databricks.Config{Host: server.URL, Token: goodToken, AuthType: "pat"})
	if err != nil {
		t.Fatal(err)
	}
	return w, ctx
}

// versions makes a model with n versions that wait for their files.
func (f catalogFake) versions(t testing.TB, name string, n int) {
	t.Helper()
	if _, err := f.registry.CreateModel(t.Context(), registry.NewModel{Name: name, CreatedBy: ada.Name}); err != nil {
		t.Fatal(err)
	}
	for range n {
		if _, err := f.registry.Register(t.Context(), registry.Registration{Name: name, CreatedBy: ada.Name}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheDatabricksSDKKeepsCatalogsAndSchemas(t *testing.T) {
	w, ctx := sdkOn(t, newCatalogFake(t))
	c, err := w.Catalogs.Create(ctx, catalog.CreateCatalog{Name: "lab", Comment: "tries"})
	if err != nil || c.FullName != "lab" || c.Owner != ada.Name || c.CatalogType != catalog.CatalogTypeManagedCatalog || c.CreatedAt == 0 {
		t.Fatalf("%+v %v", c, err)
	}
	if _, err := w.Catalogs.Create(ctx, catalog.CreateCatalog{Name: "lab"}); !errors.Is(err, apierr.ErrResourceAlreadyExists) {
		t.Error(err)
	}
	if all, err := w.Catalogs.ListAll(ctx, catalog.ListCatalogsRequest{}); err != nil || len(all) != 2 || all[0].Name != "lab" || all[1].Name != "main" {
		t.Errorf("%+v %v", all, err)
	}
	if c, err := w.Catalogs.GetByName(ctx, "LAB"); err != nil || c.Comment != "tries" {
		t.Errorf("%+v %v", c, err)
	}
	s, err := w.Schemas.Create(ctx, catalog.CreateSchema{Name: "vision", CatalogName: "lab"})
	if err != nil || s.FullName != "lab.vision" || s.SchemaId == "" || s.Owner != ada.Name {
		t.Fatalf("%+v %v", s, err)
	}
	for i := range 3 {
		if _, err := w.Schemas.Create(ctx, catalog.CreateSchema{Name: fmt.Sprint("s", i), CatalogName: "lab"}); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := w.Schemas.ListAll(ctx, catalog.ListSchemasRequest{CatalogName: "lab", MaxResults: 2}); err != nil || len(all) != 5 {
		t.Errorf("%+v %v", all, err)
	}
	if _, err := w.Schemas.ListAll(ctx, catalog.ListSchemasRequest{CatalogName: "none"}); !errors.Is(err, apierr.ErrResourceDoesNotExist) {
		t.Error(err)
	}
	if _, err := w.Schemas.GetByFullName(ctx, "lab.none"); !errors.Is(err, apierr.ErrResourceDoesNotExist) {
		t.Error(err)
	}
	if err := w.Catalogs.DeleteByName(ctx, "lab"); !errors.Is(err, apierr.ErrResourceConflict) {
		t.Error(err)
	}
	if err := w.Schemas.DeleteByFullName(ctx, "lab.vision"); err != nil {
		t.Error(err)
	}
	if err := w.Catalogs.Delete(ctx, catalog.DeleteCatalogRequest{Name: "lab", Force: true}); err != nil {
		t.Error(err)
	}
	if _, err := w.Catalogs.GetByName(ctx, "lab"); !errors.Is(err, apierr.ErrResourceDoesNotExist) {
		t.Error(err)
	}
}

func TestTheDatabricksSDKKeepsModelsAndVersions(t *testing.T) {
	f := newCatalogFake(t)
	w, ctx := sdkOn(t, f)
	m, err := w.RegisteredModels.Create(ctx, catalog.CreateRegisteredModelRequest{CatalogName: "main", SchemaName: "default", Name: "m", Comment: "rows"})
	if err != nil || m.FullName != "main.default.m" || m.Owner != ada.Name || m.CreatedBy != ada.Name || m.StorageLocation == "" || m.MetastoreId == "" {
		t.Fatalf("%+v %v", m, err)
	}
	if _, err := w.RegisteredModels.Create(ctx, catalog.CreateRegisteredModelRequest{CatalogName: "main", SchemaName: "none", Name: "m"}); !errors.Is(err, apierr.ErrResourceDoesNotExist) {
		t.Error(err)
	}
	for i := range 4 {
		f.versions(t, fmt.Sprint("main.default.n", i), 0)
	}
	list := catalog.ListRegisteredModelsRequest{CatalogName: "main", SchemaName: "default", MaxResults: 2}
	if all, err := w.RegisteredModels.ListAll(ctx, list); err != nil || len(all) != 5 || all[4].Name != "n3" {
		t.Errorf("%+v %v", all, err)
	}
	if all, err := w.RegisteredModels.ListAll(ctx, catalog.ListRegisteredModelsRequest{}); err != nil || len(all) != 5 {
		t.Errorf("%+v %v", all, err)
	}
	if m, err = w.RegisteredModels.Update(ctx, catalog.UpdateRegisteredModelRequest{FullName: "main.default.m", Comment: "columns", NewName: "model"}); err != nil ||
		m.Name != "model" || m.Comment != "columns" {
		t.Errorf("%+v %v", m, err)
	}
	if m, err = w.RegisteredModels.Update(ctx, catalog.UpdateRegisteredModelRequest{FullName: "main.default.model", NewName: "main.default.m", ForceSendFields: []string{"Comment"}}); err != nil ||
		m.Name != "m" || m.Comment != "" {
		t.Errorf("%+v %v", m, err)
	}
	for range 3 {
		if _, err := f.registry.Register(ctx, registry.Registration{Name: "main.default.m", RunID: "r", Source: "runs:/r", CreatedBy: ada.Name}); err != nil {
			t.Fatal(err)
		}
	}
	v, err := w.ModelVersions.GetByFullNameAndVersion(ctx, "main.default.m", 2)
	if err != nil || v.Version != 2 || v.Status != catalog.ModelVersionInfoStatusPendingRegistration || v.ModelName != "m" || v.RunId != "r" || v.Source != "runs:/r" || len(v.Id) != 36 {
		t.Errorf("%+v %v", v, err)
	}
	if all, err := w.ModelVersions.ListAll(ctx, catalog.ListModelVersionsRequest{FullName: "main.default.m", MaxResults: 1}); err != nil || len(all) != 3 || all[0].Version != 3 || all[2].Version != 1 {
		t.Errorf("%+v %v", all, err)
	}
	if v, err := w.ModelVersions.Update(ctx, catalog.UpdateModelVersionRequest{FullName: "main.default.m", Version: 2, Comment: "second"}); err != nil || v.Comment != "second" || v.UpdatedBy != ada.Name {
		t.Errorf("%+v %v", v, err)
	}
	if a, err := w.RegisteredModels.SetAlias(ctx, catalog.SetRegisteredModelAliasRequest{FullName: "main.default.m", Alias: "Champion", VersionNum: 2}); err != nil || a.AliasName != "champion" || a.VersionNum != 2 {
		t.Errorf("%+v %v", a, err)
	}
	if v, err := w.ModelVersions.GetByAliasByFullNameAndAlias(ctx, "main.default.m", "champion"); err != nil || v.Version != 2 || len(v.Aliases) != 1 {
		t.Errorf("%+v %v", v, err)
	}
	if m, err := w.RegisteredModels.GetByFullName(ctx, "main.default.m"); err != nil || len(m.Aliases) != 1 || m.Aliases[0].VersionNum != 2 {
		t.Errorf("%+v %v", m, err)
	}
	if err := w.RegisteredModels.DeleteAliasByFullNameAndAlias(ctx, "main.default.m", "champion"); err != nil {
		t.Error(err)
	}
	if _, err := w.ModelVersions.GetByAliasByFullNameAndAlias(ctx, "main.default.m", "champion"); !errors.Is(err, apierr.ErrResourceDoesNotExist) {
		t.Error(err)
	}
	if err := w.ModelVersions.DeleteByFullNameAndVersion(ctx, "main.default.m", 2); err != nil {
		t.Error(err)
	}
	if _, err := w.ModelVersions.GetByFullNameAndVersion(ctx, "main.default.m", 2); !errors.Is(err, apierr.ErrResourceDoesNotExist) {
		t.Error(err)
	}
	if err := w.RegisteredModels.DeleteByFullName(ctx, "main.default.m"); err != nil {
		t.Error(err)
	}
	if _, err := w.RegisteredModels.GetByFullName(ctx, "main.default.m"); !errors.Is(err, apierr.ErrResourceDoesNotExist) {
		t.Error(err)
	}
}

func TestTheDatabricksSDKUploadsAVersion(t *testing.T) {
	f := newCatalogFake(t)
	w, ctx := sdkOn(t, f)
	f.versions(t, "main.default.m", 1)
	const base = "/Models/main/default/m/1"
	sent := map[string]string{"MLmodel": description, "model.onnx": string(onnxtest.Add(1)), "a folder/ä+%.txt": "text", "empty": ""}
	for name, content := range sent {
		if err := w.Files.Upload(ctx, files.UploadRequest{FilePath: base + "/" + name, Contents: readCloser(content), Overwrite: true}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if err := w.Files.GetDirectoryMetadataByDirectoryPath(ctx, base+"/a folder"); err != nil {
		t.Error(err)
	}
	if err := w.Files.GetDirectoryMetadataByDirectoryPath(ctx, base+"/none"); !errors.Is(err, apierr.ErrNotFound) {
		t.Error(err)
	}
	if err := w.Files.CreateDirectory(ctx, files.CreateDirectoryRequest{DirectoryPath: base + "/b/c"}); err != nil {
		t.Error(err)
	}
	for _, folder := range []string{base + "/b/c", base + "/b"} {
		if err := w.Files.DeleteDirectoryByDirectoryPath(ctx, folder); err != nil {
			t.Error(err)
		}
	}
	if err := w.Files.DeleteByFilePath(ctx, base+"/empty"); err != nil {
		t.Error(err)
	}
	delete(sent, "empty")
	entries, err := w.Files.ListDirectoryContentsAll(ctx, files.ListDirectoryContentsRequest{DirectoryPath: base, PageSize: 1})
	if err != nil || len(entries) != 3 || entries[0].Path != base+"/MLmodel" || entries[0].FileSize != int64(len(description)) || !entries[1].IsDirectory {
		t.Errorf("%+v %v", entries, err)
	}
	for name, n := range sent {
		if i, err := w.Files.GetMetadataByFilePath(ctx, base+"/"+name); err != nil || i.ContentLength != int64(len(n)) {
			t.Errorf("%s: %+v %v", name, i, err)
		}
	}
	if v, err := f.registry.Finalize(ctx, "main.default.m", 1, nil); err != nil || v.Status != registry.Ready {
		t.Fatal(v, err)
	}
	for name, want := range sent {
		r, err := w.Files.DownloadByFilePath(ctx, base+"/"+name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := readAllOf(t, r.Contents); got != want {
			t.Errorf("%s: %d bytes came back of %d", name, len(got), len(want))
		}
	}
	if err := w.Files.DeleteByFilePath(ctx, base+"/MLmodel"); !errors.Is(err, apierr.ErrBadRequest) {
		t.Error(err)
	}
}
