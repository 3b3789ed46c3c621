package onnx

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

func TestReadsEverySharedModel(t *testing.T) {
	models := onnxtest.SharedModels(t, "../..")
	n := 0
	err := filepath.WalkDir(models, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".onnx" {
			return err
		}
		n++
		rel, _ := filepath.Rel(models, path)
		t.Run(rel, func(t *testing.T) {
			root, err := os.OpenRoot(filepath.Dir(path))
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			m, err := CheckFile(root, filepath.Base(path))
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Inputs) == 0 || len(m.Outputs) == 0 || m.Nodes == 0 || len(m.Operators) == 0 {
				t.Errorf("inputs %v, outputs %v, %d nodes, operators %v", m.Inputs, m.Outputs, m.Nodes, m.Operators)
			}
			for _, p := range append(m.Inputs, m.Outputs...) {
				if p.Type == tensor.Undefined || len(p.Shape) != len(p.Dims) {
					t.Errorf("port %+v has no type, or a name too few", p)
				}
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 15 {
		t.Errorf("only %d models found in %s", n, models)
	}
}

func TestReadsWhatAModelSays(t *testing.T) {
	models := onnxtest.SharedModels(t, "../..")
	cases := []struct {
		file            string
		inputs, outputs []string
		dims            []string // of the first input
		opset           int64
		nodes           int
		parameters      int64
		operator        Operator
		external        []string
	}{
		{file: "vision/mnist.onnx", inputs: []string{"Input3 float32[1,1,28,28]"},
			outputs: []string{"Plus214_Output_0 float32[1,10]"}, dims: []string{"", "", "", ""}, opset: 8,
			nodes: 12, parameters: 5998, operator: Operator{Name: "Add", Count: 3}},
		{file: "types/mlp_ext.onnx", inputs: []string{"x float32[-1,100]"}, outputs: []string{"y float32[-1,10]"},
			dims: []string{"N", ""}, opset: 17, nodes: 5, parameters: 100*512 + 512 + 512*512 + 512 + 512*10 + 10,
			operator: Operator{Name: "Gemm", Count: 3}, external: []string{"mlp_ext.onnx.data"}},
		{file: "tabular/tab_strings_zipmap.onnx",
			inputs:  []string{"age float32[-1,1]", "income float32[-1,1]", "city str[-1,1]", "plan str[-1,1]"},
			outputs: []string{"label str[-1]", "probabilities sequence(map(str,float32))"}, dims: []string{"N", ""},
			opset: 17, nodes: 9, parameters: 4, operator: Operator{Name: "Concat", Count: 2}},
		{file: "types/types.onnx",
			inputs:  []string{"a float32[-1]", "i int64[-1]", "t bool[-1]", "d float64[-1]"},
			outputs: []string{"b bfloat16[-1]", "i2 int64[-1]", "nt bool[-1]", "ds float64[]"},
			dims:    []string{"N"}, opset: 17, nodes: 4, operator: Operator{Name: "Add", Count: 1}},
	}
	for _, c := range cases {
		t.Run(c.file, func(t *testing.T) {
			m, err := Read(filepath.Join(models, c.file))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "inputs", texts(m.Inputs), c.inputs)
			equal(t, "outputs", texts(m.Outputs), c.outputs)
			equal(t, "dims", m.Inputs[0].Dims, c.dims)
			equal(t, "opset", m.Opsets[""], c.opset)
			equal(t, "nodes", m.Nodes, c.nodes)
			equal(t, "parameters", m.Parameters, c.parameters)
			equal(t, "most used operator", m.Operators[0], c.operator)
			equal(t, "external", m.External, c.external)
		})
	}
}

func TestCountsSubgraphsAndFunctions(t *testing.T) {
	inner := onnxtest.Graph{
		Nodes:        []onnxtest.Node{{Op: "Neg", Inputs: []string{"w"}, Outputs: []string{"o"}}},
		Outputs:      []tensor.Port{onnxtest.Port("o", tensor.Float32)},
		Initializers: []onnxtest.Initializer{{Name: "w", Tensor: onnxtest.FloatTensor([]int64{3}, 1, 2, 3)}},
	}
	b := onnxtest.ModelWith(onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "If", Inputs: []string{"c"}, Outputs: []string{"y"},
				Attributes: []onnxtest.Attribute{{Name: "then_branch", Value: inner}, {Name: "else_branch", Value: inner}}},
			{Op: "Twice", Domain: "local", Inputs: []string{"y"}, Outputs: []string{"z"}},
			{Op: "Relu", Domain: "ai.onnx", Inputs: []string{"z"}, Outputs: []string{"r"}},
		},
		Inputs:  []tensor.Port{onnxtest.Port("c", tensor.Bool)},
		Outputs: []tensor.Port{onnxtest.Port("r", tensor.Float32)},
	}, onnxtest.Options{Producer: "p", Domains: map[string]int64{"local": 1}, Functions: []onnxtest.Function{
		{Name: "Twice", Domain: "local", Inputs: []string{"a"}, Outputs: []string{"b"}, Nodes: []onnxtest.Node{
			{Op: "Add", Inputs: []string{"a", "a"}, Outputs: []string{"b"}}}},
	}})
	m, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "operators", m.Operators, []Operator{
		{"", "Neg", 2}, {"", "Add", 1}, {"", "If", 1}, {"", "Relu", 1}, {"local", "Twice", 1}})
	equal(t, "nodes", m.Nodes, 6)
	equal(t, "parameters", m.Parameters, int64(6))
	equal(t, "opsets", m.Opsets, map[string]int64{"": onnxtest.Opset, "local": 1})
	equal(t, "producer", m.Producer, "p")
}

func TestCountsWeightsInConstants(t *testing.T) {
	weights := onnxtest.FloatTensor([]int64{2, 2}, 1, 2, 3, 4)
	m, err := Parse(onnxtest.ModelWith(onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "Constant", Outputs: []string{"w"}, Attributes: []onnxtest.Attribute{{Name: "value", Value: weights}}},
			{Op: "ConstantOfShape", Inputs: []string{"s"}, Outputs: []string{"z"}, Attributes: []onnxtest.Attribute{{Name: "value", Value: weights}}},
			{Op: "Constant", Domain: "local", Outputs: []string{"l"}, Attributes: []onnxtest.Attribute{{Name: "value", Value: weights}}},
		},
		Outputs:      y,
		Initializers: []onnxtest.Initializer{{Name: "v", Tensor: onnxtest.FloatTensor([]int64{3}, 1, 2, 3)}},
	}, onnxtest.Options{Functions: []onnxtest.Function{{Name: "Constant", Domain: "local"}}}))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "parameters", m.Parameters, int64(4+3))
}

func TestLeavesOutInputsWithDefaults(t *testing.T) {
	x, w := onnxtest.Port("x", tensor.Float32, 1), onnxtest.Port("w", tensor.Float32, 1)
	m, err := Parse(onnxtest.ModelWith(onnxtest.Graph{
		Nodes:        []onnxtest.Node{{Op: "Add", Inputs: []string{"x", "w"}, Outputs: []string{"y"}}},
		Inputs:       []tensor.Port{w, x},
		Outputs:      []tensor.Port{onnxtest.Port("y", tensor.Float32, 1)},
		Initializers: []onnxtest.Initializer{{Name: "w", Tensor: onnxtest.FloatTensor([]int64{1}, 2)}},
	}, onnxtest.Options{IRVersion: 3}))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "inputs", texts(m.Inputs), []string{"x float32[1]"})
}

func TestReadsEveryKindOfPort(t *testing.T) {
	ports := []tensor.Port{
		{Name: "tensor", Type: tensor.Float16, Shape: []int64{-1, 0, 3}, Dims: []string{"n", "", ""}},
		{Name: "scalar", Type: tensor.String, Shape: []int64{}},
		{Name: "unranked", Type: tensor.Int8, Unranked: true},
		{Name: "sequence", Kind: tensor.KindSequence, Type: tensor.Int64},
		{Name: "map", Kind: tensor.KindMap, Key: tensor.String, Type: tensor.Float64},
		{Name: "maps", Kind: tensor.KindSequence, OfMaps: true, Key: tensor.Int64, Type: tensor.Float32},
	}
	m, err := Parse(onnxtest.Model(onnxtest.Graph{Inputs: ports, Outputs: ports}))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"tensor float16[-1,0,3]", "scalar str[]", "unranked int8[?]", "sequence sequence(int64)",
		"map map(str,float64)", "maps sequence(map(int64,float32))"}
	equal(t, "inputs", texts(m.Inputs), want)
	equal(t, "outputs", texts(m.Outputs), want)
	equal(t, "dims", m.Inputs[0].Dims, []string{"n", "", ""})
}

func TestReadsTheReadyMadeModelsOfTests(t *testing.T) {
	cases := map[string]struct {
		file            []byte
		inputs, outputs []string
	}{
		"Add":          {onnxtest.Add(3), []string{"x float32[-1,3]"}, []string{"y float32[-1,3]"}},
		"Identity":     {onnxtest.Identity(tensor.String, []int64{-1, 2}), []string{"x str[-1,2]"}, []string{"y str[-1,2]"}},
		"DivInt64":     {onnxtest.DivInt64(), []string{"a int64[-1]", "b int64[-1]"}, []string{"c int64[-1]"}},
		"Huge":         {onnxtest.Huge(), []string{"n int64[1]"}, []string{"y float32[]"}},
		"HugeAtLoad":   {onnxtest.HugeAtLoad(), []string{"x float32[-1]"}, []string{"y float32[-1]"}},
		"Loop":         {onnxtest.Loop(), []string{"trips int64[1]"}, []string{"y float32[]"}},
		"ZipMap":       {onnxtest.ZipMap(), []string{"x float32[-1,2]"}, []string{"label int64[-1]", "probabilities sequence(map(int64,float32))"}},
		"WithExternal": {onnxtest.WithExternal(4, "w.bin"), []string{"x float32[-1,4]"}, []string{"y float32[-1,4]"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m, err := Parse(c.file)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "inputs", texts(m.Inputs), c.inputs)
			equal(t, "outputs", texts(m.Outputs), c.outputs)
		})
	}
	if m, err := Parse(onnxtest.ManyInputs()); err != nil || len(m.Inputs) != 8 || len(m.Outputs) != 8 {
		t.Errorf("ManyInputs: %v", err)
	}
}

func TestReadRefusesAFolder(t *testing.T) {
	var format *FormatError
	if _, err := Read(t.TempDir()); !errors.As(err, &format) {
		t.Errorf("Read of a folder: %v", err)
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read of nothing: %v", err)
	}
}

func texts(ports []tensor.Port) []string {
	var s []string
	for _, p := range ports {
		s = append(s, p.String())
	}
	return s
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// contains checks an error's type and that its text holds a phrase.
func contains[E error](t *testing.T, err error, phrase string) {
	t.Helper()
	var typed E
	if !errors.As(err, &typed) {
		t.Fatalf("got %T (%v), want %T", err, err, typed)
	}
	if !strings.Contains(err.Error(), phrase) {
		t.Errorf("%q does not say %q", err, phrase)
	}
}
