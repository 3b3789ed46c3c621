package plan

import (
	"errors"
	"fmt"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
	"servery/engine/tensor"
)

func init() {
	for op, l := range map[string]lowering{
		"MaxPool": pool, "AveragePool": pool, "LpPool": pool,
		"GlobalMaxPool": globalPool, "GlobalAveragePool": globalPool, "GlobalLpPool": globalPool,
		"ConvTranspose": convTranspose,
	} {
		lowerings[op] = l
	}
}

// reachable refuses windows whose coordinates the kernels' 32 bits do not hold.
func reachable(n *graph.Node) error {
	x, y := n.Inputs[0], n.Outputs[0]
	dims := len(x.Shape) - 2
	if dims > 3 {
		return fmt.Errorf("it has %d spatial dimensions, more than 3", dims)
	}
	kernel, strides, dilations, pads := n.Ints("kernel_shape"), n.Ints("strides"), n.Ints("dilations"), n.Ints("pads")
	for i, size := range x.Shape[2:] {
		if max(size*strides[i], y.Shape[2+i])+(kernel[i]-1)*dilations[i]+pads[i]+pads[dims+i] >= 1<<31 {
			return errors.New("its window reaches over more than 2,147,483,647 elements")
		}
	}
	return nil
}

// pool is the lowering of MaxPool, AveragePool and LpPool.
func pool(b *builder, n *graph.Node) error {
	x, y := n.Inputs[0], n.Outputs[0]
	if err := reachable(n); err != nil {
		return err
	}
	p := slide(n, x, y, n.Ints("kernel_shape"))
	switch n.Op {
	case "MaxPool":
		p.Mode = kernels.PoolMax
	case "AveragePool":
		p.Mode, p.CountPadding = kernels.PoolMean, int32(n.Int("count_include_pad", 0))
	case "LpPool":
		p.Mode, p.P = kernels.PoolNorm, int32(n.Int("p", 2))
	}
	ends := spatial(n.Ints("pads")[len(x.Shape)-2:], 0)
	for i := range p.End {
		p.End[i] = p.In[i] + ends[i]
	}
	var from place
	if narrow := x.Type == tensor.Int8 || x.Type == tensor.Uint8; narrow && n.Op == "MaxPool" {
		from = b.scratch(4 * x.Elements())
		b.convert(from, tensor.Float32, b.operand(x), x.Type, x.Elements())
	} else {
		var err error
		if from, err = b.float32Operand(x); err != nil {
			return err
		}
	}
	to, done := b.float32Result(y)
	if p.N > 0 {
		grid, block := spread(p.N, 256)
		launch(b, "pool_f32", grid, block, p, bind(&p.Out, to), bind(&p.Data, from))
	}
	done()
	return nil
}

// globalPool reduces all spatial dimensions.
func globalPool(b *builder, n *graph.Node) error {
	x, y := n.Inputs[0], n.Outputs[0]
	operation := int32(kernels.ReduceMean)
	switch n.Op {
	case "GlobalMaxPool":
		operation = kernels.ReduceMax
	case "GlobalLpPool":
		switch order := n.Int("p", int64(n.Float("p", 2))); order { // a float in operator set 1
		case 1:
			operation = kernels.ReduceL1
		case 2:
			operation = kernels.ReduceL2
		default:
			return fmt.Errorf("its norm is of order %d", order)
		}
	}
	var axes []int64
	for d := 2; d < len(x.Shape); d++ {
		axes = append(axes, int64(d))
	}
	return b.reduce(x, y, axes, operation)
}

// convTranspose collects for each output element the inputs whose windows cover it.
func convTranspose(b *builder, n *graph.Node) error {
	x, w, y := n.Inputs[0], n.Inputs[1], n.Outputs[0]
	if err := reachable(n); err != nil {
		return err
	}
	data, err := b.float32Operand(x)
	if err != nil {
		return err
	}
	weights, err := b.float32Operand(w)
	if err != nil {
		return err
	}
	var bias place
	if v := n.Input(2); v != nil {
		if bias, err = b.float32Operand(v); err != nil {
			return err
		}
	}
	to, done := b.float32Result(y)
	if y.Elements() > 0 {
		p := slide(n, x, y, w.Shape[2:])
		p.GroupIn, p.GroupOut = int32(x.Shape[1]/n.Int("group", 1)), int32(w.Shape[1])
		grid, block := spread(p.N, 256)
		launch(b, "conv_transposed_f32", grid, block, p, bind(&p.Out, to), bind(&p.Data, data), bind(&p.Weights, weights), bind(&p.Bias, bias))
	}
	done()
	return nil
}
