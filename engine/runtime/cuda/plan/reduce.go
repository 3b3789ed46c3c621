package plan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
	"servery/engine/tensor"
)

var reductions = map[string]int32{
	"ReduceSum": kernels.ReduceSum, "ReduceMean": kernels.ReduceMean, "ReduceMax": kernels.ReduceMax, "ReduceMin": kernels.ReduceMin,
	"ReduceProd": kernels.ReduceProd, "ReduceL1": kernels.ReduceL1, "ReduceL2": kernels.ReduceL2, "ReduceSumSquare": kernels.ReduceSumSquare,
	"ReduceLogSum": kernels.ReduceLogSum, "ReduceLogSumExp": kernels.ReduceLogSumExp,
}

func init() {
	for op := range reductions {
		lowerings[op] = reduce
	}
}

// reduce is the lowering of Reduce*.
func reduce(b *builder, n *graph.Node) error {
	return b.reduce(n.Inputs[0], n.Outputs[0], n.Ints("axes"), reductions[n.Op])
}

// reduce makes each element of y of those of x along the axes. Without axes each is made of one.
func (b *builder) reduce(x, y *graph.Value, axes []int64, operation int32) error {
	kernel, err := reduceKernel(x.Type, operation)
	if err != nil {
		return err
	}
	from, to := b.operand(x), b.result(y)
	if y.Elements() == 0 {
		return nil
	}
	p := &kernels.Reduce{Outputs: uint32(y.Elements()), N: uint32(x.Elements() / y.Elements()), Operation: operation, Type: uint8(x.Type)}
	if p.N == 0 {
		switch {
		case operation == kernels.ReduceMax || operation == kernels.ReduceMin:
			return b.fill(to, y, extreme(x.Type, operation == kernels.ReduceMin))
		case operation == kernels.ReduceMean && kernel == "reduce_i64":
			return errors.New("it is the mean of no elements")
		}
	} else if err := walkReduced(p, x.Shape, axes); err != nil {
		return err
	}
	grid, block := spread(y.Elements(), 128)
	if kernel == "reduce_f32" && inBlocks(p) {
		kernel, grid, block = "reduce_block_f32", [3]uint32{p.Outputs, 1, 1}, line(int64(p.N))
	}
	launch(b, kernel, grid, block, p, bind(&p.Out, to), bind(&p.In, from))
	return nil
}

// reduceKernel is the kernel for a type.
func reduceKernel(t tensor.Type, operation int32) (string, error) {
	switch {
	case isFloat(t):
		return "reduce_f32", nil
	case t == tensor.Float64:
		return "reduce_f64", nil
	case t == tensor.Uint64 || operation == kernels.ReduceLogSum || operation == kernels.ReduceLogSumExp:
		return "", fmt.Errorf("its data is of type %s", t)
	}
	return "reduce_i64", nil
}

// inBlocks tells whether a block an output is faster than a thread: outputs have many elements, which
// lie side by side or of which too few threads would each read all.
func inBlocks(p *kernels.Reduce) bool {
	return p.N >= 32 && (p.ReducedStride[0] == 1 || p.Outputs < 4096)
}

// line is a block of up to 256 threads for n elements.
func line(n int64) [3]uint32 {
	return [3]uint32{uint32(min(max(up(n, 32)*32, 32), 256)), 1, 1}
}

// walkReduced sets how the elements of an output are found: the kept dimensions lead to the first, the
// reduced ones to the others.
func walkReduced(p *kernels.Reduce, shape, axes []int64) error {
	var kept, reduced []int64 // sizes
	var keptWalk, reducedWalk []int64
	for d, stride := range contiguous(shape).strides {
		if slices.Contains(axes, int64(d)) {
			reduced, reducedWalk = append(reduced, shape[d]), append(reducedWalk, stride)
		} else {
			kept, keptWalk = append(kept, shape[d]), append(keptWalk, stride)
		}
	}
	set := func(dims *int32, size *[kernels.ReduceDims]kernels.Divisor, stride *[kernels.ReduceDims]int32, shape, walk []int64) error {
		sizes, walks := merge(shape, [][]int64{walk})
		if len(sizes) > kernels.ReduceDims {
			return fmt.Errorf("its axes alternate over more than %d dimensions", kernels.ReduceDims)
		}
		*dims = int32(len(sizes))
		for d := range sizes {
			size[d], stride[d] = kernels.NewDivisor(sizes[d]), int32(walks[0][d])
		}
		return nil
	}
	if err := set(&p.Kept, &p.KeptSize, &p.KeptStride, kept, keptWalk); err != nil {
		return err
	}
	return set(&p.Reduced, &p.ReducedSize, &p.ReducedStride, reduced, reducedWalk)
}

// extreme is the largest or the smallest number of a type, as on the device: infinite for floats.
func extreme(t tensor.Type, largest bool) []byte {
	sign := -1
	if largest {
		sign = 1
	}
	infinite := math.Inf(sign)
	switch t {
	case tensor.Float32:
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(infinite)))
	case tensor.Float64:
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(infinite))
	case tensor.Float16:
		return binary.LittleEndian.AppendUint16(nil, tensor.Float16Bits(infinite))
	case tensor.BFloat16:
		return binary.LittleEndian.AppendUint16(nil, tensor.BFloat16Bits(infinite))
	case tensor.Bool:
		return []byte{byte(max(sign, 0))}
	}
	// Whole numbers are all ones or all zeros, but for the sign.
	fill, top := byte(0), byte(0)
	if largest {
		fill, top = 0xff, 0xff
	}
	if t == tensor.Int8 || t == tensor.Int16 || t == tensor.Int32 || t == tensor.Int64 {
		top ^= 0x80
	}
	return append(bytes.Repeat([]byte{fill}, t.Size()-1), top)
}
