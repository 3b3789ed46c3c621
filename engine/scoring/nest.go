package scoring

import (
	"fmt"
	"math"
	"strings"
)

// maxRank bounds the dimensions of a tensor; numpy's bound is 64, no operator of ONNX
// takes more than a few.
const maxRank = 32

// nest is a tensor that is filled from nested lists: all lists of one depth must have
// the same length.
type nest struct {
	sink
	cast cast
	n    int // elements read
	rank int // -1 until the first scalar or empty list
	// dims are the lengths of the lists by depth, -1 where none has ended yet. Where rows
	// come one by one (rows of a table, instances), dims[0] is theirs to count.
	dims [maxRank]int64
	// place is the index at each depth, for errors.
	place [maxRank]int64
	rows  int
}

func (t *nest) reset(c cast) {
	t.sink.reset(c.to)
	t.cast, t.n, t.rank, t.rows = c, 0, -1, 0
	for i := range t.dims {
		t.dims[i] = -1
	}
}

// value reads a scalar or nested lists. depth is 0 for a whole tensor, 1 for a row.
func (d *decoder) value(t *nest, depth int) error {
	if c := d.space(); c != '[' {
		return d.leaf(t, depth, c)
	}
	return d.list(t, depth)
}

// leaf reads one scalar below depth lists.
func (d *decoder) leaf(t *nest, depth int, c byte) error {
	if t.rank != depth {
		if t.rank >= 0 {
			return d.ragged(t, depth, "a single value")
		}
		t.rank = depth
	}
	t.room(t.n + 1)
	if f := d.element(&t.sink, &t.cast, t.n, c); f != fine {
		return &valueError{fault: f, cast: t.cast, text: d.raw(), place: t.position(depth)}
	}
	t.n++
	return nil
}

func (d *decoder) list(t *nest, depth int) error {
	if depth >= maxRank {
		return &shapeError{fmt.Sprintf("lists are nested more than %d deep", maxRank)}
	}
	if t.rank >= 0 && depth >= t.rank {
		return d.ragged(t, depth, "a list")
	}
	if d.enter(']') {
		if t.rank < 0 {
			t.rank = depth + 1
		}
		return t.close(depth, 0)
	}
	var n int64
	for more := true; more; n++ {
		t.place[depth] = n
		c := d.space()
		var err error
		switch {
		case c == '[':
			err = d.list(t, depth+1)
		case t.rank == depth+1:
			if run := d.run(&t.sink, &t.cast, t.n, math.MaxInt); run > 0 {
				t.n += run
				n += int64(run) - 1
				break
			}
			fallthrough
		default:
			err = d.leaf(t, depth+1, c)
		}
		if err != nil {
			return err
		}
		if more, err = d.next(']'); err != nil {
			return err
		}
	}
	return t.close(depth, n)
}

// close ends a list of n elements.
func (t *nest) close(depth int, n int64) error {
	if t.dims[depth] < 0 {
		t.dims[depth] = n
	}
	if t.dims[depth] != n {
		return &shapeError{fmt.Sprintf("setting an array element with a sequence. The requested array has an inhomogeneous shape: the list at %s has the length %d, those before it have %d",
			t.position(depth), n, t.dims[depth])}
	}
	return nil
}

func (d *decoder) ragged(t *nest, depth int, got string) error {
	want := "a single value"
	if t.rank > depth {
		want = "a list"
	}
	return &shapeError{fmt.Sprintf("setting an array element with a sequence. The requested array has an inhomogeneous shape: %s is %s where those before it are %s",
		t.position(depth), got, want)}
}

// position is the path to the value below depth lists: "[3][0]".
func (t *nest) position(depth int) string {
	var b strings.Builder
	for _, i := range t.place[:depth] {
		fmt.Fprintf(&b, "[%d]", i)
	}
	if depth == 0 {
		return "the value"
	}
	return b.String()
}

// shape appends the tensor's shape. Lengths that no list has shown are 0.
func (t *nest) shape(dst []int64) []int64 {
	for _, n := range t.dims[:max(t.rank, 0)] {
		dst = append(dst, max(n, 0))
	}
	return dst
}

// raw is the value that was read last, as written.
func (d *decoder) raw() string {
	s := scanner{b: d.b, i: d.at}
	if s.i < len(s.b) && s.skip(0) == nil {
		return excerpt(d.b[d.at:s.i])
	}
	return excerpt(d.b[min(d.at, len(d.b)):])
}
