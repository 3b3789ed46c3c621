package ptx

import (
	"fmt"
	"strings"
)

func shuffle(e *emitter) error {
	kind := e.mods.one("up", "down", "bfly", "idx")
	if !e.mods.has("sync") || kind == "" || e.mods.kind() != "b32" || len(e.s.Operands) != 5 {
		return e.unknown()
	}
	to := e.s.Operands[0]
	var args []string
	for _, o := range e.s.Operands[1:] {
		a, err := e.source(o, "u32")
		if err != nil {
			return err
		}
		args = append(args, a)
	}
	e.printf("\t\t{ u32 p0; V<u32> d0; shfl<%s>(w, %d, %s, d0, p0, %s);\n", kind, e.s.Line, e.lanes(), strings.Join(args, ", "))
	second := to.Second
	to.Second = ""
	// The guard may be the predicate that is written.
	if err := e.assign(to, "u32", "mov", "d0"); err != nil {
		return err
	}
	if second != "" {
		e.assignPredicate(second, "p0")
	}
	e.printf("\t\t}\n")
	return nil
}

func vote(e *emitter) error {
	kind := e.mods.one("all", "any", "uni", "ballot")
	t := e.mods.kind()
	if !e.mods.has("sync") || kind == "" || len(e.s.Operands) != 3 || (kind == "ballot") != (t == "b32") {
		return e.unknown()
	}
	p, err := e.predicate(e.s.Operands[1])
	if err != nil {
		return err
	}
	members, err := e.source(e.s.Operands[2], "u32")
	if err != nil {
		return err
	}
	if kind == "ballot" {
		f := fmt.Sprintf("[&](auto &d, auto p, const auto &m) { ballot(w, %d, %s, d, p, m); }", e.s.Line, e.lanes())
		return e.assign(e.s.Operands[0], "u32", f, p, members)
	}
	if e.s.Operands[0].Kind != Register {
		return e.unknown()
	}
	e.assignPredicate(e.s.Operands[0].Name, fmt.Sprintf("vote_%s(w, %d, %s, %s, %s)", kind, e.s.Line, e.lanes(), p, members))
	return nil
}

func activemask(e *emitter) error {
	if e.mods.kind() != "b32" || len(e.s.Operands) != 1 {
		return e.unknown()
	}
	return e.assign(e.s.Operands[0], "u32", "mov", "all<u32>("+e.lanes()+")")
}

func match(e *emitter) error {
	if !e.mods.has("any") || !e.mods.has("sync") || e.mods.kind() != "b32" {
		return e.unknown()
	}
	return e.apply(fmt.Sprintf("[&](auto &d, const auto &...s) { match_any(w, %d, %s, d, s...); }", e.s.Line, e.lanes()), "u32", "u32", "u32")
}

func redux(e *emitter) error {
	class := map[string]string{"add": "Add", "min": "Min", "max": "Max", "and": "And", "or": "Or", "xor": "Xor"}[e.mods.one("add", "min", "max", "and", "or", "xor")]
	t := e.mods.kind()
	if !e.mods.has("sync") || class == "" || sizeOf(t) != 4 || isFloat(t) {
		return e.unknown()
	}
	return e.apply(fmt.Sprintf("[&](auto &d, const auto &...s) { redux<%s, %s>(w, %d, %s, d, s...); }", ctype(t), class, e.s.Line, e.lanes()), t, t, "u32")
}

// registersOf are the parts of a vector, or the one register, as t.
func (e *emitter) registersOf(o Operand, n int, t string) ([]string, error) {
	parts := o.Parts
	if o.Kind == Register {
		parts = []Operand{o}
	}
	if len(parts) != n {
		return nil, e.errorf("%d registers instead of %d", len(parts), n)
	}
	var names []string
	for _, part := range parts {
		name, err := e.source(part, t)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

func ldmatrix(e *emitter) error {
	n := map[string]int{"x1": 1, "x2": 2, "x4": 4}[e.mods.one("x1", "x2", "x4")]
	ok := e.mods.has("sync") && e.mods.has("aligned") && e.mods.has("m8n8") && e.mods.has("shared") && e.mods.kind() == "b16"
	if !ok || n == 0 || len(e.s.Operands) != 2 || e.s.Guard != "" {
		return e.unknown()
	}
	transposed := e.mods.has("trans")
	to, err := e.registersOf(e.s.Operands[0], n, "u32")
	if err != nil {
		return err
	}
	a, err := e.address(e.s.Operands[1])
	if err != nil {
		return err
	}
	// All lanes are there, so all of a register is written.
	e.printf("\t\tldmatrix<%t>(w, %s, f.M, %s, %s);\n", transposed, e.access(), a, strings.Join(to, ", "))
	return nil
}

// mma is named by its shape and types. Of each it is known how many registers of a, b and c it has.
func mma(e *emitter) error {
	forms := map[string]struct {
		f    string
		a, b int
	}{
		"m16n8k8.row.col.f32.tf32.tf32.f32":  {"mma_tf32", 4, 2},
		"m16n8k8.row.col.f32.f16.f16.f32":    {"mma8<Half>", 2, 1},
		"m16n8k16.row.col.f32.f16.f16.f32":   {"mma16<Half>", 4, 2},
		"m16n8k8.row.col.f32.bf16.bf16.f32":  {"mma8<Brain>", 2, 1},
		"m16n8k16.row.col.f32.bf16.bf16.f32": {"mma16<Brain>", 4, 2},
	}
	if !e.mods.has("sync") || !e.mods.has("aligned") || len(e.s.Operands) != 4 || e.s.Guard != "" {
		return e.unknown()
	}
	form, ok := forms[strings.Join(e.mods.left, ".")]
	if !ok {
		return e.unknown()
	}
	e.mods.left = nil
	var all []string
	for i, n := range []int{4, form.a, form.b, 4} {
		t := "u32"
		if i == 0 || i == 3 {
			t = "f32"
		}
		names, err := e.registersOf(e.s.Operands[i], n, t)
		if err != nil {
			return err
		}
		all = append(all, names...)
	}
	e.printf("\t\t%s(w, %d, f.M, %s);\n", form.f, e.s.Line, strings.Join(all, ", "))
	return nil
}
