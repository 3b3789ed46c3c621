//go:build cuda && linux && (amd64 || arm64)

package verify

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"servery/engine/onnx/onnxtest"
	"servery/engine/runtime/cuda/executor"
	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/plan"
	"servery/engine/runtime/ort"
	"servery/engine/tensor"
)

// root is the repository's, from this package.
const root = "../../../.."

// largeModels names the variable that has large models computed on the stand-in, which takes
// minutes.
const largeModels = "SERVERY_LARGE_MODELS"

// large are the models of some GFLOP a run. Their weights are constants, which leaves little to
// compare: the residual network below has others.
var large = map[string]bool{"light_resnet50.onnx": true, "light_densenet121.onnx": true}

// inputShapes are those at which models with free dimensions are computed; 3 stands for each one
// elsewhere.
var inputShapes = map[string]map[string][]int64{
	"ch_PP-OCRv4_det_infer.onnx":          {"x": {1, 3, 64, 64}},
	"ch_PP-OCRv4_rec_infer.onnx":          {"x": {1, 3, 48, 64}},
	"ch_ppocr_mobile_v2.0_cls_infer.onnx": {"x": {2, 3, 48, 192}},
	"silero_vad_v5.onnx":                  {"input": {1, 512}, "state": {2, 1, 128}, "sr": {}},
}

// refusedModels are those that no GPU takes, and a part of the reason.
var refusedModels = map[string]string{
	"skl_treecl.onnx":           "TreeEnsembleClassifier",
	"sklearn_randomforest.onnx": "TreeEnsembleClassifier",
	"tab_strings_zipmap.onnx":   "ai.onnx.ml.Scaler",
	"example_strings.onnx":      "it works on texts",
}

// beyondFloat16 are models with factors above what float16 has, which Precision documents.
var beyondFloat16 = map[string]bool{"light_squeezenet.onnx": true}

// TestModels computes each of the shared models, and those of the shape of ResNet-50 and of MiniLM-L6
// with weights of chance, and compares with ONNX Runtime. Where one differs, it is computed again with every value an output,
// and the first one that differs is told.
func TestModels(t *testing.T) {
	d, library := open(t), onnxRuntime(t)
	seen := 0
	err := filepath.WalkDir(onnxtest.SharedModels(t, root), func(path string, f fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".onnx" {
			return err
		}
		seen++
		name := f.Name()
		if name == "model.onnx" {
			name = filepath.Base(filepath.Dir(path))
		}
		t.Run(name, func(t *testing.T) { checkModel(t, d, library, path, name, nil) })
		return nil
	})
	if err != nil || seen < 10 {
		t.Errorf("%d models seen, %v", seen, err)
	}
	t.Run("resnet", func(t *testing.T) {
		s := newResNet()
		checkModel(t, d, library, s.file(t), "resnet", []tensor.Named{{Name: "image", Value: tensor.Value{Tensor: s.floats([]int64{1, 3, 64, 64})}}})
	})
	t.Run("encoder", func(t *testing.T) {
		s := newEncoder(6, 500)
		checkModel(t, d, library, s.file(t), "encoder", s.tokens(2, 12))
	})
}

// checkModel computes a model, on inputs of chance where none are given.
func checkModel(t *testing.T, d *executor.Device, library *ort.Library, path, name string, inputs []tensor.Named) {
	model, err := graph.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	if inputs == nil {
		inputs = drawInputs(model.Inputs(), name)
	}
	if large[name] && os.Getenv(largeModels) == "" && answers.bundle == nil && !answers.writing {
		t.Skipf("%s is computed where %s is set, as that takes minutes", name, largeModels)
	}
	var want []tensor.Named
	if refusedModels[name] == "" {
		want = onCPU(t, library, path, inputs)
	}
	if answers.writing {
		return
	}
	for _, precision := range precisions {
		p := planner(d, model, precision)
		made, _, err := program(p, inputs)
		switch because := refusedModels[name]; {
		case isUnsupported(err) && because != "" && strings.Contains(err.Error(), because):
			t.Skipf("refused: %v", err)
		case err != nil:
			t.Fatal(err)
		case because != "":
			t.Errorf("it is planned")
		case precision == plan.Float16 && beyondFloat16[name]:
			t.Logf("%s is not computed in fp16: its values are beyond 65504", name)
			continue
		case precision != plan.Float32 && !uses(made, precision):
			continue
		}
		began := time.Now()
		got, err := run(d, p, made, inputs)
		if err != nil {
			t.Fatalf("%v: %v", precision, err)
		}
		o := compareAll(got, want, modelTolerances[precision])
		t.Logf("%s in %v: largest error %.1e of the output's largest value; %d launches, %.1f MiB of arena, %.1f s",
			name, precision, o.worst, len(made.Launches), float64(made.Arena)/(1<<20), time.Since(began).Seconds())
		if o.why != "" {
			t.Errorf("%v: %s", precision, o.why)
			tellLayers(t, d, library, path, inputs, precision)
		}
	}
}

// modelTolerances are those of whole models, through whose layers errors grow.
var modelTolerances = map[plan.Precision]tolerance{
	plan.Float32: {1e-3, 1e-5, 1e-4},
	plan.TF32:    {1e-2, 1e-5, 1e-2},
	plan.Float16: {1e-2, 1e-5, 1e-2},
}

// drawInputs gives values of chance for inputs.
func drawInputs(ports []tensor.Port, name string) (inputs []tensor.Named) {
	s := newSample(1)
	for _, p := range ports {
		shape, ok := inputShapes[name][p.Name]
		for i := 0; !ok && i < len(p.Shape); i++ {
			n := p.Shape[i]
			if n < 0 {
				n = 3
			}
			shape = append(shape, n)
		}
		v := s.valueOf(p.Type, shape)
		if p.Name == "sr" {
			v = onnxtest.Int64Tensor(shape, 16000)
		}
		if name == "ch_PP-OCRv4_det_infer.onnx" {
			strokes(v)
		}
		inputs = append(inputs, tensor.Named{Name: p.Name, Value: tensor.Value{Tensor: v}})
	}
	return inputs
}

// strokes makes a white picture with a row of black strokes. A detector of text finds something there; of noise its
// answers are all below 1e-7, where ONNX Runtime's logistic function is no longer exact.
func strokes(v *tensor.Tensor) {
	n := int(v.Shape[2])
	for i, pixels := 0, tensor.View[float32](v); i < len(pixels); i++ {
		x, y := i%n, i/n%n
		inside := x >= 8 && x < n-8
		pixels[i] = 1.5
		if inside && (y >= n/3 && y < 2*n/3 && (x-8)%6 < 2 || y == n/2 || y == n/2-1) {
			pixels[i] = -1.5
		}
	}
}

// valueOf is a tensor of a type: normal numbers, whole ones from 0 to 2, or no text.
func (s *sample) valueOf(t tensor.Type, shape []int64) *tensor.Tensor {
	v := &tensor.Tensor{Type: t, Shape: shape, Data: make([]byte, elements(shape)*int64(t.Size()))}
	if t == tensor.String {
		v.Strings = make([]string, elements(shape))
		return v
	}
	for i := range elements(shape) {
		x := s.NormFloat64()
		switch t {
		case tensor.Float32:
			tensor.View[float32](v)[i] = float32(x)
		case tensor.Float64:
			tensor.View[float64](v)[i] = x
		case tensor.Float16:
			tensor.View[uint16](v)[i] = tensor.Float16Bits(x)
		case tensor.BFloat16:
			tensor.View[uint16](v)[i] = tensor.BFloat16Bits(x)
		case tensor.Bool:
			v.Data[i] = byte(s.IntN(2))
		default:
			v.Data[i*int64(t.Size())] = byte(s.IntN(3)) // the lowest byte of a whole number
		}
	}
	return v
}
