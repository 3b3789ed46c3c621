package graph

import (
	"slices"
	"strings"
)

// equation is that of an Einsum, with one character for each dimension. Digits are dimensions
// that dots stand for, counted from the last.
type equation struct {
	c      *call
	inputs []string
	output string
	size   map[byte]int64
	dots   int // dimensions that dots stand for in the output
}

func (e *equation) parse(text string) {
	text = strings.ReplaceAll(text, " ", "")
	left, right, explicit := strings.Cut(text, "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(e.c.Inputs) {
		e.c.fail("its equation %q has %d terms for %d inputs", text, len(terms), len(e.c.Inputs))
	}
	for i, term := range terms {
		e.term(term, e.c.in(i).Shape)
	}
	if !explicit {
		right = "..." + e.single(left)
	}
	if before, after, ok := strings.Cut(right, "..."); ok {
		right = before + dotted(e.dots) + after
	}
	e.output = right
	for i := range right {
		if strings.IndexByte(right, right[i]) != i {
			e.c.fail("its equation's output names %q twice", right[i])
		}
	}
}

// dotted names n dimensions that dots stand for: the last is '0'.
func dotted(n int) string {
	var b []byte
	for i := n - 1; i >= 0; i-- {
		b = append(b, byte('0'+i))
	}
	return string(b)
}

// term reads the names of one input's dimensions.
func (e *equation) term(term string, shape []int64) {
	before, after, dots := strings.Cut(term, "...")
	if dots {
		n := len(shape) - len(before) - len(after)
		if n < 0 || n > 9 {
			e.c.fail("the term %q does not fit %v", term, shape)
		}
		e.dots = max(e.dots, n)
		term = before + dotted(n) + after
	}
	if len(term) != len(shape) {
		e.c.fail("the term %q does not fit %v", term, shape)
	}
	for i, d := range shape {
		name := term[i]
		letter := name >= 'a' && name <= 'z' || name >= 'A' && name <= 'Z'
		ofDots := dots && i >= len(before) && i < len(term)-len(after)
		if !letter && !ofDots {
			e.c.fail("its equation names a dimension %q", name)
		}
		known, ok := e.size[name]
		switch {
		case !ok || known == 1:
			e.size[name] = d
		case d != 1 && d != known:
			e.c.fail("the dimension %q is both %d and %d", name, known, d)
		}
	}
	e.inputs = append(e.inputs, term)
}

// single are the letters that stand once in all terms, in order.
func (e *equation) single(left string) string {
	var once []byte
	for i := range left {
		letter := left[i] >= 'a' && left[i] <= 'z' || left[i] >= 'A' && left[i] <= 'Z'
		if letter && strings.Count(left, left[i:i+1]) == 1 {
			once = append(once, left[i])
		}
	}
	slices.Sort(once)
	return string(once)
}

// String is the equation with its arrow and without dots.
func (e *equation) String() string { return strings.Join(e.inputs, ",") + "->" + e.output }
