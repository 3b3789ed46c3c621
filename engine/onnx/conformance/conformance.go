// Package conformance reads the ONNX project's own cases, one an operator, each a model with
// inputs and the outputs that they lead to: Debian's package libonnx-testdata. Only tests
// may import it.
package conformance

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"servery/engine/onnx"
	"servery/engine/tensor"
)

// Variable names the folder of the cases where it is not Root.
const Variable = "SERVERY_ONNX_TESTDATA"

// Root is where Debian's package puts the cases.
const Root = "/usr/share/libonnx-testdata/data"

// Case is a model and where its first set of values lies.
type Case struct {
	Name  string // "test_abs"
	Model string // the path of the file
	set   string
}

// Cases are all cases with values, by path. There are none where the package is absent: root
// says where they were looked for.
func Cases() (cases []Case, root string, err error) {
	root = os.Getenv(Variable)
	if root == "" {
		root = Root
	}
	models, err := filepath.Glob(filepath.Join(root, "*", "*", "model.onnx"))
	for _, model := range models {
		folder := filepath.Dir(model)
		set := filepath.Join(folder, "test_data_set_0")
		if _, err := os.Stat(set); err == nil {
			cases = append(cases, Case{Name: filepath.Base(folder), Model: model, set: set})
		}
	}
	return cases, root, err
}

// Input is the value of the input i of the model, which p describes.
func (c Case) Input(i int, p tensor.Port) (tensor.Value, error) {
	return readValue(filepath.Join(c.set, fmt.Sprintf("input_%d.pb", i)), p)
}

// Output is the value that the output i of the model should have.
func (c Case) Output(i int, p tensor.Port) (tensor.Value, error) {
	return readValue(filepath.Join(c.set, fmt.Sprintf("output_%d.pb", i)), p)
}

// readValue reads a TensorProto, SequenceProto or OptionalProto file.
func readValue(path string, p tensor.Port) (tensor.Value, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return tensor.Value{}, err
	}
	var v tensor.Value
	switch {
	case p.Optional:
		err = messages(b, func(field protowire.Number, content []byte) (err error) {
			switch field {
			case 3:
				v.Tensor, err = onnx.DecodeTensor(content)
			case 5:
				v.Sequence, err = readSequence(content)
			}
			return err
		})
	case p.Kind == tensor.KindSequence:
		v.Sequence, err = readSequence(b)
	default:
		v.Tensor, err = onnx.DecodeTensor(b)
	}
	return v, err
}

func readSequence(b []byte) ([]tensor.Value, error) {
	v := []tensor.Value{}
	err := messages(b, func(field protowire.Number, content []byte) error {
		if field != 3 {
			return nil
		}
		t, err := onnx.DecodeTensor(content)
		v = append(v, tensor.Value{Tensor: t})
		return err
	})
	return v, err
}

// messages calls fn with each field of a message that holds bytes.
func messages(b []byte, fn func(field protowire.Number, content []byte) error) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		value := protowire.ConsumeFieldValue(field, kind, b[n:])
		if value < 0 {
			return protowire.ParseError(value)
		}
		if kind == protowire.BytesType {
			content, _ := protowire.ConsumeBytes(b[n:])
			if err := fn(field, content); err != nil {
				return err
			}
		}
		b = b[n+value:]
	}
	return nil
}

// Differ compares as the ONNX project does, with a relative tolerance of 1e-3. It gives ""
// for values that agree, and else what differs.
func Differ(got, want tensor.Value) string {
	if len(got.Sequence) != len(want.Sequence) {
		return fmt.Sprintf("%d elements, want %d", len(got.Sequence), len(want.Sequence))
	}
	for i := range want.Sequence {
		if why := Differ(got.Sequence[i], want.Sequence[i]); why != "" {
			return why
		}
	}
	if want.Tensor == nil || got.Tensor == nil {
		if want.Tensor != got.Tensor {
			return "one of the two has no value"
		}
		return ""
	}
	return differ(got.Tensor, want.Tensor)
}

func differ(g, w *tensor.Tensor) string {
	if g.Type != w.Type || !slices.Equal(g.Shape, w.Shape) {
		return fmt.Sprintf("%v %v, want %v %v", g.Type, g.Shape, w.Type, w.Shape)
	}
	if bytes.Equal(g.Data, w.Data) && slices.Equal(g.Strings, w.Strings) {
		return ""
	}
	for i := range int(w.Elements()) {
		a, b := Element(g, i), Element(w, i)
		if math.Abs(a-b) > 1e-5+1e-3*math.Abs(b) || math.IsNaN(a) != math.IsNaN(b) || w.Type == tensor.String {
			return fmt.Sprintf("element %d is %v, want %v", i, a, b)
		}
	}
	return ""
}

// Element is a number of a tensor as a float64.
func Element(t *tensor.Tensor, i int) float64 {
	switch t.Type {
	case tensor.Float32:
		return float64(tensor.View[float32](t)[i])
	case tensor.Float64:
		return tensor.View[float64](t)[i]
	case tensor.Float16:
		return tensor.Float16Value(tensor.View[uint16](t)[i])
	case tensor.BFloat16:
		return tensor.BFloat16Value(tensor.View[uint16](t)[i])
	}
	size := t.Type.Size()
	if size == 0 {
		return 0
	}
	var n uint64
	for k := range size {
		n |= uint64(t.Data[i*size+k]) << (8 * k)
	}
	return float64(n)
}
