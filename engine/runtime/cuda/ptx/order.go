package ptx

import (
	"slices"
	"strings"
)

// block is a run of statements that is entered at its start and left at its end.
type block struct {
	labels     []string
	statements []Statement // instructions only; the last may be one that leaves
	next       []int       // where control may go, of the blocks in the order of the text
	rank       int         // its place in the order of the translation
}

// leaves says whether an instruction ends a block. A barrier does: it is returned to.
func leaves(s Statement) bool {
	switch s.Name {
	case "bra", "brx", "ret", "exit", "trap", "bar", "barrier":
		return !isWarpBarrier(s)
	}
	return false
}

func isWarpBarrier(s Statement) bool { return s.Name == "bar" && slices.Contains(s.Modifiers, "warp") }

// blocks cuts the body of a function and finds where each block leads.
func blocks(f *Function) ([]*block, error) {
	var all []*block
	at := map[string]int{}
	open := false
	for _, s := range f.Body {
		if !open || s.Label != "" && len(all[len(all)-1].statements) > 0 {
			all = append(all, &block{})
			open = true
		}
		b := all[len(all)-1]
		if s.Label != "" {
			if _, twice := at[s.Label]; twice {
				return nil, errorf(s.Line, "the label %s is there twice", s.Label)
			}
			at[s.Label] = len(all) - 1
			b.labels = append(b.labels, s.Label)
			continue
		}
		b.statements = append(b.statements, s)
		open = !leaves(s)
	}
	for i, b := range all {
		falls := true
		if n := len(b.statements); n > 0 && leaves(b.statements[n-1]) {
			last := b.statements[n-1]
			targets, err := targets(f, last)
			if err != nil {
				return nil, err
			}
			for _, t := range targets {
				to, ok := at[t]
				if !ok {
					return nil, errorf(last.Line, "%s: there is no label %s", last.Opcode(), t)
				}
				b.next = append(b.next, to)
			}
			falls = last.Guard != "" || strings.HasPrefix(last.Name, "bar")
		}
		if falls {
			if i+1 == len(all) {
				return nil, errorf(f.Line, "the code of %s runs over its end", f.Name)
			}
			b.next = append(b.next, i+1)
		}
	}
	rank(all)
	return all, nil
}

// targets are the labels that s may go to.
func targets(f *Function, s Statement) ([]string, error) {
	switch s.Name {
	case "bra":
		if len(s.Operands) != 1 || s.Operands[0].Kind != Symbol {
			return nil, errorf(s.Line, "%s takes one label", s.Opcode())
		}
		return []string{s.Operands[0].Name}, nil
	case "brx":
		if len(s.Operands) != 2 || s.Operands[1].Kind != Symbol || len(f.Tables[s.Operands[1].Name]) == 0 {
			return nil, errorf(s.Line, "%s takes an index and the label of .branchtargets before it", s.Opcode())
		}
		return f.Tables[s.Operands[1].Name], nil
	}
	return nil, nil
}

// rank orders blocks so that a loop's are together, what follows it comes after it, and every way
// but that back to a loop's head leads on. Where the lanes that are least far always go first,
// lanes that part then meet again at the first place that they all come to. It is Bourdoncle's weak
// topological order (Efficient chaotic iteration strategies with widenings, 1993).
func rank(all []*block) {
	for _, b := range all {
		b.rank = -1
	}
	if len(all) == 0 {
		return
	}
	w := &weakOrder{blocks: all, number: make([]int, len(all))}
	w.visit(0)
	slices.Reverse(w.order)
	for i, b := range w.order {
		all[b].rank = i
	}
}

type weakOrder struct {
	blocks []*block
	number []int // 0: not seen; ended: done
	count  int
	stack  []int
	order  []int // from the last to the first
}

const ended = 1 << 30

// visit gives the least number that v's part of the graph reaches back to.
func (w *weakOrder) visit(v int) int {
	w.stack = append(w.stack, v)
	w.count++
	w.number[v] = w.count
	head, loop := w.count, false
	for _, to := range w.blocks[v].next {
		least := w.number[to]
		if least == 0 {
			least = w.visit(to)
		}
		if least <= head {
			head, loop = least, true
		}
	}
	if head != w.number[v] {
		return head
	}
	w.number[v] = ended
	for top := w.pop(); top != v; top = w.pop() {
		if loop {
			w.number[top] = 0
		}
	}
	if loop {
		// The rest of the loop, ordered without its head, comes after the head.
		for _, to := range w.blocks[v].next {
			if w.number[to] == 0 {
				w.visit(to)
			}
		}
	}
	w.order = append(w.order, v)
	return head
}

func (w *weakOrder) pop() int {
	top := w.stack[len(w.stack)-1]
	w.stack = w.stack[:len(w.stack)-1]
	return top
}
