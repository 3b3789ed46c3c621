package plan

import (
	"fmt"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
	"servery/engine/tensor"
)

// activation is what is done with each sum of a product; the zero value is nothing.
type activation struct {
	op   kernels.Op
	a, b float32
}

// matrix is an operand in memory: strides in elements along rows and columns, and along the dimensions
// of the batch, from the innermost.
type matrix struct {
	place
	row, column int64
	batch       []int64
}

// gemm is D = activation(alpha A B + bias + residual) for every matrix of a batch, of float32. bias and
// residual may lack a place; the columns of d and residual lie side by side.
type gemm struct {
	m, n, k        int64
	batch          []int64 // sizes, from the innermost; 3 at most
	a, b, d        matrix
	bias, residual matrix
	alpha          float32
	activation     activation
	convolution    *window // B is gathered; see convolve
	exact          bool    // in float32 whatever the precision of products is
}

// window is the geometry of a convolution in two dimensions.
type window struct {
	pixels, width                int64 // of the output
	kernelH, kernelW             int64
	bImage, bChannel             int64
	dImage, residualImage        int64
	heightIn, widthIn            int64
	strideH, strideW, padH, padW int64
	dilationH, dilationW         int64
}

// tile is a kernel's share of D in one block.
type tile struct {
	name          string
	rows, columns int64
	threads       uint32
}

var (
	exactTiles  = []tile{{"128", 128, 64, 256}, {"64", 64, 64, 256}, {"32", 32, 32, 256}}
	tensorTiles = []tile{{"128", 128, 64, 256}, {"64", 64, 64, 128}, {"32", 32, 32, 128}}
)

const (
	// fewRows is up to how many rows a product is bound by reading B: each warp then has a column.
	fewRows = 4
	// leastSplit is the shortest part of the inner dimension worth a block of its own.
	leastSplit = 128
	depth      = 16 // kernels take the inner dimension in steps of
)

func up(n, by int64) int64 { return (n + by - 1) / by }

// multiply launches a product. Nothing is launched for an empty D.
func (b *builder) multiply(g gemm) error {
	batches := int64(1)
	for _, n := range g.batch {
		batches *= n
	}
	if g.m*g.n*batches == 0 {
		return nil
	}
	if len(g.batch) > kernels.BatchDims {
		return fmt.Errorf("its batch broadcasts over %d dimensions, more than %d", len(g.batch), kernels.BatchDims)
	}
	p, bindings := g.structure(batches)
	if g.convolution == nil && g.m <= fewRows && g.b.row == 1 && g.k > 0 && batches <= 65535 {
		launch(b, "gemv_f32", [3]uint32{uint32(up(g.n, 8)), uint32(g.m), uint32(batches)}, [3]uint32{256, 1, 1}, p, bindings(p)...)
		return nil
	}
	options := b.planner.options
	if g.exact {
		options.Precision = Float32
	}
	t, splits := options.share(g.m, g.n, g.k, batches)
	kernel, finish := "gemm_", "gemm_splits"
	if g.convolution != nil {
		kernel, finish = "conv_", "conv_splits"
	}
	kernel += map[Precision]string{TF32: "tf32_", Float32: "f32_", Float16: "f16_"}[options.Precision] + t.name
	if batches*splits > 65535 || up(g.m, t.rows) > 65535 {
		return fmt.Errorf("its batch of %d products of %d rows is more than a launch takes", batches, g.m)
	}
	p.Splits, p.SplitK = int32(splits), int32(up(up(g.k, splits), depth)*depth)
	list := bindings(p)
	if splits > 1 {
		list = append(list, bind(&p.Partial, b.scratch(4*splits*batches*g.m*g.n)))
	}
	grid := [3]uint32{uint32(up(g.n, t.columns)), uint32(up(g.m, t.rows)), uint32(batches * splits)}
	launch(b, kernel, grid, [3]uint32{t.threads, 1, 1}, p, list...)
	if splits > 1 {
		grid, block := spread(batches*g.m*g.n, 256)
		launch(b, finish, grid, block, p, list...)
	}
	return nil
}

// share picks the tile and the number of parts of the inner dimension, so that every processor has a
// block: the largest tile that does, else a smaller one with more parts. 512 x 49 with 4,608
// inside, on 132 processors: tiles of 64 make 8 blocks, each in 33 parts.
func (o Options) share(m, n, k, batches int64) (tile, int64) {
	tiles := tensorTiles
	if o.Precision == Float32 {
		tiles = exactTiles
	}
	processors := int64(max(o.Processors, 1))
	pick := tiles[len(tiles)-1]
	for _, t := range tiles {
		fits := m > t.rows/2 && n > t.columns/2
		if fits && up(m, t.rows)*up(n, t.columns)*batches >= processors {
			return t, 1
		}
		if fits && t.name == "64" && k >= 2*leastSplit {
			pick = t
			break
		}
	}
	blocks := up(m, pick.rows) * up(n, pick.columns) * batches
	return pick, max(1, min(2*processors/blocks, k/leastSplit, 64))
}

// structure is the kernels' argument without splits; the function gives the bindings of a copy.
func (g gemm) structure(batches int64) (*kernels.Product, func(*kernels.Product) []binding) {
	p := &kernels.Product{
		M: int32(g.m), N: int32(g.n), K: int32(g.k), Splits: 1, SplitK: int32(g.k),
		ARow: int32(g.a.row), AColumn: int32(g.a.column), BRow: int32(g.b.row), BColumn: int32(g.b.column),
		DRow: int32(g.d.row), BiasRow: int32(g.bias.row), BiasColumn: int32(g.bias.column),
		ResidualRow: int32(g.residual.row), ResidualColumn: int32(g.residual.column),
		Batches: int32(batches), Alpha: g.alpha,
		Activation: int32(g.activation.op), ActivationA: g.activation.a, ActivationB: g.activation.b,
	}
	one := kernels.NewDivisor(1)
	p.Pixels, p.Width, p.Window, p.WindowWidth = one, one, one, one
	for i := range p.Batch {
		p.Batch[i] = one
		if i < len(g.batch) {
			p.Batch[i] = kernels.NewDivisor(g.batch[i])
		}
		for _, s := range []struct {
			to   *[kernels.BatchDims]int32
			from matrix
		}{{&p.ABatch, g.a}, {&p.BBatch, g.b}, {&p.DBatch, g.d}, {&p.BiasBatch, g.bias}, {&p.ResidualBatch, g.residual}} {
			if i < len(s.from.batch) {
				s.to[i] = int32(s.from.batch[i])
			}
		}
	}
	if w := g.convolution; w != nil {
		p.Pixels, p.Width = kernels.NewDivisor(w.pixels), kernels.NewDivisor(w.width)
		p.Window, p.WindowWidth = kernels.NewDivisor(w.kernelH*w.kernelW), kernels.NewDivisor(w.kernelW)
		p.BImage, p.BChannel, p.DImage, p.ResidualImage = int32(w.bImage), int32(w.bChannel), int32(w.dImage), int32(w.residualImage)
		p.HeightIn, p.WidthIn, p.StrideH, p.StrideW = int32(w.heightIn), int32(w.widthIn), int32(w.strideH), int32(w.strideW)
		p.PadH, p.PadW, p.DilationH, p.DilationW = int32(w.padH), int32(w.padW), int32(w.dilationH), int32(w.dilationW)
	}
	return p, func(p *kernels.Product) []binding {
		return []binding{bind(&p.A, g.a.place), bind(&p.B, g.b.place), bind(&p.D, g.d.place),
			bind(&p.Bias, g.bias.place), bind(&p.Residual, g.residual.place)}
	}
}

// lowerProduct launches a product and what was fused with it.
func (b *builder) lowerProduct(p *product) error {
	switch p.node.Op {
	case "Gemm":
		return b.gemm(p)
	case "MatMul":
		return b.matMul(p)
	}
	return b.convolve(p)
}

// gemm is alpha A' B' + beta C, of two dimensions.
func (b *builder) gemm(p *product) error {
	n := p.node
	x, w, y := n.Inputs[0], n.Inputs[1], p.output
	g := gemm{m: y.Shape[0], n: y.Shape[1], k: x.Shape[1], alpha: n.Float("alpha", 1), activation: p.activation}
	g.a.row, g.a.column = x.Shape[1], 1
	if n.Int("transA", 0) != 0 {
		g.k, g.a.row, g.a.column = x.Shape[0], 1, x.Shape[1]
	}
	var err error
	if g.a.place, err = b.float32Operand(x); err != nil {
		return err
	}
	if g.b, err = b.rightMatrix(w, w.Shape, n.Int("transB", 0) != 0); err != nil {
		return err
	}
	g.d.row = g.n
	c := n.Input(2)
	if c != nil && n.Float("beta", 1) != 0 {
		if g.bias, err = b.bias(p, c, float64(n.Float("beta", 1))); err != nil {
			return err
		}
	} else if p.shift != nil {
		g.bias = matrix{place: b.planner.vector(n.Name, p.shift), column: 1}
	}
	return b.finishProduct(p, g)
}

// bias is C as beta C + shift, broadcast to D.
func (b *builder) bias(p *product, c *graph.Value, beta float64) (matrix, error) {
	if beta != 1 || p.shift != nil {
		// Both are folded on the host, and growProduct takes a shift only where that is possible.
		values, ok := floats(c)
		if !ok {
			return b.scaledBias(c, float32(beta))
		}
		scaled := make([]float64, len(values))
		for i, v := range values {
			scaled[i] = beta * v
		}
		if p.shift != nil {
			for i := range p.shift {
				p.shift[i] += scaled[i%len(scaled)]
			}
			return matrix{place: b.planner.vector(p.node.Name, p.shift), column: 1}, nil
		}
		m := broadcastMatrix(c)
		m.place = b.planner.vector(p.node.Name, scaled)
		return m, nil
	}
	m := broadcastMatrix(c)
	var err error
	m.place, err = b.float32Operand(c)
	return m, err
}

// scaledBias is beta C of a C that is computed.
func (b *builder) scaledBias(c *graph.Value, beta float32) (matrix, error) {
	from, err := b.float32Operand(c)
	m := broadcastMatrix(c)
	m.place = b.scratch(4 * c.Elements())
	b.convert(m.place, tensor.Float32, from, tensor.Float32, c.Elements(), kernels.Instruction{Op: kernels.OpAffine, A: beta})
	return m, err
}

// broadcastMatrix gives the strides of C as a matrix of D's size.
func broadcastMatrix(c *graph.Value) matrix {
	m, rank := matrix{}, len(c.Shape)
	if rank > 0 && c.Shape[rank-1] > 1 {
		m.column = 1
	}
	if rank > 1 && c.Shape[rank-2] > 1 {
		m.row = c.Shape[rank-1]
	}
	return m
}

// rightMatrix is B of that shape, [K, N] or transposed [N, K]. Weights are kept transposed, for runs of few rows: a warp then
// reads them as they lie.
func (b *builder) rightMatrix(w *graph.Value, shape []int64, transposed bool) (matrix, error) {
	rows, columns := shape[0], shape[1]
	if transposed {
		at, err := b.float32Operand(w)
		return matrix{place: at, row: 1, column: columns}, err
	}
	if w.Constant == nil || w.Type != tensor.Float32 {
		at, err := b.float32Operand(w)
		return matrix{place: at, row: columns, column: 1}, err
	}
	type key struct {
		*tensor.Tensor
		form string
	}
	at := b.planner.made(key{w.Constant, "transposed"}, w.Name, func() []byte {
		from := tensor.View[float32](w.Constant)
		to := tensor.Tensor{Type: tensor.Float32, Shape: []int64{columns, rows}, Data: make([]byte, 4*rows*columns)}
		v := tensor.View[float32](&to)
		for r := range rows {
			for c := range columns {
				v[c*rows+r] = from[r*columns+c]
			}
		}
		return to.Data
	})
	return matrix{place: at, row: 1, column: rows}, nil
}

// finishProduct gives D and the residual their places and launches.
func (b *builder) finishProduct(p *product, g gemm) error {
	if p.residual != nil {
		g.residual.row, g.residual.column = g.n, 1
		g.residual.place = b.operand(p.residual)
	}
	to, done := b.float32Result(p.output)
	g.d.place = to
	if err := b.multiply(g); err != nil {
		return err
	}
	done()
	return nil
}
