package batch

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"servery/engine/tensor"
)

func TestRowsAreTheFirstDimensionThatAllInputsShare(t *testing.T) {
	of := func(shapes ...[]int64) []tensor.Named {
		var n []tensor.Named
		for _, s := range shapes {
			n = append(n, tensor.Named{Value: tensor.Value{Tensor: &tensor.Tensor{Shape: s}}})
		}
		return n
	}
	for _, c := range []struct {
		inputs []tensor.Named
		want   int
	}{
		{nil, 0},
		{of([]int64{3}), 3},
		{of([]int64{3, 4}, []int64{3}), 3},
		{of([]int64{3, 4}, []int64{2}), 0},
		{of([]int64{}), 0},
		{of([]int64{0, 4}), 0},
		{[]tensor.Named{{Value: tensor.Value{Sequence: []tensor.Value{}}}}, 0},
	} {
		if got := Rows(c.inputs); got != c.want {
			t.Errorf("%+v: %d rows, want %d", c.inputs, got, c.want)
		}
	}
}

func TestOnlyInputsOfTheSameFormAreAlike(t *testing.T) {
	one := func(name string, typ tensor.Type, shape ...int64) []tensor.Named {
		return []tensor.Named{{Name: name, Value: tensor.Value{Tensor: &tensor.Tensor{Type: typ, Shape: shape}}}}
	}
	base := one("x", tensor.Float32, 1, 4)
	for _, c := range []struct {
		other []tensor.Named
		want  bool
	}{
		{one("x", tensor.Float32, 7, 4), true},
		{one("y", tensor.Float32, 1, 4), false},
		{one("x", tensor.Int64, 1, 4), false},
		{one("x", tensor.Float32, 1, 5), false},
		{one("x", tensor.Float32, 1, 4, 1), false},
		{append(one("x", tensor.Float32, 1, 4), base...), false},
	} {
		if got := Alike(base, c.other); got != c.want {
			t.Errorf("%+v: %v", c.other[0].Tensor, got)
		}
	}
}

// form draws the names, types and trailing dimensions of inputs.
func form(t *rapid.T) []tensor.Named {
	types := []tensor.Type{tensor.Float32, tensor.Int64, tensor.Bool, tensor.Float64, tensor.String, tensor.Float16}
	var inputs []tensor.Named
	for i := range rapid.IntRange(1, 3).Draw(t, "inputs") {
		shape := append([]int64{0}, rapid.SliceOfN(rapid.Int64Range(0, 3), 0, 3).Draw(t, "rest")...)
		inputs = append(inputs, tensor.Named{Name: fmt.Sprint("x", i), Value: tensor.Value{Tensor: &tensor.Tensor{Type: rapid.SampledFrom(types).Draw(t, "type"), Shape: shape}}})
	}
	return inputs
}

// filled gives inputs of a form with so many rows, whose elements count from next on.
func filled(form []tensor.Named, rows int, next *uint64) []tensor.Named {
	var inputs []tensor.Named
	for _, f := range form {
		x := &tensor.Tensor{Type: f.Tensor.Type, Shape: slices.Clone(f.Tensor.Shape)}
		x.Shape[0] = int64(rows)
		for range x.Elements() {
			*next++
			if x.Type == tensor.String {
				x.Strings = append(x.Strings, fmt.Sprint(*next))
			} else {
				x.Data = append(x.Data, binary.LittleEndian.AppendUint64(nil, *next)[:x.Type.Size()]...)
			}
		}
		inputs = append(inputs, tensor.Named{Name: f.Name, Value: tensor.Value{Tensor: x}})
	}
	return inputs
}

// What is joined and taken apart again is what it was, whatever its form, and also where
// the memory was used before.
func TestWhatIsJoinedIsTakenApartAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var j Joiner
		var p Part
		next := uint64(0)
		for range rapid.IntRange(1, 4).Draw(t, "rounds") {
			f := form(t)
			var parts [][]tensor.Named
			total := 0
			for range rapid.IntRange(1, 6).Draw(t, "requests") {
				rows := rapid.IntRange(1, 5).Draw(t, "rows")
				parts, total = append(parts, filled(f, rows, &next)), total+rows
			}
			joint := j.Join(parts)
			if got := Rows(joint); got != total {
				t.Fatalf("%d rows, want %d", got, total)
			}
			for i := range joint {
				x := joint[i].Tensor
				if want := x.Elements(); x.Type == tensor.String && int64(len(x.Strings)) != want || x.Type != tensor.String && int64(len(x.Data)) != want*int64(x.Type.Size()) {
					t.Fatalf("%+v does not hold its %d elements", x, want)
				}
			}
			if name := Misfit(joint, total); name != "" {
				t.Fatalf("%s does not fit", name)
			}
			from := 0
			for _, part := range parts {
				rows := Rows(part)
				got := p.Take(joint, from, rows, total)
				for i := range part {
					a, b := part[i].Tensor, got[i].Tensor
					if part[i].Name != got[i].Name || a.Type != b.Type || !slices.Equal(a.Shape, b.Shape) || string(a.Data) != string(b.Data) || !slices.Equal(a.Strings, b.Strings) {
						t.Fatalf("got %+v, want %+v", b, a)
					}
				}
				from += rows
			}
			p.Reset()
			j.Reset()
		}
	})
}

func TestASequenceOfMapsHasAMapARow(t *testing.T) {
	maps := make([]tensor.Value, 5)
	for i := range maps {
		maps[i].Map = &tensor.Map{Keys: &tensor.Tensor{Type: tensor.Int64}}
	}
	outputs := []tensor.Named{{Name: "p", Value: tensor.Value{Sequence: maps}}}
	if Misfit(outputs, 5) != "" || Misfit(outputs, 4) != "p" {
		t.Error("five maps are not five rows")
	}
	got := new(Part).Take(outputs, 1, 2, 5)
	if len(got[0].Sequence) != 2 || got[0].Sequence[0].Map != maps[1].Map || got[0].Sequence[1].Map != maps[2].Map {
		t.Errorf("got %+v", got)
	}
	for _, o := range []tensor.Value{
		{}, {Map: maps[0].Map}, {Sequence: make([]tensor.Value, 5)},
		{Tensor: &tensor.Tensor{}}, {Tensor: &tensor.Tensor{Shape: []int64{4, 5}}},
	} {
		if Misfit([]tensor.Named{outputs[0], {Name: "q", Value: o}}, 5) != "q" {
			t.Errorf("%+v has five rows", o)
		}
	}
}

func TestAJoinerKeepsNoTexts(t *testing.T) {
	var j Joiner
	x := []tensor.Named{{Name: "s", Value: tensor.Value{Tensor: &tensor.Tensor{Type: tensor.String, Shape: []int64{2}, Strings: []string{"a", "b"}}}}}
	joint := j.Join([][]tensor.Named{x, x})
	if !reflect.DeepEqual(joint[0].Tensor.Strings, []string{"a", "b", "a", "b"}) {
		t.Fatalf("got %+v", joint[0].Tensor)
	}
	j.Reset()
	for _, s := range j.strings[0][:4] {
		if s != "" {
			t.Errorf("%q is kept", s)
		}
	}
}

func BenchmarkJoinAndTake(b *testing.B) {
	next := uint64(0)
	f := []tensor.Named{{Name: "x", Value: tensor.Value{Tensor: &tensor.Tensor{Type: tensor.Float32, Shape: []int64{0, 784}}}}}
	var parts [][]tensor.Named
	for range 16 {
		parts = append(parts, filled(f, 1, &next))
	}
	var j Joiner
	var p [16]Part
	b.ReportAllocs()
	for b.Loop() {
		joint := j.Join(parts)
		for i := range p {
			p[i].Take(joint, i, 1, 16)
		}
		j.Reset()
	}
}
