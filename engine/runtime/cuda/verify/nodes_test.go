//go:build cuda && linux && (amd64 || arm64)

package verify

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"servery/engine/onnx"
	"servery/engine/onnx/conformance"
	"servery/engine/runtime/cuda/executor"
	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/plan"
	"servery/engine/tensor"
)

// Of the 1072 cases in the package of Debian 12, of ONNX 1.12, at least so many are planned: a
// lowering that is lost is noticed.
const (
	casesOf112   = 1072
	plannedOf112 = 805
)

// TestNodes computes the ONNX project's cases: every one that is planned gives the recorded
// outputs, in float32 and in each other precision that it makes a difference to. The others are
// skipped with the reason, by which they are counted at the end.
func TestNodes(t *testing.T) {
	cases, root, err := conformance.Cases()
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Skipf("the cases are absent: apt install libonnx-testdata, or set %s (looked in %s)", conformance.Variable, root)
	}
	d, s := open(t), summary{covered: map[string]int{}, refused: map[string][]string{}}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) { s.node(t, d, c) })
	}
	s.log(t, len(cases))
	if s.ran == len(cases) && len(cases) == casesOf112 && s.planned < plannedOf112 {
		t.Errorf("%d cases are planned, want %d at least", s.planned, plannedOf112)
	}
}

// summary counts cases.
type summary struct {
	ran, planned, passed, onDevice int
	covered                        map[string]int      // cases that passed, by operator
	refused                        map[string][]string // names of cases, by reason
}

// node runs one case.
func (s *summary) node(t *testing.T, d *executor.Device, c conformance.Case) {
	s.ran++
	refuse := func(why string) {
		s.refused[why] = append(s.refused[why], strings.TrimPrefix(c.Name, "test_"))
		t.Skip("refused: " + why)
	}
	model, err := graph.Open(c.Model)
	var beyond *onnx.UnsupportedError
	if errors.As(err, &beyond) {
		refuse("the file")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	inputs, ok := values(model.Inputs(), c.Input)
	want, all := values(model.Outputs(), c.Output)
	if !ok || !all {
		refuse("not of tensors, or contradicting itself")
	}
	if slices.ContainsFunc(want, func(v tensor.Named) bool { return v.Tensor.Type == tensor.BFloat16 }) {
		refuse("bfloat16 outputs, which the package records cut off, not rounded")
	}
	exact := planner(d, model, plan.Float32)
	made, known, err := program(exact, inputs)
	var unsupported *graph.UnsupportedError
	if errors.As(err, &unsupported) {
		refuse(unsupported.Op + ": " + unsupported.Reason)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.planned++
	named := operatorsOf(t, c.Model)
	if len(made.Launches) > 0 {
		s.onDevice++
	}
	passed := true
	for _, precision := range precisions {
		p := exact
		if precision != plan.Float32 {
			p = planner(d, model, precision)
			if made, _, err = program(p, inputs); err != nil {
				t.Errorf("%v: %v", precision, err)
				continue
			}
			if !uses(made, precision) {
				continue
			}
		}
		by := tolerances[precision]
		passed = t.Run(precision.String(), func(t *testing.T) { check(t, d, p, made, inputs, want, by) }) && passed
	}
	if passed {
		s.passed++
		s.cover(named, model, inputs, known)
	}
}

// operatorsOf are the operators of a file, each of which what places models must know.
func operatorsOf(t *testing.T, path string) map[string]bool {
	file, err := onnx.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	named, can := map[string]bool{}, plan.Operators()
	for _, o := range file.Operators {
		if o.Domain != "" {
			continue
		}
		if named[o.Name] = true; !slices.Contains(can, o.Name) {
			t.Errorf("the case is planned, but %s is not among the operators by which models are placed", o.Name)
		}
	}
	return named
}

// check runs a program and compares its outputs.
func check(t *testing.T, d *executor.Device, p *plan.Planner, made *plan.Program, inputs, want []tensor.Named, by tolerance) {
	out, err := run(d, p, made, inputs)
	var lost *executor.LostError
	if errors.As(err, &lost) {
		panic(fmt.Sprintf("%s: %v", t.Name(), err)) // nothing can be run after it
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != len(want) {
		t.Fatalf("%d outputs, want %d", len(out), len(want))
	}
	for i, v := range out {
		if o := compare(v.Tensor, want[i].Tensor, by); o.why != "" || v.Name != want[i].Name {
			t.Errorf("the output %q: %s (launches: %s)", v.Name, o.why, launched(made))
		}
	}
}

// launched lists the kernels of a program.
func launched(p *plan.Program) string {
	var names []string
	for _, l := range p.Launches {
		names = append(names, l.Kernel)
	}
	return strings.Join(names, " ")
}

// cover counts the operators of a case that passed: those of its file and those that it becomes.
func (s *summary) cover(named map[string]bool, m *graph.Model, inputs []tensor.Named, known map[string]*tensor.Tensor) {
	shapes := map[string][]int64{}
	for _, in := range inputs {
		shapes[in.Name] = in.Tensor.Shape
	}
	if g, err := m.Resolve(shapes, known); err == nil {
		for _, n := range g.Nodes {
			named[n.Op] = true
		}
	}
	for op := range named {
		s.covered[op]++
	}
}

// log tells what was covered.
func (s *summary) log(t *testing.T, total int) {
	t.Logf("%d of %d cases that are planned pass, %d of them with launches; %d of %d cases were run", s.passed, s.planned, s.onDevice, s.ran, total)
	var covered, without []string
	for _, op := range plan.Operators() {
		if n := s.covered[op]; n > 0 {
			covered = append(covered, fmt.Sprintf("%s %d", op, n))
		} else {
			without = append(without, op)
		}
	}
	t.Logf("%d of the %d operators with a kernel are covered: %s", len(covered), len(covered)+len(without), strings.Join(covered, ", "))
	if len(without) > 0 {
		t.Logf("operators with a kernel and without a case that passes: %s", strings.Join(without, ", "))
	}
	for _, why := range slices.Sorted(maps.Keys(s.refused)) {
		t.Logf("%4d refused: %s (%s)", len(s.refused[why]), why, strings.Join(s.refused[why], " "))
	}
}

// values reads a case's inputs or outputs; ok is false where not all are tensors of numbers.
func values(ports []tensor.Port, read func(int, tensor.Port) (tensor.Value, error)) (named []tensor.Named, ok bool) {
	for i, p := range ports {
		if p.Kind != tensor.KindTensor || p.Optional || p.Type == tensor.String {
			return nil, false
		}
		v, err := read(i, p)
		if err != nil || v.Tensor == nil || contradicts(p, v.Tensor.Shape) {
			return nil, false
		}
		if p.Type == tensor.BFloat16 { // the package of Debian writes it as uint16
			v.Tensor.Type = p.Type
		}
		named = append(named, tensor.Named{Name: p.Name, Value: v})
	}
	return named, true
}

// contradicts tells whether a shape is not that of the port: two cases have such values.
func contradicts(p tensor.Port, shape []int64) bool {
	return !p.Unranked && !slices.EqualFunc(p.Shape, shape, func(stated, n int64) bool { return stated < 0 || stated == n })
}
