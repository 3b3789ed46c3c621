package batch

import (
	"slices"

	"servery/engine/tensor"
)

// Rows is the first dimension that all inputs share: how many rows a request has. It is 0
// where the request cannot be joined with others: an input is no tensor or a scalar, the
// first dimensions differ, or there are no rows.
func Rows(inputs []tensor.Named) int {
	rows := int64(0)
	for i := range inputs {
		t := inputs[i].Tensor
		if t == nil || len(t.Shape) == 0 || t.Shape[0] <= 0 || i > 0 && t.Shape[0] != rows {
			return 0
		}
		rows = t.Shape[0]
	}
	return int(rows)
}

// Alike tells whether the inputs of two requests, both with rows, can be joined: the same
// names in the same order, the same types, and the same dimensions behind the first.
func Alike(a, b []tensor.Named) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		s, t := a[i].Tensor, b[i].Tensor
		if a[i].Name != b[i].Name || s.Type != t.Type || !slices.Equal(s.Shape[1:], t.Shape[1:]) {
			return false
		}
	}
	return true
}

// keptBytes bounds the memory that a Joiner keeps for the next run, for each input.
const keptBytes = 16 << 20

// Joiner joins inputs, in memory that it uses again. The zero value is ready; one Joiner
// serves one run at a time.
type Joiner struct {
	named   []tensor.Named
	tensors []tensor.Tensor
	shapes  []int64
	data    [][]byte
	strings [][]string
}

// Join puts the inputs of several requests, which are Alike, one behind the other. The
// result is valid until the next Join or Reset.
func (j *Joiner) Join(parts [][]tensor.Named) []tensor.Named {
	first := parts[0]
	j.shape(first)
	for i := range first {
		t := &j.tensors[i]
		*t = tensor.Tensor{Type: first[i].Tensor.Type, Shape: t.Shape}
		t.Shape[0] = 0
		if t.Type == tensor.String {
			t.Strings = j.strings[i][:0]
		} else {
			t.Data = j.data[i][:0]
		}
		for _, part := range parts {
			p := part[i].Tensor
			t.Shape[0] += p.Shape[0]
			t.Strings = append(t.Strings, p.Strings...)
			t.Data = append(t.Data, p.Data...)
		}
		j.strings[i], j.data[i] = t.Strings, t.Data
		j.named[i] = tensor.Named{Name: first[i].Name, Value: tensor.Value{Tensor: t}}
	}
	return j.named
}

// shape makes room for tensors like those of one request.
func (j *Joiner) shape(like []tensor.Named) {
	n := len(like)
	if len(j.named) != n {
		*j = Joiner{named: make([]tensor.Named, n), tensors: make([]tensor.Tensor, n),
			data: make([][]byte, n), strings: make([][]string, n)}
	}
	dims := 0
	for i := range like {
		dims += len(like[i].Tensor.Shape)
	}
	j.shapes = slices.Grow(j.shapes[:0], dims)[:dims]
	rest := j.shapes
	for i := range like {
		d := copy(rest, like[i].Tensor.Shape)
		j.tensors[i].Shape, rest = rest[:d:d], rest[d:]
	}
}

// Reset gives back what is too large to keep, and the texts of the requests.
func (j *Joiner) Reset() {
	for i := range j.data {
		if cap(j.data[i]) > keptBytes {
			j.data[i] = nil
		}
		clear(j.strings[i])
		if cap(j.strings[i]) > keptBytes/16 {
			j.strings[i] = nil
		}
	}
}

// Misfit names the first of a run's outputs that does not have one entry a row, so that it
// cannot be taken apart; "" where all have.
func Misfit(outputs []tensor.Named, rows int) string {
	for i := range outputs {
		o := &outputs[i]
		switch {
		case o.Tensor != nil && len(o.Tensor.Shape) > 0 && o.Tensor.Shape[0] == int64(rows):
		case o.Sequence != nil && len(o.Sequence) == rows && rowsOfMaps(o.Sequence):
		default:
			return o.Name
		}
	}
	return ""
}

func rowsOfMaps(s []tensor.Value) bool {
	for i := range s {
		if s[i].Map == nil {
			return false
		}
	}
	return true
}

// Part is one request's share of a run's outputs, in memory that it uses again. The zero
// value is ready.
type Part struct {
	values  []tensor.Named
	tensors []tensor.Tensor
	shapes  []int64
}

// Take gives the rows [from, from+rows) of tensors that have total rows (see Misfit), as
// views of their memory. The result is valid until the next Take or Reset, and no longer
// than the outputs are.
func (p *Part) Take(outputs []tensor.Named, from, rows, total int) []tensor.Named {
	dims := 0
	for i := range outputs {
		if t := outputs[i].Tensor; t != nil {
			dims += len(t.Shape)
		}
	}
	n := len(outputs)
	p.values = slices.Grow(p.values[:0], n)[:n]
	p.tensors = slices.Grow(p.tensors[:0], n)[:n]
	p.shapes = slices.Grow(p.shapes[:0], dims)[:dims]
	shapes := p.shapes
	for i := range outputs {
		o := &outputs[i]
		p.values[i] = tensor.Named{Name: o.Name}
		if o.Tensor == nil {
			p.values[i].Sequence = o.Sequence[from : from+rows : from+rows]
			continue
		}
		d := copy(shapes, o.Tensor.Shape)
		t := &p.tensors[i]
		*t = tensor.Tensor{Type: o.Tensor.Type, Shape: shapes[:d:d]}
		t.Shape[0], shapes = int64(rows), shapes[d:]
		if t.Type == tensor.String {
			t.Strings = slice(o.Tensor.Strings, from, rows, total)
		} else {
			t.Data = slice(o.Tensor.Data, from, rows, total)
		}
		p.values[i].Tensor = t
	}
	return p.values
}

// slice is the part of rows of what holds total rows.
func slice[T any](all []T, from, rows, total int) []T {
	each := len(all) / total
	return all[from*each : (from+rows)*each : (from+rows)*each]
}

// Reset drops what the Part shows.
func (p *Part) Reset() {
	clear(p.values)
	clear(p.tensors)
}
