package ptx

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const header = ".version 7.0\n.target sm_80\n.address_size 64\n"

func translate(text string) error {
	m, err := Parse([]byte(text))
	if err != nil {
		return err
	}
	return m.Translate(io.Discard)
}

// What is not translated is refused, by line and name.
func TestRefusals(t *testing.T) {
	body := func(code string) string {
		return header + ".visible .entry k(.param .u64 p) {\n.reg .b32 %r<4>; .reg .f32 %f<4>; .reg .pred %p<2>; .reg .b64 %d<2>; .reg .b16 %h<2>;\n" + code + "\nret;\n}\n"
	}
	for _, c := range []struct {
		text string
		line int
		says string
	}{
		{"", 1, "not PTX"},
		{header + ".address_size 32", 4, "only 64"},
		{header + "/* ", 4, "without an end"},
		{header + "nonsense", 4, `"nonsense"`},
		{header + ".visible .entry k() {\n", 4, "k has no end"},
		{header + ".extern .func f();\n.extern .global .u32 g;", 5, "not linked"},
		{body("wmma.load.a.sync.aligned.row.m16n16k16.global.f16 {%r1}, [%d1];"), 6, "wmma.load.a.sync.aligned.row.m16n16k16.global.f16: this form"},
		{body("\n\nadd.s32 %r1, %r2;"), 8, "add.s32: 2 operands instead of 3"},
		{body("add.rz.f32 %f1, %f2, %f3;"), 6, "add.rz.f32: .rz is not translated here"},
		{body("add.f32 %f1, %f2, 1;"), 6, "an integer where a .f32"},
		{body("add.s64 %d1, %r1, %d1;"), 6, "%r1 is of .b32"},
		{body("mov.u32 %r1, %clock;"), 6, "%clock"},
		{body("mov.u32 %r1, nowhere;"), 6, "no variable nowhere"},
		{body("bra $there;"), 6, "no label $there"},
		{body("$a: $a:"), 6, "twice"},
		{body("brx.idx %r1, $t;"), 6, "branchtargets"},
		{body("@%r1 add.s32 %r1, %r1, %r1;"), 6, "no predicate"},
		{body("bar.sync 0, 32;"), 6, "a part of the block"},
		{body("bar.red.popc.u32 %r1, 0, %p1;"), 6, "bar.red.popc.u32"},
		{body("call.uni nothing, ();"), 6, "no function nothing"},
		{body("ld.param.u64 %d1, [p+8];"), 6, "beyond p"},
		{body("ld.global.v2.f32 {%f1, %f2, %f3}, [%d1];"), 6, "3 parts instead of 2"},
		{body("ld.global.f32 %h1, [%d1];"), 6, "too narrow"},
		{body("cvt.f32.s32 %f1, %r1;"), 6, "cvt.f32.s32"},
		{body("mma.sync.aligned.m8n8k4.row.col.f16.f16.f16.f16 {%r1}, {%r1}, {%r1}, {%r1};"), 6, "mma.sync.aligned.m8n8k4"},
		{body("cp.async.cg.shared.global [%r1], [%d1], 8;"), 6, "8 bytes cannot"},
		{body("mov.b32 %r1, 12x;"), 6, `"12x"`},
		{header + ".visible .entry k() {\n.reg .b32 %r<2>;\nadd.s32 %r1, %r1, 1;\n}", 4, "runs over its end"},
		{header + ".func f() {\ncall.uni f, ();\nret;\n}", 4, "calls itself"},
		{header + ".func f() {\nbar.sync 0;\nret;\n}", 5, "in a function"},
		{header + ".shared .b32 s;\n.func f() {\n.reg .b32 %r<2>;\nmov.u32 %r1, s;\nret;\n}", 7, "let the compiler inline f"},
	} {
		var e *Error
		if err := translate(c.text); !errors.As(err, &e) || e.Line != c.line || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s\ngives %v, not line %d: %s", strings.TrimPrefix(c.text, header), err, c.line, c.says)
		}
	}
}

// All that ships is translated. What it computes is tested where it is used.
func TestTheShippedKernelsAreTranslated(t *testing.T) {
	files, err := filepath.Glob("../kernels/*.ptx")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := translate(string(text)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// The digest must be that of the stand-in's module.cpp.
func TestTheDigestIgnoresWhiteSpaceAround(t *testing.T) {
	if got := digest([]byte("\n foobar\t\r\n")); got != 0x85944171f73967e8 { // of the FNV test suite
		t.Errorf("%#x", got)
	}
}

// Lanes that part in loops and branches meet again: the blocks of a loop come together, and what
// follows it comes after it.
func TestTheOrderOfBlocks(t *testing.T) {
	const text = header + `.visible .entry k(.param .u32 n) {
	.reg .pred %p<3>; .reg .b32 %r<2>;
	ld.param.u32 %r1, [n]; setp.eq.u32 %p1, %r1, 0;
	@%p1 bra $exit;
$head:
	@%p1 bra $rare;
$latch:
	@%p1 bra $head;
	bra.uni $after;
$rare:
	@%p1 bra $inner;
	bra.uni $latch;
$inner:
	@%p1 bra $inner;
	bra.uni $latch;
$after:
	setp.eq.u32 %p1, %r1, 1;
$exit:
	ret;
}`
	m, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	all, err := blocks(m.Functions[0])
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for _, b := range all {
		for _, l := range b.labels {
			at[l] = b.rank
		}
	}
	for _, pair := range [][2]string{{"$head", "$rare"}, {"$rare", "$inner"}, {"$inner", "$latch"}, {"$latch", "$after"}, {"$after", "$exit"}} {
		if at[pair[0]] >= at[pair[1]] {
			t.Errorf("%s comes before %s: %v", pair[1], pair[0], at)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(header + ".visible .entry k(.param .align 8 .b8 p[16]) { .reg .b32 %r<3>; $l: @!%p bra $l; ld.global.v2.b32 {%r1, _}, [%r1+-4]; ret; }"))
	f.Add([]byte(header + ".global .align 4 .b8 g[4] = {1, 2};\n.func (.param .b32 r) f(.param .b32 a) { .param .b32 x; call (x), f, (x); }"))
	f.Add([]byte(header + ".visible .entry k(.param .u64 p) { .reg .b64 %d<2>; .reg .pred %p<2>; .reg .b16 %h<2>; mov.b64 {%h1, _, _, _}, %d1; setp.eq.or.s64 %p1|%p0, %d1, 0x7, !%p1; bar.sync 0; $t: .branchtargets $l; $l: atom.global.add.f64 %d1, [p], 0d3FF0000000000000; exit; }"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse(text)
		if err == nil {
			err = m.Translate(io.Discard)
		}
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Line < 1 || e.Line > 1+strings.Count(string(text), "\n")) {
			t.Fatalf("%v", err)
		}
	})
}
