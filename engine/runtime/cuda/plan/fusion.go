package plan

import (
	"servery/engine/runtime/cuda/graph"
	"servery/engine/tensor"
)

// fusion says which nodes are computed together.
type fusion struct {
	graph     *graph.Graph
	consumers map[*graph.Value][]*graph.Node
	producers map[*graph.Value]*graph.Node
	outputs   map[*graph.Value]bool
	// absorbed are computed by another node's launch: a chain's or a product's, which stand at the
	// last of their nodes.
	absorbed map[*graph.Node]bool
	chains   map[*graph.Node]*chain   // by root
	products map[*graph.Node]*product // by the last node
	parts    map[*graph.Node][]*graph.Node
}

// uses finds who gives and who takes each value.
func uses(g *graph.Graph) *fusion {
	f := &fusion{graph: g, consumers: map[*graph.Value][]*graph.Node{}, producers: map[*graph.Value]*graph.Node{},
		outputs: map[*graph.Value]bool{}, absorbed: map[*graph.Node]bool{}, chains: map[*graph.Node]*chain{},
		products: map[*graph.Node]*product{}, parts: map[*graph.Node][]*graph.Node{}}
	for _, n := range g.Nodes {
		for _, v := range n.Inputs {
			if v != nil {
				f.consumers[v] = append(f.consumers[v], n)
			}
		}
		for _, v := range n.Outputs {
			if v != nil {
				f.producers[v] = n
			}
		}
	}
	for _, v := range g.Outputs {
		f.outputs[v] = true
	}
	return f
}

func newFusion(g *graph.Graph) (*fusion, error) {
	f := uses(g)
	for _, n := range g.Nodes {
		if p := startProduct(n); p != nil {
			f.growProduct(p)
		}
	}
	// From the end, so that a chain takes in what comes before it.
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := g.Nodes[i]
		if f.absorbed[n] || f.products[n] != nil {
			continue
		}
		if err := f.growChain(n); err != nil && err != errNoTerm {
			return nil, unsupported(n, err.Error())
		}
	}
	return f, nil
}

// names lists the nodes that a launch at n is for.
func (f *fusion) names(n *graph.Node) string {
	text := ""
	for _, part := range f.parts[n] {
		text += part.Name + " + "
	}
	return text + n.Name
}

// only is the node that alone takes a value; nil where there are several or it is an output.
func (f *fusion) only(v *graph.Value) *graph.Node {
	if users := f.consumers[v]; len(users) == 1 && !f.outputs[v] {
		return users[0]
	}
	return nil
}

// growChain makes n the root of a chain and takes in the element-wise nodes whose values go nowhere
// else, the nearest first, as long as the instructions suffice.
func (f *fusion) growChain(n *graph.Node) error {
	if len(n.Outputs) != 1 {
		return errNoTerm
	}
	if _, err := termOf(n); err != nil {
		return err
	}
	c := &chain{root: n, members: map[*graph.Node]bool{n: true}, class: classOf(n)}
	if err := c.compile(f.uses(c), f.producers); err != nil {
		return err
	}
	frontier := []*graph.Node{n}
	for len(frontier) > 0 {
		at := frontier[0]
		frontier = frontier[1:]
		for _, v := range at.Inputs {
			m := f.producers[v]
			if v == nil || m == nil || c.members[m] || !f.joins(c, m) {
				continue
			}
			c.members[m] = true
			if c.compile(f.uses(c), f.producers) != nil {
				delete(c.members, m)
				continue
			}
			frontier = append(frontier, m)
		}
	}
	if err := c.compile(f.uses(c), f.producers); err != nil {
		return err
	}
	f.chains[n] = c
	for _, m := range f.graph.Nodes {
		if m != n && c.members[m] {
			f.absorbed[m] = true
			f.parts[n] = append(f.parts[n], m)
		}
	}
	return nil
}

// joins tells whether m can be computed within the chain: it is element-wise, in the same class and
// shape, and only members take its value.
func (f *fusion) joins(c *chain, m *graph.Node) bool {
	if f.absorbed[m] || f.products[m] != nil || len(m.Outputs) != 1 || classOf(m) != c.class {
		return false
	}
	v := m.Outputs[0]
	if f.outputs[v] || !equal(v.Shape, c.root.Outputs[0].Shape) || !keepsValue(v.Type, c.class) {
		return false
	}
	for _, user := range f.consumers[v] {
		if !c.members[user] {
			return false
		}
	}
	_, err := termOf(m)
	return err == nil
}

// keepsValue tells whether a value of this type is the same in the class's accumulator as after being
// stored and loaded.
func keepsValue(t tensor.Type, c class) bool {
	switch c {
	case inFloat:
		return isFloat(t) || t == tensor.Bool
	case inDouble:
		return t == tensor.Float64 || t == tensor.Bool
	}
	return t == tensor.Int64 || t == tensor.Bool
}

func (f *fusion) uses(c *chain) map[*graph.Value]int {
	uses := map[*graph.Value]int{}
	for m := range c.members {
		for _, v := range m.Inputs {
			if v != nil {
				uses[v]++
			}
		}
	}
	return uses
}
