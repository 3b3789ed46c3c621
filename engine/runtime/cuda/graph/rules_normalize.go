package graph

import (
	"slices"

	"servery/engine/tensor"
)

func batchNormalization(c *call) {
	x := c.ranked(0, 2)
	if c.Int("training_mode", 0) != 0 {
		c.unsupported("it is in training mode")
	}
	if c.Int("spatial", 1) == 0 {
		c.unsupported("it normalizes each element on its own (spatial = 0)")
	}
	for i := 1; i < len(c.wanted); i++ {
		if c.wants(i) {
			c.unsupported("an output for training is used")
		}
	}
	for i := 1; i <= 4; i++ {
		c.in(i)
		c.bias(i, x.Shape[1])
	}
	c.drop("is_test", "spatial", "momentum", "training_mode", "consumed_inputs")
	c.set(0, x.Type, x.Shape...)
}

func instanceNormalization(c *call) {
	x := c.ranked(0, 2)
	for i := 1; i <= 2; i++ {
		c.in(i)
		c.bias(i, x.Shape[1])
	}
	c.set(0, x.Type, x.Shape...)
}

// groupNormalization has a scale and a bias for each channel from operator set 21 on, for
// each group before.
func groupNormalization(c *call) {
	x := c.ranked(0, 2)
	channels, groups := x.Shape[1], c.Int("num_groups", 0)
	if groups < 1 || channels%groups != 0 {
		c.fail("its %d channels cannot be divided into %d groups", channels, groups)
	}
	for i := 1; i <= 2; i++ {
		v := c.in(i)
		if c.Opset < 21 && len(v.Shape) == 1 && v.Shape[0] == groups && groups != channels {
			c.Inputs[i] = c.repeated(v, channels/groups, i)
		}
		c.bias(i, channels)
	}
	c.set(0, x.Type, x.Shape...)
}

// repeated is a constant vector with each element n times.
func (c *call) repeated(v *Value, n int64, step int) *Value {
	if !c.r.static[v] {
		c.unsupported("its scale or bias is known only while the model runs, and is one a group")
	}
	key := c.key
	key.step = step
	all := c.r.model.constants(key, func() []*tensor.Tensor {
		t := &tensor.Tensor{Type: v.Type, Shape: []int64{v.Shape[0] * n}}
		size := v.Type.Size()
		for i := 0; i < len(v.Constant.Data); i += size {
			for range n {
				t.Data = append(t.Data, v.Constant.Data[i:i+size]...)
			}
		}
		return []*tensor.Tensor{t}
	})
	out := &Value{Name: v.Name + " repeated", Type: v.Type, Shape: all[0].Shape, Constant: all[0]}
	c.r.static[out] = true
	return out
}

// layerNormalization normalizes all dimensions from axis on.
func layerNormalization(c *call) {
	x := c.ranked(0, 1)
	axis := c.axis(c.Int("axis", -1), len(x.Shape))
	c.setInt("axis", axis)
	for i := 1; i < len(c.Inputs); i++ {
		if c.Inputs[i] != nil {
			c.within(c.Inputs[i], x.Shape[axis:])
		}
	}
	c.set(0, x.Type, x.Shape...)
	rest := withOnes(x.Shape[:axis], len(x.Shape)-int(axis))
	stash := c.typeOf(c.Int("stash_type", int64(tensor.Float32)))
	c.set(1, stash, rest...)
	c.set(2, stash, rest...)
}

func rmsNormalization(c *call) {
	x := c.ranked(0, 1)
	axis := c.axis(c.Int("axis", -1), len(x.Shape))
	c.setInt("axis", axis)
	c.within(c.in(1), x.Shape[axis:])
	c.set(0, c.in(1).Type, x.Shape...)
}

func lpNormalization(c *call) {
	x := c.ranked(0, 1)
	c.setInt("axis", c.axis(c.Int("axis", -1), len(x.Shape)))
	c.set(0, x.Type, x.Shape...)
}

// softmax works along one axis from operator set 13 on; before, along all from axis on.
func softmax(c *call) {
	x := c.in(0)
	axis, behind := c.Int("axis", -1), int64(1)
	if c.Opset < 13 {
		axis = c.Int("axis", 1)
	}
	outer, length, inner := int64(1), int64(1), int64(1)
	if len(x.Shape) > 0 || axis < -1 || axis > 0 {
		if c.Opset < 13 && axis == int64(len(x.Shape)) {
			behind = 0
		} else {
			axis = c.axis(axis, len(x.Shape))
		}
		for i, d := range x.Shape {
			switch {
			case int64(i) < axis:
				outer *= d
			case int64(i) == axis && behind == 1 || c.Opset < 13:
				length *= d
			default:
				inner *= d
			}
		}
	}
	c.drop("axis")
	c.setInt("outer", outer)
	c.setInt("length", length)
	c.setInt("inner", inner)
	c.set(0, x.Type, x.Shape...)
}

// recurrent is the rule of LSTM, GRU and RNN: their outputs are all states, and the last
// state of each kind.
func recurrent(c *call) {
	x, w, state := c.in(0), c.in(1), c.in(2)
	if len(x.Shape) != 3 || len(w.Shape) != 3 || len(state.Shape) != 3 {
		c.fail("its input, weights and recurrent weights are to have 3 dimensions")
	}
	gates := map[string]int64{"RNN": 1, "GRU": 3, "LSTM": 4}[c.Op]
	hidden := c.Int("hidden_size", state.Shape[2])
	directions := int64(1)
	switch d := c.Text("direction", "forward"); d {
	case "bidirectional":
		directions = 2
	case "forward", "reverse":
	default:
		c.fail("its direction is %q", d)
	}
	if hidden < 1 || hidden > maxExtent || w.Shape[0] != directions || w.Shape[1] != gates*hidden || w.Shape[2] != x.Shape[2] ||
		state.Shape[0] != directions || state.Shape[1] != gates*hidden || state.Shape[2] != hidden {
		c.fail("its weights do not fit %d values, a state of %d and %d directions", x.Shape[2], hidden, directions)
	}
	c.setInt("hidden_size", hidden)
	c.drop("output_sequence")
	length, batch := x.Shape[0], x.Shape[1]
	all, last := []int64{length, directions, batch, hidden}, []int64{directions, batch, hidden}
	if c.Int("layout", 0) != 0 {
		length, batch = batch, length
		all, last = []int64{batch, length, directions, hidden}, []int64{batch, directions, hidden}
	}
	c.states(directions, batch, hidden, gates, last)
	c.set(0, x.Type, all...)
	c.set(1, x.Type, last...)
	if c.Op == "LSTM" {
		c.set(2, x.Type, last...)
	}
}

// states checks the inputs of a recurrent node that may be left out.
func (c *call) states(directions, batch, hidden, gates int64, last []int64) {
	check := func(i int, shape ...int64) {
		if v := c.Input(i); v != nil && !slices.Equal(v.Shape, shape) {
			c.fail("its input %d is to have the shape %v", i, shape)
		}
	}
	check(3, directions, 2*gates*hidden)
	check(4, batch)
	check(5, last...)
	if c.Op == "LSTM" {
		check(6, last...)
		check(7, directions, 3*hidden)
	}
}
