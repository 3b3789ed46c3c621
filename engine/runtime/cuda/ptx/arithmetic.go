package ptx

import "fmt"

// translation is how the instructions of one name are translated. It takes the modifiers that it
// knows; what is left is an error.
type translation func(e *emitter) error

var translations map[string]translation

func init() {
	translations = map[string]translation{
		"add": additive, "sub": additive, "mul": multiplicative, "mad": multiplicative, "fma": multiplicative,
		"mul24": multiplicative24, "mad24": multiplicative24,
		"div": division, "rem": division, "min": extreme, "max": extreme, "abs": unary, "neg": unary,
		"and": logic, "or": logic, "xor": logic, "not": logic,
		"shl": shift, "shr": shift, "shf": funnel, "bfe": field, "bfi": field, "prmt": permute, "lop3": lop3,
		"popc": count, "clz": count, "brev": count, "sad": sad,
		"rcp": function, "sqrt": function, "rsqrt": function, "ex2": function, "lg2": function,
		"sin": function, "cos": function, "tanh": function, "copysign": copysign, "testp": testp,
		"setp": setp, "selp": selp, "slct": slct, "mov": mov, "cvt": cvt, "cvta": cvta,
		"ld": load, "ldu": load, "st": store, "atom": atomic, "red": atomic, "cp": copyAsync,
		"membar": fence, "fence": fence, "nanosleep": fence, "prefetch": fence, "prefetchu": fence,
		"shfl": shuffle, "vote": vote, "activemask": activemask, "match": match, "redux": redux,
		"ldmatrix": ldmatrix, "mma": mma,
		"bar": barrier, "barrier": barrier, "bra": branch, "brx": branch, "ret": leave, "exit": leave, "trap": leave,
		"call": call,
	}
}

// float is an operation of f32 or f64, with .ftz and .sat, rounded to nearest.
func (e *emitter) float(f, t string, sources int) error {
	flush, saturate := e.mods.has("ftz"), e.mods.has("sat")
	kinds := make([]string, sources)
	for i := range kinds {
		kinds[i] = t
	}
	if !flush && !saturate {
		return e.apply(f, t, kinds...)
	}
	after := ""
	if flush {
		after += " flush(d);"
	}
	if saturate {
		after += " saturate(d);"
	}
	return e.apply(fmt.Sprintf("[&](auto &d, const auto &...s) { %s(d, s...);%s }", f, after), t, kinds...)
}

// half is an operation of f16 or f16x2.
func (e *emitter) half(f, t string, sources int) error {
	e.mods.one("ftz") // results of f16 are no subnormals of f32, and those of f16 are kept as by default
	name := f + "_f16"
	if t == "f16x2" {
		name += "x2"
	}
	kinds := make([]string, sources)
	for i := range kinds {
		kinds[i] = t
	}
	return e.apply(name, t, kinds...)
}

func additive(e *emitter) error {
	t := e.mods.kind()
	switch {
	case isFloat(t):
		e.mods.one("rn")
		return e.float(e.s.Name, t, 2)
	case isHalf(t):
		e.mods.one("rn")
		return e.half(e.s.Name, t, 2)
	case t == "s32" && e.mods.has("sat"):
		return e.apply(e.s.Name+"_sat", t, t, t)
	case isInteger(t):
		u := unsigned(t)
		return e.apply(e.s.Name, u, u, u)
	}
	return e.unknown()
}

func multiplicative(e *emitter) error {
	t := e.mods.kind()
	operands := []string{t, t, t}
	if e.s.Name == "mul" {
		operands = operands[:2]
	}
	switch part := e.mods.one("lo", "hi", "wide"); {
	case isFloat(t) || isHalf(t):
		rounded := e.mods.has("rn")
		if part != "" || !rounded && e.s.Name != "mul" {
			return e.unknown()
		}
		name := e.s.Name
		if name == "mad" {
			name = "fma"
		}
		if isHalf(t) {
			return e.half(name, t, len(operands))
		}
		return e.float(name, t, len(operands))
	case !isInteger(t) || e.s.Name == "fma" || part == "":
		return e.unknown()
	case part == "wide":
		if sizeOf(t) > 4 {
			return e.unknown()
		}
		wide := fmt.Sprintf("%c%d", t[0], 16*sizeOf(t))
		if len(operands) == 3 {
			operands[2] = wide
		}
		return e.apply(e.s.Name+"_wide", wide, operands...)
	case part == "hi":
		return e.apply(e.s.Name+"_hi", t, operands...)
	}
	u := unsigned(t)
	for i := range operands {
		operands[i] = u
	}
	return e.apply(e.s.Name, u, operands...)
}

func multiplicative24(e *emitter) error {
	t := e.mods.kind()
	if !e.mods.has("lo") || t != "s32" && t != "u32" {
		return e.unknown()
	}
	if e.s.Name == "mad24" {
		return e.apply("mad24", t, t, t, t)
	}
	return e.apply("mul24", t, t, t)
}

// division by .approx and .full is done exactly: the device's result is within their bounds of it.
func division(e *emitter) error {
	t := e.mods.kind()
	switch {
	case isFloat(t) && e.s.Name == "div" && e.mods.one("rn", "approx", "full") != "":
		return e.float("fdiv", t, 2)
	case isInteger(t):
		return e.apply(e.s.Name, t, t, t)
	}
	return e.unknown()
}

func extreme(e *emitter) error {
	t := e.mods.kind()
	nan := ""
	if e.mods.has("NaN") {
		nan = "_nan"
	}
	switch {
	case isFloat(t):
		return e.float("f"+e.s.Name+nan, t, 2)
	case isHalf(t):
		return e.half(e.s.Name+nan, t, 2)
	case isInteger(t) && nan == "":
		return e.apply(e.s.Name, t, t, t)
	}
	return e.unknown()
}

func unary(e *emitter) error {
	t := e.mods.kind()
	switch {
	case isFloat(t) && e.s.Name == "abs":
		return e.float("fabs", t, 1)
	case isFloat(t):
		return e.float("neg", t, 1)
	case isHalf(t):
		if len(e.s.Operands) != 2 {
			return e.errorf("%d operands instead of 2", len(e.s.Operands))
		}
		e.s.Operands = append(e.s.Operands[:2:2], e.s.Operands[1])
		return e.half(e.s.Name, t, 2)
	case isSigned(t) && sizeOf(t) > 1:
		if e.s.Name == "neg" {
			t = unsigned(t)
		}
		return e.apply(e.s.Name, t, t)
	}
	return e.unknown()
}

func logic(e *emitter) error {
	t := e.mods.kind()
	n := 3
	if e.s.Name == "not" {
		n = 2
	}
	if t != "pred" {
		if sizeOf(t) < 2 || t[0] != 'b' {
			return e.unknown()
		}
		sources := []string{t, t}
		return e.apply(e.s.Name+"_", t, sources[:n-1]...)
	}
	if len(e.s.Operands) != n || e.s.Operands[0].Kind != Register {
		return e.errorf("%d operands instead of %d", len(e.s.Operands), n)
	}
	a, err := e.predicate(e.s.Operands[1])
	if err != nil {
		return err
	}
	if n == 2 {
		e.assignPredicate(e.s.Operands[0].Name, "~"+a)
		return nil
	}
	b, err := e.predicate(e.s.Operands[2])
	if err != nil {
		return err
	}
	e.assignPredicate(e.s.Operands[0].Name, a+map[string]string{"and": " & ", "or": " | ", "xor": " ^ "}[e.s.Name]+b)
	return nil
}

func shift(e *emitter) error {
	t := e.mods.kind()
	if sizeOf(t) < 2 || isFloat(t) || isHalf(t) || e.s.Name == "shl" && t[0] != 'b' {
		return e.unknown()
	}
	return e.apply(e.s.Name, t, t, "u32")
}

func funnel(e *emitter) error {
	side, mode := e.mods.one("l", "r"), e.mods.one("clamp", "wrap")
	if side == "" || mode == "" || e.mods.kind() != "b32" {
		return e.unknown()
	}
	return e.apply(fmt.Sprintf("shf_%s<%t>", side, mode == "clamp"), "u32", "u32", "u32", "u32")
}

func field(e *emitter) error {
	t := e.mods.kind()
	switch {
	case sizeOf(t) < 4 || isFloat(t):
		return e.unknown()
	case e.s.Name == "bfi":
		return e.apply("bfi", t, t, t, "u32", "u32")
	}
	return e.apply("bfe", t, t, "u32", "u32")
}

func permute(e *emitter) error {
	if e.mods.kind() != "b32" {
		return e.unknown()
	}
	return e.apply("prmt", "u32", "u32", "u32", "u32")
}

func lop3(e *emitter) error {
	n := len(e.s.Operands)
	if e.mods.kind() != "b32" || n != 5 || e.s.Operands[4].Kind != Integer || e.s.Operands[4].Bits > 255 {
		return e.unknown()
	}
	table := e.s.Operands[4].Bits
	e.s.Operands = e.s.Operands[:4]
	return e.apply(fmt.Sprintf("lop3<%d>", table), "u32", "u32", "u32", "u32")
}

func count(e *emitter) error {
	t := e.mods.kind()
	if t != "b32" && t != "b64" {
		return e.unknown()
	}
	if e.s.Name == "brev" {
		return e.apply("brev", t, t)
	}
	return e.apply(e.s.Name, "u32", t)
}

func sad(e *emitter) error {
	t := e.mods.kind()
	if !isInteger(t) {
		return e.unknown()
	}
	return e.apply("sad", t, t, t, t)
}

// function is one of a number, computed as exactly as the host can, where the device approximates.
func function(e *emitter) error {
	t := e.mods.kind()
	precise := e.mods.one("rn", "approx")
	name := e.s.Name
	exact := name == "rcp" || name == "sqrt"
	switch {
	case isHalf(t) && (name == "ex2" || name == "tanh") && precise == "approx":
		e.s.Operands = append(e.s.Operands[:2:2], e.s.Operands[1])
		return e.half(name, t, 2)
	case precise == "" || precise == "rn" && !exact || !isFloat(t):
		return e.unknown()
	case t == "f64" && !exact && name != "rsqrt":
		return e.unknown()
	}
	return e.float("ptx::"+name, t, 1)
}

func copysign(e *emitter) error {
	t := e.mods.kind()
	if !isFloat(t) {
		return e.unknown()
	}
	return e.apply("copysign", t, t, t)
}

func testp(e *emitter) error {
	// The numbers of class_of: NaN, infinite, normal, subnormal, zero.
	classes := map[string]int{"finite": 1<<2 | 1<<3 | 1<<4, "infinite": 1 << 1, "number": 0b11110, "notanumber": 1, "normal": 1 << 2, "subnormal": 1 << 3}
	test := e.mods.one("finite", "infinite", "number", "notanumber", "normal", "subnormal")
	t := e.mods.kind()
	if test == "" || !isFloat(t) || len(e.s.Operands) != 2 || e.s.Operands[0].Kind != Register {
		return e.unknown()
	}
	a, err := e.source(e.s.Operands[1], t)
	if err != nil {
		return err
	}
	e.assignPredicate(e.s.Operands[0].Name, fmt.Sprintf("testp(%d, %s)", classes[test], a))
	return nil
}
