package plan

import (
	"fmt"

	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
	"servery/engine/tensor"
)

// float32Operand is where a value lies as float32: itself, or a copy of what is float16 or bfloat16.
func (b *builder) float32Operand(v *graph.Value) (place, error) {
	switch {
	case v.Type == tensor.Float32:
		return b.operand(v), nil
	case !isFloat(v.Type):
		return place{}, fmt.Errorf("its data is of type %s", v.Type)
	}
	to := b.scratch(4 * v.Elements())
	b.convert(to, tensor.Float32, b.operand(v), v.Type, v.Elements())
	return to, nil
}

// float32Result is where a kernel puts a value as float32; done brings it into the value's own type.
func (b *builder) float32Result(v *graph.Value) (to place, done func()) {
	own := b.result(v)
	if v.Type == tensor.Float32 {
		return own, func() {}
	}
	to = b.scratch(4 * v.Elements())
	return to, func() { b.convert(own, v.Type, to, tensor.Float32, v.Elements()) }
}

// convert launches a copy of n elements into another type, by way of float32 and the instructions given.
func (b *builder) convert(to place, toType tensor.Type, from place, fromType tensor.Type, n int64, code ...kernels.Instruction) {
	if n == 0 {
		return
	}
	p := &kernels.Map{N: uint32(n), Dims: 1, Length: int32(1 + len(code)), OutType: uint8(toType)}
	p.Size[0], p.Stride[0][0], p.Type[0] = kernels.NewDivisor(n), 1, uint8(fromType)
	p.Code[0] = kernels.Instruction{Op: kernels.OpLoad, Source: kernels.FromInput}
	copy(p.Code[1:], code)
	grid, block := spread(n, 256)
	launch(b, "map_f32", grid, block, p, bind(&p.Out, to), bind(&p.In[0], from))
}
