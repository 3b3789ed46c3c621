package api

import (
	"servery/engine/hardware"
	"servery/engine/mlmodel"
	"servery/engine/registry"
	"servery/engine/runtime/placement"
	"servery/engine/tensor"
)

// The JSON of a registered model on Servery's own routes. Neither shows where on the disk
// a model lies.
type (
	wireRegistered struct {
		Name      string        `json:"name"` // catalog.schema.model
		Comment   string        `json:"comment"`
		Owner     string        `json:"owner"`
		CreatedAt int64         `json:"created_at"`
		CreatedBy string        `json:"created_by"`
		UpdatedAt int64         `json:"updated_at"`
		UpdatedBy string        `json:"updated_by"`
		Aliases   []wireAlias   `json:"aliases"`
		Versions  []wireVersion `json:"versions"` // newest first
	}
	wireAlias struct {
		Alias   string `json:"alias"`
		Version int    `json:"version"`
	}
	wireVersion struct {
		Version   int             `json:"version"`
		Status    registry.Status `json:"status"`
		Reason    string          `json:"reason"`
		Flavor    string          `json:"flavor"`
		Source    string          `json:"source"`
		Comment   string          `json:"comment"`
		RunID     string          `json:"run_id"`
		CreatedAt int64           `json:"created_at"`
		CreatedBy string          `json:"created_by"`
		SHA256    string          `json:"sha256"`
		Size      int64           `json:"size_bytes"`
		RunsOn    *wireRunsOn     `json:"runs_on,omitempty"` // absent where it cannot be served
		*wireContent
	}
	// wireRunsOn is what a version can run on here. It always runs on the CPU.
	wireRunsOn struct {
		GPU    string `json:"gpu"`    // "GPU 0, NVIDIA L4", or ""
		Reason string `json:"reason"` // why not on a GPU
	}
	// wireContent is what a version's files say. A list of models leaves it out.
	wireContent struct {
		ModelFile    string             `json:"model_file"`
		Inputs       []string           `json:"inputs"` // "x float32[-1,64]"
		Outputs      []string           `json:"outputs"`
		Signature    *mlmodel.Signature `json:"signature"` // as MLmodel writes it
		FromGraph    bool               `json:"signature_from_graph"`
		InputExample string             `json:"input_example"` // a scoring request's body
		Opsets       map[string]int64   `json:"opsets"`
		Producer     string             `json:"producer"`
		IRVersion    int64              `json:"ir_version"`
		Operators    []wireOperator     `json:"operators"` // most used first
		Nodes        int                `json:"nodes"`
		Parameters   int64              `json:"parameters"`
	}
	wireOperator struct {
		Domain string `json:"domain,omitempty"`
		Name   string `json:"name"`
		Count  int    `json:"count"`
	}
	wireModels struct {
		Models []wireRegistered `json:"models"`
	}
	// wireImported is the answer to an import.
	wireImported struct {
		Name string `json:"name"`
		wireVersion
	}
)

// registered is a model on a machine with GPUs g; full adds what the files of each version say.
func registered(m registry.Model, g hardware.GPUs, full bool) wireRegistered {
	w := wireRegistered{
		Name:      m.FullName(),
		Comment:   m.Comment,
		Owner:     m.Owner,
		CreatedAt: millis(m.CreatedAt),
		CreatedBy: m.CreatedBy,
		UpdatedAt: millis(m.UpdatedAt),
		UpdatedBy: m.UpdatedBy,
		Aliases:   make([]wireAlias, len(m.Aliases)),
		Versions:  make([]wireVersion, len(m.Versions)),
	}
	for i, a := range m.Aliases {
		w.Aliases[i] = wireAlias{a.Name, a.Version}
	}
	for i, v := range m.Versions {
		w.Versions[i] = versionWire(v, full)
		if v.Status == registry.Ready {
			w.Versions[i].RunsOn = runsOnWire(v, g)
		}
	}
	return w
}

func runsOnWire(v registry.Version, g hardware.GPUs) *wireRunsOn {
	p := placement.OnGPU(placement.ModelOf(v), g, placement.Supported)
	if p.OnGPU {
		return &wireRunsOn{GPU: p.String()}
	}
	return &wireRunsOn{Reason: p.Reason}
}

func versionWire(v registry.Version, full bool) wireVersion {
	w := wireVersion{
		Version:   v.Number,
		Status:    v.Status,
		Reason:    v.Reason,
		Flavor:    v.Flavor,
		Source:    v.Source,
		Comment:   v.Comment,
		RunID:     v.RunID,
		CreatedAt: millis(v.CreatedAt),
		CreatedBy: v.CreatedBy,
		SHA256:    v.SHA256,
		Size:      v.Size,
	}
	if full {
		w.wireContent = contentWire(v)
	}
	return w
}

func contentWire(v registry.Version) *wireContent {
	w := &wireContent{
		ModelFile:    v.ModelFile,
		Inputs:       []string{},
		Outputs:      []string{},
		Signature:    v.Signature,
		FromGraph:    v.FromGraph,
		InputExample: string(v.InputExample),
		Opsets:       map[string]int64{},
		Operators:    []wireOperator{},
	}
	g := v.Graph
	if g == nil {
		return w
	}
	w.Inputs, w.Outputs = portsWire(g.Inputs), portsWire(g.Outputs)
	w.Opsets, w.Producer, w.IRVersion = g.Opsets, g.Producer, g.IRVersion
	w.Nodes, w.Parameters = g.Nodes, g.Parameters
	for _, o := range g.Operators {
		w.Operators = append(w.Operators, wireOperator(o))
	}
	return w
}

func portsWire(ports []tensor.Port) []string {
	texts := make([]string, len(ports))
	for i, p := range ports {
		texts[i] = p.String()
	}
	return texts
}
