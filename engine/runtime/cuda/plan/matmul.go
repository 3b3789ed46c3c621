package plan

import "servery/engine/runtime/cuda/graph"

// matMul is numpy's matmul: matrices in the last two dimensions, the others are a batch. Transpositions before
// and behind it are walks of the product over its operands.
func (b *builder) matMul(p *product) error {
	n := p.node
	x, w := n.Inputs[0], n.Inputs[1]
	xs, ws := x.Shape, w.Shape
	if len(xs) == 1 {
		xs = []int64{1, xs[0]}
	}
	if len(ws) == 1 {
		ws = []int64{ws[0], 1}
	}
	g := gemm{m: xs[len(xs)-2], k: xs[len(xs)-1], n: ws[len(ws)-1], alpha: float32(p.alpha), activation: p.activation}
	g.d.row = g.n
	var err error
	if len(ws) == 2 && p.before == [2]*graph.Node{} && p.behind == nil {
		for _, d := range xs[:len(xs)-2] {
			g.m *= d
		}
		g.a.row, g.a.column = g.k, 1
		if g.a.place, err = b.float32Operand(x); err == nil {
			g.b, err = b.rightMatrix(w, ws, false)
		}
	} else if err = b.operands(&g, p, xs, ws); err == nil {
		b.batch(&g, p, xs, ws)
	}
	if err != nil {
		return err
	}
	if p.shift != nil {
		g.bias = matrix{place: b.planner.vector(n.Name, p.shift), column: 1}
	}
	return b.finishProduct(p, g)
}

// operands sets where both sides of a product lie, with strides for all of their dimensions: for those before the
// last two in batch, from the outermost.
func (b *builder) operands(g *gemm, p *product, xs, ws []int64) (err error) {
	for i, side := range []struct {
		to    *matrix
		shape []int64
	}{{&g.a, xs}, {&g.b, ws}} {
		v, strides := p.node.Inputs[i], contiguous(side.shape).strides
		if t := p.before[i]; t != nil {
			v = t.Inputs[0]
			from := contiguous(v.Shape).strides
			for d, axis := range t.Ints("perm") {
				strides[d] = from[axis]
			}
		}
		rank := len(strides)
		side.to.batch, side.to.row, side.to.column = strides[:rank-2], strides[rank-2], strides[rank-1]
		if side.to.place, err = b.float32Operand(v); err != nil {
			return err
		}
	}
	return nil
}

// batch sets the batch of a product: both sides broadcast to each other.
func (b *builder) batch(g *gemm, p *product, xs, ws []int64) {
	rank := max(len(xs), len(ws)) - 2
	shape := make([]int64, rank)
	for _, s := range [][]int64{xs, ws} {
		for d, size := range s[:len(s)-2] {
			// Of 1 and another size the other counts, even 0.
			if at := d + rank - len(s) + 2; size != 1 || shape[at] == 0 {
				shape[at] = size
			}
		}
	}
	broadcast := func(s, strides []int64) []int64 {
		walk := make([]int64, rank)
		for d := range strides {
			if s[d] != 1 {
				walk[d+rank-len(strides)] = strides[d]
			}
		}
		return walk
	}
	whole := contiguous(append(shape[:rank:rank], g.m, g.n)).strides
	if p.behind != nil {
		out := contiguous(p.output.Shape).strides
		for d, axis := range p.behind.Ints("perm") {
			whole[axis] = out[d]
		}
		g.d.row = whole[rank]
	}
	sizes, walks := merge(shape, [][]int64{broadcast(xs, g.a.batch), broadcast(ws, g.b.batch), whole[:rank]})
	g.batch, g.a.batch, g.b.batch, g.d.batch = sizes, walks[0], walks[1], walks[2]
	g.residual.batch = g.d.batch
}
