package graph

import (
	"sync"

	"servery/engine/onnx"
	"servery/engine/tensor"
)

// Model is an ONNX file with its weights: read once, resolved for many shapes. Its methods may
// be called at the same time, except Close.
type Model struct {
	content   *onnx.Content
	functions map[operator]*onnx.Function
	limits    limits

	mu     sync.Mutex
	folded map[foldKey][]*tensor.Tensor // constants that depend on no input
}

// operator names an operator; ONNX's own domain is "".
type operator struct{ domain, name string }

// foldKey is a node of the file, or one step of it, at a place where functions are inlined.
type foldKey struct {
	node *onnx.Node
	path string
	step int
}

// Open reads the file at path, and the weights that lie beside it. The files must not change
// before Close. Errors: those of onnx.Open.
func Open(path string) (*Model, error) {
	c, err := onnx.Open(path)
	if err != nil {
		return nil, err
	}
	return newModel(c), nil
}

// Decode reads a model held in memory: like Open. Errors: those of onnx.Decode.
func Decode(b []byte) (*Model, error) {
	c, err := onnx.Decode(b)
	if err != nil {
		return nil, err
	}
	return newModel(c), nil
}

func newModel(c *onnx.Content) *Model {
	m := &Model{content: c, limits: usualLimits, functions: map[operator]*onnx.Function{}, folded: map[foldKey][]*tensor.Tensor{}}
	for _, f := range c.Functions {
		m.functions[operator{f.Domain, f.Name}] = f
	}
	return m
}

// Close gives the weights' memory back: no Graph of the model may be used afterwards.
func (m *Model) Close() error { return m.content.Close() }

// Inputs are what a run must be given.
func (m *Model) Inputs() []tensor.Port { return m.content.Inputs }

// Outputs are what a run gives.
func (m *Model) Outputs() []tensor.Port { return m.content.Outputs }

// constants gives what make does, the same each time for a key.
func (m *Model) constants(key foldKey, make func() []*tensor.Tensor) []*tensor.Tensor {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t, ok := m.folded[key]; ok {
		return t
	}
	t := make()
	m.folded[key] = t
	return t
}
