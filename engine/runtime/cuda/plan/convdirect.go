package plan

import (
	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
)

// planes views a shape [images, channels, spatial...] with three spatial dimensions, the missing ones
// of size 1 in front.
func planes(shape []int64) [3]int32 { return spatial(shape[2:], 1) }

// spatial has three numbers of one a spatial dimension, in front of which absent stands.
func spatial(v []int64, absent int32) [3]int32 {
	s := [3]int32{absent, absent, absent}
	for i, x := range v {
		s[3-len(v)+i] = int32(x)
	}
	return s
}

// slide is the structure of a kernel that slides a window of a node over its input.
func slide(n *graph.Node, x, y *graph.Value, kernel []int64) *kernels.Window {
	p := &kernels.Window{N: y.Elements(), ChannelsIn: int32(x.Shape[1]), ChannelsOut: int32(y.Shape[1]),
		In: planes(x.Shape), OutSize: planes(y.Shape), Kernel: spatial(kernel, 1), Stride: spatial(n.Ints("strides"), 1),
		Dilation: spatial(n.Ints("dilations"), 1)}
	if pads := n.Ints("pads"); len(pads) > 0 {
		p.Pad = spatial(pads[:len(pads)/2], 0)
	}
	return p
}

// convDirect computes each output element of a convolution in a thread of its own.
func (b *builder) convDirect(n *graph.Node, data, weights, bias, to place, a activation) error {
	y := n.Outputs[0]
	if y.Elements() == 0 {
		return nil
	}
	w, groups := n.Inputs[1], n.Int("group", 1)
	p := slide(n, n.Inputs[0], y, w.Shape[2:])
	p.GroupIn, p.GroupOut = int32(w.Shape[1]), int32(w.Shape[0]/groups)
	p.Activation, p.ActivationA, p.ActivationB = int32(a.op), a.a, a.b
	grid, block := spread(p.N, 256)
	launch(b, "conv_direct_f32", grid, block, p, bind(&p.Out, to), bind(&p.Data, data), bind(&p.Weights, weights), bind(&p.Bias, bias))
	return nil
}
