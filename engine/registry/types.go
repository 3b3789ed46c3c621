// Package registry keeps the local Unity Catalog: catalogs, schemas, registered models,
// numbered versions and aliases, and imports models from files and folders. It copies
// artifacts into the data folder, reads them with packages onnx and mlmodel and keeps
// what it learned. It knows nothing of endpoints, processes or HTTP.
package registry

import (
	"strings"
	"time"

	"servery/engine/mlmodel"
	"servery/engine/tensor"
)

// Status is the state of a model version, in the words of the Unity Catalog API
// (GET .../models/{full_name}/versions/{v}).
type Status string

// The states of a version.
const (
	Pending Status = "PENDING_REGISTRATION"
	Ready   Status = "READY"
	Failed  Status = "FAILED_REGISTRATION"
)

// Model is an immutable picture of a registered model and all its versions, newest
// first.
type Model struct {
	ID                    string // a UUID, which a new name does not change
	Catalog, Schema, Name string
	Comment, Owner        string
	CreatedAt, UpdatedAt  time.Time
	CreatedBy, UpdatedBy  string
	Aliases               []Alias   // by name
	Tags                  []Tag     // by key
	Versions              []Version // newest first

	// slot is the full name that the records' keys and the versions' folders have: the one
	// that the model was made with. "" is its full name.
	slot string
}

// FullName is "catalog.schema.name".
func (m Model) FullName() string { return m.Catalog + "." + m.Schema + "." + m.Name }

// Version returns version n of the model.
func (m Model) Version(n int) (Version, bool) {
	for _, v := range m.Versions {
		if v.Number == n {
			return v, true
		}
	}
	return Version{}, false
}

// Latest returns the newest version that is Ready.
func (m Model) Latest() (Version, bool) {
	for _, v := range m.Versions {
		if v.Status == Ready {
			return v, true
		}
	}
	return Version{}, false
}

// AliasesOf lists the aliases that point at version n, by name.
func (m Model) AliasesOf(n int) []string {
	var names []string
	for _, a := range m.Aliases {
		if a.Version == n {
			names = append(names, a.Name)
		}
	}
	return names
}

// Alias is a name that points at one version ("champion").
type Alias struct {
	Name    string
	Version int
}

// Version is one numbered version of a model. Its artifact lies in its own folder under
// the data folder and never changes.
type Version struct {
	Number int
	Status Status
	Reason string // why Failed, for a person
	Flavor string // "onnx"
	// Source is the name of the file or folder that was imported, without its path, or of an
	// upload what its client calls its source, "models:/m-3f0a…".
	Source    string
	Comment   string
	RunID     string // of the MLflow run that logged the model
	ModelID   string // of the MLflow logged model, "m-3f0a…"
	Tags      []Tag  // by key
	CreatedAt time.Time
	CreatedBy string
	UpdatedAt time.Time // of the last change; zero where there was none
	UpdatedBy string
	// Uploading tells a Pending version that waits for its files (see Registry.Register):
	// unlike an import it outlives the process.
	Uploading bool

	// Dir is the absolute path of the version's folder; ModelFile is the ONNX file's
	// path inside it, with forward slashes.
	Dir       string
	ModelFile string
	// SHA256 is the hex digest over all files of the artifact: see artifact.Digest.
	SHA256 string
	Size   int64 // bytes of all files of the artifact

	Signature    *mlmodel.Signature // from MLmodel, else from the graph; nil where Failed
	FromGraph    bool               // the signature was derived from the graph
	InputExample []byte             // a scoring request's body, or nil

	Graph *Graph // what the ONNX file says; nil where it could not be read
}

// Graph is what package onnx learned about a model's file.
type Graph struct {
	Inputs, Outputs []tensor.Port
	Opsets          map[string]int64 // domain -> version; "" is the ONNX domain
	Producer        string
	IRVersion       int64
	Operators       []OperatorCount // most used first
	Nodes           int
	Parameters      int64 // elements of all initializers and constants
}

// OperatorCount is how often an operator stands in a graph, subgraphs included.
type OperatorCount struct {
	Domain, Name string // Domain is "" for ONNX's own
	Count        int
}

// FullName is the operator's name after its domain's, where that is not ONNX's:
// "Conv", "com.microsoft.Gelu".
func (o OperatorCount) FullName() string { return strings.TrimPrefix(o.Domain+"."+o.Name, ".") }
