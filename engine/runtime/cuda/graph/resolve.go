package graph

import (
	"fmt"
	"slices"
	"strconv"

	"servery/engine/onnx"
	"servery/engine/tensor"
)

// Limits against models that would take the host's memory or time before a run. Exporters
// write some 100,000 nodes at most.
const (
	maxNodes = 1_000_000 // visited, with functions inlined
	maxCalls = 32        // functions and conditions within each other
	maxRank  = 64        // dimensions of a value, numpy's limit
)

// limits are those of folding, in bytes. What is above them stays a node.
type limits struct {
	folded, foldedAll int64 // of one value that is computed, and of all in one Resolve
	read, readAll     int64 // of one constant that is computed with, and of all in one Resolve
}

var usualLimits = limits{folded: 64 << 20, foldedAll: 1 << 30, read: 128 << 20, readAll: 8 << 30}

// resolver is one Resolve at work.
type resolver struct {
	model  *Model
	nodes  []*Node
	static map[*Value]bool // constants that depend on no input
	seen   int             // nodes visited
	folded int64           // bytes of the values folded
	read   int64           // bytes of the constants computed with
}

// scope is the values that have a name at a place of the model.
type scope struct {
	values     map[string]*Value
	weights    map[string]*tensor.Tensor
	outer      *scope // what a subgraph sees too; nil for the main graph and for functions
	opsets     map[string]int64
	attributes map[string]Attribute // of the function's call
	path       string               // where functions are inlined: "/3/0"
	prefix     string               // of the names of values: "layer/"
	depth      int
}

// Resolve gives the graph for inputs of the given shapes. An input on whose value shapes
// depend is given in values; its shape need not be given twice. What a tensor in values holds
// must not change while the graph is in use. Errors: *ShapeError, *UnsupportedError, and
// *onnx.FormatError where the graph contradicts itself.
func (m *Model) Resolve(inputs map[string][]int64, values map[string]*tensor.Tensor) (*Graph, error) {
	r := &resolver{model: m, static: map[*Value]bool{}}
	s := &scope{values: map[string]*Value{}, weights: m.content.Graph.Initializers, opsets: m.content.Opsets}
	g := &Graph{}
	var err error
	if g.Inputs, err = m.inputs(inputs, values); err != nil {
		return nil, err
	}
	for _, v := range g.Inputs {
		s.values[v.Name] = v
	}
	if err := r.run(m.content.Graph.Nodes, m.content.Graph.Outputs, s); err != nil {
		return nil, err
	}
	for _, name := range m.content.Graph.Outputs {
		v, ok := r.lookup(name, s)
		if !ok {
			return nil, malformed("no node gives its output %q", name)
		}
		g.Outputs, g.OutputNames = append(g.Outputs, v), append(g.OutputNames, name)
	}
	g.Nodes = leading(r.nodes, g.Outputs)
	return g, nil
}

func malformed(format string, args ...any) error {
	return &onnx.FormatError{Offset: -1, Message: fmt.Sprintf(format, args...)}
}

// lookup is the value of a name at a place. It is nil for what the call of a function left out.
func (r *resolver) lookup(name string, s *scope) (v *Value, ok bool) {
	for at := s; at != nil; at = at.outer {
		if v, ok := at.values[name]; ok {
			return v, true
		}
		if w, ok := at.weights[name]; ok {
			v := &Value{Name: at.prefix + name, Type: w.Type, Shape: w.Shape, Constant: w}
			r.static[v] = true
			at.values[name] = v
			return v, true
		}
	}
	return nil, false
}

// define gives a value its name, which must be new at its place.
func define(name string, v *Value, s *scope) error {
	if _, ok := s.values[name]; ok {
		return malformed("two nodes of its graph give the value %q", name)
	}
	s.values[name] = v
	return nil
}

// run resolves the nodes that lead to the outputs.
func (r *resolver) run(nodes []*onnx.Node, outputs []string, s *scope) error {
	if err := distinct(nodes); err != nil {
		return err
	}
	keep, used := live(nodes, outputs)
	for i, n := range nodes {
		if r.seen++; r.seen > maxNodes {
			return &UnsupportedError{Reason: fmt.Sprintf("it has more than %d nodes", maxNodes)}
		}
		if !keep[i] {
			continue
		}
		if err := r.node(i, n, used, s); err != nil {
			return err
		}
	}
	return nil
}

// distinct refuses nodes of which two give the same value.
func distinct(nodes []*onnx.Node) error {
	given := map[string]bool{}
	for _, n := range nodes {
		for _, name := range n.Outputs {
			if name != "" && given[name] {
				return malformed("two nodes of its graph give the value %q", name)
			}
			given[name] = true
		}
	}
	return nil
}

// live tells which nodes lead to an output, and which values are used.
func live(nodes []*onnx.Node, outputs []string) (keep []bool, used map[string]bool) {
	keep, used = make([]bool, len(nodes)), map[string]bool{}
	for _, name := range outputs {
		used[name] = true
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		keep[i] = slices.ContainsFunc(nodes[i].Outputs, func(name string) bool { return name != "" && used[name] })
		if keep[i] {
			use(nodes[i], used)
		}
	}
	return keep, used
}

// use notes the values that a node takes, also those that its subgraphs see.
func use(n *onnx.Node, used map[string]bool) {
	for _, name := range n.Inputs {
		used[name] = true
	}
	for _, a := range n.Attributes {
		if a.Graph == nil {
			continue
		}
		for _, name := range a.Graph.Outputs {
			used[name] = true
		}
		for _, inner := range a.Graph.Nodes {
			use(inner, used)
		}
	}
}

// leading are the nodes that lead to the outputs: folding leaves some behind that only gave
// their shape.
func leading(nodes []*Node, outputs []*Value) []*Node {
	used := map[*Value]bool{}
	for _, v := range outputs {
		used[v] = v.Constant == nil
	}
	var kept []*Node
	for _, n := range slices.Backward(nodes) {
		if !slices.ContainsFunc(n.Outputs, func(v *Value) bool { return v != nil && used[v] }) {
			continue
		}
		kept = append(kept, n)
		for _, v := range n.Inputs {
			if v != nil {
				used[v] = true
			}
		}
	}
	slices.Reverse(kept)
	return kept
}

// node resolves one node of the file.
func (r *resolver) node(i int, n *onnx.Node, used map[string]bool, s *scope) error {
	c := &call{r: r, key: foldKey{node: n, path: s.path + "/" + strconv.Itoa(i)}, static: true}
	c.Node = &Node{Name: nodeName(n), Op: n.Op, Domain: n.Domain, Opset: s.opsets[n.Domain]}
	for _, name := range n.Inputs {
		if name == "" {
			c.Inputs = append(c.Inputs, nil)
			continue
		}
		v, ok := r.lookup(name, s)
		if !ok {
			return malformed("the node %q takes the value %q, which no node before it gives: "+
				"either nothing gives it, or the nodes form a cycle or are out of order", c.Name, name)
		}
		c.Inputs = append(c.Inputs, v)
		c.static = c.static && (v == nil || r.static[v])
	}
	for len(c.Inputs) > 0 && c.Inputs[len(c.Inputs)-1] == nil {
		c.Inputs = c.Inputs[:len(c.Inputs)-1]
	}
	for _, name := range n.Outputs {
		c.wanted = append(c.wanted, name != "" && used[name])
	}
	if err := c.attributes(n, s); err != nil {
		return err
	}
	outputs, err := r.outputs(c, n, s)
	if err != nil {
		return err
	}
	for k, name := range n.Outputs {
		if !c.wanted[k] {
			continue
		}
		if k >= len(outputs) || outputs[k] == nil {
			return &UnsupportedError{Node: c.Name, Op: c.operator(), Reason: fmt.Sprintf("its output %d is not known", k)}
		}
		if err := define(name, outputs[k], s); err != nil {
			return err
		}
	}
	return nil
}

// outputs resolves a node into its outputs: by what is inside it, or by its operator's rule.
func (r *resolver) outputs(c *call, n *onnx.Node, s *scope) ([]*Value, error) {
	if f, ok := r.model.functions[operator{n.Domain, n.Op}]; ok {
		return r.function(c, f, s)
	}
	if n.Domain == "" && n.Op == "If" {
		return r.condition(c, s)
	}
	if err := c.infer(); err != nil {
		return nil, err
	}
	for k, v := range c.Outputs {
		if v != nil && k < len(n.Outputs) {
			v.Name = s.prefix + n.Outputs[k]
		}
	}
	r.fold(c)
	return c.Outputs, nil
}

// nodeName is the name by which errors call a node.
func nodeName(n *onnx.Node) string {
	switch {
	case n.Name != "":
		return n.Name
	case len(n.Outputs) > 0:
		return n.Op + " of " + n.Outputs[0]
	}
	return n.Op
}
