package graph

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

// inputShapes are those at which the shared models are resolved; 3 stands for every free
// dimension elsewhere.
var inputShapes = map[string]map[string][]int64{
	"ch_PP-OCRv4_det_infer.onnx":          {"x": {1, 3, 64, 96}},
	"ch_PP-OCRv4_rec_infer.onnx":          {"x": {2, 3, 48, 320}},
	"ch_ppocr_mobile_v2.0_cls_infer.onnx": {"x": {2, 3, 48, 192}},
	"silero_vad_v5.onnx":                  {"input": {1, 512}, "state": {2, 1, 128}, "sr": {}},
}

// refusedModels are those that cannot be resolved, and a part of the reason.
var refusedModels = map[string]string{
	"skl_treecl.onnx":           "TreeEnsembleClassifier",
	"sklearn_randomforest.onnx": "TreeEnsembleClassifier",
	"tab_strings_zipmap.onnx":   "ai.onnx.ml.Scaler",
	"example_strings.onnx":      "it works on texts",
}

func TestResolvesEverySharedModel(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(onnxtest.SharedModels(t, "../../../.."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".onnx" {
			return err
		}
		seen++
		m, err := Open(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		defer m.Close()
		name, shapes, values := d.Name(), map[string][]int64{}, map[string]*tensor.Tensor{}
		for _, p := range m.Inputs() {
			shape, ok := inputShapes[name][p.Name]
			if !ok {
				for _, n := range p.Shape {
					if n < 0 {
						n = 3
					}
					shape = append(shape, n)
				}
			}
			shapes[p.Name] = shape
			if p.Name == "sr" {
				values[p.Name] = fromInts(p.Type, shape, []int64{16000})
			}
		}
		g, err := m.Resolve(shapes, values)
		var unsupported *UnsupportedError
		switch want := refusedModels[name]; {
		case errors.As(err, &unsupported) && want != "" && strings.Contains(err.Error(), want):
			return nil
		case err != nil:
			t.Errorf("%s: %v", name, err)
			return nil
		case want != "":
			t.Errorf("%s is resolved", name)
		}
		checkGraph(t, name, g)
		counts := map[string]int{}
		for _, n := range g.Nodes {
			counts[n.Op]++
		}
		t.Logf("%s: %s -> %s by %d of %d nodes: %s", name, describe(g.Inputs), describe(g.Outputs), len(g.Nodes), m.content.Nodes, listed(counts))
		return nil
	})
	if err != nil || seen < 10 {
		t.Errorf("%d models seen, %v", seen, err)
	}
}
