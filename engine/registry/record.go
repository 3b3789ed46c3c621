package registry

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"servery/engine/mlmodel"
	"servery/engine/tensor"
)

// Table is where the registry keeps its records (store.Table implements it).
type Table interface {
	// Each calls fn for every key that begins with prefix, in key order; key and value may
	// be kept by the callee only if copied.
	Each(prefix string, fn func(key string, value []byte) error) error
	// Apply makes all changes in one synced transaction, all or none; a nil value deletes
	// its key.
	Apply(changes map[string][]byte) error
}

// The keys are "model/" and the full name, and "version/", the full name, "/" and the
// number. No name holds a slash. A model that is renamed keeps its keys and its folders,
// and its record the new name.
const (
	modelPrefix   = "model/"
	versionPrefix = "version/"
)

func modelKey(full string) string { return modelPrefix + full }

func versionKey(full string, n int) string { return fmt.Sprintf("%s%s/%d", versionPrefix, full, n) }

// splitVersionKey is versionKey backwards.
func splitVersionKey(key string) (full string, n int, ok bool) {
	full, digits, _ := strings.Cut(strings.TrimPrefix(key, versionPrefix), "/")
	n, err := strconv.Atoi(digits)
	return full, n, err == nil && n > 0
}

const (
	// maxRecord bounds a version's record in bytes, far below what a transaction of the
	// store takes. A signature of 10,000 columns takes 1 MB: what is longer is read from the
	// artifact again at each start.
	maxRecord = 256 << 10
	// maxExample bounds the examples kept in records, before base64, and Import.Example.
	maxExample = 128 << 10
	// maxDescribed bounds what is held in memory of one version's graph and signature, as
	// JSON. A hostile graph may have 64 MiB of names.
	maxDescribed = 8 << 20
)

// modelRecord is a model's record. The fields' names are the stored form.
type modelRecord struct {
	ID        string         `json:"id,omitempty"` // absent in records of releases that knew none
	Comment   string         `json:"comment,omitempty"`
	Owner     string         `json:"owner,omitempty"`
	CreatedAt time.Time      `json:"created_at"`
	CreatedBy string         `json:"created_by,omitempty"`
	UpdatedAt time.Time      `json:"updated_at"`
	UpdatedBy string         `json:"updated_by,omitempty"`
	Aliases   map[string]int `json:"aliases,omitempty"`
	Tags      []Tag          `json:"tags,omitempty"`
	// Next is the number of the next version: numbers are given once, also where their
	// version was deleted.
	Next int `json:"next"`
	// Name is the model's full name, where it is not the one in the record's key.
	Name string `json:"name,omitempty"`
}

// versionRecord is a version's record.
type versionRecord struct {
	Status    Status             `json:"status"`
	Reason    string             `json:"reason,omitempty"`
	Flavor    string             `json:"flavor,omitempty"`
	Source    string             `json:"source"`
	Comment   string             `json:"comment,omitempty"`
	RunID     string             `json:"run_id,omitempty"`
	ModelID   string             `json:"model_id,omitempty"`
	Tags      []Tag              `json:"tags,omitempty"`
	CreatedAt time.Time          `json:"created_at"`
	CreatedBy string             `json:"created_by,omitempty"`
	UpdatedAt time.Time          `json:"updated_at,omitzero"`
	UpdatedBy string             `json:"updated_by,omitempty"`
	Uploading bool               `json:"uploading,omitempty"`
	Stored    bool               `json:"stored"` // there is an artifact
	ModelFile string             `json:"model_file,omitempty"`
	SHA256    string             `json:"sha256,omitempty"`
	Size      int64              `json:"size,omitempty"`
	Signature *mlmodel.Signature `json:"signature,omitempty"` // not kept where it is the graph's
	FromGraph bool               `json:"from_graph,omitempty"`
	Example   []byte             `json:"example,omitempty"`
	Graph     *graphRecord       `json:"graph,omitempty"`
	// Reread tells that signature and graph, and a long example, are not here.
	Reread bool `json:"reread,omitempty"`
}

type graphRecord struct {
	Inputs     []portRecord     `json:"inputs,omitempty"`
	Outputs    []portRecord     `json:"outputs,omitempty"`
	Opsets     map[string]int64 `json:"opsets,omitempty"`
	Producer   string           `json:"producer,omitempty"`
	IRVersion  int64            `json:"ir_version"`
	Operators  []operatorRecord `json:"operators,omitempty"`
	Nodes      int              `json:"nodes"`
	Parameters int64            `json:"parameters"`
}

type operatorRecord struct {
	Domain string `json:"domain,omitempty"`
	Name   string `json:"name"`
	Count  int    `json:"count"`
}

type portRecord struct {
	Name     string      `json:"name"`
	Kind     tensor.Kind `json:"kind,omitempty"`
	Type     tensor.Type `json:"type,omitempty"`
	Shape    []int64     `json:"shape"`
	Dims     []string    `json:"dims"`
	Key      tensor.Type `json:"key,omitempty"`
	OfMaps   bool        `json:"of_maps,omitempty"`
	Unranked bool        `json:"unranked,omitempty"`
	Optional bool        `json:"optional,omitempty"`
}

// encodeModel is a model's record.
func encodeModel(m Model, next int) ([]byte, error) {
	r := modelRecord{ID: m.ID, Comment: m.Comment, Owner: m.Owner, CreatedAt: m.CreatedAt, CreatedBy: m.CreatedBy,
		UpdatedAt: m.UpdatedAt, UpdatedBy: m.UpdatedBy, Tags: m.Tags, Next: next}
	if full := m.FullName(); m.key() != full {
		r.Name = full
	}
	for _, a := range m.Aliases {
		if r.Aliases == nil {
			r.Aliases = map[string]int{}
		}
		r.Aliases[a.Name] = a.Version
	}
	return json.Marshal(r)
}

// encodeVersion is a version's record. described is how long it would be with all that is
// known of the version but a long example, in bytes.
func encodeVersion(v Version) (record []byte, described int, err error) {
	r := versionRecord{Status: v.Status, Reason: v.Reason, Flavor: v.Flavor, Source: v.Source, Comment: v.Comment, RunID: v.RunID,
		ModelID: v.ModelID, Tags: v.Tags, UpdatedAt: v.UpdatedAt, UpdatedBy: v.UpdatedBy, Uploading: v.Uploading,
		CreatedAt: v.CreatedAt, CreatedBy: v.CreatedBy, Stored: v.Dir != "", ModelFile: v.ModelFile, SHA256: v.SHA256,
		Size: v.Size, FromGraph: v.FromGraph, Graph: recordOfGraph(v.Graph), Example: v.InputExample}
	if !v.FromGraph {
		r.Signature = v.Signature
	}
	if len(r.Example) > maxExample {
		r.Example, r.Reread = nil, true
	}
	if record, err = json.Marshal(r); err != nil {
		return nil, 0, err
	}
	if described = len(record); described > maxRecord || r.Reread {
		r.Graph, r.Signature, r.Reread = nil, nil, true
		record, err = json.Marshal(r)
	}
	return record, described, err
}

// version is the record's version; its folder, and what is to be read again, are the
// caller's to add.
func (r versionRecord) version(n int) Version {
	v := Version{Number: n, Status: r.Status, Reason: r.Reason, Flavor: r.Flavor, Source: r.Source, Comment: r.Comment,
		RunID: r.RunID, ModelID: r.ModelID, Tags: r.Tags, UpdatedAt: r.UpdatedAt, UpdatedBy: r.UpdatedBy, Uploading: r.Uploading,
		CreatedAt: r.CreatedAt, CreatedBy: r.CreatedBy, ModelFile: r.ModelFile, SHA256: r.SHA256,
		Size: r.Size, Signature: r.Signature, FromGraph: r.FromGraph, InputExample: r.Example, Graph: r.Graph.graph()}
	if r.FromGraph && v.Graph != nil {
		v.Signature = mlmodel.FromPorts(v.Graph.Inputs, v.Graph.Outputs)
	}
	return v
}

func recordOfGraph(g *Graph) *graphRecord {
	if g == nil {
		return nil
	}
	r := &graphRecord{Opsets: g.Opsets, Producer: g.Producer, IRVersion: g.IRVersion, Nodes: g.Nodes, Parameters: g.Parameters}
	for _, p := range g.Inputs {
		r.Inputs = append(r.Inputs, portRecord(p))
	}
	for _, p := range g.Outputs {
		r.Outputs = append(r.Outputs, portRecord(p))
	}
	for _, o := range g.Operators {
		r.Operators = append(r.Operators, operatorRecord(o))
	}
	return r
}

func (r *graphRecord) graph() *Graph {
	if r == nil {
		return nil
	}
	g := &Graph{Opsets: r.Opsets, Producer: r.Producer, IRVersion: r.IRVersion, Nodes: r.Nodes, Parameters: r.Parameters}
	for _, p := range r.Inputs {
		g.Inputs = append(g.Inputs, tensor.Port(p))
	}
	for _, p := range r.Outputs {
		g.Outputs = append(g.Outputs, tensor.Port(p))
	}
	for _, o := range r.Operators {
		g.Operators = append(g.Operators, OperatorCount(o))
	}
	return g
}
