package mlmodel

import (
	"slices"

	"servery/engine/tensor"
)

// FromPorts derives a signature from a graph's inputs and outputs: a tensor schema with
// their names. A side that a tensor schema cannot state (sequences, maps, tensors of
// unknown rank or type) is nil, so that nothing is enforced there.
func FromPorts(in, out []tensor.Port) *Signature {
	return &Signature{Inputs: schemaOfPorts(in), Outputs: schemaOfPorts(out)}
}

func schemaOfPorts(ports []tensor.Port) *Schema {
	s := &Schema{}
	for _, p := range ports {
		if p.Kind != tensor.KindTensor || p.Unranked || p.Type == tensor.Undefined {
			return nil
		}
		s.Tensors = append(s.Tensors, TensorSpec{Name: p.Name, Type: p.Type, Shape: slices.Clone(p.Shape)})
	}
	return s
}
