package ptx

import (
	"fmt"
	"strings"
)

// jump goes to block i, for all lanes that run.
func (e *emitter) jump(all []*block, i int) {
	e.printf("\t\tif (!f.split) goto L%d;\n\t\tf.go(f.M, %d);\n\t\tgoto dispatch;\n", all[i].rank, all[i].rank)
}

// end writes how a block is left.
func (e *emitter) end(all []*block) error {
	b := all[e.at]
	var last Statement
	if n := len(b.statements); n > 0 && leaves(b.statements[n-1]) {
		last = b.statements[n-1]
	}
	e.s = last
	e.mods = &modifiers{last.Modifiers}
	switch last.Name {
	case "":
		e.jump(all, b.next[0])
	case "bra":
		e.mods.has("uni")
		if last.Guard == "" {
			e.jump(all, b.next[0])
			break
		}
		yes, no := all[b.next[0]].rank, all[b.next[1]].rank
		e.printf("\t\tu32 taken = %s;\n", e.lanes())
		e.printf("\t\tif (!f.split) {\n\t\t\tif (taken == f.M) goto L%d;\n\t\t\tif (!taken) goto L%d;\n\t\t}\n", yes, no)
		e.printf("\t\tf.part(taken, %d, %d);\n\t\tgoto dispatch;\n", yes, no)
	case "brx":
		e.mods.has("uni")
		if !e.mods.has("idx") || last.Guard != "" {
			return e.unknown()
		}
		index, err := e.source(last.Operands[0], "u32")
		if err != nil {
			return err
		}
		var ranks []string
		for _, to := range b.next {
			ranks = append(ranks, fmt.Sprint(all[to].rank))
		}
		e.printf("\t\tstatic const int table[] = {%s};\n", strings.Join(ranks, ", "))
		e.printf("\t\tbranch_by(w, f, %d, %s, table, %d);\n\t\tgoto dispatch;\n", last.Line, index, len(ranks))
	case "ret", "exit", "trap":
		e.mods.has("uni")
		if last.Name == "trap" {
			e.printf("\t\tif (%s) fault(w, launch_failed, %d, __builtin_ctz(%s), \"trap\");\n", e.lanes(), last.Line, e.lanes())
		} else if last.Name == "exit" && !e.f.Entry {
			return e.errorf("in a function it is not translated")
		}
		e.printf("\t\tf.end(%s);\n", e.lanes())
		if last.Guard != "" {
			e.printf("\t\tf.go(f.M & f.alive, %d);\n", all[b.next[0]].rank)
		}
		e.printf("\t\tgoto dispatch;\n")
	case "bar", "barrier":
		return e.wait(all, all[b.next[0]].rank)
	}
	if len(e.mods.left) > 0 {
		return e.unknown()
	}
	return nil
}

// wait ends a block at bar.sync, which resumes at the block of rank resume.
func (e *emitter) wait(all []*block, resume int) error {
	e.mods.one("cta")
	e.mods.one("aligned")
	sync := e.mods.has("sync")
	if !sync || len(e.mods.left) > 0 || e.s.Guard != "" || len(e.s.Operands) < 1 || len(e.s.Operands) > 2 {
		return e.unknown()
	}
	if !e.f.Entry {
		return e.errorf("in a function it is not translated: let the compiler inline it")
	}
	o := e.s.Operands[0]
	if o.Kind != Integer || o.Bits > 15 {
		return e.errorf("the barrier must be a number from 0 to 15")
	}
	if len(e.s.Operands) == 2 {
		return e.errorf("a barrier of a part of the block is not translated")
	}
	e.printf("\t\treturn wait_at_barrier(w, f, f.M, %d, %d, %d);\n", o.Bits, e.s.Line, resume)
	return nil
}

// barrier is bar.warp.sync; the others end a block.
func barrier(e *emitter) error {
	if !e.mods.has("warp") || !e.mods.has("sync") || len(e.s.Operands) != 1 {
		return e.unknown()
	}
	members, err := e.source(e.s.Operands[0], "u32")
	if err != nil {
		return err
	}
	e.printf("\t\twarp_sync(w, %d, %s, %s);\n", e.s.Line, e.lanes(), members)
	return nil
}

// branch and leave stand for the instructions that end a block: see end.
func branch(e *emitter) error { return e.unknown() }
func leave(e *emitter) error  { return e.unknown() }

// call calls a function with the buffers of its results and parameters.
func call(e *emitter) error {
	e.mods.has("uni")
	var lists [][]Operand
	name := ""
	for _, o := range e.s.Operands {
		switch o.Kind {
		case List:
			lists = append(lists, o.Parts)
		case Symbol:
			if name != "" {
				return e.unknown()
			}
			if len(lists) == 0 {
				lists = append(lists, nil) // no results
			}
			name = o.Name
		default:
			return e.unknown()
		}
	}
	f := e.m.functions[name]
	if f == nil || f.Entry {
		return e.errorf("there is no function %s in the text", name)
	}
	for len(lists) < 2 {
		lists = append(lists, nil)
	}
	if len(lists[0]) != len(f.Returns) || len(lists[1]) != len(f.Params) {
		return e.errorf("%s takes %d parameters and gives %d results", name, len(f.Params), len(f.Returns))
	}
	args := []string{"w", e.lanes()}
	declared := append(append([]Variable{}, f.Returns...), f.Params...)
	for i, o := range append(append([]Operand{}, lists[0]...), lists[1]...) {
		v, ok := e.calls[o.Name]
		if !ok || v.Bytes() != declared[i].Bytes() {
			return e.errorf("%s is no parameter of %d bytes", o.Name, declared[i].Bytes())
		}
		args = append(args, identifier("c_", o.Name))
	}
	e.printf("\t\t%s(%s);\n", identifier("f_", name), strings.Join(args, ", "))
	return nil
}
