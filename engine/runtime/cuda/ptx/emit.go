package ptx

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// emitter writes the C++ of one function.
type emitter struct {
	m    *modules
	f    *Function
	out  bytes.Buffer
	home map[string]int    // of registers that live in one block
	slot map[string]string // and their places
	at   int               // the block that is written

	// shared and local are where each variable of these spaces lies.
	shared, local map[string]int64
	// calls are the parameters of functions: of this one where it is no entry, and of its calls.
	calls map[string]Variable
	sites int
	s     Statement
	mods  *modifiers
}

func (e *emitter) printf(format string, args ...any) { fmt.Fprintf(&e.out, format, args...) }

// errorf is an error of the instruction that is being translated.
func (e *emitter) errorf(format string, args ...any) error {
	return errorf(e.s.Line, "%s: %s", e.s.Opcode(), fmt.Sprintf(format, args...))
}

// modifiers are what is left of an opcode's parts.
type modifiers struct{ left []string }

// has takes the modifier away where it is there.
func (m *modifiers) has(name string) bool { return m.one(name) != "" }

// one takes the first modifier away that is one of names.
func (m *modifiers) one(names ...string) string {
	for i, x := range m.left {
		if slices.Contains(names, x) {
			m.left = slices.Delete(slices.Clone(m.left), i, i+1)
			return x
		}
	}
	return ""
}

// kind takes the first type away.
func (m *modifiers) kind() string {
	for _, x := range m.left {
		if sizeOf(x) > 0 || x == "pred" {
			return m.one(x)
		}
	}
	return ""
}

// ctype is the C++ type of a lane of type t; f16 is its bits.
func ctype(t string) string {
	switch t {
	case "f16":
		return "u16"
	case "f16x2":
		return "u32"
	}
	if strings.HasPrefix(t, "b") {
		return "u" + t[1:]
	}
	return t
}

func isFloat(t string) bool  { return t == "f32" || t == "f64" }
func isHalf(t string) bool   { return t == "f16" || t == "f16x2" }
func isSigned(t string) bool { return strings.HasPrefix(t, "s") }

// isInteger is of the types that arithmetic of integers takes.
func isInteger(t string) bool {
	return sizeOf(t) > 1 && (t[0] == 'u' || t[0] == 's')
}

func unsigned(t string) string { return fmt.Sprintf("u%d", 8*sizeOf(t)) }

// identifier makes a name of PTX one of C++.
func identifier(prefix, name string) string {
	return prefix + strings.NewReplacer("%", "", "$", "_S", ".", "__").Replace(name)
}

// register is the C++ name of a register.
func (e *emitter) register(name string) string {
	if slot := e.slot[name]; slot != "" {
		return slot
	}
	return "F." + identifier("r_", name)
}

// of is a register read or written as t, which must be as wide.
func (e *emitter) of(name, t string) (string, error) {
	kind := e.f.Registers[name]
	if kind == "pred" || sizeOf(kind) != sizeOf(t) {
		return "", e.errorf("%s is of .%s, not as wide as .%s", name, kind, t)
	}
	held := ctype(kind)
	if e.slot[name] != "" {
		held = unsigned(kind)
	}
	if held == ctype(t) {
		return e.register(name), nil
	}
	return fmt.Sprintf("as<%s>(%s)", ctype(t), e.register(name)), nil
}

// source is an operand as values of t.
func (e *emitter) source(o Operand, t string) (string, error) {
	if o.Negated {
		return "", e.errorf("! where no predicate is read")
	}
	switch o.Kind {
	case Register:
		return e.of(o.Name, t)
	case Integer:
		if isFloat(t) {
			return "", e.errorf("an integer where a .%s is read", t)
		}
		return e.m.constant(ctype(t), o.Bits), nil
	case Float:
		size := 4
		if o.Wide {
			size = 8
		}
		if sizeOf(t) != size {
			return "", e.errorf("a float of %d bytes where a .%s is read", size, t)
		}
		if isFloat(t) {
			return fmt.Sprintf("as<%s>(%s)", t, e.m.constant(unsigned(t), o.Bits)), nil
		}
		return e.m.constant(ctype(t), o.Bits), nil
	case Special:
		return e.special(o.Name, t)
	case Symbol:
		at, err := e.addressOf(o.Name)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("all<%s>((%s)(%s + %dll))", ctype(t), ctype(t), at, o.Offset), nil
	}
	return "", e.errorf("an operand that is no value")
}

// special is the value of a special register.
func (e *emitter) special(name, t string) (string, error) {
	var value string
	base, dim, _ := strings.Cut(name, ".")
	if i := strings.Index("xyz", dim); len(dim) == 1 && i >= 0 {
		switch base {
		case "%tid":
			value = fmt.Sprintf("w.tid[%d]", i)
		case "%ntid":
			value = fmt.Sprintf("all<u32>(w.block->launch->block[%d])", i)
		case "%ctaid":
			value = fmt.Sprintf("all<u32>(w.block->index[%d])", i)
		case "%nctaid":
			value = fmt.Sprintf("all<u32>(w.block->launch->grid[%d])", i)
		}
	}
	switch name {
	case "%laneid":
		value = "lane_numbers()"
	case "%warpid":
		value = "all<u32>(w.index)"
	case "%nwarpid":
		value = "all<u32>((u32)w.block->warps)"
	case "%lanemask_eq", "%lanemask_lt", "%lanemask_le", "%lanemask_gt", "%lanemask_ge":
		value = name[1:] + "()"
	case "%dynamic_smem_size":
		value = "all<u32>((u32)w.block->launch->shared)"
	case "%total_smem_size":
		value = "all<u32>(w.block->shared_size)"
	case "WARP_SZ":
		value = "all<u32>(32)"
	}
	if value == "" || sizeOf(t) != 4 || isFloat(t) {
		return "", e.errorf("%s as a .%s is not translated", name, t)
	}
	if isSigned(t) {
		return "as<s32>(" + value + ")", nil
	}
	return value, nil
}

// predicate is an operand as a mask.
func (e *emitter) predicate(o Operand) (string, error) {
	switch {
	case o.Kind == Register && e.f.Registers[o.Name] == "pred":
		if o.Negated {
			return "~" + e.register(o.Name), nil
		}
		return e.register(o.Name), nil
	case o.Kind == Integer && o.Bits == 0:
		return "0u", nil
	case o.Kind == Integer: // -1 is true as well
		return "everyone", nil
	}
	return "", e.errorf("an operand that is no predicate")
}

// lanes is the mask of the lanes that execute the instruction.
func (e *emitter) lanes() string {
	switch {
	case e.s.Guard == "":
		return "f.M"
	case e.s.Negated:
		return "(f.M & ~" + e.register(e.s.Guard) + ")"
	}
	return "(f.M & " + e.register(e.s.Guard) + ")"
}

// written is the mask of the lanes of register name that may be written: "" for all.
func (e *emitter) written(name string) string {
	if e.s.Guard != "" {
		return e.lanes()
	}
	if _, local := e.home[name]; local {
		return ""
	}
	return "f.B"
}

// assign writes the call f(d, args...), whose first argument is the destination o of type t.
func (e *emitter) assign(o Operand, t, f string, args ...string) error {
	if o.Second != "" {
		return e.errorf("a second destination")
	}
	d := "_d"
	to, mask := "", ""
	switch o.Kind {
	case Sink:
	case Register:
		var err error
		if to, err = e.of(o.Name, t); err != nil {
			return err
		}
		if mask = e.written(o.Name); mask == "" {
			d = to
		}
	default:
		return e.errorf("the destination is no register")
	}
	call := fmt.Sprintf("%s(%s);", f, strings.Join(append([]string{d}, args...), ", "))
	if d == "_d" {
		call = fmt.Sprintf("{ V<%s> _d; %s ", ctype(t), call)
		if to != "" {
			call += fmt.Sprintf("put(%s, %s, _d); ", mask, to)
		}
		call += "}"
	}
	e.printf("\t\t%s\n", call)
	return nil
}

// assignPredicate writes a mask to a predicate.
func (e *emitter) assignPredicate(name, value string) {
	if mask := e.written(name); mask != "" {
		e.printf("\t\tput(%s, %s, %s);\n", mask, e.register(name), value)
	} else {
		e.printf("\t\t%s = %s;\n", e.register(name), value)
	}
}

// apply translates an instruction whose sources are of the given types and which is one call.
func (e *emitter) apply(f, result string, sources ...string) error {
	if len(e.s.Operands) != 1+len(sources) {
		return e.errorf("%d operands instead of %d", len(e.s.Operands), 1+len(sources))
	}
	var args []string
	for i, t := range sources {
		a, err := e.source(e.s.Operands[i+1], t)
		if err != nil {
			return err
		}
		args = append(args, a)
	}
	return e.assign(e.s.Operands[0], result, f, args...)
}
