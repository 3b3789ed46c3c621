package ptx

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// A plant is the body of a kernel, with 64 threads to a block unless said, that has a bug or is
// nearly one. %t is the thread, %o the address of its 4 bytes of the output of 256 bytes, %base that
// of the output's start, %s that of its 4 bytes of shared memory of 1024 bytes in shared memory.
type plant struct {
	name, body string
	threads    uint32
	unwatched  bool // races are not looked for
	code       int
	says       string // part of the message
	want       func(thread int) uint32
}

const anyNaN = 0xffffffff

var plants = []plant{
	{name: "all threads come to the barrier", body: `
		st.shared.b32 [%s], %t; bar.sync 0; xor.b32 %r1, %t, 33; shl.b32 %r1, %r1, 2; ld.shared.b32 %r2, [%r1]; st.global.b32 [%o], %r2;`,
		want: func(i int) uint32 { return uint32(i ^ 33) }},
	{name: "a warp ends before the barrier", body: `
		setp.ge.u32 %p1, %t, 32; @%p1 ret; bar.sync 0;`, code: 719, says: "warp 1 does not come"},
	{name: "half a warp goes round the barrier", body: `
		and.b32 %r1, %t, 1; setp.eq.u32 %p1, %r1, 0; @%p1 bra $out; bar.sync 0; $out:`, code: 719, says: "all threads of a block must come"},
	{name: "the threads of a warp end before the barrier", body: `
		and.b32 %r1, %t, 1; setp.eq.u32 %p1, %r1, 0; @%p1 ret; bar.sync 0;`, code: 719, says: "bar.sync is reached by the lanes aaaaaaaa"},
	{name: "two barriers at once", body: `
		setp.ge.u32 %p1, %t, 32; @%p1 bra $b; bar.sync 1; ret; $b: bar.sync 2;`, code: 719, says: "waits at the barrier 2, warp 0 at the barrier 1"},

	{name: "a barrier is missing between warps", body: `
		st.shared.b32 [%s], %t; xor.b32 %r1, %t, 32; shl.b32 %r1, %r1, 2; ld.shared.b32 %r2, [%r1]; st.global.b32 [%o], %r2;`,
		code: 719, says: "a race: writes byte 128 of shared memory, which thread 0 has read"},
	{name: "and nobody looks", unwatched: true, body: `
		st.shared.b32 [%s], %t; xor.b32 %r1, %t, 1; shl.b32 %r1, %r1, 2; ld.shared.b32 %r2, [%r1]; st.global.b32 [%o], %r2;`,
		want: func(i int) uint32 { return uint32(i ^ 1) }},
	{name: "bar.warp.sync is missing within a warp", body: `
		st.shared.b32 [%s], %t; xor.b32 %r1, %t, 1; shl.b32 %r1, %r1, 2; ld.shared.b32 %r2, [%r1]; st.global.b32 [%o], %r2;`,
		code: 719, says: "a race: reads"},
	{name: "bar.warp.sync within a warp", body: `
		st.shared.b32 [%s], %t; bar.warp.sync -1; xor.b32 %r1, %t, 1; shl.b32 %r1, %r1, 2; ld.shared.b32 %r2, [%r1]; st.global.b32 [%o], %r2;
		bar.warp.sync -1; st.shared.b32 [%s], %r2;`,
		want: func(i int) uint32 { return uint32(i ^ 1) }},
	{name: "bar.warp.sync between warps", body: `
		st.shared.b32 [%s], %t; bar.warp.sync -1; xor.b32 %r1, %t, 32; shl.b32 %r1, %r1, 2; ld.shared.b32 %r2, [%r1];`,
		code: 719, says: "a race: writes byte 128"},
	{name: "a barrier is missing before memory is written anew", body: `
		st.shared.b32 [%s], %t; bar.sync 0; xor.b32 %r1, %t, 32; shl.b32 %r1, %r1, 2; ld.shared.b32 %r2, [%r1]; st.shared.b32 [%s], %r2;`,
		code: 719, says: "which thread 0 has written"},
	{name: "two threads write one place", body: `
		st.shared.b32 [16], %t;`, code: 719, says: "a race: writes byte 16"},
	{name: "neighbours in one word", body: `
		shl.b32 %r1, %t, 1; cvt.u16.u32 %h1, %t; st.shared.b16 [%r1], %h1; bar.sync 0; xor.b32 %r1, %r1, 2; ld.shared.u16 %r2, [%r1]; st.global.b32 [%o], %r2;`,
		want: func(i int) uint32 { return uint32(i ^ 1) }},
	{name: "all read one place", body: `
		setp.eq.u32 %p1, %t, 40; @%p1 st.shared.b32 [8], 77; bar.sync 0; ld.shared.b32 %r1, [8]; ld.shared.b32 %r1, [8]; st.global.b32 [%o], %r1;
		bar.sync 0; @%p1 st.shared.b32 [8], 78;`,
		want: func(int) uint32 { return 77 }},
	{name: "atomics do not race with each other", body: `
		setp.eq.u32 %p1, %t, 0; @%p1 st.shared.b32 [8], 0; bar.sync 0; atom.shared.add.u32 %r2, [8], 2; red.shared.add.u32 [8], 1; bar.sync 0; ld.shared.b32 %r1, [8]; st.global.b32 [%o], %r1;`,
		want: func(int) uint32 { return 3 * 64 }},
	{name: "an atomic and a load", body: `
		st.shared.b32 [%s], 0; bar.sync 0; red.shared.add.u32 [8], 1; ld.shared.b32 %r1, [8];`, code: 719, says: "a race: reads byte 8"},

	{name: "shared memory that nobody has written", body: `
		ld.shared.b32 %r1, [%s]; st.global.b32 [%o], %r1;`, want: func(int) uint32 { return anyNaN }},
	{name: "behind the end of shared memory", body: `
		ld.shared.b32 %r1, [%s+772];`, code: 719, says: "4 bytes at 1024 of shared memory, which has 1024"},
	{name: "before shared memory", body: `
		sub.u32 %r1, %s, 8; ld.shared.b32 %r1, [%r1];`, code: 719, says: "of shared memory"},
	{name: "a vector over the end of shared memory", body: `
		st.shared.v4.b32 [1016], {%t, %t, %t, %t};`, threads: 1, code: 719, says: "16 bytes at 1016"},
	{name: "a misaligned vector in shared memory", body: `
		ld.shared.v2.b32 {%r1, %r2}, [%s+4];`, code: 716, says: "multiple of 8"},

	{name: "a misaligned vector", body: `
		ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%base+8];`, code: 716, says: "multiple of 16"},
	{name: "an aligned vector", body: `
		st.global.b32 [%o], 5; ld.global.v4.b32 {%r1, %r2, _, %r4}, [%base+16]; st.global.v2.b32 [%base], {%r1, %r4};`, threads: 8,
		want: func(i int) uint32 { return map[bool]uint32{true: 5}[i < 8] }},
	{name: "just behind the end of a buffer", body: `
		st.global.b32 [%o+4], %t;`, code: 700, says: "4 bytes at"},
	{name: "over the end of a buffer", body: `
		add.s64 %d1, %base, 248; ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%d1+-0];`, code: 716},
	{name: "the last bytes and one more", body: `
		ld.global.v2.b32 {%r1, %r2}, [%base+248]; ld.global.u8 %r2, [%base+256];`, code: 700, says: "256 bytes into an allocation of 256"},
	{name: "before a buffer", body: `
		ld.global.u32 %r1, [%base+-4];`, code: 700, says: "no memory of the device"},
	{name: "a null pointer", body: `
		mov.u64 %d1, 0; ld.global.u32 %r1, [%d1+16];`, code: 700, says: "at 0x10, which is no memory"},
	{name: "a lane that is not there", body: `
		setp.lt.u32 %p1, %t, 3; mov.u64 %d1, 0; @!%p1 st.global.b32 [%o], 1; @%p1 st.global.b32 [%d1], 1;`, code: 700},
	{name: "an atomic at no address", body: `
		mov.u64 %d1, 64; atom.global.add.u32 %r1, [%d1], 1;`, code: 700},
	{name: "shared memory by a generic address", body: `
		cvt.u64.u32 %d1, %s; cvta.shared.u64 %d1, %d1; st.u32 [%d1], %t; ld.shared.b32 %r1, [%s]; st.b32 [%o], %r1;`,
		want: func(i int) uint32 { return uint32(i) }},

	{name: "cp.async before it is waited for", body: `
		st.global.b32 [%o], %t; cp.async.ca.shared.global [%s], [%o], 4; cp.async.commit_group; ld.shared.b32 %r1, [%s]; st.global.b32 [%o], %r1;`,
		want: func(int) uint32 { return anyNaN }},
	{name: "cp.async waits for another group", body: `
		st.global.b32 [%o], %t; cp.async.ca.shared.global [%s], [%o], 4; cp.async.commit_group; cp.async.wait_group 1; ld.shared.b32 %r1, [%s]; st.global.b32 [%o], %r1;`,
		want: func(int) uint32 { return anyNaN }},
	{name: "cp.async", body: `
		st.global.b32 [%o], %t; cp.async.ca.shared.global [%s], [%o], 4; cp.async.commit_group; cp.async.commit_group; cp.async.wait_group 1; ld.shared.b32 %r1, [%s]; st.global.b32 [%o], %r1;`,
		want: func(i int) uint32 { return uint32(i) }},
	{name: "cp.async without a group", body: `
		st.global.b32 [%o], %t; cp.async.ca.shared.global [%s], [%o], 4; cp.async.wait_all; ld.shared.b32 %r1, [%s]; st.global.b32 [%o], %r1;`,
		want: func(i int) uint32 { return uint32(i) }},
	{name: "cp.async fills with zeros", body: `
		st.global.b32 [%o], %t; setp.lt.u32 %p1, %t, 8; selp.b32 %r1, 4, 0, %p1; cp.async.ca.shared.global [%s], [%o], 4, %r1; cp.async.wait_all; ld.shared.b32 %r1, [%s]; st.global.b32 [%o], %r1;`,
		want: func(i int) uint32 { return map[bool]uint32{true: uint32(i)}[i < 8] }},
	{name: "cp.async of nothing from nowhere", body: `
		mov.u64 %d1, 0; cp.async.cg.shared.global [0], [%d1], 16, 0; cp.async.wait_all; ld.shared.b32 %r1, [%s]; st.global.b32 [%o], %r1;`, threads: 1,
		want: func(int) uint32 { return 0 }},
	{name: "cp.async behind the end", body: `
		cp.async.cg.shared.global [0], [%base+256], 16;`, threads: 1, code: 700},
	{name: "cp.async misaligned", body: `
		cp.async.ca.shared.global [0], [%base+4], 8;`, threads: 1, code: 716},
	{name: "what cp.async brought is read by others without a barrier", body: `
		st.global.b32 [%o], %t; cp.async.ca.shared.global [%s], [%o], 4; cp.async.wait_all; xor.b32 %r1, %s, 128; ld.shared.b32 %r1, [%r1];`, code: 719, says: "a race"},

	{name: "a shuffle that lanes do not come to", body: `
		setp.lt.u32 %p1, %t, 16; @%p1 bra $in; ret; $in: shfl.sync.bfly.b32 %r1, %t, 1, 31, -1;`, threads: 32, unwatched: true, code: 719, says: "waits for the lanes ffff0000"},
	{name: "a shuffle of half a warp", body: `
		setp.lt.u32 %p1, %t, 16; @!%p1 ret; shfl.sync.bfly.b32 %r1, %t, 1, 31, 0xffff; st.global.b32 [%o], %r1;`, threads: 32,
		want: func(i int) uint32 { return map[bool]uint32{true: uint32(i ^ 1)}[i < 16] }},
	{name: "a mask without the lane itself", body: `
		shfl.sync.bfly.b32 %r1, %t, 1, 31, 0xffff;`, threads: 32, code: 719, says: "which its mask 0000ffff lacks"},
	{name: "trap", body: `
		setp.eq.u32 %p1, %t, 5; @%p1 trap;`, code: 719, says: "thread (5,0,0): trap"},
	{name: "a warp that is not full", body: `
		shfl.sync.down.b32 %r1, %t, 1, 31, -1; st.global.b32 [%o], %r1;`, threads: 20,
		want: func(i int) uint32 {
			switch {
			case i < 19:
				return uint32(i + 1)
			case i == 19:
				return anyNaN
			}
			return 0
		}},
}

var plantModule = func() string {
	var b strings.Builder
	b.WriteString(".version 7.0\n.target sm_80\n.address_size 64\n.shared .align 16 .b8 memory[1024];\n")
	for i, p := range plants {
		fmt.Fprintf(&b, ".visible .entry plant_%d(.param .u64 out) {\n", i)
		b.WriteString(`
	.reg .pred %p<4>; .reg .b16 %h<4>; .reg .b32 %r<8>; .reg .b32 %t, %s; .reg .b64 %d<4>; .reg .b64 %o, %base;
	ld.param.u64 %base, [out]; mov.u32 %t, %tid.x; mad.wide.u32 %o, %t, 4, %base; mov.u32 %s, memory; mad.lo.u32 %s, %t, 4, %s;
`)
		fmt.Fprintf(&b, "%s\n\tret;\n}\n", p.body)
	}
	return b.String()
}()

func init() { texts = append(texts, plantModule) }

func TestPlantedBugs(t *testing.T) {
	for i, p := range plants {
		t.Run(p.name, func(t *testing.T) {
			threads := p.threads
			if threads == 0 {
				threads = 64
			}
			l := launch{text: plantModule, kernel: fmt.Sprintf("plant_%d", i), grid: [3]uint32{1, 1, 1}, block: [3]uint32{threads, 1, 1},
				races: !p.unwatched, buffers: [][]byte{make([]byte, 256)}, params: []any{pointer{0, 0}}}
			code, said := run(t, l)
			if code != p.code || !strings.Contains(said, p.says) || (said != "") != (code != 0) {
				t.Fatalf("ends with %d, not %d, and says %q, not %q", code, p.code, said, p.says)
			}
			if code != 0 && !strings.Contains(said, l.kernel+", line ") {
				t.Errorf("the message does not name the kernel and the line: %q", said)
			}
			for j := range 64 {
				if got := binary.LittleEndian.Uint32(l.buffers[0][4*j:]); code == 0 && got != p.want(j) {
					t.Errorf("thread %d: %#x, not %#x", j, got, p.want(j))
				}
			}
		})
	}
}
