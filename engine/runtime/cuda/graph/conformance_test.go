package graph

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"servery/engine/onnx"
	"servery/engine/onnx/conformance"
	"servery/engine/tensor"
)

// What the package of Debian 12, of ONNX 1.12, leads to: so many of its cases resolve, and so
// many outputs are computed on the host when all inputs are known.
const (
	casesOf112    = 1072
	resolvedOf112 = 863
	foldedOf112   = 479
)

// loaded is a case with its inputs and outputs; ok is false where they are no tensors.
func loaded(t *testing.T, c conformance.Case) (m *Model, inputs, outputs map[string]*tensor.Tensor, ok bool) {
	t.Helper()
	m, err := Open(c.Model)
	var unsupported *onnx.UnsupportedError
	if errors.As(err, &unsupported) {
		return nil, nil, nil, false
	}
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	t.Cleanup(func() { m.Close() })
	read := func(ports []tensor.Port, value func(int, tensor.Port) (tensor.Value, error)) map[string]*tensor.Tensor {
		all := map[string]*tensor.Tensor{}
		for i, p := range ports {
			if p.Kind != tensor.KindTensor || p.Optional {
				ok = false
				return nil
			}
			v, err := value(i, p)
			var format *onnx.FormatError
			if errors.As(err, &format) { // the file of an optional value
				ok = false
				return nil
			}
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			if p.Type == tensor.BFloat16 && v.Tensor.Type == tensor.Uint16 { // the package has no bfloat16
				v.Tensor.Type = tensor.BFloat16
			}
			if !fits(p, v.Tensor.Shape) { // two cases contradict themselves
				ok = false
			}
			all[p.Name] = v.Tensor
		}
		return all
	}
	ok = true
	inputs, outputs = read(m.Inputs(), c.Input), read(m.Outputs(), c.Output)
	return m, inputs, outputs, ok
}

func cases(t *testing.T) []conformance.Case {
	t.Helper()
	all, root, err := conformance.Cases()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Skipf("the cases are absent: apt install libonnx-testdata, or set %s (looked in %s)", conformance.Variable, root)
	}
	return all
}

// Every case either resolves into outputs of the types and shapes that the ONNX project
// recorded, or is refused with a reason. Integers of inputs count as known, for shapes depend
// on them; floats only where the model says that it needs them.
func TestShapesOfTheONNXCases(t *testing.T) {
	all, resolved := cases(t), 0
	refused := map[string][]string{}
	for _, c := range all {
		m, inputs, outputs, ok := loaded(t, c)
		if !ok {
			refused["not of tensors, or contradicting itself"] = append(refused["not of tensors, or contradicting itself"], c.Name)
			continue
		}
		g, err := resolveCase(m, inputs)
		var unsupported *UnsupportedError
		if errors.As(err, &unsupported) {
			kind := unsupported.Op + ": " + unsupported.Reason
			refused[kind] = append(refused[kind], c.Name)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		resolved++
		for i, name := range g.OutputNames {
			if v, want := g.Outputs[i], outputs[name]; v.Type != want.Type || !slices.Equal(v.Shape, want.Shape) {
				t.Errorf("%s: %s is %s, want %s", c.Name, name, v, &Value{Type: want.Type, Shape: want.Shape})
			}
		}
		checkGraph(t, c.Name, g)
	}
	for _, kind := range slices.Sorted(maps.Keys(refused)) {
		t.Logf("%d refused: %s (%s)", len(refused[kind]), kind, strings.Join(refused[kind], " "))
	}
	t.Logf("%d of %d cases resolve", resolved, len(all))
	if len(all) == casesOf112 && resolved != resolvedOf112 {
		t.Errorf("%d cases resolve, want %d", resolved, resolvedOf112)
	}
}

// resolveCase resolves with the shapes of all inputs, and the values of those of integers and
// bools; and with all values if that is refused.
func resolveCase(m *Model, inputs map[string]*tensor.Tensor) (*Graph, error) {
	shapes, values := map[string][]int64{}, map[string]*tensor.Tensor{}
	for name, v := range inputs {
		shapes[name] = v.Shape
		if !isFloat(v.Type) {
			values[name] = v
		}
	}
	g, err := m.Resolve(shapes, values)
	var unsupported *UnsupportedError
	if errors.As(err, &unsupported) && strings.Contains(unsupported.Reason, "known only while") {
		return m.Resolve(nil, inputs)
	}
	return g, err
}

// checkGraph checks what every resolved graph promises.
func checkGraph(t *testing.T, name string, g *Graph) {
	t.Helper()
	known := map[*Value]bool{}
	for _, v := range g.Inputs {
		known[v] = true
	}
	for _, n := range g.Nodes {
		for _, v := range n.Inputs {
			if v != nil && v.Constant == nil && !known[v] {
				t.Errorf("%s: %s takes %s before it is computed", name, n, v.Name)
			}
		}
		for _, v := range n.Outputs {
			if v != nil {
				known[v] = true
			}
		}
		if len(n.Inputs) > 0 && n.Inputs[len(n.Inputs)-1] == nil {
			t.Errorf("%s: %s ends with an input left out", name, n)
		}
	}
	check := func(v *Value) {
		if tooLarge(v.Type, v.Shape) != "" || v.Type == tensor.Undefined {
			t.Errorf("%s: %s is %s", name, v.Name, v)
		}
		if c := v.Constant; c != nil && (c.Type != v.Type || !slices.Equal(c.Shape, v.Shape) || int64(len(c.Data)) != v.Elements()*int64(c.Type.Size())) {
			t.Errorf("%s: %s is %s, and its constant %v %v of %d bytes", name, v.Name, v, c.Type, c.Shape, len(c.Data))
		}
	}
	for v := range known {
		check(v)
	}
	for _, v := range g.Outputs {
		if check(v); v.Constant == nil && !known[v] {
			t.Errorf("%s: the output %s is never computed", name, v.Name)
		}
	}
}

// With all inputs known, what is computed on the host is what the ONNX project recorded.
func TestFoldingOfTheONNXCases(t *testing.T) {
	all, folded := cases(t), 0
	by, left := map[string]int{}, map[string]int{}
	for _, c := range all {
		m, inputs, outputs, ok := loaded(t, c)
		if !ok {
			continue
		}
		g, err := m.Resolve(nil, inputs)
		if err != nil {
			continue // the other test looks at errors
		}
		for _, n := range g.Nodes {
			left[n.Op]++
		}
		for i, name := range g.OutputNames {
			if g.Outputs[i].Constant == nil {
				continue
			}
			if folded++; g.Outputs[i].Type == tensor.BFloat16 {
				continue // the package was made by cutting bits off, not by rounding
			}
			by[m.content.Operators[0].Name]++
			if why := conformance.Differ(tensor.Value{Tensor: g.Outputs[i].Constant}, tensor.Value{Tensor: outputs[name]}); why != "" {
				t.Errorf("%s: %s: %s", c.Name, name, why)
			}
		}
	}
	t.Logf("%d outputs are computed on the host: %s", folded, listed(by))
	t.Logf("left as nodes: %s", listed(left))
	if len(all) == casesOf112 && folded != foldedOf112 {
		t.Errorf("%d outputs are computed on the host, want %d", folded, foldedOf112)
	}
}

func listed(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}
