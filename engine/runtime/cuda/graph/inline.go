package graph

import (
	"fmt"
	"maps"

	"servery/engine/onnx"
	"servery/engine/tensor"
)

// attributes copies the node's attributes, and puts in those that it takes from the call of
// the function in which it stands.
func (c *call) attributes(n *onnx.Node, s *scope) error {
	c.Attributes = make(map[string]Attribute, len(n.Attributes))
	for name, a := range n.Attributes {
		if a.Reference != "" {
			given, ok := s.attributes[a.Reference]
			if !ok {
				continue // it is left out in the call, so that it is here
			}
			a = given
		}
		c.Attributes[name] = a
	}
	return nil
}

// condition resolves an If by the branch that its condition takes, which must be known.
func (r *resolver) condition(c *call, s *scope) ([]*Value, error) {
	refuse := func(format string, args ...any) ([]*Value, error) {
		return nil, &UnsupportedError{Node: c.Name, Op: c.operator(), Reason: fmt.Sprintf(format, args...)}
	}
	v := c.Input(0)
	switch {
	case v == nil || v.Type != tensor.Bool || v.Elements() != 1:
		return nil, &ShapeError{Node: c.Name, Op: c.operator(), Inputs: describe(c.Inputs), Reason: "its condition is not one bool"}
	case v.Constant == nil:
		return refuse("its condition is known only while the model runs")
	case s.depth >= maxCalls:
		return refuse("conditions and functions are nested more than %d deep", maxCalls)
	}
	branch := "else_branch"
	if v.Constant.Data[0] != 0 {
		branch = "then_branch"
	}
	g := c.Attributes[branch].Graph
	if g == nil || len(g.Outputs) < len(c.wanted) {
		return nil, malformed("the node %q has no %s with %d outputs", c.Name, branch, len(c.wanted))
	}
	inner := *s
	inner.values, inner.weights, inner.outer, inner.depth = map[string]*Value{}, g.Initializers, s, s.depth+1
	if err := r.run(g.Nodes, g.Outputs, &inner); err != nil {
		return nil, err
	}
	return r.results(c, g.Outputs, &inner)
}

// function resolves the call of a function by the nodes of its body.
func (r *resolver) function(c *call, f *onnx.Function, s *scope) ([]*Value, error) {
	if s.depth >= maxCalls {
		return nil, &UnsupportedError{Node: c.Name, Op: c.operator(),
			Reason: fmt.Sprintf("conditions and functions are nested more than %d deep, or a function calls itself", maxCalls)}
	}
	if len(c.Inputs) > len(f.Inputs) || len(c.wanted) > len(f.Outputs) {
		return nil, malformed("the node %q has more inputs or outputs than its function %s", c.Name, c.operator())
	}
	inner := &scope{
		values: map[string]*Value{}, opsets: maps.Clone(s.opsets), attributes: maps.Clone(f.Defaults),
		path: c.key.path, prefix: s.prefix + c.Name + "/", depth: s.depth + 1,
	}
	maps.Copy(inner.opsets, f.Opsets)
	maps.Copy(inner.attributes, c.Attributes)
	for i, v := range c.Inputs {
		inner.values[f.Inputs[i]] = v
	}
	for _, name := range f.Inputs[len(c.Inputs):] {
		inner.values[name] = nil
	}
	if err := r.run(f.Nodes, f.Outputs, inner); err != nil {
		return nil, err
	}
	return r.results(c, f.Outputs, inner)
}

// results are the values of a subgraph's outputs.
func (r *resolver) results(c *call, names []string, s *scope) ([]*Value, error) {
	outputs := make([]*Value, len(c.wanted))
	for k, wanted := range c.wanted {
		if !wanted {
			continue
		}
		if outputs[k], _ = r.lookup(names[k], s); outputs[k] == nil {
			return nil, malformed("nothing gives the output %q of what is inside the node %q", names[k], c.Name)
		}
	}
	return outputs, nil
}
