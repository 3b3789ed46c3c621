package plan

import (
	"fmt"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
)

func init() {
	for _, op := range []string{"Softmax", "LogSoftmax", "Hardmax"} {
		lowerings[op] = softmax
	}
}

// softmax is the lowering of Softmax, LogSoftmax and Hardmax. A block has a line.
func softmax(b *builder, n *graph.Node) error {
	x := n.Inputs[0]
	operation := map[string]int32{"Softmax": kernels.Softmax, "LogSoftmax": kernels.LogSoftmax, "Hardmax": kernels.Hardmax}[n.Op]
	p := &kernels.Lines{Type: uint8(x.Type), Operation: operation, Axis: n.Int("length", 1), Inner: n.Int("inner", 1)}
	p.Lines = n.Int("outer", 1) * p.Inner
	switch {
	case !isFloat(x.Type):
		return fmt.Errorf("its data is of type %s", x.Type)
	case operation == kernels.Hardmax && p.Axis > 1<<24:
		return fmt.Errorf("it finds the largest of %d elements, more than 16,777,216", p.Axis) // the kernel counts in float
	}
	from, to := b.operand(x), b.result(n.Outputs[0])
	if x.Elements() == 0 {
		return nil
	}
	grid := [3]uint32{uint32(min(p.Lines, maxBlocks)), 1, 1}
	launch(b, "softmax_f32", grid, line(p.Axis), p, bind(&p.Out, to), bind(&p.In, from))
	return nil
}
