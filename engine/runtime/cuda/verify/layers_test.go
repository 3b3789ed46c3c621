//go:build cuda && linux && (amd64 || arm64)

package verify

import (
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"servery/engine/runtime/cuda/executor"
	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/plan"
	"servery/engine/runtime/ort"
	"servery/engine/tensor"
)

// tellLayers computes a model with every value an output, and tells the first ones that differ. An
// output keeps its node from being computed together with the next one: where nothing differs
// now, what is computed together is at fault.
func tellLayers(t *testing.T, d *executor.Device, library *ort.Library, path string, inputs []tensor.Named, precision plan.Precision) {
	if library == nil {
		return // nobody gave the answers for the layers
	}
	opened := withAllOutputs(t, path, inputs)
	model, err := graph.Open(opened)
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	p := planner(d, model, precision)
	made, _, err := program(p, inputs)
	if err != nil {
		t.Fatal(err)
	}
	got, err := run(d, p, made, inputs)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for i, want := range onCPU(t, library, opened, inputs) {
		o := compare(got[i].Tensor, want.Tensor, modelTolerances[precision])
		if o.why != "" && told < 5 {
			told++
			t.Logf("layer by layer, %q differs by %.1e: %s", want.Name, o.worst, o.why)
		}
	}
	if told == 0 {
		t.Logf("layer by layer nothing of %d values differs: look at what is computed together", len(got))
	}
}

// withAllOutputs writes the model with every value that a node computes among its outputs, in the
// order in which they are computed.
func withAllOutputs(t *testing.T, path string, inputs []tensor.Named) string {
	t.Helper()
	model, err := graph.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	_, known, err := program(plan.New(model, plan.Options{}), inputs)
	if err != nil {
		t.Fatal(err)
	}
	shapes := map[string][]int64{}
	for _, in := range inputs {
		shapes[in.Name] = in.Tensor.Shape
	}
	g, err := model.Resolve(shapes, known)
	if err != nil {
		t.Fatal(err)
	}
	var outputs []byte
	for _, n := range g.Nodes {
		for _, v := range n.Outputs {
			if v != nil && v.Name != "" {
				outputs = protowire.AppendTag(outputs, 12, protowire.BytesType)
				outputs = protowire.AppendBytes(outputs, valueInfo(v))
			}
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rewritten := rewriteField(b, 7, func(content []byte) []byte {
		return append(rewriteField(content, 12, nil), outputs...)
	})
	file := filepath.Join(t.TempDir(), "all.onnx")
	if err := os.WriteFile(file, rewritten, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// valueInfo is the ValueInfoProto of a value, of no stated shape.
func valueInfo(v *graph.Value) []byte {
	typed := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(v.Type))
	kind := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), typed)
	info := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), v.Name)
	return protowire.AppendBytes(protowire.AppendTag(info, 2, protowire.BytesType), kind)
}

// rewriteField puts what change makes of a field of bytes in its place; nil leaves the field out.
func rewriteField(message []byte, field protowire.Number, change func([]byte) []byte) []byte {
	var out []byte
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		size := protowire.ConsumeFieldValue(number, kind, message[n:])
		if n < 0 || size < 0 {
			panic("verify: the model is no protobuf message")
		}
		if number != field || kind != protowire.BytesType {
			out = append(out, message[:n+size]...)
		} else if change != nil {
			content, _ := protowire.ConsumeBytes(message[n:])
			out = protowire.AppendBytes(append(out, message[:n]...), change(content))
		}
		message = message[n+size:]
	}
	return out
}
