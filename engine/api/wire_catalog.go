package api

import (
	"servery/engine/registry"
)

// metastoreID stands for the one metastore that there is.
const metastoreID = "00000000-0000-4000-8000-000000008642"

// The JSON of Unity Catalog (databricks-sdk-go service/catalog/model.go). Times are
// milliseconds since 1970.
type (
	wireCatalogs struct {
		Catalogs []wireCatalog `json:"catalogs"`
		Next     string        `json:"next_page_token,omitempty"`
	}
	wireCatalog struct {
		Name        string `json:"name"`
		FullName    string `json:"full_name"`
		Comment     string `json:"comment,omitempty"`
		Owner       string `json:"owner"`
		CatalogType string `json:"catalog_type"`
		Isolation   string `json:"isolation_mode"`
		Securable   string `json:"securable_type"`
		ID          string `json:"id"`
		wireTimes
	}
	wireSchemas struct {
		Schemas []wireSchema `json:"schemas"`
		Next    string       `json:"next_page_token,omitempty"`
	}
	wireSchema struct {
		Name        string `json:"name"`
		CatalogName string `json:"catalog_name"`
		FullName    string `json:"full_name"`
		Comment     string `json:"comment,omitempty"`
		Owner       string `json:"owner"`
		CatalogType string `json:"catalog_type"`
		ID          string `json:"schema_id"`
		wireTimes
	}
	wireTimes struct {
		MetastoreID string `json:"metastore_id"`
		CreatedAt   int64  `json:"created_at"`
		CreatedBy   string `json:"created_by"`
		UpdatedAt   int64  `json:"updated_at"`
		UpdatedBy   string `json:"updated_by"`
	}
	wireUCModels struct {
		Models []wireUCModel `json:"registered_models"`
		Next   string        `json:"next_page_token,omitempty"`
	}
	wireUCModel struct {
		Name        string         `json:"name"`
		CatalogName string         `json:"catalog_name"`
		SchemaName  string         `json:"schema_name"`
		FullName    string         `json:"full_name"`
		Comment     string         `json:"comment,omitempty"`
		Owner       string         `json:"owner"`
		Storage     string         `json:"storage_location"`
		ID          string         `json:"id"`
		Aliases     []wireUCAlias  `json:"aliases,omitempty"`
		Tags        []registry.Tag `json:"tags,omitempty"`
		wireTimes
	}
	wireUCAlias struct {
		Alias   string `json:"alias_name"`
		Version int    `json:"version_num"`
		ID      string `json:"id,omitempty"`
	}
	wireUCVersions struct {
		Versions []wireUCVersion `json:"model_versions"`
		Next     string          `json:"next_page_token,omitempty"`
	}
	wireUCVersion struct {
		ModelName     string          `json:"model_name"`
		CatalogName   string          `json:"catalog_name"`
		SchemaName    string          `json:"schema_name"`
		Version       int             `json:"version"`
		Status        registry.Status `json:"status"`
		StatusMessage string          `json:"status_message,omitempty"`
		Source        string          `json:"source"`
		RunID         string          `json:"run_id,omitempty"`
		ModelID       string          `json:"model_id,omitempty"`
		Comment       string          `json:"comment,omitempty"`
		Storage       string          `json:"storage_location"`
		ID            string          `json:"id"`
		Aliases       []wireUCAlias   `json:"aliases,omitempty"`
		Tags          []registry.Tag  `json:"tags,omitempty"`
		wireTimes
	}
)

func catalogWire(c registry.Catalog) wireCatalog {
	return wireCatalog{Name: c.Name, FullName: c.Name, Comment: c.Comment, Owner: c.Owner, CatalogType: "MANAGED_CATALOG", Isolation: "OPEN",
		Securable: "CATALOG", ID: c.ID, wireTimes: wireTimes{metastoreID, millis(c.CreatedAt), c.CreatedBy, millis(c.UpdatedAt), c.UpdatedBy}}
}

func schemaWire(c registry.Schema) wireSchema {
	return wireSchema{Name: c.Name, CatalogName: c.Catalog, FullName: c.FullName(), Comment: c.Comment, Owner: c.Owner, CatalogType: "MANAGED_CATALOG",
		ID: c.ID, wireTimes: wireTimes{metastoreID, millis(c.CreatedAt), c.CreatedBy, millis(c.UpdatedAt), c.UpdatedBy}}
}

func ucModelWire(m registry.Model) wireUCModel {
	w := wireUCModel{Name: m.Name, CatalogName: m.Catalog, SchemaName: m.Schema, FullName: m.FullName(), Comment: m.Comment, Owner: m.Owner,
		Storage: storageOf(m), ID: m.ID, Tags: m.Tags,
		wireTimes: wireTimes{metastoreID, millis(m.CreatedAt), m.CreatedBy, millis(m.UpdatedAt), m.UpdatedBy}}
	for _, a := range m.Aliases {
		w.Aliases = append(w.Aliases, wireUCAlias{Alias: a.Name, Version: a.Version})
	}
	return w
}

func ucVersionWire(m registry.Model, v registry.Version) wireUCVersion {
	w := wireUCVersion{ModelName: m.Name, CatalogName: m.Catalog, SchemaName: m.Schema, Version: v.Number, Status: v.Status, StatusMessage: v.Reason,
		Source: v.Source, RunID: v.RunID, ModelID: v.ModelID, Comment: v.Comment, Storage: versionStorage(m, v), ID: m.VersionID(v.Number), Tags: v.Tags,
		wireTimes: wireTimes{metastoreID, millis(v.CreatedAt), v.CreatedBy, millis(v.CreatedAt), v.CreatedBy}}
	if !v.UpdatedAt.IsZero() {
		w.UpdatedAt, w.UpdatedBy = millis(v.UpdatedAt), v.UpdatedBy
	}
	for _, name := range m.AliasesOf(v.Number) {
		w.Aliases = append(w.Aliases, wireUCAlias{Alias: name, Version: v.Number})
	}
	return w
}
