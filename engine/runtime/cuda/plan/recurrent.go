package plan

import (
	"fmt"
	"slices"
	"strings"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
	"servery/engine/tensor"
)

func init() {
	for _, op := range []string{"LSTM", "GRU", "RNN"} {
		lowerings[op] = lowerRecurrent
	}
}

// maxSteps bounds the launches of one layer: each step in each direction has one or two.
const maxSteps = 1 << 16

// recurrent is a layer at work. What the inputs add to the gates of all steps is one product; then each
// step is a launch, which waits for the one before.
type recurrent struct {
	b                                        *builder
	n                                        *graph.Node
	steps, batch, values, hidden, directions int64
	gates                                    int64 // rows of the weights: all gates' units
	batchFirst                               bool

	data, weights, recurrence, bias, peephole place
	lengths                                   place
	first, last                               [2]place // the hidden and the cell's states, of all directions
	out                                       place
}

func lowerRecurrent(b *builder, n *graph.Node) error {
	x, w := n.Inputs[0], n.Inputs[1]
	l := &recurrent{b: b, n: n, steps: x.Shape[0], batch: x.Shape[1], values: x.Shape[2], hidden: n.Int("hidden_size", 0),
		directions: w.Shape[0], gates: w.Shape[1], batchFirst: n.Int("layout", 0) != 0}
	if l.batchFirst {
		l.steps, l.batch = l.batch, l.steps
	}
	switch {
	case l.steps == 0 || l.batch == 0:
		return fmt.Errorf("it has %d steps of %d sequences", l.steps, l.batch)
	case l.steps*l.directions > maxSteps:
		return fmt.Errorf("it has %d steps in %d directions, more than %d", l.steps, l.directions, maxSteps)
	case l.steps*l.batch*l.gates >= 1<<31:
		return fmt.Errorf("its gates have %d values, a GPU takes 2,147,483,647 at most", l.steps*l.batch*l.gates)
	}
	if err := l.operands(); err != nil {
		return err
	}
	ends := l.results()
	for d := range l.directions {
		if err := l.direction(d); err != nil {
			return err
		}
	}
	for _, end := range ends {
		end()
	}
	return nil
}

// operands finds the inputs.
func (l *recurrent) operands() error {
	for i, to := range []*place{&l.data, &l.weights, &l.recurrence, &l.bias, &l.lengths, &l.first[0], &l.first[1], &l.peephole} {
		v := l.n.Input(i)
		switch {
		case v == nil:
		case to == &l.lengths:
			if v.Type != tensor.Int32 {
				return fmt.Errorf("its sequence_lens are of type %s", v.Type)
			}
			*to = l.b.operand(v)
		default:
			var err error
			if *to, err = l.b.float32Operand(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// results gives the outputs their places. What it gives back is to be called after the launches.
func (l *recurrent) results() (ends []func()) {
	for i, to := range []*place{&l.out, &l.last[0], &l.last[1]} {
		if v := output(l.n, i); v != nil {
			var done func()
			*to, done = l.b.float32Result(v)
			ends = append(ends, done)
		}
	}
	return ends
}

// state is the walk over the states [batch, hidden] of a direction within those of all.
func (l *recurrent) state(d int64) walk {
	if l.batchFirst {
		return walk{at: d * l.hidden, strides: []int64{l.directions * l.hidden, 1}}
	}
	return walk{at: d * l.batch * l.hidden, strides: []int64{l.hidden, 1}}
}

// initial is a direction's first state: zero where none is given.
func (l *recurrent) initial(which int, d int64) (place, error) {
	shape, from := []int64{l.batch, l.hidden}, l.first[which]
	if from.buffer == nil {
		return l.b.planner.table("zeros", make([]byte, 4*l.batch*l.hidden)), nil
	}
	w := l.state(d)
	if inOrder(shape, w) {
		return from.after(4 * w.at), nil
	}
	to := l.b.scratch(4 * l.batch * l.hidden)
	return to, l.b.move(to, from, shape, contiguous(shape), w, 4)
}

// part is the share of a direction of an input whose first dimension is the directions; no place of none.
func part(p place, d, size int64) place {
	if p.buffer == nil {
		return p
	}
	return p.after(4 * d * size)
}

// direction launches all steps in one direction.
func (l *recurrent) direction(d int64) error {
	functions, err := functionsOf(l.n, int(d))
	if err != nil {
		return err
	}
	b, size := l.b, l.batch*l.hidden
	gates := b.scratch(4 * l.steps * l.batch * l.gates)
	// Exact: what is rounded in one step comes back in all that follow.
	err = b.multiply(gemm{m: l.steps * l.batch, n: l.gates, k: l.values, alpha: 1, exact: true,
		a:    matrix{place: l.data, row: l.values, column: 1},
		b:    matrix{place: part(l.weights, d, l.gates*l.values), row: 1, column: l.values},
		d:    matrix{place: gates, row: l.gates},
		bias: matrix{place: part(l.bias, d, 2*l.gates), column: 1}})
	if err != nil {
		return err
	}
	states := 1
	if l.n.Op == "LSTM" {
		states = 2
	}
	var now [2]place
	var turns [2][2]place // each step reads one and writes the other
	for i := range states {
		if now[i], err = l.initial(i, d); err != nil {
			return err
		}
		turns[i] = [2]place{b.scratch(4 * size), b.scratch(4 * size)}
	}
	if l.n.Op == "GRU" && functions.LinearBeforeReset == 0 {
		now[1], turns[1] = b.scratch(4*size), [2]place{} // the reset states of a step
	}
	unused := b.scratch(4 * size)
	for step := range l.steps {
		t := step
		if d == 1 || l.n.Text("direction", "forward") == "reverse" {
			t = l.steps - 1 - step
		}
		p := functions
		p.Step = int32(t)
		out := unused
		if l.out.buffer != nil {
			out = l.at(&p, t, d)
		}
		next := [2]place{turns[0][step%2], turns[1][step%2]}
		l.launch(&p, d, l.gatesOf(&p, gates, t), now, next, out)
		now[0] = next[0]
		if states == 2 {
			now[1] = next[1]
		}
	}
	shape := []int64{l.batch, l.hidden}
	for i := range states {
		if l.last[i].buffer == nil {
			continue
		}
		if err := b.move(l.last[i], now[i], shape, l.state(d), contiguous(shape), 4); err != nil {
			return err
		}
	}
	return nil
}

// gatesOf is where the gates of the first sequence lie at a step.
func (l *recurrent) gatesOf(p *kernels.Recurrent, gates place, t int64) place {
	if l.batchFirst {
		p.GatesStride = int32(l.steps * l.gates)
		return gates.after(4 * t * l.gates)
	}
	p.GatesStride = int32(l.gates)
	return gates.after(4 * t * l.batch * l.gates)
}

// at is where the output of the first sequence lies at a step.
func (l *recurrent) at(p *kernels.Recurrent, t, d int64) place {
	if l.batchFirst {
		p.OutStride = int32(l.steps * l.directions * l.hidden)
		return l.out.after(4 * (t*l.directions + d) * l.hidden)
	}
	return l.out.after(4 * (t*l.directions + d) * l.batch * l.hidden)
}

// launch enqueues a step, from the states now to the states next.
func (l *recurrent) launch(p *kernels.Recurrent, d int64, gates place, now, next [2]place, out place) {
	grid, block := [3]uint32{uint32(up(l.batch*l.hidden, 4)), 1, 1}, [3]uint32{128, 1, 1} // a warp has a unit
	bindings := func(p *kernels.Recurrent, cellIn, cellOut place) []binding {
		bias := part(l.bias, d, 2*l.gates)
		if bias.buffer != nil {
			bias = bias.after(4 * l.gates)
		}
		return []binding{bind(&p.Gates, gates), bind(&p.Weights, part(l.recurrence, d, l.gates*l.hidden)), bind(&p.Bias, bias),
			bind(&p.Peephole, part(l.peephole, d, 3*l.hidden)), bind(&p.Lengths, l.lengths), bind(&p.Out, out),
			bind(&p.HiddenIn, now[0]), bind(&p.HiddenOut, next[0]), bind(&p.CellIn, cellIn), bind(&p.CellOut, cellOut)}
	}
	kernel := strings.ToLower(l.n.Op) + "_f32"
	if l.n.Op == "GRU" && p.LinearBeforeReset == 0 {
		launch(l.b, "gru_reset_f32", grid, block, p, bindings(p, place{}, now[1])...)
	}
	launch(l.b, kernel, grid, block, p, bindings(p, now[1], next[1])...)
}

// activations are the functions of a recurrent layer by their names in lower case, with the defaults of
// the operators of those names, and how many of alpha and beta each takes of the node's lists.
var activations = map[string]struct {
	op          kernels.Op
	takes       int
	alpha, beta float32
}{
	"tanh": {op: kernels.OpTanh}, "sigmoid": {op: kernels.OpSigmoid}, "relu": {op: kernels.OpRelu},
	"softsign": {op: kernels.OpSoftsign}, "softplus": {op: kernels.OpSoftplus},
	"leakyrelu": {kernels.OpLeakyRelu, 1, 0.01, 0}, "thresholdedrelu": {kernels.OpThresholdedRelu, 1, 1, 0}, "elu": {kernels.OpElu, 1, 1, 0},
	"hardsigmoid": {kernels.OpHardSigmoid, 2, 0.2, 0.5}, "affine": {kernels.OpAffine, 2, 1, 0},
}

// functionsOf is the structure of a direction's steps with what the attributes say.
func functionsOf(n *graph.Node, direction int) (kernels.Recurrent, error) {
	hidden := n.Int("hidden_size", 0)
	x := n.Inputs[0]
	p := kernels.Recurrent{Batch: int32(x.Shape[1]), Hidden: int32(hidden), OutStride: int32(hidden), Clip: n.Float("clip", 0),
		InputForget: int32(n.Int("input_forget", 0)), LinearBeforeReset: int32(n.Int("linear_before_reset", 0))}
	if n.Int("layout", 0) != 0 {
		p.Batch = int32(x.Shape[0])
	}
	usual := map[string][]string{"LSTM": {"Sigmoid", "Tanh", "Tanh"}, "GRU": {"Sigmoid", "Tanh"}, "RNN": {"Tanh"}}[n.Op]
	directions := int(n.Inputs[1].Shape[0])
	names := n.Texts("activations")
	if len(names) == 0 {
		names = slices.Repeat(usual, directions)
	}
	if len(names) != len(usual)*directions {
		return p, fmt.Errorf("it has %d activations in place of %d", len(names), len(usual)*directions)
	}
	alphas, betas := n.Floats("activation_alpha"), n.Floats("activation_beta")
	for i, name := range names {
		a, ok := activations[strings.ToLower(name)]
		if !ok {
			return p, fmt.Errorf("its activation is %s", name)
		}
		if a.takes > 0 && len(alphas) > 0 {
			a.alpha, alphas = alphas[0], alphas[1:]
		}
		if a.takes > 1 && len(betas) > 0 {
			a.beta, betas = betas[0], betas[1:]
		}
		if at := i - direction*len(usual); at >= 0 && at < len(usual) {
			p.Function[at], p.Alpha[at], p.Beta[at] = int32(a.op), a.alpha, a.beta
		}
	}
	return p, nil
}
