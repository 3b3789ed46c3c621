package onnx

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

// Every weight that Read counts is there, in every model that the tests share.
func TestOpensEverySharedModel(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(onnxtest.SharedModels(t, "../.."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".onnx" {
			return err
		}
		seen++
		c, err := Open(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		nodes, parameters := count(c.Graph)
		if nodes != c.Nodes || parameters != c.Parameters {
			t.Errorf("%s: %d nodes and %d parameters, want %d and %d", path, nodes, parameters, c.Nodes, c.Parameters)
		}
		if len(c.Graph.Outputs) != len(c.Outputs) || c.Graph.Outputs[0] != c.Outputs[0].Name {
			t.Errorf("%s: outputs %v", path, c.Graph.Outputs)
		}
		if err := c.Close(); err != nil {
			t.Errorf("%s: closing: %v", path, err)
		}
		return nil
	})
	if err != nil || seen < 10 {
		t.Errorf("%d models seen, %v", seen, err)
	}
}

// count is the number of nodes of a graph and of the elements of its weights.
func count(g *Graph) (nodes int, parameters int64) {
	for _, w := range g.Initializers {
		parameters += w.Elements()
	}
	for _, n := range g.Nodes {
		nodes++
		for _, a := range n.Attributes {
			if n.Op == "Constant" && a.Tensor != nil {
				parameters += a.Tensor.Elements()
			}
			if a.Graph != nil {
				inner, held := count(a.Graph)
				nodes, parameters = nodes+inner, parameters+held
			}
		}
	}
	return nodes, parameters
}

func TestDecodesAttributes(t *testing.T) {
	inner := onnxtest.Graph{Nodes: []onnxtest.Node{{Op: "Identity", Inputs: []string{"x"}, Outputs: []string{"z"}}},
		Outputs: []tensor.Port{onnxtest.Port("z", tensor.Float32, 1)}}
	g := onnxtest.Graph{
		Inputs:  []tensor.Port{onnxtest.Port("x", tensor.Float32, 1)},
		Outputs: []tensor.Port{onnxtest.Port("y", tensor.Float32, 1)},
		Nodes: []onnxtest.Node{{Op: "Anything", Name: "one", Inputs: []string{"", "x"}, Outputs: []string{"y"}, Attributes: []onnxtest.Attribute{
			{Name: "i", Value: -7}, {Name: "f", Value: float32(0.5)}, {Name: "s", Value: "ż"}, {Name: "t", Value: onnxtest.Int64Tensor([]int64{2}, 1, -2)},
			{Name: "is", Value: []int64{3, -4}}, {Name: "fs", Value: []float32{1, 2}}, {Name: "ss", Value: []string{"a", ""}}, {Name: "g", Value: inner},
		}}},
	}
	c, err := Decode(onnxtest.Model(g))
	if err != nil {
		t.Fatal(err)
	}
	n := c.Graph.Nodes[0]
	if n.Name != "one" || n.Op != "Anything" || !reflect.DeepEqual(n.Inputs, []string{"", "x"}) || !reflect.DeepEqual(n.Outputs, []string{"y"}) {
		t.Errorf("node %+v", n)
	}
	got := n.Attributes["g"].Graph
	if got == nil || len(got.Nodes) != 1 || !reflect.DeepEqual(got.Outputs, []string{"z"}) {
		t.Errorf("graph %+v", got)
	}
	delete(n.Attributes, "g")
	want := map[string]Attribute{
		"i": {Kind: AttributeInt, Int: -7}, "f": {Kind: AttributeFloat, Float: 0.5}, "s": {Kind: AttributeText, Text: "ż"},
		"t":  {Kind: AttributeTensor, Tensor: onnxtest.Int64Tensor([]int64{2}, 1, -2)},
		"is": {Kind: AttributeInts, Ints: []int64{3, -4}}, "fs": {Kind: AttributeFloats, Floats: []float32{1, 2}},
		"ss": {Kind: AttributeTexts, Texts: []string{"a", ""}},
	}
	if !reflect.DeepEqual(n.Attributes, want) {
		t.Errorf("attributes %+v", n.Attributes)
	}
}

func TestDecodesTensors(t *testing.T) {
	number := func(b []byte, field protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
	}
	head := func(kind tensor.Type, dims ...uint64) (b []byte) {
		for _, d := range dims {
			b = number(b, 1, d)
		}
		return number(b, 2, uint64(kind))
	}
	packed := func(b []byte, field protowire.Number, content ...byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), content)
	}
	minusOne := uint64(math.MaxUint64)
	for _, c := range []struct {
		name string
		file []byte
		data []byte
		err  string
	}{
		{"raw", packed(head(tensor.Uint8, 3), 9, 1, 2, 3), []byte{1, 2, 3}, ""},
		{"float_data, packed", packed(head(tensor.Float32, 1), 4, 0, 0, 0x80, 0x3f), []byte{0, 0, 0x80, 0x3f}, ""},
		{"float_data, one by one", protowire.AppendFixed32(protowire.AppendTag(head(tensor.Float32), 4, protowire.Fixed32Type), 7), []byte{7, 0, 0, 0}, ""},
		{"double_data", packed(head(tensor.Float64, 1), 10, 1, 2, 3, 4, 5, 6, 7, 8), []byte{1, 2, 3, 4, 5, 6, 7, 8}, ""},
		{"int32_data of int8", number(packed(head(tensor.Int8, 2), 5, 5), 5, minusOne), []byte{5, 0xff}, ""},
		{"int32_data of float16", packed(head(tensor.Float16, 1), 5, 0x80, 0x78), []byte{0, 0x3c}, ""},
		{"int64_data", number(head(tensor.Int64, 1), 7, minusOne), []byte{255, 255, 255, 255, 255, 255, 255, 255}, ""},
		{"uint64_data of uint32", packed(head(tensor.Uint32, 2), 11, 1, 2), []byte{1, 0, 0, 0, 2, 0, 0, 0}, ""},
		{"type behind the data", number(number(packed(nil, 5, 1, 0), 1, 2), 2, uint64(tensor.Bool)), []byte{1, 0}, ""},
		{"empty", head(tensor.Float32, 0, 3), nil, ""},
		{"too few", packed(head(tensor.Int64, 3), 7, 1, 2), nil, `should have 24 bytes and has 16`},
		{"too many", packed(head(tensor.Int64, 1), 7, 1, 2), nil, `holds more elements than its shape says`},
		{"cut off", packed(head(tensor.Int64, 1), 7, 0x80), nil, `cut off or damaged`},
		{"raw too long", packed(head(tensor.Uint8, 1), 9, 1, 2), nil, `should have 1 bytes and has 2`},
		{"negative dimension", head(tensor.Uint8, minusOne), nil, `has the dimension -1`},
		{"too large", head(tensor.Uint8, math.MaxInt64, 3), nil, `more elements than can be counted`},
		{"too many bytes", head(tensor.Float64, math.MaxInt64), nil, `larger than a file can be`},
		{"4-bit integers", head(22, 2), nil, `elements of a type (22 in onnx.proto) that cannot be computed with here`},
		{"external", packed(head(tensor.Uint8, 1), 13, append([]byte("\x0a\x08location\x12\x01"), 'w')...), nil, `lies in the file "w"`},
	} {
		got, err := DecodeTensor(c.file)
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", c.name, err)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case string(got.Data) != string(c.data):
			t.Errorf("%s: %v, want %v", c.name, got.Data, c.data)
		}
	}
}

func TestOpensExternalData(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "model.onnx")
	if err := os.WriteFile(path, onnxtest.WithExternal(4, "w.bin"), 0o600); err != nil {
		t.Fatal(err)
	}
	var format *FormatError
	if _, err := Open(path); !errors.As(err, &format) || !strings.Contains(err.Error(), `"w.bin", which is missing`) {
		t.Errorf("without its weights: %v", err)
	}
	weights := make([]byte, 1024)
	for i := range weights {
		weights[i] = byte(i)
	}
	if err := os.WriteFile(filepath.Join(folder, "w.bin"), weights, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if len(c.Graph.Initializers) == 0 {
		t.Fatal("no weights")
	}
	for name, w := range c.Graph.Initializers {
		if !strings.HasPrefix(string(weights), string(w.Data)) || len(w.Data) == 0 {
			t.Errorf("%s: %v", name, w.Data)
		}
	}
}
