package registry

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sharedFile is the path of one of the models that all tests share.
func sharedFile(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("SERVERY_SHARED")
	if dir == "" {
		dir = "../../../shared"
	}
	path, err := filepath.Abs(filepath.Join(dir, "models", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the shared models are missing: set SERVERY_SHARED to the folder that holds models/ (%v)", err)
	}
	return path
}

// sharedModels says what importing each of the shared models gives.
var sharedModels = []struct {
	path, name string
	signature  string // "graph", "MLmodel" or "" for Failed
	inputs     int    // of the signature
	parameters int64  // more than this many
	reason     string // of a Failed one
}{
	{path: "audio/silero_vad_v5.onnx", name: "silero_vad_v5", signature: "graph", inputs: 3, parameters: 100},
	{path: "mlflow/no_signature", name: "no_signature", signature: "graph", inputs: 1},
	{path: "mlflow/sum_columns", name: "sum_columns", signature: "MLmodel", inputs: 2},
	{path: "mlflow/sum_columns/MLmodel", name: "sum_columns", signature: "MLmodel", inputs: 2},
	{path: "mlflow/tensor_4_to_3", name: "tensor_4_to_3", signature: "MLmodel", inputs: 1},
	{path: "tabular/mlp10.onnx", name: "mlp10", signature: "graph", inputs: 1, parameters: 4000},
	{path: "tabular/skl_treecl.onnx", name: "skl_treecl", signature: "graph", inputs: 1},
	{path: "tabular/sklearn_randomforest.onnx", name: "sklearn_randomforest", signature: "graph", inputs: 1},
	{path: "tabular/tab_strings_zipmap.onnx", name: "tab_strings_zipmap", signature: "graph", inputs: 4},
	{path: "types/example ż 大 김.onnx", name: "example", signature: "graph", inputs: 1},
	{path: "types/example_float16.onnx", name: "example_float16", signature: "graph", inputs: 1},
	{path: "types/example_multitype.onnx", name: "example_multitype", signature: "graph", inputs: 2},
	{path: "types/example_several_inputs_and_outputs.onnx", name: "example_several_inputs_and_outputs", signature: "graph", inputs: 3},
	{path: "types/example_strings.onnx", name: "example_strings", signature: "graph", inputs: 1},
	{path: "types/mlp_ext.onnx", name: "mlp_ext", signature: "graph", inputs: 1, parameters: 300_000},
	{path: "types/types.onnx", name: "types", signature: "graph", inputs: 4},
	{path: "vision/ch_PP-OCRv4_det_infer.onnx", name: "ch_pp-ocrv4_det_infer", signature: "graph", inputs: 1, parameters: 1_000_000},
	{path: "vision/ch_PP-OCRv4_rec_infer.onnx", name: "ch_pp-ocrv4_rec_infer", signature: "graph", inputs: 1, parameters: 2_000_000},
	{path: "vision/ch_ppocr_mobile_v2.0_cls_infer.onnx", name: "ch_ppocr_mobile_v2_0_cls_infer", signature: "graph", inputs: 1, parameters: 100_000},
	{path: "vision/light_densenet121.onnx", name: "light_densenet121", signature: "graph", inputs: 1},
	{path: "vision/light_resnet50.onnx", name: "light_resnet50", signature: "graph", inputs: 1},
	{path: "vision/light_squeezenet.onnx", name: "light_squeezenet", signature: "graph", inputs: 1},
	{path: "vision/mnist.onnx", name: "mnist", signature: "graph", inputs: 1, parameters: 5000},
	{path: "mlflow/sum_columns/input_example.json", name: "input_example_json", reason: "not a valid ONNX model"},
	{path: "vision/light_squeezenet_output_0.pb", name: "light_squeezenet_output_0_pb", reason: "not a valid ONNX model"},
	{path: "types/mlp_ext.onnx.data", name: "mlp_ext_onnx_data", reason: "not a valid ONNX model"},
	{path: "mlflow", name: "mlflow", reason: "no file MLmodel"},
}

func TestImportsTheSharedModels(t *testing.T) {
	f := newFixture(t)
	for _, c := range sharedModels {
		t.Run(c.path, func(t *testing.T) {
			source := sharedFile(t, c.path)
			name := SuggestName(source)
			if name != "main.default."+c.name {
				t.Errorf("the suggested name is %s", name)
			}
			if c.signature == "" {
				f.failed(t, source, c.reason)
				return
			}
			v := f.ready(t, Import{Source: source, Name: name})
			if v.FromGraph != (c.signature == "graph") {
				t.Errorf("the signature is the graph's: %t", v.FromGraph)
			}
			if n := len(v.Signature.Inputs.Tensors) + len(v.Signature.Inputs.Columns); n != c.inputs {
				t.Errorf("the signature has %d inputs, want %d", n, c.inputs)
			}
			if len(v.Graph.Operators) == 0 || v.Graph.Parameters < c.parameters {
				t.Errorf("%d operators, %d parameters", len(v.Graph.Operators), v.Graph.Parameters)
			}
			if !json.Valid(v.InputExample) || !strings.Contains(string(v.InputExample), `"inputs"`) && !strings.Contains(string(v.InputExample), `"dataframe_`) {
				t.Errorf("the example is no request: %.100q", v.InputExample)
			}
		})
	}
	f.checkFiles(t)
}

// TestNoSharedModelIsForgotten keeps the list above complete.
func TestNoSharedModelIsForgotten(t *testing.T) {
	listed := map[string]bool{}
	for _, c := range sharedModels {
		listed[c.path] = true
	}
	root := sharedFile(t, "")
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		name = filepath.ToSlash(name)
		if strings.HasSuffix(name, ".onnx") && !strings.HasPrefix(name, "mlflow/") && !listed[name] {
			t.Errorf("%s is not among the models that are imported", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
