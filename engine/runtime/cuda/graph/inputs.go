package graph

import (
	"fmt"
	"slices"

	"servery/engine/tensor"
)

// inputs are the model's inputs with the shapes and values given.
func (m *Model) inputs(shapes map[string][]int64, values map[string]*tensor.Tensor) ([]*Value, error) {
	refuse := func(format string, args ...any) ([]*Value, error) {
		return nil, &ShapeError{Reason: fmt.Sprintf(format, args...)}
	}
	var all []*Value
	known := map[string]bool{}
	for _, p := range m.content.Inputs {
		known[p.Name] = true
		if p.Kind != tensor.KindTensor {
			return nil, &UnsupportedError{Reason: fmt.Sprintf("its input %q is no tensor but a %s", p.Name, p.TypeString())}
		}
		v := &Value{Name: p.Name, Type: p.Type, Constant: values[p.Name]}
		shape, given := shapes[p.Name]
		switch {
		case v.Constant != nil && given && !slices.Equal(shape, v.Constant.Shape):
			return refuse("the input %q has the shape %v and a value of the shape %v", p.Name, shape, v.Constant.Shape)
		case v.Constant != nil:
			shape = v.Constant.Shape
		case !given:
			return refuse("the shape of the input %q is not given", p.Name)
		}
		v.Shape = slices.Clone(shape)
		if !fits(p, shape) {
			return refuse("the input %q is to be %s and is given as %v", p.Name, p.TypeString(), shape)
		}
		if problem := tooLarge(v.Type, v.Shape); problem != "" {
			return refuse("the input %q %s", p.Name, problem)
		}
		if t := v.Constant; t != nil && (t.Type != v.Type || t.Type.Size() > 0 && int64(len(t.Data)) != v.Elements()*int64(t.Type.Size())) {
			return refuse("the value of the input %q is not one of %s", p.Name, v)
		}
		all = append(all, v)
	}
	for name := range shapes {
		if !known[name] {
			return refuse("it has no input %q", name)
		}
	}
	for name := range values {
		if !known[name] {
			return refuse("it has no input %q", name)
		}
	}
	return all, nil
}

// fits tells whether a shape is one that the port allows.
func fits(p tensor.Port, shape []int64) bool {
	if p.Unranked {
		return true
	}
	if len(shape) != len(p.Shape) {
		return false
	}
	for i, d := range p.Shape {
		if d >= 0 && d != shape[i] {
			return false
		}
	}
	return true
}
