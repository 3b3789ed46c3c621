//go:build cuda && linux && (amd64 || arm64)

package verify

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

// sample is a model made by chance, with values for its inputs.
type sample struct {
	*rand.Rand
	graph  onnxtest.Graph
	opset  int64 // 0 is onnxtest's own
	inputs []tensor.Named
}

type at = map[string]any

func newSample(seed uint64) *sample { return &sample{Rand: rand.New(rand.NewPCG(seed, 0))} }

// between gives one of low to high.
func (s *sample) between(low, high int64) int64 { return low + s.Int64N(high-low+1) }

func (s *sample) coin() bool { return s.IntN(2) == 0 }

// shape gives so many sizes from 1 to high.
func (s *sample) shape(rank int, high int64) []int64 {
	shape := make([]int64, rank)
	for i := range shape {
		shape[i] = s.between(1, high)
	}
	return shape
}

// broadcast gives a shape that is broadcast to another one, of its rank or less.
func (s *sample) broadcast(to []int64) []int64 {
	shape := append([]int64{}, to[s.IntN(len(to)+1):]...)
	for i := range shape {
		if s.IntN(3) == 0 {
			shape[i] = 1
		}
	}
	return shape
}

func elements(shape []int64) int64 { return (&tensor.Tensor{Shape: shape}).Elements() }

// floats is a tensor of normal numbers.
func (s *sample) floats(shape []int64) *tensor.Tensor {
	values := make([]float32, elements(shape))
	for i := range values {
		values[i] = float32(s.NormFloat64())
	}
	return onnxtest.FloatTensor(shape, values...)
}

// int32s is a vector of int32.
func int32s(values ...int32) *tensor.Tensor {
	t := &tensor.Tensor{Type: tensor.Int32, Shape: []int64{int64(len(values))}, Data: make([]byte, 4*len(values))}
	copy(tensor.View[int32](t), values)
	return t
}

// indices is a tensor of whole numbers of a dimension of that size, some counted from its end.
func (s *sample) indices(shape []int64, size int64) *tensor.Tensor {
	values := make([]int64, elements(shape))
	for i := range values {
		values[i] = s.between(-size, size-1)
	}
	return onnxtest.Int64Tensor(shape, values...)
}

// give makes the tensor an input of the model.
func (s *sample) give(t *tensor.Tensor) string {
	name := fmt.Sprintf("in%d", len(s.inputs))
	s.graph.Inputs = append(s.graph.Inputs, onnxtest.Port(name, t.Type, t.Shape...))
	s.inputs = append(s.inputs, tensor.Named{Name: name, Value: tensor.Value{Tensor: t}})
	return name
}

// keep makes the tensor a constant of the model.
func (s *sample) keep(t *tensor.Tensor) string {
	name := fmt.Sprintf("weight%d", len(s.graph.Initializers))
	s.graph.Initializers = append(s.graph.Initializers, onnxtest.Initializer{Name: name, Tensor: t})
	return name
}

// input and weight are an input and a constant of normal numbers.
func (s *sample) input(shape ...int64) string { return s.give(s.floats(shape)) }

func (s *sample) weight(shape ...int64) string { return s.keep(s.floats(shape)) }

func (s *sample) whole(values ...int64) string {
	return s.keep(onnxtest.Int64Tensor([]int64{int64(len(values))}, values...))
}

// node adds a node and gives the name of its first output. Attributes may be nil.
func (s *sample) node(op string, attributes at, inputs ...string) string {
	return s.nodes(op, 1, attributes, inputs...)[0]
}

// nodes adds a node of several outputs.
func (s *sample) nodes(op string, outputs int, attributes at, inputs ...string) []string {
	n := onnxtest.Node{Op: op, Name: fmt.Sprintf("%s%d", op, len(s.graph.Nodes)), Inputs: inputs}
	for i := range outputs {
		n.Outputs = append(n.Outputs, fmt.Sprintf("%s.%d", n.Name, i))
	}
	for name, value := range attributes {
		n.Attributes = append(n.Attributes, onnxtest.Attribute{Name: name, Value: value})
	}
	s.graph.Nodes = append(s.graph.Nodes, n)
	return n.Outputs
}

// output makes values of float32 outputs of the model.
func (s *sample) output(names ...string) {
	for _, name := range names {
		s.outputOf(name, tensor.Float32)
	}
}

func (s *sample) outputOf(name string, t tensor.Type) {
	s.graph.Outputs = append(s.graph.Outputs, tensor.Port{Name: name, Type: t, Unranked: true})
}

// file writes the model.
func (s *sample) file(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(path, onnxtest.ModelWith(s.graph, onnxtest.Options{Opset: s.opset}), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
