package graph

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"servery/engine/onnx"
	"servery/engine/tensor"
)

// mutant is a case of the ONNX project with something changed.
type mutant struct {
	r      *rand.Rand
	model  *Model
	inputs map[string]*tensor.Tensor
}

// odd are numbers at which arithmetic goes wrong.
var odd = []int64{-1, 0, 1, 2, 3, 7, -2, 1 << 31, 1 << 40, math.MaxInt64, math.MinInt64}

func (m *mutant) number() int64 { return odd[m.r.IntN(len(odd))] }

// list changes, adds or takes away an element of a list.
func (m *mutant) list(n []int64) []int64 {
	n = slices.Clone(n)
	switch at := m.r.IntN(len(n) + 1); {
	case at == len(n):
		return append(n, m.number())
	case m.r.IntN(4) == 0:
		return slices.Delete(n, at, at+1)
	default:
		n[at] = m.number()
		return n
	}
}

// input changes the shape of an input, or what it holds.
func (m *mutant) input() {
	names := slices.Sorted(maps.Keys(m.inputs))
	if len(names) == 0 {
		return
	}
	name := names[m.r.IntN(len(names))]
	old := m.inputs[name]
	if old.Type.Size() == 0 {
		return
	}
	if ints, ok := asInts(old); ok && m.r.IntN(2) == 0 {
		changed := m.list(ints)
		shape := old.Shape
		if len(changed) != len(ints) {
			shape = []int64{int64(len(changed))}
		}
		m.inputs[name] = fromInts(old.Type, shape, changed)
		return
	}
	shape := m.list(old.Shape)
	if tooLarge(old.Type, shape) != "" || elements(shape) > 1<<16 {
		m.inputs[name] = &tensor.Tensor{Type: old.Type, Shape: shape} // its value is not known
		return
	}
	m.inputs[name] = zeros(old.Type, shape)
	copy(m.inputs[name].Data, old.Data)
}

// node changes a node's inputs or attributes.
func (m *mutant) node() {
	nodes := m.model.content.Graph.Nodes
	n := nodes[m.r.IntN(len(nodes))]
	if len(n.Inputs) > 0 && m.r.IntN(3) == 0 {
		at := m.r.IntN(len(n.Inputs))
		switch m.r.IntN(3) {
		case 0:
			n.Inputs[at] = ""
		case 1:
			n.Inputs[at] = n.Inputs[m.r.IntN(len(n.Inputs))]
		case 2:
			n.Inputs = append(n.Inputs, n.Inputs[at])
		}
		return
	}
	names := slices.Sorted(maps.Keys(n.Attributes))
	if len(names) == 0 {
		return
	}
	name := names[m.r.IntN(len(names))]
	a := n.Attributes[name]
	switch a.Kind {
	case onnx.AttributeInt:
		a.Int = m.number()
	case onnx.AttributeInts:
		a.Ints = m.list(a.Ints)
	case onnx.AttributeFloats:
		a.Floats = append(a.Floats, float32(m.number()))
	default:
		delete(n.Attributes, name)
		return
	}
	n.Attributes[name] = a
}

// resolve gives the model the shapes of all inputs, and the values of some.
func (m *mutant) resolve() (*Graph, error) {
	shapes, values := map[string][]int64{}, map[string]*tensor.Tensor{}
	all := m.r.IntN(2) == 0
	for name, v := range m.inputs {
		shapes[name] = v.Shape
		if v.Data != nil && (all || !isFloat(v.Type)) {
			values[name] = v
		}
	}
	return m.model.Resolve(shapes, values)
}

// Cases of the ONNX project in which something has been changed are resolved into what holds
// together, or refused with a reason.
func TestChangedCasesAreResolvedOrRefused(t *testing.T) {
	const each = 12
	r := rand.New(rand.NewPCG(5, 8))
	resolved, refused := 0, 0
	for _, c := range cases(t) {
		for range each {
			model, inputs, _, ok := loaded(t, c)
			if !ok {
				break
			}
			model.limits = limits{folded: 1 << 16, foldedAll: 1 << 20, read: 1 << 16, readAll: 1 << 22}
			for i := range model.content.Inputs {
				model.content.Inputs[i].Unranked = true
			}
			m := &mutant{r, model, inputs}
			for range 1 + r.IntN(3) {
				if r.IntN(2) == 0 {
					m.input()
				} else {
					m.node()
				}
			}
			if r.IntN(8) == 0 {
				model.content.Opsets[""] = int64(1 + r.IntN(23))
			}
			g, err := m.resolve()
			var shape *ShapeError
			var unsupported *UnsupportedError
			var format *onnx.FormatError
			switch {
			case err == nil:
				resolved++
				checkGraph(t, c.Name, g)
			case errors.As(err, &shape), errors.As(err, &unsupported), errors.As(err, &format):
				refused++
			default:
				t.Fatalf("%s: an error of no kind: %T %v", c.Name, err, err)
			}
			model.Close()
		}
	}
	t.Logf("%d are resolved, %d refused", resolved, refused)
	if resolved == 0 || refused == 0 {
		t.Error("the changes change nothing, or break everything")
	}
}
