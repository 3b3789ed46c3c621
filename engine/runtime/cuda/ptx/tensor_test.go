package ptx

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// A warp's fragments, as PTX describes them: the register and the half of it that hold an element.
// Lane 4g+t.

// tensorModule has kernels of one warp: mma of each form, ldmatrix, brx.idx and the exchanges.
// Each lane has 16 words of input and 8 of output.
var tensorModule = func() string {
	var b strings.Builder
	b.WriteString(".version 7.0\n.target sm_80\n.address_size 64\n.shared .align 16 .b8 rows[2048];\n")
	kernel := func(name, body string) {
		fmt.Fprintf(&b, ".visible .entry %s(.param .u64 out, .param .u64 in) {\n", name)
		b.WriteString(`
	.reg .pred %p<4>; .reg .b32 %i<16>, %o<8>, %t, %u, %v; .reg .f32 %f<16>, %g<8>; .reg .b64 %d<4>;
	mov.u32 %t, %tid.x; ld.param.u64 %d0, [out]; mad.wide.u32 %d0, %t, 32, %d0; ld.param.u64 %d1, [in]; mad.wide.u32 %d1, %t, 64, %d1;
`)
		for i := range 16 {
			fmt.Fprintf(&b, "\tld.global.b32 %%i%d, [%%d1+%d]; mov.b32 %%f%d, %%i%d;\n", i, 4*i, i, i)
		}
		for i := range 8 {
			fmt.Fprintf(&b, "\tmov.b32 %%o%d, 0; mov.f32 %%g%d, 0f00000000;\n", i, i)
		}
		fmt.Fprintf(&b, "%s\n$end:\n", body)
		for i := range 8 {
			out := fmt.Sprintf("%%o%d", i)
			if strings.HasPrefix(name, "mma") {
				out = fmt.Sprintf("%%g%d", i)
			}
			fmt.Fprintf(&b, "\tst.global.b32 [%%d0+%d], %s;\n", 4*i, out)
		}
		b.WriteString("\tret;\n}\n")
	}
	// a: i0 to i3, b: i4 and i5, c: f6 to f9
	for _, form := range []string{"m16n8k8 tf32", "m16n8k8 f16", "m16n8k16 f16", "m16n8k16 bf16"} {
		shape, kind, _ := strings.Cut(form, " ")
		x, y := "{%i0, %i1, %i2, %i3}", "{%i4, %i5}"
		if form == "m16n8k8 f16" {
			x, y = "{%i0, %i1}", "{%i4}"
		}
		kernel("mma_"+shape+"_"+kind, fmt.Sprintf("mma.sync.aligned.%s.row.col.f32.%s.%s.f32 {%%g0, %%g1, %%g2, %%g3}, %s, %s, {%%f6, %%f7, %%f8, %%f9};", shape, kind, kind, x, y))
	}
	// Each lane writes its 16 words, the row of two matrices, to shared memory.
	store := "mov.u32 %u, rows; mad.lo.u32 %u, %t, 64, %u; "
	for i := 0; i < 16; i += 4 {
		store += fmt.Sprintf("st.shared.v4.b32 [%%u+%d], {%%i%d, %%i%d, %%i%d, %%i%d}; ", 4*i, i, i+1, i+2, i+3)
	}
	store += "bar.sync 0; "
	kernel("ldmatrix_x4", store+"ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%o0, %o1, %o2, %o3}, [%u];")
	kernel("ldmatrix_x2_trans", store+"ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%o0, %o1}, [%u+16];")
	kernel("ldmatrix_x1", store+"ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%o0}, [%u];")
	kernel("jump", `
	and.b32 %u, %t, 3;
	$table: .branchtargets $c, $a, $b, $a;
	brx.idx %u, $table;
	$a: add.s32 %o0, %o0, 1; and.b32 %v, %t, 4; setp.eq.u32 %p1, %v, 0; @%p1 bra $c; add.s32 %o0, %o0, 1; bra.uni $d;
	$b: add.s32 %o0, %o0, 10;
	$c: add.s32 %o0, %o0, 100;
	$d: activemask.b32 %o1;`)
	kernel("exchange", `
	setp.gt.s32 %p1, %i0, 0;
	vote.sync.ballot.b32 %o0, %p1, -1; vote.sync.any.pred %p2, %p1, -1; selp.b32 %o1, 1, 0, %p2; vote.sync.all.pred %p2, %p1, -1; selp.b32 %o2, 1, 0, %p2;
	shfl.sync.up.b32 %o3|%p3, %i0, 3, 0, -1; selp.b32 %o4, 1, 0, %p3; shfl.sync.idx.b32 %o5, %i0, %i1, 31, -1; redux.sync.add.s32 %o6, %i0, -1; shfl.sync.down.b32 %o7|%p3, %i0, 1, 0x181f, -1;`)
	return b.String()
}()

// warp runs a kernel of tensorModule.
func warp(t *testing.T, kernel string, in [32][16]uint32) (out [32][8]uint32) {
	t.Helper()
	l := launch{text: tensorModule, kernel: kernel, grid: [3]uint32{1, 1, 1}, block: [3]uint32{32, 1, 1}, races: true,
		buffers: [][]byte{make([]byte, 32*32), make([]byte, 32*64)}, params: []any{pointer{0, 0}, pointer{1, 0}}}
	for i := range in {
		for j, v := range in[i] {
			binary.LittleEndian.PutUint32(l.buffers[1][64*i+4*j:], v)
		}
	}
	if code, said := run(t, l); code != 0 {
		t.Fatalf("%s ends with %d: %s", kernel, code, said)
	}
	for i := range out {
		for j := range out[i] {
			out[i][j] = binary.LittleEndian.Uint32(l.buffers[0][32*i+4*j:])
		}
	}
	return out
}

func TestMatrixProducts(t *testing.T) {
	for _, form := range []struct {
		kernel string
		k      int
		bits   func(float32) uint32
		pairs  bool
	}{
		{"mma_m16n8k8_tf32", 8, func(f float32) uint32 { return uint32(bits32(f)) | 0x1fff }, false}, // what is not rounded is dropped
		{"mma_m16n8k8_f16", 8, func(f float32) uint32 { return uint32(toHalf(float64(f))) }, true},
		{"mma_m16n8k16_f16", 16, func(f float32) uint32 { return uint32(toHalf(float64(f))) }, true},
		{"mma_m16n8k16_bf16", 16, func(f float32) uint32 { return uint32(bits32(f) >> 16) }, true},
	} {
		// Small whole numbers are exact in all types.
		a := func(row, k int) float32 { return float32((row*7+k*3)%11 - 5) }
		b := func(k, column int) float32 { return float32((k*5+column*2)%9 - 4) }
		c := func(row, column int) float32 { return float32(row*8 + column) }
		var in [32][16]uint32
		for l := range 32 {
			g, q := l/4, l%4
			pair := func(f func(i int) float32) uint32 { return form.bits(f(0)) | form.bits(f(1))<<16 }
			for i := range 4 {
				row, inner := g+8*(i%2), 8*(i/2)+2*q
				if form.pairs {
					in[l][i] = pair(func(j int) float32 { return a(row, inner+j) })
				} else {
					in[l][i] = form.bits(a(row, q+4*(i/2)))
				}
				in[l][6+i] = uint32(bits32(c(g+8*(i/2), 2*q+i%2)))
			}
			for i := range 2 {
				if form.pairs {
					in[l][4+i] = pair(func(j int) float32 { return b(8*i+2*q+j, g) })
				} else {
					in[l][4+i] = form.bits(b(q+4*i, g))
				}
			}
		}
		out := warp(t, form.kernel, in)
		for l := range 32 {
			for i := range 4 {
				row, column := l/4+8*(i/2), 2*(l%4)+i%2
				want := c(row, column)
				for k := range form.k {
					want += a(row, k) * b(k, column)
				}
				if got := f32(uint64(out[l][i])); got != want {
					t.Fatalf("%s: (%d,%d) is %v, not %v", form.kernel, row, column, got, want)
				}
			}
		}
	}
}

func TestMatrixLoads(t *testing.T) {
	var in [32][16]uint32
	for l := range 32 {
		for j := range 16 {
			in[l][j] = uint32(l<<8|2*j) | uint32(l<<8|2*j+1)<<16 // element 2j and 2j+1 of row l
		}
	}
	element := func(row, column int) uint32 { return uint32(row<<8 | column) }
	for kernel, want := range map[string]func(lane, i int) uint32{
		"ldmatrix_x4": func(l, i int) uint32 { return element(8*i+l/4, l%4*2) | element(8*i+l/4, l%4*2+1)<<16 },
		"ldmatrix_x2_trans": func(l, i int) uint32 {
			return cond(i < 2, element(8*i+l%4*2, 8+l/4)|element(8*i+l%4*2+1, 8+l/4)<<16, 0)
		},
		"ldmatrix_x1": func(l, i int) uint32 { return cond(i < 1, element(l/4, l%4*2)|element(l/4, l%4*2+1)<<16, 0) },
	} {
		out := warp(t, kernel, in)
		for l := range 32 {
			for i := range 4 {
				if got := out[l][i]; got != want(l, i) {
					t.Fatalf("%s: lane %d has %#x in register %d, not %#x", kernel, l, got, i, want(l, i))
				}
			}
		}
	}
}

func TestJumpTables(t *testing.T) {
	for l, out := range warp(t, "jump", [32][16]uint32{}) {
		want := [...]uint32{100, 2, 110, 2}[l%4]
		if l&4 == 0 && l%2 == 1 {
			want = 101
		}
		if out[0] != want || out[1] != 0xffffffff {
			t.Errorf("lane %d: %d in the end, with %#x", l, out[0], out[1])
		}
	}
}

func TestExchanges(t *testing.T) {
	var in [32][16]uint32
	ballot, sum := uint32(0), uint32(0)
	for l := range in {
		in[l][0], in[l][1] = uint32(l*l-50), uint32(31-l)
		sum += in[l][0]
		if int32(in[l][0]) > 0 {
			ballot |= 1 << l
		}
	}
	for l, out := range warp(t, "exchange", in) {
		from := func(lane int) uint32 { return in[lane][0] }
		want := [8]uint32{ballot, 1, 0, from(cond(l >= 3, l-3, l)), uint32(cond(l >= 3, 1, 0)), from(31 - l), sum, from(cond(l%8 != 7, l+1, l))}
		if out != want {
			t.Errorf("lane %d: %d, not %d", l, out, want)
		}
	}
}
