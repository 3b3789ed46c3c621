package plan

import (
	"math"
	"slices"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/tensor"
)

// rewrite gives activations that a model spells out in several operators their name, so that a product
// can compute them on its sums: x * sigmoid(x) is Silu, a name of our own, and
// x * clip(x + 3, 0, 6) / 6 is HardSwish.
func rewrite(g *graph.Graph) {
	f := uses(g)
	gone := map[*graph.Node]bool{}
	for i, n := range g.Nodes {
		if gone[n] {
			continue
		}
		for _, pattern := range []func(*fusion, *graph.Node) *activationMatch{silu, hardSwish} {
			m := pattern(f, n)
			if m == nil {
				continue
			}
			named := &graph.Node{Name: n.Name, Op: m.op, Opset: n.Opset, Inputs: []*graph.Value{m.x}, Outputs: n.Outputs}
			for _, part := range m.parts {
				gone[part] = true
			}
			g.Nodes[i] = named
			// Later patterns look at what is there now.
			f.producers[n.Outputs[0]] = named
			f.consumers[m.x] = append(slices.DeleteFunc(slices.Clone(f.consumers[m.x]), func(c *graph.Node) bool { return c == n || gone[c] }), named)
			break
		}
	}
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n *graph.Node) bool { return gone[n] })
}

// activationMatch is an activation of x that ends at a node and makes the parts before it needless.
type activationMatch struct {
	op    string
	x     *graph.Value
	parts []*graph.Node
}

// inner is the node that gives v, where it is op and only user takes v.
func (f *fusion) inner(v *graph.Value, op string, user *graph.Node) *graph.Node {
	n := f.producers[v]
	if n == nil || n.Op != op || n.Domain != "" || f.only(v) != user || v.Type != tensor.Float32 {
		return nil
	}
	return n
}

// either calls try for the two inputs of a commutative node in both orders, until it finds something.
func either(n *graph.Node, try func(a, b *graph.Value) *activationMatch) *activationMatch {
	if len(n.Inputs) != 2 {
		return nil
	}
	if m := try(n.Inputs[0], n.Inputs[1]); m != nil {
		return m
	}
	return try(n.Inputs[1], n.Inputs[0])
}

func silu(f *fusion, n *graph.Node) *activationMatch {
	if n.Op != "Mul" {
		return nil
	}
	return either(n, func(x, s *graph.Value) *activationMatch {
		if sigmoid := f.inner(s, "Sigmoid", n); sigmoid != nil && sigmoid.Inputs[0] == x {
			return &activationMatch{"Silu", x, []*graph.Node{sigmoid}}
		}
		return nil
	})
}

// is tells whether v is the constant number x.
func is(v *graph.Value, x float64) bool {
	got, ok := number(v)
	return ok && got == x
}

func hardSwish(f *fusion, n *graph.Node) *activationMatch {
	if n.Op == "Mul" { // x * hardsigmoid(x), or x * (clip(x + 3) / 6)
		return either(n, func(x, h *graph.Value) *activationMatch {
			if hard := f.inner(h, "HardSigmoid", n); hard != nil && hard.Inputs[0] == x &&
				math.Abs(float64(hard.Float("alpha", 0.2))-1./6) < 1e-6 && hard.Float("beta", 0.5) == 0.5 {
				return &activationMatch{"HardSwish", x, []*graph.Node{hard}}
			}
			div := f.inner(h, "Div", n)
			if div == nil || !is(div.Inputs[1], 6) {
				return nil
			}
			return f.clipped(x, div.Inputs[0], div, div)
		})
	}
	if n.Op != "Div" || !is(n.Inputs[1], 6) {
		return nil
	}
	mul := f.inner(n.Inputs[0], "Mul", n)
	if mul == nil {
		return nil
	}
	return either(mul, func(x, c *graph.Value) *activationMatch { return f.clipped(x, c, mul, mul) })
}

// clipped matches v = clip(x + 3, 0, 6), taken by user.
func (f *fusion) clipped(x, v *graph.Value, user *graph.Node, parts ...*graph.Node) *activationMatch {
	clip := f.inner(v, "Clip", user)
	if clip == nil || !is(clip.Input(1), 0) || !is(clip.Input(2), 6) {
		return nil
	}
	add := f.inner(clip.Inputs[0], "Add", clip)
	if add == nil {
		return nil
	}
	return either(add, func(a, three *graph.Value) *activationMatch {
		if a != x || !is(three, 3) {
			return nil
		}
		return &activationMatch{"HardSwish", x, append(parts, clip, add)}
	})
}
