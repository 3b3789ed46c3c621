package ptx

import (
	"fmt"
	"io"
	"maps"
	"math/bits"
	"slices"
	"strings"
)

// modules is a module with what its functions look up.
type modules struct {
	*Module
	globals   map[string]Variable
	shareds   map[string]Variable
	functions map[string]*Function
	constants map[string]bool
}

// constant is a value that all lanes have, kept once for the module.
func (m *modules) constant(t string, bits uint64) string {
	if t[0] == 's' {
		return fmt.Sprintf("as<%s>(%s)", t, m.constant("u"+t[1:], bits))
	}
	if size := sizeOf(t); size < 8 {
		bits &= 1<<(8*size) - 1
	}
	name := fmt.Sprintf("n%s_%x", t[1:], bits)
	m.constants[fmt.Sprintf("static const V<%s> %s = all<%s>((%s)%#xull);\n", t, name, t, t, bits)] = true
	return name
}

// Translate writes C++ that stands on machine/run.h. Compiled into a shared library, alone or with
// that of other modules, it gives the stand-in the module's kernels. An instruction that is not
// translated is an *Error.
func (m *Module) Translate(w io.Writer) error {
	copied := *m
	all := &modules{&copied, map[string]Variable{}, map[string]Variable{}, map[string]*Function{}, map[string]bool{}}
	for _, v := range m.Variables {
		if v.Space == "shared" {
			all.shareds[v.Name] = v
		} else {
			all.globals[v.Name] = v
		}
	}
	for _, f := range m.Functions {
		all.functions[f.Name] = f
	}
	if err := all.order(); err != nil {
		return err
	}
	var out strings.Builder
	fmt.Fprintf(&out, "#include \"run.h\"\n\n// Long functions of calls, in which there is nothing to optimize.\n#pragma GCC push_options\n#pragma GCC optimize(\"O1\")\n\nnamespace ptx {\nnamespace m_%016x {\n\n", m.Digest)
	if err := all.variables(&out); err != nil {
		return err
	}
	// Local memory of functions comes before that of the kernel.
	local := int64(0)
	var functions strings.Builder
	for _, f := range all.Functions {
		if err := all.function(&functions, f, &local); err != nil {
			return err
		}
	}
	for _, c := range slices.Sorted(maps.Keys(all.constants)) {
		out.WriteString(c)
	}
	out.WriteString("\n" + functions.String())
	fmt.Fprintf(&out, "}  // namespace m_%016x\n}  // namespace ptx\n#pragma GCC pop_options\n", m.Digest)
	_, err := io.WriteString(w, out.String())
	return err
}

// order puts functions before what calls them, and entries last.
func (m *modules) order() error {
	var sorted []*Function
	state := map[string]int{}
	var visit func(f *Function) error
	visit = func(f *Function) error {
		switch state[f.Name] {
		case 1:
			return errorf(f.Line, "%s calls itself, which is not translated", f.Name)
		case 2:
			return nil
		}
		state[f.Name] = 1
		for _, s := range f.Body {
			for _, o := range s.Operands {
				if callee := m.functions[o.Name]; s.Name == "call" && o.Kind == Symbol && callee != nil {
					if err := visit(callee); err != nil {
						return err
					}
				}
			}
		}
		state[f.Name] = 2
		sorted = append(sorted, f)
		return nil
	}
	for _, f := range m.Functions {
		if err := visit(f); err != nil {
			return err
		}
	}
	slices.SortStableFunc(sorted, func(a, b *Function) int {
		return map[bool]int{true: 1}[a.Entry] - map[bool]int{true: 1}[b.Entry]
	})
	m.Functions = sorted
	return nil
}

// variables writes the arrays of the spaces global and const.
func (m *modules) variables(out *strings.Builder) error {
	names := slices.Sorted(maps.Keys(m.globals))
	for _, name := range names {
		v := m.globals[name]
		if v.Count == 0 {
			return errorf(v.Line, "%s has no size", name)
		}
		fmt.Fprintf(out, "alignas(%d) static %s %s[%d] = {", max(v.Align, 16), unsignedOf(v.Type), identifier("v_", name), v.Count)
		for _, x := range v.Values {
			fmt.Fprintf(out, "(%s)%#xull, ", unsignedOf(v.Type), x)
		}
		out.WriteString("};\n")
	}
	out.WriteString("static const Range variables[] = {")
	for _, name := range names {
		fmt.Fprintf(out, "{(u64)&%s, sizeof %s}, ", identifier("v_", name), identifier("v_", name))
	}
	out.WriteString("{0, 0}};\n\n")
	return nil
}

func unsignedOf(t string) string { return fmt.Sprintf("u%d", 8*sizeOf(t)) }

// function writes one function, and the description of a kernel.
func (m *modules) function(out *strings.Builder, f *Function, local *int64) error {
	all, err := blocks(f)
	if err != nil {
		return err
	}
	home := locals(f, all)
	names, places := slots(f, all, home)
	e := &emitter{m: m, f: f, home: home, slot: names, local: map[string]int64{}, calls: map[string]Variable{}}
	sharedBytes, err := e.layShared()
	if err != nil {
		return err
	}
	end := *local
	for _, v := range f.Variables {
		switch v.Space {
		case "local":
			end = up(end, int64(v.Align))
			e.local[v.Name] = end
			end += v.Bytes()
		case "param":
			e.calls[v.Name] = v
		}
	}
	if !f.Entry {
		*local = end
		for _, v := range slices.Concat(f.Params, f.Returns) {
			e.calls[v.Name] = v
		}
	}
	frame := identifier("F_", f.Name)
	e.frame(frame)
	if f.Entry {
		e.printf("static int %s(Warp &w, void *frame) {\n\tFlow &f = w.flow;\n\tauto &F = *(%s *)frame;\n\t(void)F;\n", identifier("k_", f.Name), frame)
	} else {
		e.printf("OUTLINE void %s([[maybe_unused]] Warp &w, u32 start", identifier("f_", f.Name))
		for _, v := range slices.Concat(f.Returns, f.Params) {
			e.printf(", char *%s", identifier("c_", v.Name))
		}
		e.printf(") {\n\tFlow f;\n\t%s F;\n\t(void)F;\n\tf.start(start);\n", frame)
	}
	for _, kind := range slices.Sorted(maps.Keys(places)) {
		t := map[string]string{"slot1": "u32", "slot2": "V<u16>", "slot4": "V<u32>", "slot8": "V<u64>"}[kind]
		e.printf("\t%s %s[%d];\n", t, kind, places[kind])
	}
	for _, v := range f.Variables {
		if v.Space == "param" {
			e.printf("\talignas(16) char %s[%d];\n", identifier("c_", v.Name), v.Bytes()*32)
		}
	}
	if err := e.body(all); err != nil {
		return err
	}
	e.printf("}\n\n")
	if f.Entry {
		e.entry(end, sharedBytes)
	}
	out.Write(e.out.Bytes())
	return nil
}

// layShared places the shared variables that the function names; the dynamic one lies behind the
// others. It gives the bytes of the others.
func (e *emitter) layShared() (int64, error) {
	known := maps.Clone(e.m.shareds)
	for _, v := range e.f.Variables {
		if v.Space == "shared" {
			known[v.Name] = v
		}
	}
	named := map[string]int{}
	for _, s := range e.f.Body {
		for _, o := range s.Operands {
			for _, part := range append([]Operand{o}, o.Parts...) {
				if _, ok := known[part.Name]; ok && named[part.Name] == 0 {
					named[part.Name] = s.Line
				}
			}
		}
	}
	e.shared = map[string]int64{}
	size := int64(0)
	var dynamic []string
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if !e.f.Entry {
			return 0, errorf(named[name], "the shared variable %s in a function is not translated: let the compiler inline %s", name, e.f.Name)
		}
		v := known[name]
		if v.Count == 0 {
			dynamic = append(dynamic, name)
			continue
		}
		size = up(size, int64(v.Align))
		e.shared[name] = size
		size += v.Bytes()
	}
	if len(dynamic) > 0 {
		for _, name := range dynamic {
			size = up(size, max(16, int64(known[name].Align)))
		}
		for _, name := range dynamic {
			e.shared[name] = size
		}
	}
	return size, nil
}

// frame writes the registers that live in more than one block.
func (e *emitter) frame(name string) {
	e.printf("struct %s {\n", name)
	used := map[string]bool{}
	for _, s := range e.f.Body {
		definitions, uses := accesses(s)
		for _, r := range slices.Concat(definitions, uses) {
			used[r] = true
		}
	}
	for _, r := range slices.Sorted(maps.Keys(used)) {
		if _, local := e.home[r]; !local && e.f.Registers[r] != "" {
			t := "u32"
			if kind := e.f.Registers[r]; kind != "pred" {
				t = "V<" + ctype(kind) + ">"
			}
			e.printf("\t%s %s;\n", t, identifier("r_", r))
		}
	}
	e.printf("\tchar none;\n};\n")
}

// body writes the blocks in their order, and the switch to where lanes stand.
func (e *emitter) body(all []*block) error {
	order := make([]int, 0, len(all))
	for i, b := range all {
		if b.rank >= 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return all[a].rank - all[b].rank })
	leave := "return ended"
	if !e.f.Entry {
		leave = "return"
	}
	e.printf("dispatch:\n\tswitch (f.next()) {\n")
	for _, i := range order {
		e.printf("\tcase %d: goto L%d;\n", all[i].rank, all[i].rank)
	}
	e.printf("\tdefault: %s;\n\t}\n", leave)
	for _, i := range order {
		e.at = i
		e.printf("L%d: {\n", all[i].rank)
		if err := e.statements(all[i].statements); err != nil {
			return err
		}
		if err := e.end(all); err != nil {
			return err
		}
		e.printf("\t}\n")
	}
	return nil
}

func (e *emitter) statements(all []Statement) error {
	for _, s := range all {
		if leaves(s) {
			continue
		}
		e.s, e.mods = s, &modifiers{s.Modifiers}
		f, ok := translations[s.Name]
		if !ok {
			return e.unknown()
		}
		if err := f(e); err != nil {
			return err
		}
		if len(e.mods.left) > 0 {
			return e.errorf(".%s is not translated here", e.mods.left[0])
		}
	}
	return nil
}

// entry writes the description of a kernel.
func (e *emitter) entry(local, shared int64) {
	name := e.f.Name
	var sizes, offsets []string
	at := int64(0)
	for _, p := range e.f.Params {
		at = up(at, int64(p.Align))
		sizes, offsets = append(sizes, fmt.Sprintf("%d, ", p.Bytes())), append(offsets, fmt.Sprintf("%d, ", at))
		at += p.Bytes()
	}
	e.printf("static const u32 %s[] = {%s0}, %s[] = {%s0};\n", identifier("sizes_", name), strings.Join(sizes, ""), identifier("offsets_", name), strings.Join(offsets, ""))
	e.printf("static const Entry %s = {%q, %s, sizeof(%s), %d, %d, %d, %d, %s, %s, variables};\n", identifier("entry_", name), name,
		identifier("k_", name), identifier("F_", name), local, shared, e.granule(), e.sites, identifier("sizes_", name), identifier("offsets_", name))
	e.printf("static const bool %s = add({%#xull, %q, [](const Launch *l) { return launch(&%s, l); }});\n\n", identifier("added_", name), e.m.Digest, name, identifier("entry_", name))
}

// granule is the binary logarithm of the bytes of the smallest access to shared memory, at most 4.
func (e *emitter) granule() int {
	least := 4
	for _, s := range e.f.Body {
		switch s.Name {
		case "ld", "st", "atom", "red":
			m := &modifiers{s.Modifiers}
			if m.one("global", "local", "const", "param") == "" {
				least = min(least, max(1, sizeOf(m.kind())))
			}
		}
	}
	return bits.TrailingZeros(uint(least))
}
