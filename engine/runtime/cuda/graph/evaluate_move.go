package graph

import (
	"math"
	"slices"

	"servery/engine/tensor"
)

// elements is the product of a shape.
func elements(shape []int64) int64 { return (&Value{Shape: shape}).Elements() }

// strides are how far the elements of a row-major tensor lie apart along each axis.
func strides(shape []int64) []int64 {
	out, n := make([]int64, len(shape)), int64(1)
	for i := len(shape) - 1; i >= 0; i-- {
		out[i] = n
		n *= shape[i]
	}
	return out
}

// extended is the shape to which two shapes, known to fit, extend each other.
func extended(a, b []int64) []int64 {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := slices.Clone(a)
	for i, d := range b {
		if at := &out[len(a)-len(b)+i]; *at == 1 {
			*at = d
		}
	}
	return out
}

// stretched are the strides by which a tensor is read as if it had been broadcast to shape.
func stretched(from, shape []int64) []int64 {
	out := make([]int64, len(shape))
	for i, s := range strides(from) {
		if from[i] != 1 {
			out[len(shape)-len(from)+i] = s
		}
	}
	return out
}

// kept are the strides of the result of a reduction, 0 along the axes that are reduced.
func kept(shape, axes []int64) []int64 {
	s := strides(without(shape, axes, true))
	for _, a := range axes {
		s[a] = 0
	}
	return s
}

// walk calls fn with each index of a shape, and with the places to which the strides lead.
func walk(shape []int64, strides [][]int64, fn func(i int64, at []int64)) {
	n := elements(shape)
	index, at := make([]int64, len(shape)), make([]int64, len(strides))
	for i := range n {
		fn(i, at)
		for a := len(shape) - 1; a >= 0; a-- {
			index[a]++
			for k, s := range strides {
				at[k] += s[a]
			}
			if index[a] < shape[a] {
				break
			}
			for k, s := range strides {
				at[k] -= s[a] * shape[a]
			}
			index[a] = 0
		}
	}
}

// picked is a tensor of the elements of x that lie at offset and the strides.
func picked(x *tensor.Tensor, shape []int64, offset int64, by []int64) *tensor.Tensor {
	out := zeros(x.Type, shape)
	block, outer := int64(x.Type.Size()), len(shape) // bytes that lie together
	size := block
	for outer > 0 && by[outer-1]*size == block {
		outer--
		block *= shape[outer]
	}
	if len(out.Data) == 0 {
		return out
	}
	walk(shape[:outer], [][]int64{by[:outer]}, func(i int64, at []int64) {
		from := (offset + at[0]) * size
		copy(out.Data[i*block:(i+1)*block], x.Data[from:from+block])
	})
	return out
}

// evaluateView gives the same bytes another shape.
func evaluateView(n *Node) []*tensor.Tensor {
	x, out := n.Inputs[0].Constant, n.Outputs[0]
	all := []*tensor.Tensor{{Type: x.Type, Shape: out.Shape, Data: x.Data}}
	for _, v := range n.Outputs[1:] { // a Dropout's mask is known already
		if v == nil {
			all = append(all, nil)
			continue
		}
		all = append(all, v.Constant)
	}
	return all
}

func evaluateTranspose(n *Node) []*tensor.Tensor {
	x := n.Inputs[0].Constant
	from := strides(x.Shape)
	by := make([]int64, len(from))
	for i, a := range n.Ints("perm") {
		by[i] = from[a]
	}
	return single(picked(x, n.Outputs[0].Shape, 0, by))
}

func evaluateSlice(n *Node) []*tensor.Tensor {
	x := n.Inputs[0].Constant
	from, offset := strides(x.Shape), int64(0)
	by := make([]int64, len(from))
	starts, steps := n.Ints("starts"), n.Ints("steps")
	for i, s := range from {
		offset += starts[i] * s
		if n.Outputs[0].Shape[i] > 1 {
			by[i] = s * steps[i]
		} else {
			by[i] = s
		}
	}
	return single(picked(x, n.Outputs[0].Shape, offset, by))
}

func evaluateSplit(n *Node) []*tensor.Tensor {
	x, axis := n.Inputs[0].Constant, n.Int("axis", 0)
	by, offset := strides(x.Shape), int64(0)
	all := make([]*tensor.Tensor, len(n.Outputs))
	for i, v := range n.Outputs {
		if v != nil {
			all[i] = picked(x, v.Shape, offset, by)
		}
		offset += n.Ints("split")[i] * by[axis]
	}
	return all
}

func evaluateExpand(n *Node) []*tensor.Tensor {
	x, shape := n.Inputs[0].Constant, n.Outputs[0].Shape
	return single(picked(x, shape, 0, stretched(x.Shape, shape)))
}

func evaluateTile(n *Node) []*tensor.Tensor {
	x, out := n.Inputs[0].Constant, n.Outputs[0]
	// A tile is read as [repeats0, size0, repeats1, size1, ...], standing still along repeats.
	var shape, by []int64
	for i, s := range strides(x.Shape) {
		shape = append(shape, n.Ints("repeats")[i], x.Shape[i])
		by = append(by, 0, s)
	}
	t := picked(x, shape, 0, by)
	t.Shape = out.Shape
	return single(t)
}

func evaluateConcat(n *Node) []*tensor.Tensor {
	out, axis := n.Outputs[0], n.Int("axis", 0)
	t := zeros(out.Type, out.Shape)
	size := int64(out.Type.Size())
	row := elements(out.Shape[axis:]) * size
	at := int64(0)
	for _, v := range n.Inputs {
		part := elements(v.Shape[axis:]) * size
		for i := int64(0); part > 0 && i < elements(v.Shape[:axis]); i++ {
			copy(t.Data[i*row+at:], v.Constant.Data[i*part:(i+1)*part])
		}
		at += part
	}
	return single(t)
}

func evaluateGather(n *Node) []*tensor.Tensor {
	x, axis, out := n.Inputs[0].Constant, n.Int("axis", 0), n.Outputs[0]
	indices, ok := asInts(n.Inputs[1].Constant)
	if !ok || !within(indices, x.Shape[axis]) {
		return nil
	}
	t := zeros(out.Type, out.Shape)
	block := elements(x.Shape[axis+1:]) * int64(x.Type.Size())
	size, at := x.Shape[axis], int64(0)
	for o := range elements(x.Shape[:axis]) {
		for _, k := range indices {
			if k < 0 {
				k += size
			}
			at += int64(copy(t.Data[at:], x.Data[(o*size+k)*block:(o*size+k+1)*block]))
		}
	}
	return single(t)
}

// within tells whether all indices are those of an axis of the given size.
func within(indices []int64, size int64) bool {
	return !slices.ContainsFunc(indices, func(k int64) bool { return k < -size || k >= size })
}

func evaluateScatterND(n *Node) []*tensor.Tensor {
	x, updates := n.Inputs[0].Constant, n.Inputs[2].Constant
	indices, ok := asInts(n.Inputs[1].Constant)
	if !ok || n.Text("reduction", "none") != "none" {
		return nil
	}
	shape := n.Inputs[1].Shape
	depth := shape[len(shape)-1]
	block := elements(x.Shape[depth:]) * int64(x.Type.Size())
	t := &tensor.Tensor{Type: x.Type, Shape: n.Outputs[0].Shape, Data: slices.Clone(x.Data)}
	for i := int64(0); (i+1)*depth <= int64(len(indices)); i++ {
		at := int64(0)
		for a, k := range indices[i*depth : (i+1)*depth] {
			if !within([]int64{k}, x.Shape[a]) {
				return nil
			}
			if k < 0 {
				k += x.Shape[a]
			}
			at = at*x.Shape[a] + k
		}
		copy(t.Data[at*block:(at+1)*block], updates.Data[i*block:(i+1)*block])
	}
	return single(t)
}

// evaluatePad pads with a value, and takes away where pads are negative.
func evaluatePad(n *Node) []*tensor.Tensor {
	if n.Text("mode", "constant") != "constant" {
		return nil
	}
	x, out, pads := n.Inputs[0].Constant, n.Outputs[0], n.Ints("pads")
	t := zeros(out.Type, out.Shape)
	if v := n.Input(1); v != nil {
		t = repeat(v.Constant.Data, out.Type, out.Shape)
	}
	size, to := int64(x.Type.Size()), strides(out.Shape)
	from := strides(x.Shape)
	for i := range elements(x.Shape) {
		at, rest := int64(0), i
		for a, s := range from {
			k := rest/s + pads[a]
			if rest %= s; k < 0 || k >= out.Shape[a] {
				at = -1
				break
			}
			at += k * to[a]
		}
		if at >= 0 {
			copy(t.Data[at*size:(at+1)*size], x.Data[i*size:])
		}
	}
	return single(t)
}

func evaluateWhere(n *Node) []*tensor.Tensor {
	out, size := n.Outputs[0], int64(n.Outputs[0].Type.Size())
	t := zeros(out.Type, out.Shape)
	var by [][]int64
	for _, v := range n.Inputs {
		by = append(by, stretched(v.Shape, out.Shape))
	}
	condition := n.Inputs[0].Constant.Data
	walk(out.Shape, by, func(i int64, at []int64) {
		from := 2
		if condition[at[0]] != 0 {
			from = 1
		}
		k := at[from] * size
		copy(t.Data[i*size:(i+1)*size], n.Inputs[from].Constant.Data[k:k+size])
	})
	return single(t)
}

func evaluateTrilu(n *Node) []*tensor.Tensor {
	x, out := n.Inputs[0].Constant, n.Outputs[0]
	t := &tensor.Tensor{Type: x.Type, Shape: out.Shape, Data: slices.Clone(x.Data)}
	rows, columns := out.Shape[len(out.Shape)-2], out.Shape[len(out.Shape)-1]
	k, upper, size := n.Int("k", 0), n.Int("upper", 1) != 0, int64(x.Type.Size())
	for i := range out.Elements() {
		above := i%columns - i/columns%rows
		if upper && above < k || !upper && above > k {
			clear(t.Data[i*size : (i+1)*size])
		}
	}
	return single(t)
}

func evaluateConstantOfShape(n *Node) []*tensor.Tensor {
	value := n.Tensor("value")
	return single(repeat(value.Data, value.Type, n.Outputs[0].Shape))
}

func evaluateRange(n *Node) []*tensor.Tensor {
	out := n.Outputs[0]
	var at [3]float64
	for i, v := range n.Inputs {
		f, ok := numbersOf(v.Constant)
		if !ok || math.Abs(f[0]) > 1<<53 {
			return nil
		}
		at[i] = f[0]
	}
	got := make([]float64, out.Elements())
	for i := range got {
		got[i] = at[0] + float64(i)*at[2]
	}
	return single(fromFloats(out.Type, out.Shape, got))
}

func evaluateEyeLike(n *Node) []*tensor.Tensor {
	out, k := n.Outputs[0], n.Int("k", 0)
	t := zeros(out.Type, out.Shape)
	one := fromFloats(out.Type, []int64{1}, []float64{1})
	if one == nil {
		return nil
	}
	size := int64(out.Type.Size())
	for row := range out.Shape[0] {
		if column := row + k; column >= 0 && column < out.Shape[1] {
			copy(t.Data[(row*out.Shape[1]+column)*size:], one.Data)
		}
	}
	return single(t)
}

func evaluateOneHot(n *Node) []*tensor.Tensor {
	out, axis, depth := n.Outputs[0], n.Int("axis", 0), n.Int("depth", 0)
	indices, ok := asFloats(n.Inputs[0].Constant)
	if !ok {
		return nil
	}
	values, size := n.Inputs[1].Constant.Data, int64(out.Type.Size())
	t := repeat(values[:size], out.Type, out.Shape)
	inner := elements(out.Shape[axis+1:])
	for i, f := range indices {
		k := int64(f)
		if k < 0 {
			k += depth
		}
		if k < 0 || k >= depth {
			continue
		}
		at := (int64(i)/inner*depth+k)*inner + int64(i)%inner
		copy(t.Data[at*size:(at+1)*size], values[size:])
	}
	return single(t)
}
