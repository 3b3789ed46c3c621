package onnx

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

var y = []tensor.Port{onnxtest.Port("y", tensor.Float32)}

// withInitializer is a model with one initializer.
func withInitializer(i onnxtest.Initializer) []byte {
	return onnxtest.Model(onnxtest.Graph{Outputs: y, Initializers: []onnxtest.Initializer{i}})
}

func TestRefusesWhatIsNoModel(t *testing.T) {
	cases := map[string]struct {
		file []byte
		says string
	}{
		"empty":          {nil, "it is empty"},
		"text":           {[]byte("hello, this is not a model at all"), "not a valid ONNX model"},
		"zeros":          {make([]byte, 100), "no protobuf message"},
		"zip":            {[]byte("PK\x03\x04 and more"), "torch.onnx.export"},
		"git lfs":        {[]byte("version https://git-lfs.github.com/spec/v1\noid sha256:0"), "git lfs pull"},
		"web page":       {[]byte("<!DOCTYPE html><html>"), "web page"},
		"ort format":     {append([]byte("\x20\x00\x00\x00ORTM"), make([]byte, 40)...), "ORT format"},
		"no graph":       {[]byte{8, 8}, "no graph"},
		"no ir version":  {onnxtest.ModelWith(onnxtest.Graph{Outputs: y}, onnxtest.Options{IRVersion: -1}), "version of the ONNX format"},
		"no output":      {onnxtest.Model(onnxtest.Graph{}), "no output"},
		"two graphs":     {append(onnxtest.Add(1), onnxtest.Add(1)...), "2 graphs"},
		"no operator":    {onnxtest.Model(onnxtest.Graph{Outputs: y, Nodes: []onnxtest.Node{{}}}), "names no operator"},
		"nameless input": {onnxtest.Model(onnxtest.Graph{Outputs: y, Inputs: []tensor.Port{onnxtest.Port("", tensor.Int8)}}), "has no name"},
		"same name twice": {onnxtest.Model(onnxtest.Graph{Outputs: y, Inputs: []tensor.Port{onnxtest.Port("a", tensor.Int8),
			onnxtest.Port("a", tensor.Int8)}}), `"a"`},
		"name not UTF-8": {onnxtest.Model(onnxtest.Graph{Outputs: []tensor.Port{onnxtest.Port("\xff", tensor.Int8)}}), "UTF-8"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(c.file)
			contains[*FormatError](t, err, c.says)
		})
	}
}

func TestAProducerNamedLikeAnotherFormatIsRead(t *testing.T) {
	b := onnxtest.ModelWith(onnxtest.Graph{Outputs: y}, onnxtest.Options{Producer: "ORTM"})
	if _, err := Parse(b); err != nil {
		t.Error(err)
	}
}

func TestRefusesWhatCannotBeServed(t *testing.T) {
	input := func(p tensor.Port) []byte {
		return onnxtest.Model(onnxtest.Graph{Outputs: y, Inputs: []tensor.Port{p}})
	}
	cases := map[string]struct {
		file []byte
		says string
	}{
		"custom operator": {onnxtest.Model(onnxtest.Graph{Outputs: y, Nodes: []onnxtest.Node{{Op: "Magic", Domain: "acme"}}}), "Magic of the domain acme"},
		"int4 input":      {input(onnxtest.Port("a", int4, 2)), "int4"},
		"unknown type":    {input(onnxtest.Port("a", 99, 2)), "no known type"},
		"float keys":      {input(tensor.Port{Name: "a", Kind: tensor.KindMap, Key: tensor.Float32, Type: tensor.Int8}), "keys"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(c.file)
			contains[*UnsupportedError](t, err, c.says)
		})
	}
}

func TestRefusesTensorsThatContradictThemselves(t *testing.T) {
	cases := map[string]struct {
		tensor *tensor.Tensor
		says   string
	}{
		"too few bytes":      {&tensor.Tensor{Type: tensor.Float32, Shape: []int64{2}, Data: make([]byte, 4)}, "should have 8 bytes and has 4"},
		"negative dimension": {&tensor.Tensor{Type: tensor.Float32, Shape: []int64{-2}}, "dimension -2"},
		"overflow":           {&tensor.Tensor{Type: tensor.Float32, Shape: []int64{1 << 40, 1 << 40}}, "more elements than can be counted"},
		"bytes overflow":     {&tensor.Tensor{Type: tensor.Float64, Shape: []int64{1 << 62}, Data: make([]byte, 8)}, ""},
		"no data":            {&tensor.Tensor{Type: tensor.String, Shape: []int64{1 << 50}}, "holds fewer"},
		"many dimensions":    {&tensor.Tensor{Type: tensor.Int8, Shape: make([]int64, maxRank+1)}, "more than 64 dimensions"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if name == "bytes overflow" {
				if n := tensorBytes(int64(c.tensor.Type), 1<<62); n != -1 {
					t.Errorf("tensorBytes overflowed to %d", n)
				}
				return
			}
			_, err := Parse(withInitializer(onnxtest.Initializer{Name: "w", Tensor: c.tensor}))
			contains[*FormatError](t, err, c.says)
		})
	}
}

func TestRefusesEveryTruncation(t *testing.T) {
	b := onnxtest.Loop()
	whole, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	for n := range b {
		m, err := Parse(b[:n])
		if err != nil {
			continue
		}
		// The operator sets stand last: without the second the file is sound.
		m.Opsets = whole.Opsets
		if !reflect.DeepEqual(m, whole) {
			t.Fatalf("the first %d of %d bytes were taken for a model", n, len(b))
		}
	}
}

func TestRefusesDeepNesting(t *testing.T) {
	nested := func(depth int) []byte {
		g := onnxtest.Graph{Outputs: y}
		for range depth {
			g = onnxtest.Graph{Outputs: y, Nodes: []onnxtest.Node{{Op: "If", Attributes: []onnxtest.Attribute{{Name: "then_branch", Value: g}}}}}
		}
		return onnxtest.Model(g)
	}
	if m, err := Parse(nested(30)); err != nil || m.Nodes != 30 {
		t.Errorf("30 subgraphs: %v", err)
	}
	_, err := Parse(nested(200))
	contains[*FormatError](t, err, "nested more than 100 deep")
}

func TestRefusesTooManyNames(t *testing.T) {
	long := string(bytes.Repeat([]byte("n"), maxName+1))
	_, err := Parse(onnxtest.Model(onnxtest.Graph{Outputs: []tensor.Port{onnxtest.Port(long, tensor.Int8)}}))
	contains[*FormatError](t, err, "65537 bytes")

	ports := make([]tensor.Port, maxPorts+1)
	for i := range ports {
		ports[i] = onnxtest.Port("p", tensor.Int8)
	}
	_, err = Parse(onnxtest.Model(onnxtest.Graph{Outputs: ports}))
	contains[*FormatError](t, err, "more than 10000 outputs")
}

// sparseFile is a file of a size that nobody has to write: a head, zeros, and a tail.
type sparseFile struct {
	head, tail []byte
	size, read int64
}

func (s *sparseFile) ReadAt(b []byte, at int64) (int, error) {
	clear(b)
	if at < int64(len(s.head)) {
		copy(b, s.head[at:])
	}
	if behind := at + int64(len(b)) - (s.size - int64(len(s.tail))); behind > 0 {
		copy(b[max(0, int64(len(b))-behind):], s.tail[max(0, behind-int64(len(b))):])
	}
	s.read += int64(len(b))
	return len(b), nil
}

func TestSkipsWeightsInConstantMemory(t *testing.T) {
	const elements = 500_000_000 // one initializer of 2 GB
	raw := protowire.AppendVarint(protowire.AppendTag(nil, 9, protowire.BytesType), 4*elements)
	tensorHead := protowire.AppendTag(nil, 1, protowire.VarintType)
	tensorHead = protowire.AppendVarint(tensorHead, elements)
	tensorHead = append(append(tensorHead, 2<<3, 1), raw...)
	output := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "y")
	output = protowire.AppendBytes(protowire.AppendTag(nil, 12, protowire.BytesType), output)

	initializer := protowire.AppendTag(nil, 5, protowire.BytesType)
	initializer = protowire.AppendVarint(initializer, uint64(len(tensorHead)+4*elements))
	initializer = append(initializer, tensorHead...)
	graphLength := len(initializer) + 4*elements + len(output)
	head := []byte{8, 8, 8<<3 | 2, 2, 2 << 3, 17} // ir_version 8, opset 17
	head = protowire.AppendTag(head, 7, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(graphLength))
	size := int64(len(head) + graphLength)
	head = append(head, initializer...)

	file := &sparseFile{head: head, tail: output, size: size}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m, err := read(file, size)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "parameters", m.Parameters, int64(elements))
	equal(t, "outputs", texts(m.Outputs), []string{"y undefined[?]"})
	if file.read > 4*bufferBytes {
		t.Errorf("read %d bytes of a file with 100 that matter", file.read)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("allocated %d bytes", used)
	}
	_, err = read(&sparseFile{head: head, size: math.MaxInt32 + 1}, math.MaxInt32+1)
	contains[*UnsupportedError](t, err, "external data")
}

// failing is a disk that breaks.
type failing struct{ io.ReaderAt }

var errDisk = errors.New("input/output error")

func (f failing) ReadAt(b []byte, at int64) (int, error) {
	if at > 0 {
		return 0, errDisk
	}
	return f.ReaderAt.ReadAt(b, at)
}

func TestADiskErrorIsNotABrokenModel(t *testing.T) {
	b := withInitializer(onnxtest.Initializer{Name: "w", Tensor: onnxtest.FloatTensor([]int64{1 << 16}, make([]float32, 1<<16)...)})
	_, err := read(failing{bytes.NewReader(b)}, int64(len(b)))
	if !errors.Is(err, errDisk) {
		t.Errorf("got %v", err)
	}
}

// externalEverywhere is a model that names location in each place where a tensor may be.
func externalEverywhere(location string) map[string][]byte {
	i := onnxtest.Initializer{Name: "w", Tensor: &tensor.Tensor{Type: tensor.Float32, Shape: []int64{4}},
		External: &onnxtest.External{Location: location, Length: -1}}
	constant := func(value any) []onnxtest.Node {
		return []onnxtest.Node{{Op: "Constant", Attributes: []onnxtest.Attribute{{Name: "value", Value: value}}}}
	}
	inGraph := func(g onnxtest.Graph) []byte { g.Outputs = y; return onnxtest.Model(g) }
	return map[string][]byte{
		"initializer":        inGraph(onnxtest.Graph{Initializers: []onnxtest.Initializer{i}}),
		"sparse initializer": inGraph(onnxtest.Graph{Sparse: []onnxtest.Initializer{i}}),
		"attribute":          inGraph(onnxtest.Graph{Nodes: constant(i)}),
		"attributes":         inGraph(onnxtest.Graph{Nodes: constant([]onnxtest.Initializer{i})}),
		"subgraph": inGraph(onnxtest.Graph{Nodes: []onnxtest.Node{{Op: "If", Attributes: []onnxtest.Attribute{
			{Name: "then_branch", Value: onnxtest.Graph{Initializers: []onnxtest.Initializer{i}}}}}}}),
		"function": onnxtest.ModelWith(onnxtest.Graph{Outputs: y}, onnxtest.Options{Functions: []onnxtest.Function{
			{Name: "f", Domain: "d", Nodes: constant(i)}}}),
	}
}

func TestRefusesLocationsThatLeadOut(t *testing.T) {
	for _, location := range []string{"../w.bin", "a/../../w.bin", "..", "/etc/passwd", `..\w.bin`, `C:\w.bin`, "C:w.bin",
		`\\host\share`, "a\x00b", "*/_ORT_MEM_ADDR_/*"} {
		for where, b := range externalEverywhere(location) {
			_, err := Parse(b)
			var unsafe *UnsafeError
			if !errors.As(err, &unsafe) || unsafe.Path != location {
				t.Errorf("%q in the %s: got %v", location, where, err)
			}
		}
	}
}

func TestFindsExternalDataEverywhere(t *testing.T) {
	for where, b := range externalEverywhere("w.bin") {
		m, err := Parse(b)
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		equal(t, where, m.External, []string{"w.bin"})
		equal(t, where, m.references["w.bin"].end, 16)
	}
}

func TestChecksFilesOfExternalData(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	write(t, outside, make([]byte, 100))
	dir := t.TempDir()
	sub := filepath.Join(dir, "sub")
	if err := os.MkdirAll(filepath.Join(sub, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(sub, "w.bin"), make([]byte, 16))
	write(t, filepath.Join(sub, "short.bin"), make([]byte, 15))
	if err := os.Symlink(outside, filepath.Join(sub, "link.bin")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("w.bin", filepath.Join(sub, "inner.bin")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	check := func(location string) error {
		write(t, filepath.Join(sub, "model.onnx"), onnxtest.WithExternal(4, location))
		_, err := CheckFile(root, "sub/model.onnx")
		return err
	}
	for _, good := range []string{"w.bin", "inner.bin", "./w.bin"} {
		if err := check(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	contains[*FormatError](t, check("none.bin"), "missing")
	contains[*FormatError](t, check("short.bin"), "has 15 bytes, and the tensor \"w\" needs 16")
	contains[*UnsafeError](t, check("link.bin"), "link.bin")
	contains[*UnsafeError](t, check("folder"), "not a regular file")
	contains[*UnsafeError](t, check("../sub/w.bin"), "leads out")

	_, err = CheckFile(root, "nothing.onnx")
	contains[*FormatError](t, err, "missing")
	_, err = CheckFile(root, "../nothing.onnx")
	contains[*UnsafeError](t, err, "outside")
}

func TestRefusesExternalDataThatContradictsItself(t *testing.T) {
	external := func(kind tensor.Type, offset, length int64) []byte {
		return withInitializer(onnxtest.Initializer{Name: "w", Tensor: &tensor.Tensor{Type: kind, Shape: []int64{4}},
			External: &onnxtest.External{Location: "w.bin", Offset: offset, Length: length}})
	}
	_, err := Parse(external(tensor.Float32, 0, 17))
	contains[*FormatError](t, err, "should have 16 bytes and its external data has 17")
	_, err = Parse(external(tensor.Float32, math.MaxInt64-3, 16))
	contains[*FormatError](t, err, "beyond what a file can hold")
	_, err = Parse(external(tensor.String, 0, 16))
	contains[*FormatError](t, err, "texts")
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
