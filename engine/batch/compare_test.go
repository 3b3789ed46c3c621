package batch

import (
	"encoding/binary"
	"math"
	"testing"

	"pgregory.net/rapid"

	"servery/engine/tensor"
)

func f32(values ...float32) tensor.Value {
	t := &tensor.Tensor{Type: tensor.Float32, Shape: []int64{int64(len(values))}}
	for _, v := range values {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(v))
	}
	return tensor.Value{Tensor: t}
}

func i64(values ...int64) tensor.Value {
	t := &tensor.Tensor{Type: tensor.Int64, Shape: []int64{int64(len(values))}}
	for _, v := range values {
		t.Data = binary.LittleEndian.AppendUint64(t.Data, uint64(v))
	}
	return tensor.Value{Tensor: t}
}

func TestOnlyRoundingIsOverlooked(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	row := func(k, v tensor.Value) tensor.Value {
		return tensor.Value{Map: &tensor.Map{Keys: k.Tensor, Values: v.Tensor}}
	}
	list := func(v ...tensor.Value) tensor.Value { return tensor.Value{Sequence: v} }
	for name, c := range map[string]struct {
		a, b tensor.Value
		want bool
	}{
		"equal":                    {f32(1, 2), f32(1, 2), true},
		"another kernel":           {f32(1, 1000), f32(1.00001, 1000.001), true},
		"a row beside it":          {f32(1, 1000), f32(1.5, 1000), false},
		"NaN and NaN":              {f32(nan, 1), f32(nan, 1), true},
		"NaN and a number":         {f32(nan, 1), f32(1, 1), false},
		"infinities":               {f32(inf, 1), f32(inf, 1), true},
		"infinity and the largest": {f32(inf, 1), f32(math.MaxFloat32, 1), false},
		"opposite infinities":      {f32(inf, 1), f32(-inf, 1), false},
		"labels":                   {i64(1, 2), i64(1, 2), true},
		"another label":            {i64(1, 2), i64(1, 3), false},
		"another type":             {i64(1), f32(0, 0), false},
		"another length":           {f32(1), f32(1, 1), false},
		"maps":                     {list(row(i64(1), f32(2))), list(row(i64(1), f32(2.00001))), true},
		"other keys":               {list(row(i64(1), f32(2))), list(row(i64(2), f32(2))), false},
		"more maps":                {list(row(i64(1), f32(2))), list(), false},
		"nothing":                  {tensor.Value{}, tensor.Value{}, false},
	} {
		if got := Same([]tensor.Named{{Name: "y", Value: c.a}}, []tensor.Named{{Name: "y", Value: c.b}}, Rounding); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	tf32 := []tensor.Named{{Name: "y", Value: f32(1, 1000)}}
	for value, want := range map[float32]bool{1005: true, 1020: false} {
		if got := Same([]tensor.Named{{Name: "y", Value: f32(1, value)}}, tf32, CoarseRounding); got != want {
			t.Errorf("%v: %v", value, got)
		}
	}
}

// The rows of a trial differ, the first is the example's, and all are again the same with
// the same seed.
func TestRowsOfATrialDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		next := uint64(rapid.IntRange(0, 300).Draw(t, "from"))
		rows := rapid.IntRange(1, 3).Draw(t, "rows of the example")
		example := filled(form(t), rows, &next)
		for _, f := range example {
			if f.Tensor.Elements() == 0 {
				t.Skip("no elements")
			}
		}
		inputs, differ := Vary(example, 8, false, 1)
		if Rows(inputs) != 8 {
			t.Fatalf("%d rows", Rows(inputs))
		}
		if !differ {
			t.Fatalf("eight rows like %+v are all the same", example[0].Tensor)
		}
		first, want := new(Part).Take(inputs, 0, 1, 8), new(Part).Take(example, 0, 1, rows)
		for i := range first {
			if string(first[i].Tensor.Data) != string(want[i].Tensor.Data) || len(want[i].Tensor.Strings) > 0 && first[i].Tensor.Strings[0] != want[i].Tensor.Strings[0] {
				t.Fatalf("the first row is %+v, want %+v", first[i].Tensor, want[i].Tensor)
			}
		}
		again, _ := Vary(example, 8, false, 1)
		for i := range again {
			if string(again[i].Tensor.Data) != string(inputs[i].Tensor.Data) {
				t.Fatal("another try with the same seed has other rows")
			}
		}
	})
}

// Words and categories that a model knows stay ones that it knows.
func TestWholeNumbersStayAmongThoseOfTheExample(t *testing.T) {
	example := []tensor.Named{{Name: "ids", Value: tensor.Value{Tensor: &tensor.Tensor{Type: tensor.Int64, Shape: []int64{1, 3}, Data: i64(7, 300, 12).Tensor.Data}}}}
	inputs, _ := Vary(example, 8, false, 1)
	for _, v := range tensor.View[int64](inputs[0].Tensor) {
		if v != 7 && v != 300 && v != 12 {
			t.Errorf("%d is not in the example", v)
		}
	}
	exact, differ := Vary(example, 8, true, 1)
	if differ {
		t.Errorf("exact rows differ: %v", tensor.View[int64](exact[0].Tensor))
	}
	for value, allowed := range map[int64][]int64{0: {0, 1}, 5: {5, 4}, -5: {-5, -4}, 256: {256, 257}, -1: {-1, -2}} {
		example[0].Tensor = i64(value, value).Tensor
		example[0].Tensor.Shape = []int64{1, 2}
		inputs, _ := Vary(example, 8, false, 1)
		for _, v := range tensor.View[int64](inputs[0].Tensor) {
			if v != allowed[0] && v != allowed[1] {
				t.Errorf("%d became %d", value, v)
			}
		}
	}
}
