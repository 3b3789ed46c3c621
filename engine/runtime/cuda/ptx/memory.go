package ptx

import (
	"fmt"
	"strings"
)

// qualifiers say how far and in which order others see an access, or how it is cached: the
// stand-in does all in order.
func (e *emitter) qualifiers() {
	for _, names := range [][]string{
		{"weak", "volatile", "relaxed", "acquire", "release", "acq_rel", "sc"}, {"cta", "gpu", "sys"},
		{"ca", "cg", "cs", "lu", "cv", "wb", "wt", "nc"},
		{"L1::evict_first", "L1::evict_last", "L1::evict_normal", "L1::no_allocate", "L1::evict_unchanged"},
		{"L2::64B", "L2::128B", "L2::256B"},
	} {
		e.mods.one(names...)
	}
}

// addressOf is the address of a variable in its space, as C++.
func (e *emitter) addressOf(name string) (string, error) {
	if at, ok := e.shared[name]; ok {
		return fmt.Sprintf("%du", at), nil
	}
	if at, ok := e.local[name]; ok {
		return fmt.Sprintf("%du", at), nil
	}
	if _, ok := e.m.globals[name]; ok {
		return "(u64)&" + identifier("v_", name), nil
	}
	if e.f.Entry {
		at := int64(0)
		for _, p := range e.f.Params {
			at = up(at, int64(p.Align))
			if p.Name == name {
				return fmt.Sprintf("%du", at), nil
			}
			at += p.Bytes()
		}
	}
	return "", e.errorf("there is no variable %s whose address can be taken", name)
}

func up(n, to int64) int64 { return (n + to - 1) / to * to }

// address is what the braces hold, as lanes and an offset.
func (e *emitter) address(o Operand) (string, error) {
	if o.Kind != Address {
		return "", e.errorf("an operand that is no address")
	}
	switch kind := e.f.Registers[o.Name]; {
	case o.Name == "":
		return fmt.Sprintf("%s, %dll", e.m.constant("u64", 0), o.Offset), nil
	case kind == "":
		at, err := e.addressOf(o.Name)
		return fmt.Sprintf("all<u64>(%s), %dll", at, o.Offset), err
	case sizeOf(kind) == 4 && !isFloat(kind):
		a, err := e.of(o.Name, "u32")
		return fmt.Sprintf("%s, %dll", a, o.Offset), err
	default:
		a, err := e.of(o.Name, "u64")
		return fmt.Sprintf("%s, %dll", a, o.Offset), err
	}
}

// access is a place in the text and one in the cache of ranges.
func (e *emitter) access() string {
	e.sites++
	return fmt.Sprintf("At{%d, %d}", e.s.Line, e.sites-1)
}

// elements are the operands of a load or store, one or a vector's.
func (e *emitter) elements(o Operand) ([]Operand, error) {
	n := 1
	switch e.mods.one("v2", "v4") {
	case "v2":
		n = 2
	case "v4":
		n = 4
	}
	if n == 1 && o.Kind != Vector {
		return []Operand{o}, nil
	}
	if o.Kind != Vector || len(o.Parts) != n {
		return nil, e.errorf("the vector has %d parts instead of %d", len(o.Parts), n)
	}
	return o.Parts, nil
}

// place is a register as a load writes it and a store reads it: it may be wider than t.
func (e *emitter) place(o Operand, t string) (string, error) {
	if o.Kind != Register {
		return "", e.errorf("the destination is no register")
	}
	kind := e.f.Registers[o.Name]
	switch {
	case kind == "pred" || sizeOf(kind) < sizeOf(t):
		return "", e.errorf("%s is of .%s, too narrow for a .%s", o.Name, kind, t)
	case sizeOf(kind) == sizeOf(t):
		return e.of(o.Name, t)
	case isFloat(kind) || isFloat(t):
		return "", e.errorf("%s is of .%s: it takes no .%s", o.Name, kind, t)
	}
	return e.of(o.Name, unsigned(kind))
}

func load(e *emitter) error {
	e.qualifiers()
	space := e.mods.one("global", "const", "shared", "local", "param")
	t := e.mods.kind()
	if sizeOf(t) == 0 || t == "f16x2" || len(e.s.Operands) != 2 {
		return e.unknown()
	}
	to, err := e.elements(e.s.Operands[0])
	if err != nil {
		return err
	}
	if space == "param" {
		if done, err := e.loadParameter(to, t); done || err != nil {
			return err
		}
	}
	a, err := e.address(e.s.Operands[1])
	if err != nil {
		return err
	}
	if !e.f.Entry && space == "param" {
		return e.errorf("the parameter of a function by a register is not translated")
	}
	var places []string
	for _, o := range to {
		if o.Kind == Sink {
			e.printf("\t\t{ V<%s> _d;\n", unsignedAtLeast16(t))
			defer e.printf("\t\t}\n")
			places = append(places, "_d")
			continue
		}
		p, err := e.place(o, t)
		if err != nil {
			return err
		}
		places = append(places, p)
	}
	e.printf("\t\tload<%s, %s>(w, %s, %s, %s, %s);\n", ctype(t), spaces[space], e.access(), e.lanes(), a, strings.Join(places, ", "))
	return nil
}

func unsignedAtLeast16(t string) string { return fmt.Sprintf("u%d", max(16, 8*sizeOf(t))) }

// loadParameter reads a parameter that is named: one value for all lanes of a kernel, or what a
// caller or a callee has written.
func (e *emitter) loadParameter(to []Operand, t string) (bool, error) {
	o := e.s.Operands[1]
	if o.Kind != Address || e.f.Registers[o.Name] != "" {
		return false, nil
	}
	if v, ok := e.calls[o.Name]; ok {
		if o.Offset < 0 || o.Offset+int64(sizeOf(t)*len(to)) > v.Bytes() {
			return false, e.errorf("it reads beyond %s", o.Name)
		}
		for i, d := range to {
			p, err := e.place(d, t)
			if err != nil {
				return false, err
			}
			e.printf("\t\tread<%s>(%s, %d, %d, %s, %s);\n", ctype(t), identifier("c_", o.Name), v.Bytes(), o.Offset+int64(i*sizeOf(t)), e.lanes(), p)
		}
		return true, nil
	}
	for _, v := range e.f.Params {
		if v.Name == o.Name && (o.Offset < 0 || o.Offset+int64(sizeOf(t)*len(to)) > v.Bytes()) {
			return false, e.errorf("it reads beyond %s", o.Name)
		}
	}
	at, err := e.addressOf(o.Name)
	if err != nil {
		return false, err
	}
	for i, d := range to {
		destination, err := e.widerDestination(d, t)
		if err != nil {
			return false, err
		}
		if sizeOf(destination) == sizeOf(t) {
			destination = ctype(t)
		}
		f := fmt.Sprintf("parameter<%s>", ctype(t))
		if err := e.assign(d, destination, f, "w", fmt.Sprintf("%s + %d", at, o.Offset+int64(i*sizeOf(t)))); err != nil {
			return false, err
		}
	}
	return true, nil
}

func store(e *emitter) error {
	e.qualifiers()
	space := e.mods.one("global", "shared", "local", "param")
	t := e.mods.kind()
	if sizeOf(t) == 0 || t == "f16x2" || len(e.s.Operands) != 2 {
		return e.unknown()
	}
	from, err := e.elements(e.s.Operands[1])
	if err != nil {
		return err
	}
	var values []string
	for _, o := range from {
		var v string
		if o.Kind == Register {
			v, err = e.place(o, t)
		} else if sizeOf(t) == 1 {
			v, err = e.source(o, "u16")
		} else {
			v, err = e.source(o, t)
		}
		if err != nil {
			return err
		}
		values = append(values, v)
	}
	if space == "param" {
		o := e.s.Operands[0]
		v, ok := e.calls[o.Name]
		if !ok || o.Offset < 0 || o.Offset+int64(sizeOf(t)*len(from)) > v.Bytes() {
			return e.errorf("there is no such place in a parameter of a call")
		}
		for i, value := range values {
			e.printf("\t\twrite<%s>(%s, %d, %d, %s, %s);\n", ctype(t), identifier("c_", o.Name), v.Bytes(), o.Offset+int64(i*sizeOf(t)), e.lanes(), value)
		}
		return nil
	}
	a, err := e.address(e.s.Operands[0])
	if err != nil {
		return err
	}
	e.printf("\t\tstore<%s, %s>(w, %s, %s, %s, %s);\n", ctype(t), spaces[space], e.access(), e.lanes(), a, strings.Join(values, ", "))
	return nil
}

func atomic(e *emitter) error {
	e.qualifiers()
	space := e.mods.one("global", "shared")
	operation := e.mods.one("add", "min", "max", "and", "or", "xor", "exch", "cas", "inc", "dec")
	t := e.mods.kind()
	class := map[string]string{"add": "Add", "min": "Min", "max": "Max", "and": "And", "or": "Or", "xor": "Xor", "exch": "Exchange", "cas": "Compare", "inc": "Increase", "dec": "Decrease"}[operation]
	operands := e.s.Operands
	result := Operand{Kind: Sink}
	if e.s.Name == "atom" && len(operands) > 0 {
		result, operands = operands[0], operands[1:]
	}
	n := 2
	if operation == "cas" {
		n = 3
	}
	if class == "" || sizeOf(t) < 4 || len(operands) != n || isFloat(t) && operation != "add" || e.s.Name == "red" && (operation == "cas" || operation == "exch") {
		return e.unknown()
	}
	a, err := e.address(operands[0])
	if err != nil {
		return err
	}
	b, err := e.source(operands[1], t)
	if err != nil {
		return err
	}
	c := b
	if n == 3 {
		if c, err = e.source(operands[2], t); err != nil {
			return err
		}
	}
	f := fmt.Sprintf("[&](auto &d, const auto &...s) { atomic<%s, %s, %s>(w, %s, %s, d, s...); }", ctype(t), spaces[space], class, e.access(), e.lanes())
	return e.assign(result, t, f, a, b, c)
}

func copyAsync(e *emitter) error {
	if !e.mods.has("async") {
		return e.unknown()
	}
	groups := map[string]string{"commit_group": "commit_group", "wait_group": "wait_group", "wait_all": "wait_all"}
	if f := groups[e.mods.one("commit_group", "wait_group", "wait_all")]; f != "" {
		pending := ""
		if f == "wait_group" {
			if len(e.s.Operands) != 1 || e.s.Operands[0].Kind != Integer {
				return e.unknown()
			}
			pending = fmt.Sprintf(", %d", e.s.Operands[0].Bits)
		}
		if !e.f.Entry {
			return e.errorf("in a function it is not translated")
		}
		e.printf("\t\t%s(w, f, %s, %d%s);\n", f, e.lanes(), e.s.Line, pending)
		return nil
	}
	cached := e.mods.one("ca", "cg")
	e.mods.one("L2::64B", "L2::128B", "L2::256B")
	shared, global := e.mods.has("shared"), e.mods.has("global")
	n := len(e.s.Operands)
	if cached == "" || !shared || !global || n < 3 || n > 4 || e.s.Operands[2].Kind != Integer {
		return e.unknown()
	}
	size := e.s.Operands[2].Bits
	if size != 16 && (cached == "cg" || size != 4 && size != 8) {
		return e.errorf("%d bytes cannot be copied", size)
	}
	to, err := e.address(e.s.Operands[0])
	if err != nil {
		return err
	}
	from, err := e.address(e.s.Operands[1])
	if err != nil {
		return err
	}
	given := e.m.constant("u32", size)
	if n == 4 {
		if given, err = e.source(e.s.Operands[3], "u32"); err != nil {
			return err
		}
	}
	e.printf("\t\tcopy_async<%d>(w, %s, %s, %s, %s, %s);\n", size, e.access(), e.lanes(), to, from, given)
	return nil
}

// fence and its like order or hasten what the stand-in does in order.
func fence(e *emitter) error {
	e.qualifiers()
	e.mods.one("gl", "cta", "sys", "proxy", "L1", "L2")
	e.mods.one("global", "local")
	e.mods.one("u32")
	return nil
}
