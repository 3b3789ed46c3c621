package plan

import (
	"crypto/sha256"
	"fmt"

	"servery/engine/tensor"
)

// direct tells whether a convolution is computed without a product: in three dimensions, or in groups
// with so few channels that a tile would be mostly empty.
func (p *product) direct() bool {
	if p.node.Op != "Conv" {
		return false
	}
	w, groups := p.node.Inputs[1], p.node.Int("group", 1)
	return len(w.Shape) > 4 || groups > 1 && w.Shape[0]/groups < 8
}

// convolve computes a convolution as a product of the weights, [channels, window], with the pixels that
// each window covers.
func (b *builder) convolve(p *product) error {
	n := p.node
	x, w, y := n.Inputs[0], n.Inputs[1], p.output
	weights, err := b.weights(p)
	if err != nil {
		return err
	}
	bias, err := b.channelBias(p)
	if err != nil {
		return err
	}
	data, err := b.float32Operand(x)
	if err != nil {
		return err
	}
	to, done := b.float32Result(y)
	if p.direct() {
		if err := b.convDirect(n, data, weights, bias, to, p.activation); err != nil {
			return err
		}
		done()
		return nil
	}
	groups := n.Int("group", 1)
	plane := func(s []int64) (h, w int64) { // a convolution along one dimension has a height of 1
		if len(s) == 3 {
			return 1, s[2]
		}
		return s[2], s[3]
	}
	pair := func(name string, absent int64) (h, w int64) {
		if v := n.Ints(name); len(v) == 1 {
			return absent, v[0]
		} else if len(v) > 1 {
			return v[0], v[1]
		}
		return absent, absent
	}
	c := &window{}
	outH, outW := plane(y.Shape)
	c.heightIn, c.widthIn = plane(x.Shape)
	c.kernelH, c.kernelW = plane(w.Shape)
	c.strideH, c.strideW = pair("strides", 1)
	c.dilationH, c.dilationW = pair("dilations", 1)
	if pads := n.Ints("pads"); len(pads) == 2 {
		c.padW = pads[0]
	} else if len(pads) == 4 {
		c.padH, c.padW = pads[0], pads[1]
	}
	c.pixels, c.width = max(outH*outW, 1), max(outW, 1)
	c.bChannel = c.heightIn * c.widthIn
	c.bImage = x.Shape[1] * c.bChannel
	c.dImage = y.Shape[1] * outH * outW
	c.residualImage = c.dImage
	channels := w.Shape[0] / groups
	g := gemm{m: channels, n: y.Shape[0] * outH * outW, k: w.Shape[1] * c.kernelH * c.kernelW, alpha: 1,
		activation: p.activation, convolution: c}
	g.a = matrix{place: weights, row: g.k, column: 1, batch: []int64{channels * g.k}}
	g.b = matrix{place: data, batch: []int64{w.Shape[1] * c.bChannel}}
	g.d = matrix{place: to, row: outH * outW, batch: []int64{channels * outH * outW}}
	g.bias = matrix{place: bias, row: 1, batch: []int64{channels}}
	g.batch = []int64{groups}
	if p.residual != nil {
		g.residual = matrix{place: b.operand(p.residual), row: g.d.row, column: 1, batch: g.d.batch}
	}
	if err := b.multiply(g); err != nil {
		return err
	}
	done()
	return nil
}

// weights is where a convolution's weights lie, with the factors of its channels in them.
func (b *builder) weights(p *product) (place, error) {
	w := p.node.Inputs[1]
	plain := true
	for _, s := range p.scale {
		plain = plain && s == 1
	}
	if plain {
		return b.float32Operand(w)
	}
	type key struct {
		*tensor.Tensor
		factors [sha256.Size]byte
	}
	return b.planner.made(key{w.Constant, digest(p.scale)}, w.Name, func() []byte {
		from := tensor.View[float32](w.Constant)
		to := tensor.Tensor{Type: tensor.Float32, Data: make([]byte, 4*len(from))}
		each := len(from) / max(len(p.scale), 1)
		scaled := tensor.View[float32](&to)
		for i, v := range from {
			scaled[i] = float32(float64(v) * p.scale[i/each])
		}
		return to.Data
	}), nil
}

func digest(v []float64) [sha256.Size]byte {
	return sha256.Sum256(fmt.Append(nil, v))
}

// channelBias is a convolution's bias with what was fused: (sum + bias) * scale + shift.
func (b *builder) channelBias(p *product) (place, error) {
	bias := p.node.Input(2)
	if p.shift == nil {
		if bias == nil {
			return place{}, nil
		}
		return b.float32Operand(bias)
	}
	shift := p.shift
	if own, ok := floats(bias); ok {
		for i := range shift {
			shift[i] += own[i] * p.scale[i]
		}
	}
	return b.planner.vector(p.node.Name, shift), nil
}
