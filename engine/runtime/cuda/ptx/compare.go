package ptx

import (
	"fmt"
	"slices"
)

var comparisons = map[string]string{
	"eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge",
	"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge",
	"equ": "equ", "neu": "neu", "ltu": "ltu", "leu": "leu", "gtu": "gtu", "geu": "geu", "num": "num", "nan": "nan",
}

func setp(e *emitter) error {
	t := e.mods.kind()
	compare := e.mods.one("eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan")
	join := e.mods.one("and", "or", "xor")
	e.mods.one("ftz")
	n := 3
	if join != "" {
		n = 4
	}
	if compare == "" || sizeOf(t) < 2 || len(e.s.Operands) != n || e.s.Operands[0].Kind != Register && e.s.Operands[0].Kind != Sink {
		return e.unknown()
	}
	a, err := e.source(e.s.Operands[1], t)
	if err != nil {
		return err
	}
	b, err := e.source(e.s.Operands[2], t)
	if err != nil {
		return err
	}
	results := []string{fmt.Sprintf("%s(%s, %s)", comparisons[compare], a, b)}
	switch {
	case t == "f16":
		results = []string{fmt.Sprintf("%s(half<0>(%s), half<0>(%s))", comparisons[compare], a, b)}
	case t == "f16x2":
		results = nil
		for i := range 2 {
			results = append(results, fmt.Sprintf("%s(half<%d>(%s), half<%d>(%s))", comparisons[compare], i, a, i, b))
		}
	}
	if len(results) == 1 && e.s.Operands[0].Second != "" {
		results = append(results, "~"+results[0])
	}
	third := ""
	if join != "" {
		c, err := e.predicate(e.s.Operands[3])
		if err != nil {
			return err
		}
		third = map[string]string{"and": " & ", "or": " | ", "xor": " ^ "}[join] + c
	}
	// Both results are made before a destination changes what they are made of.
	e.printf("\t\t{ u32 p0 = %s%s", results[0], third)
	if len(results) > 1 {
		e.printf(", p1 = %s%s", results[1], third)
	}
	e.printf(";\n")
	if e.s.Operands[0].Kind == Register {
		e.assignPredicate(e.s.Operands[0].Name, "p0")
	}
	if second := e.s.Operands[0].Second; second != "" {
		e.assignPredicate(second, "p1")
	}
	e.printf("\t\t}\n")
	return nil
}

func selp(e *emitter) error {
	t := e.mods.kind()
	if sizeOf(t) < 2 || len(e.s.Operands) != 4 {
		return e.unknown()
	}
	a, err := e.source(e.s.Operands[1], t)
	if err != nil {
		return err
	}
	b, err := e.source(e.s.Operands[2], t)
	if err != nil {
		return err
	}
	p, err := e.predicate(e.s.Operands[3])
	if err != nil {
		return err
	}
	return e.assign(e.s.Operands[0], t, "selp", a, b, p)
}

func slct(e *emitter) error {
	t, by := e.mods.kind(), e.mods.kind()
	e.mods.one("ftz")
	if sizeOf(t) < 2 || by != "s32" && by != "f32" {
		return e.unknown()
	}
	return e.apply("slct", t, t, t, by)
}

func mov(e *emitter) error {
	t := e.mods.kind()
	if len(e.s.Operands) != 2 || t == "" {
		return e.unknown()
	}
	to, from := e.s.Operands[0], e.s.Operands[1]
	switch {
	case t == "pred" && to.Kind == Register:
		p, err := e.predicate(from)
		if err == nil {
			e.assignPredicate(to.Name, p)
		}
		return err
	case sizeOf(t) < 2:
		return e.unknown()
	case to.Kind == Vector && from.Kind == Vector:
		return e.unknown()
	case to.Kind == Vector:
		whole, err := e.source(from, unsigned(t))
		if err != nil {
			return err
		}
		part, err := e.part(t, len(to.Parts))
		if err != nil {
			return err
		}
		// The whole may be one of the parts' registers.
		e.printf("\t\t{ V<%s> whole = %s;\n", unsigned(t), whole)
		for i, o := range to.Parts {
			if err := e.assign(o, part, fmt.Sprintf("part<%d>", i), "whole"); err != nil {
				return err
			}
		}
		e.printf("\t\t}\n")
		return nil
	case from.Kind == Vector:
		part, err := e.part(t, len(from.Parts))
		if err != nil {
			return err
		}
		var parts []string
		for _, o := range from.Parts {
			p, err := e.source(o, part)
			if err != nil {
				return err
			}
			parts = append(parts, p)
		}
		return e.assign(to, unsigned(t), "join", parts...)
	}
	return e.apply("mov", t, t)
}

// part is the type of one of n parts of a value of type t.
func (e *emitter) part(t string, n int) (string, error) {
	if n < 2 || n > 4 || n == 3 || sizeOf(t)/n < 2 {
		return "", e.errorf("a .%s in %d parts is not translated", t, n)
	}
	return fmt.Sprintf("u%d", 8*sizeOf(t)/n), nil
}

// cvt converts between all types of memory and registers. The type in a register may be wider.
func cvt(e *emitter) error {
	if e.mods.has("tf32") {
		if !e.mods.has("rna") || e.mods.kind() != "f32" {
			return e.unknown()
		}
		return e.apply("to_tf32", "u32", "f32")
	}
	to, from := e.mods.kind(), e.mods.kind()
	integral := e.mods.one("rni", "rzi", "rmi", "rpi")
	rounding := e.mods.one("rn", "rz", "rm", "rp")
	flush, saturate := e.mods.has("ftz"), e.mods.has("sat")
	if to == "f16x2" && from == "f32" && rounding == "rn" && !saturate && !flush {
		return e.apply("pack", "u32", "f32", "f32")
	}
	if from == "" || to == "" || len(e.s.Operands) != 2 || to == "f16x2" || from == "f16x2" {
		return e.unknown()
	}
	real := func(t string) bool { return isFloat(t) || t == "f16" }
	source, err := e.wider(e.s.Operands[1], from)
	if err != nil {
		return err
	}
	destination, err := e.widerDestination(e.s.Operands[0], to)
	if err != nil {
		return err
	}
	assign := func(f string) error { return e.assign(e.s.Operands[0], destination, f, source) }
	r := "rn"
	if rounding != "" {
		r = rounding
	}
	if integral != "" {
		r = integral[:2]
	}
	if from == "f16" && to != "f16" {
		// Every f16 is an f32.
		source = "widened(" + source + ")"
		from = "f32"
	}
	if flush && from == "f32" {
		source = "flushed(" + source + ")"
	}
	switch {
	case !real(to) && !real(from):
		if integral != "" || rounding != "" || flush {
			return e.unknown()
		}
		return assign(fmt.Sprintf("cvt<%s, %s, %t>", ctype(to), ctype(from), saturate))
	case !real(to):
		// Out of range it is clamped, with .sat and without.
		if integral == "" {
			return e.unknown()
		}
		return assign(fmt.Sprintf("float_to_integer<%s, %s, %s>", ctype(to), from, r))
	}
	after := ""
	if saturate {
		after = " saturate(d);"
	}
	if flush && to == "f32" {
		after = " flush(d);" + after
	}
	var f string
	switch {
	case to == "f16" && saturate:
		return e.unknown()
	case !real(from):
		if rounding == "" {
			return e.unknown()
		}
		f = fmt.Sprintf("integer_to_float<%s, %s, %s>", to, ctype(from), r)
		if to == "f16" {
			return assign(fmt.Sprintf("integer_to_f16<%s, %s>", ctype(from), r))
		}
	case to == "f16" && from == "f16":
		if integral == "" {
			f = "mov"
		} else {
			return assign(fmt.Sprintf("integral_f16<%s>", r))
		}
	case to == "f16":
		if rounding == "" {
			return e.unknown()
		}
		return assign(fmt.Sprintf("narrow<%s, %s>", r, from))
	case to == from && integral != "":
		f = fmt.Sprintf("integral<%s, %s>", to, r)
	default:
		if to == from && rounding != "" || integral != "" && to != from {
			return e.unknown()
		}
		f = fmt.Sprintf("float_to_float<%s, %s, %s>", to, from, r)
	}
	if after != "" {
		f = fmt.Sprintf("[&](auto &d, const auto &s) { %s(d, s);%s }", f, after)
	}
	return assign(f)
}

// wider is a source of type t in a register that may be wider.
func (e *emitter) wider(o Operand, t string) (string, error) {
	if o.Kind != Register {
		if sizeOf(t) < 2 {
			t = "u16"
		}
		return e.source(o, t)
	}
	kind := e.f.Registers[o.Name]
	if kind == "pred" || sizeOf(kind) < sizeOf(t) || (isFloat(t) || t == "f16") && sizeOf(kind) != sizeOf(t) {
		return "", e.errorf("%s is of .%s: no .%s can be read from it", o.Name, kind, t)
	}
	if sizeOf(kind) == sizeOf(t) {
		return e.of(o.Name, t)
	}
	return e.of(o.Name, unsigned(kind))
}

// widerDestination is the type of the register that takes a value of t.
func (e *emitter) widerDestination(o Operand, t string) (string, error) {
	if o.Kind != Register {
		return "", e.errorf("the destination is no register")
	}
	kind := e.f.Registers[o.Name]
	if kind == "pred" || sizeOf(kind) < sizeOf(t) || (isFloat(t) || t == "f16") && sizeOf(kind) != sizeOf(t) {
		return "", e.errorf("%s is of .%s: it takes no .%s", o.Name, kind, t)
	}
	if isFloat(t) {
		return t, nil
	}
	return unsigned(kind), nil
}

func (e *emitter) unknown() error {
	return e.errorf("this form is not translated")
}

// spaces are the classes of machine/memory.h.
var spaces = map[string]string{"global": "Global", "const": "Global", "shared": "Shared", "local": "Local", "param": "Parameters", "": "Generic"}

func cvta(e *emitter) error {
	to := e.mods.has("to")
	space := e.mods.one("global", "const", "shared", "local", "param")
	if e.mods.kind() != "u64" || space == "" || len(e.s.Operands) != 2 {
		return e.unknown()
	}
	a, err := e.source(e.s.Operands[1], "u64")
	if err != nil {
		return err
	}
	if slices.Contains([]string{"global", "const", "param"}, space) {
		if space == "param" {
			return e.unknown()
		}
		return e.assign(e.s.Operands[0], "u64", "mov", a)
	}
	direction := "from_"
	if to {
		direction = "to_"
	}
	return e.assign(e.s.Operands[0], "u64", fmt.Sprintf("[&](auto &d, const auto &s) { %s%s(w, d, s); }", direction, space), a)
}
