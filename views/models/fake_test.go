package models

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"servery/engine/endpoint"
	"servery/engine/hardware"
	"servery/engine/mlmodel"
	"servery/engine/registry"
	"servery/engine/tensor"
)

// fakeEngine keeps models in memory and writes down what it is asked for.
type fakeEngine struct {
	gpus      hardware.GPUs
	models    []registry.Model
	endpoints []endpoint.Endpoint
	log       []string
	imports   []registry.Import
	progress  []registry.Progress // what an import reports
	outcome   registry.Version    // of an import
	err       error               // of whatever is asked next
}

func newFake() *fakeEngine {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	schema := func(name string, shape ...int64) *mlmodel.Schema {
		return &mlmodel.Schema{Tensors: []mlmodel.TensorSpec{{Name: name, Type: tensor.Float32, Shape: shape}}}
	}
	graph := func(parameters int64) *registry.Graph {
		return &registry.Graph{Opsets: map[string]int64{"": 17, "ai.onnx.ml": 3}, Producer: "pytorch 2.5.1", IRVersion: 8, Nodes: 202, Parameters: parameters,
			Operators: []registry.OperatorCount{{Name: "Conv", Count: 64}, {Name: "Add", Count: 45}, {Name: "Mul", Count: 40}, {Name: "HardSigmoid", Count: 19},
				{Name: "MatMul", Count: 10}, {Name: "Reshape", Count: 8}, {Name: "Transpose", Count: 6}, {Name: "Softmax", Count: 4}, {Name: "Concat", Count: 3},
				{Domain: "com.microsoft", Name: "FusedConv", Count: 3}}}
	}
	ready := func(n int, source string, size, parameters int64, age time.Duration) registry.Version {
		return registry.Version{Number: n, Status: registry.Ready, Flavor: "onnx", Source: source, CreatedAt: now.Add(-age), CreatedBy: "ann@example.com",
			Size: size, SHA256: strings.Repeat("3fa9c1d07b", 6) + "3fa9", Signature: &mlmodel.Signature{Inputs: schema("x", -1, 3, 48, -1), Outputs: schema("softmax_11.tmp_0", -1, -1, 6625)},
			Graph: graph(parameters)}
	}
	newest := ready(4, "rec_v4.onnx", 9_800_000, 2_600_000, time.Hour)
	newest.InputExample = []byte(`{"inputs": {"x": [[[[0.12, 0.4, 0.98, 0.33], [0.51, 0.2, 0.7, 0.05], [0.9, 0.11, 0.64, 0.28]]]]}}`)
	newest.Comment = "Trained on receipts too."
	model := func(catalog, schema, name string, versions ...registry.Version) registry.Model {
		return registry.Model{Catalog: catalog, Schema: schema, Name: name, Versions: versions}
	}
	rec := model("main", "vision", "ppocr_rec", newest, ready(3, "ch_PP-OCRv4_rec.onnx", 10_900_000, 2_700_000, 2*day),
		registry.Version{Number: 2, Status: registry.Failed, Source: "rec_int4.onnx", Size: 3_000_000, CreatedAt: now.Add(-3 * day),
			Reason: "The operator com.acme.Int4MatMul is not one of ONNX's, and no runtime here knows it. Export the model with standard operators."})
	rec.Aliases = []registry.Alias{{Name: "challenger", Version: 4}, {Name: "champion", Version: 3}}
	columns := ready(1, "churn", 12_000, 0, 9*day)
	columns.Signature = &mlmodel.Signature{Inputs: &mlmodel.Schema{}, Outputs: &mlmodel.Schema{Columns: []mlmodel.Column{{Name: "label", Type: mlmodel.Long, Required: true}}}}
	for i := range 12 {
		columns.Signature.Inputs.Columns = append(columns.Signature.Inputs.Columns, mlmodel.Column{Name: fmt.Sprintf("feature_%d", i), Type: mlmodel.Double, Required: i%2 == 0})
	}
	served := func(name string, entities ...endpoint.ServedEntity) endpoint.Endpoint {
		c := &endpoint.Config{Entities: entities}
		for i, e := range entities {
			c.Routes = append(c.Routes, endpoint.Route{EntityName: e.Name, Percent: []int{80, 20}[i]})
		}
		return endpoint.Endpoint{Name: name, Active: c}
	}
	return &fakeEngine{
		gpus: hardware.GPUs{Known: true, None: &hardware.NoGPU{Reason: "no NVIDIA driver is installed on this machine"}},
		models: []registry.Model{model("dev", "audio", "silero_vad", ready(1, "silero_vad.onnx", 1_800_000, 309_000, 5*day)),
			model("main", "tabular", "churn", columns), rec, model("samples", "vision", "digits", ready(1, "digits.onnx", 26_000, 6_000, 5*time.Minute))},
		endpoints: []endpoint.Endpoint{served("ocr-recognizer", endpoint.ServedEntity{Name: "a", ModelName: "main.vision.ppocr_rec", ModelVersion: 3},
			endpoint.ServedEntity{Name: "b", ModelName: "main.vision.ppocr_rec", ModelVersion: 4})},
		outcome: registry.Version{Number: 1, Status: registry.Ready},
	}
}

func (f *fakeEngine) Models() []registry.Model       { return f.models }
func (f *fakeEngine) Endpoints() []endpoint.Endpoint { return f.endpoints }

func (f *fakeEngine) Hardware() hardware.Snapshot { return hardware.Snapshot{GPUs: f.gpus} }

func (f *fakeEngine) note(format string, args ...any) error {
	f.log = append(f.log, fmt.Sprintf(format, args...))
	return f.err
}

func (f *fakeEngine) SetAlias(_ context.Context, full, alias string, n int) error {
	return f.note("alias %s %s %d", full, alias, n)
}

func (f *fakeEngine) DeleteAlias(_ context.Context, full, alias string) error {
	return f.note("no alias %s %s", full, alias)
}

func (f *fakeEngine) DeleteVersion(_ context.Context, full string, n int) error {
	return f.note("delete %s %d", full, n)
}

func (f *fakeEngine) DeleteModel(_ context.Context, full string) error {
	f.models = slices.DeleteFunc(slices.Clone(f.models), func(m registry.Model) bool { return m.FullName() == full })
	return f.note("delete %s", full)
}

func (f *fakeEngine) ImportModel(ctx context.Context, in registry.Import, progress func(registry.Progress)) (registry.Version, error) {
	f.imports = append(f.imports, in)
	for _, p := range f.progress {
		progress(p)
	}
	if err := ctx.Err(); err != nil {
		return registry.Version{}, fmt.Errorf("the import of %s was cancelled: %w", in.Name, err)
	}
	if f.err != nil {
		return registry.Version{}, f.err
	}
	name, _ := registry.ParseName(in.Name)
	f.models = append(slices.Clone(f.models), registry.Model{Catalog: name.Catalog, Schema: name.Schema, Name: name.Model, Versions: []registry.Version{f.outcome}})
	return f.outcome, nil
}
