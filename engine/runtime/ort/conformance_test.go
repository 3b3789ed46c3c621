//go:build linux && cgo

package ort

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"servery/engine/tensor"
)

// The ONNX project's own cases, one an operator: Debian's package libonnx-testdata.
const testdata = "/usr/share/libonnx-testdata/data"

// The package of Debian 12 has casesOf112 cases, of ONNX 1.12, and passesOf112 of them pass
// with ONNX Runtime 1.30. 62 are refused at load (operators for training, PyTorch's of
// before opset 7, some integer types), 22 are random or differ from the reference on
// purpose, 5 state bfloat16 data as uint16, and 2 want an empty sequence or an optional
// input left out, for which the C API has no value.
const casesOf112, passesOf112 = 1072, 981

func TestONNXConformance(t *testing.T) {
	root := os.Getenv("SERVERY_ONNX_TESTDATA")
	if root == "" {
		root = testdata
	}
	library(t)
	models, err := filepath.Glob(filepath.Join(root, "*", "*", "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if len(models) == 0 {
		t.Skipf("the cases are absent: apt install libonnx-testdata, or set SERVERY_ONNX_TESTDATA (looked in %s)", root)
	}
	reasons, passed, cases := map[string][]string{}, 0, 0
	for _, model := range models {
		sets, _ := filepath.Glob(filepath.Join(filepath.Dir(model), "test_data_set_0"))
		if len(sets) == 0 {
			continue
		}
		cases++
		if reason := conforms(model, sets[0]); reason != "" {
			name := filepath.Base(filepath.Dir(model))
			kind, _, _ := strings.Cut(reason, ":")
			reasons[kind] = append(reasons[kind], name)
			if kind != "load" {
				t.Logf("%s: %.200s", name, reason)
			}
			continue
		}
		passed++
	}
	for kind, names := range reasons {
		sort.Strings(names)
		t.Logf("%d %s: %s", len(names), kind, strings.Join(names, " "))
	}
	t.Logf("%d of %d cases pass", passed, cases)
	wanted := cases * 85 / 100
	if cases == casesOf112 {
		wanted = passesOf112
	}
	if passed < wanted {
		t.Errorf("%d cases pass, %d should", passed, wanted)
	}
}

// conforms runs a case and gives "" or why it fails.
func conforms(model, set string) string {
	s, err := opened.library.NewSession(model, Options{})
	if err != nil {
		return fmt.Sprintf("load: %v", err)
	}
	defer s.Close()
	var inputs []tensor.Named
	for i, p := range s.Inputs() {
		v, err := readValue(filepath.Join(set, fmt.Sprintf("input_%d.pb", i)), p)
		if err != nil {
			return fmt.Sprintf("input: %v", err)
		}
		inputs = append(inputs, tensor.Named{Name: p.Name, Value: v})
	}
	o, err := s.Run(inputs, nil)
	if err != nil {
		return fmt.Sprintf("run: %v", err)
	}
	defer o.Release()
	for i, p := range s.Outputs() {
		want, err := readValue(filepath.Join(set, fmt.Sprintf("output_%d.pb", i)), p)
		if err != nil {
			return fmt.Sprintf("output: %v", err)
		}
		if why := differ(o.Values[i].Value, want); why != "" {
			return fmt.Sprintf("differs: %s: %s", p.Name, why)
		}
	}
	return ""
}

// differ compares as the ONNX project does: relative 1e-3.
func differ(got, want tensor.Value) string {
	if len(got.Sequence) != len(want.Sequence) {
		return fmt.Sprintf("%d elements, want %d", len(got.Sequence), len(want.Sequence))
	}
	for i := range want.Sequence {
		if why := differ(got.Sequence[i], want.Sequence[i]); why != "" {
			return why
		}
	}
	if want.Tensor == nil || got.Tensor == nil {
		if want.Tensor != got.Tensor {
			return "one of the two has no value"
		}
		return ""
	}
	g, w := got.Tensor, want.Tensor
	if g.Type != w.Type || fmt.Sprint(g.Shape) != fmt.Sprint(w.Shape) {
		return fmt.Sprintf("%v %v, want %v %v", g.Type, g.Shape, w.Type, w.Shape)
	}
	if equal(g, w) {
		return ""
	}
	for i := range int(w.Elements()) {
		a, b := element(g, i), element(w, i)
		if math.Abs(a-b) > 1e-5+1e-3*math.Abs(b) || math.IsNaN(a) != math.IsNaN(b) || w.Type == tensor.String {
			return fmt.Sprintf("element %d is %v, want %v", i, a, b)
		}
	}
	return ""
}

// element is a number of a tensor as a float64.
func element(t *tensor.Tensor, i int) float64 {
	switch t.Type {
	case tensor.Float32:
		return float64(tensor.View[float32](t)[i])
	case tensor.Float64:
		return tensor.View[float64](t)[i]
	case tensor.Float16:
		h := uint32(tensor.View[uint16](t)[i])
		if h&0x7c00 == 0x7c00 || h&0x7fff < 0x0400 {
			return float64(h & 0x7fff)
		}
		return float64(math.Float32frombits(h&0x8000<<16 | (h&0x7fff+(127-15)<<10)<<13))
	case tensor.BFloat16:
		return float64(math.Float32frombits(uint32(tensor.View[uint16](t)[i]) << 16))
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

// fields calls f with each field of a message: a number, or bytes.
func fields(b []byte, f func(field protowire.Number, number uint64, content []byte)) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var number uint64
		var content []byte
		switch kind {
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			content, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(field, kind, b)
			content = b[:max(n, 0)]
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		f(field, number, content)
	}
	return nil
}

// readValue reads a TensorProto, SequenceProto or OptionalProto file.
func readValue(path string, p tensor.Port) (tensor.Value, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return tensor.Value{}, err
	}
	if p.Optional {
		var v tensor.Value
		err := fields(b, func(field protowire.Number, _ uint64, content []byte) {
			switch field {
			case 3:
				v.Tensor = readTensor(content)
			case 5:
				v.Sequence = readSequence(content)
			}
		})
		return v, err
	}
	if p.Kind == tensor.KindSequence {
		return tensor.Value{Sequence: readSequence(b)}, nil
	}
	return tensor.Value{Tensor: readTensor(b)}, nil
}

func readSequence(b []byte) []tensor.Value {
	v := []tensor.Value{}
	if err := fields(b, func(field protowire.Number, _ uint64, content []byte) {
		if field == 3 {
			v = append(v, tensor.Value{Tensor: readTensor(content)})
		}
	}); err != nil {
		panic(err)
	}
	return v
}

func readTensor(b []byte) *tensor.Tensor {
	t := &tensor.Tensor{}
	var numbers []uint64
	raw := false
	err := fields(b, func(field protowire.Number, number uint64, content []byte) {
		switch field {
		case 1:
			if content == nil {
				t.Shape = append(t.Shape, int64(number))
			}
			for len(content) > 0 {
				v, n := protowire.ConsumeVarint(content)
				t.Shape, content = append(t.Shape, int64(v)), content[n:]
			}
		case 2:
			t.Type = tensor.Type(number)
		case 4, 10: // float_data, double_data
			t.Data, raw = append(t.Data, content...), true
		case 5, 7, 11: // int32_data, int64_data, uint64_data
			if content == nil {
				numbers = append(numbers, number)
			}
			for len(content) > 0 {
				v, n := protowire.ConsumeVarint(content)
				numbers, content = append(numbers, v), content[n:]
			}
		case 6:
			t.Strings = append(t.Strings, string(content))
		case 9:
			t.Data, raw = append(t.Data, content...), true
		}
	})
	if err != nil {
		panic(err)
	}
	if !raw {
		for _, v := range numbers {
			t.Data = append(t.Data, binary.LittleEndian.AppendUint64(nil, v)[:t.Type.Size()]...)
		}
	}
	return t
}
