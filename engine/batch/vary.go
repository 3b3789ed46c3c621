package batch

import (
	"math"
	"math/rand/v2"

	"servery/engine/tensor"
)

// Vary makes inputs of as many rows from an example's, and tells whether the rows differ.
// Rows that are all the same would not show a model that mixes them. The example's rows
// are taken in turn and changed: floats by up to a tenth, and where texts and whole
// numbers may change, those among themselves: they are often numbers of words and
// categories, which must exist. Row 0 is the example's first. The same seed gives the same
// rows.
func Vary(example []tensor.Named, rows int, exact bool, seed uint64) (inputs []tensor.Named, differ bool) {
	random := rand.New(rand.NewPCG(seed, 0))
	total := Rows(example)
	for i := range example {
		from := example[i].Tensor
		t := &tensor.Tensor{Type: from.Type, Shape: append([]int64{int64(rows)}, from.Shape[1:]...)}
		for row := range rows {
			at := row % total
			if t.Type == tensor.String {
				texts := append([]string(nil), slice(from.Strings, at, 1, total)...)
				if row > 0 && !exact {
					for k := range texts {
						texts[k] += string(rune('a' + random.IntN(26)))
					}
				}
				t.Strings = append(t.Strings, texts...)
				continue
			}
			data := append([]byte(nil), slice(from.Data, at, 1, total)...)
			if row > 0 {
				change(&tensor.Tensor{Type: t.Type, Data: data}, row, exact, random)
			}
			t.Data = append(t.Data, data...)
		}
		differ = differ || differs(t, rows)
		inputs = append(inputs, tensor.Named{Name: example[i].Name, Value: tensor.Value{Tensor: t}})
	}
	return inputs, differ
}

// differs tells whether some row is not like the first.
func differs(t *tensor.Tensor, rows int) bool {
	for row := 1; row < rows; row++ {
		if string(slice(t.Data, row, 1, rows)) != string(slice(t.Data, 0, 1, rows)) {
			return true
		}
		first := slice(t.Strings, 0, 1, rows)
		for i, s := range slice(t.Strings, row, 1, rows) {
			if s != first[i] {
				return true
			}
		}
	}
	return false
}

// change changes a row's numbers in place.
func change(t *tensor.Tensor, row int, exact bool, random *rand.Rand) {
	switch {
	case t.Type == tensor.Float32:
		for i, v := range tensor.View[float32](t) {
			tensor.View[float32](t)[i] = v + float32(0.1*(1+math.Abs(float64(v)))*random.Float64())
		}
	case t.Type == tensor.Float64:
		for i, v := range tensor.View[float64](t) {
			tensor.View[float64](t)[i] = v + 0.1*(1+math.Abs(v))*random.Float64()
		}
	case exact || t.Type == tensor.Float16 || t.Type == tensor.BFloat16:
		// A half float is often one of several inputs; alone its last bit may change.
		if !exact {
			for i := 0; i+1 < len(t.Data); i += 2 {
				t.Data[i] ^= byte(random.IntN(2))
			}
		}
	default:
		shift(t, row, random)
	}
}

// shift moves a row's whole numbers on by as many places. Where they are all the same it
// brings some nearer to 0 by one, or from 0 to 1: both mostly exist.
func shift(t *tensor.Tensor, row int, random *rand.Rand) {
	size := t.Type.Size()
	n := len(t.Data) / size
	same := true
	for i := size; i < len(t.Data); i++ {
		same = same && t.Data[i] == t.Data[i-size]
	}
	if !same {
		old := append([]byte(nil), t.Data...)
		for i := range n {
			copy(t.Data[i*size:(i+1)*size], old[(i+row)%n*size:])
		}
		return
	}
	for i := range n {
		if random.IntN(2) == 0 {
			continue
		}
		// Little-endian: the lowest byte says whether there is something to take away, and
		// of a negative number, all of whose higher bytes are set, adding brings it nearer.
		b := t.Data[i*size : (i+1)*size]
		if low, negative := b[0], b[size-1] >= 0x80 && size > 1; low == 0 || negative && low < 0xff {
			b[0]++
		} else if !negative {
			b[0]--
		}
	}
}
