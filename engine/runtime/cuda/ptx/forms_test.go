package ptx

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"
)

// A form is an instruction of which each lane computes one value. The code reads the registers
// %ra, %rb and %rc, which hold the low 32 bits of the inputs, %ha with 16, %xa with 64, %fa and %ga
// with the same bits as an f32 and an f64, and writes %ro, %ho, %xo, %fo, %go or %po.
type form struct {
	code string
	// want gives the bits of the output of inputs a, b and c.
	want func(a, b, c uint64) uint64
}

func f32(x uint64) float32              { return math.Float32frombits(uint32(x)) }
func f64(x uint64) float64              { return math.Float64frombits(x) }
func bits32(f float32) uint64           { return uint64(math.Float32bits(f)) }
func s32(x uint64) int32                { return int32(x) }
func u32(x uint64) uint32               { return uint32(x) }
func bits64(f float64) uint64           { return math.Float64bits(f) }
func truth(b bool) uint64               { return map[bool]uint64{true: 1}[b] }
func of32[T int32 | uint32](x T) uint64 { return uint64(uint32(x)) }
func of16[T int16 | uint16](x T) uint64 { return uint64(uint16(x)) }
func cond[T any](p bool, a, b T) (r T) {
	if p {
		return a
	}
	return b
}

var forms = []form{
	{"add.s32 %ro, %ra, %rb;", func(a, b, c uint64) uint64 { return of32(u32(a) + u32(b)) }},
	{"add.s64 %xo, %xa, %xb;", func(a, b, c uint64) uint64 { return a + b }},
	{"add.s16 %ho, %ha, %hb;", func(a, b, c uint64) uint64 { return of16(uint16(a) + uint16(b)) }},
	{"sub.u32 %ro, %ra, 7;", func(a, b, c uint64) uint64 { return of32(u32(a) - 7) }},
	{"mul.lo.s32 %ro, %ra, %rb;", func(a, b, c uint64) uint64 { return of32(s32(a) * s32(b)) }},
	{"mul.lo.s64 %xo, %xa, -3;", func(a, b, c uint64) uint64 { return a * (1<<64 - 3) }},
	{"mul.hi.u32 %ro, %ra, %rb;", func(a, b, c uint64) uint64 { hi, _ := bits.Mul32(u32(a), u32(b)); return uint64(hi) }},
	{"mul.hi.s32 %ro, %ra, %rb;", func(a, b, c uint64) uint64 { return of32(int32(int64(s32(a)) * int64(s32(b)) >> 32)) }},
	{"mul.hi.u64 %xo, %xa, %xb;", func(a, b, c uint64) uint64 { hi, _ := bits.Mul64(a, b); return hi }},
	{"mul.wide.s32 %xo, %ra, %rb;", func(a, b, c uint64) uint64 { return uint64(int64(s32(a)) * int64(s32(b))) }},
	{"mul.wide.u32 %xo, %ra, %rb;", func(a, b, c uint64) uint64 { return uint64(u32(a)) * uint64(u32(b)) }},
	{"mul.wide.u16 %ro, %ha, %hb;", func(a, b, c uint64) uint64 { return uint64(uint16(a)) * uint64(uint16(b)) & 0xffffffff }},
	{"mad.lo.s32 %ro, %ra, %rb, %rc;", func(a, b, c uint64) uint64 { return of32(s32(a)*s32(b) + s32(c)) }},
	{"mad.wide.s32 %xo, %ra, %rb, %xc;", func(a, b, c uint64) uint64 { return uint64(int64(s32(a))*int64(s32(b))) + c }},
	{"mad.hi.u32 %ro, %ra, %rb, %rc;", func(a, b, c uint64) uint64 { hi, _ := bits.Mul32(u32(a), u32(b)); return of32(hi + u32(c)) }},
	{"mul24.lo.s32 %ro, %ra, %rb;", func(a, b, c uint64) uint64 { return of32(int32(int64(s32(a)<<8>>8) * int64(s32(b)<<8>>8))) }},
	{"div.s32 %ro, %ra, %rb;", func(a, b, c uint64) uint64 {
		return cond(u32(b) == 0, 0xffffffff, of32(s32(a)/cond(s32(b) == 0, 1, s32(b))))
	}},
	{"div.u64 %xo, %xa, %xb;", func(a, b, c uint64) uint64 { return cond(b == 0, math.MaxUint64, a/max(b, 1)) }},
	{"rem.s32 %ro, %ra, %rb;", func(a, b, c uint64) uint64 {
		return cond(u32(b) == 0, of32(s32(a)), of32(s32(a)%cond(s32(b) == 0, 1, s32(b))))
	}},
	{"rem.u32 %ro, %ra, 10;", func(a, b, c uint64) uint64 { return of32(u32(a) % 10) }},
	{"min.s32 %ro, %ra, %rb;", func(a, b, c uint64) uint64 { return of32(min(s32(a), s32(b))) }},
	{"max.u32 %ro, %ra, %rb;", func(a, b, c uint64) uint64 { return of32(max(u32(a), u32(b))) }},
	{"max.s64 %xo, %xa, %xb;", func(a, b, c uint64) uint64 { return uint64(max(int64(a), int64(b))) }},
	{"abs.s32 %ro, %ra;", func(a, b, c uint64) uint64 { return of32(cond(s32(a) < 0, -s32(a), s32(a))) }},
	{"neg.s64 %xo, %xa;", func(a, b, c uint64) uint64 { return -a }},
	{"and.b32 %ro, %ra, %rb;", func(a, b, c uint64) uint64 { return of32(u32(a) & u32(b)) }},
	{"or.b64 %xo, %xa, %xb;", func(a, b, c uint64) uint64 { return a | b }},
	{"xor.b16 %ho, %ha, %hb;", func(a, b, c uint64) uint64 { return of16(uint16(a ^ b)) }},
	{"not.b32 %ro, %ra;", func(a, b, c uint64) uint64 { return of32(^u32(a)) }},
	{"shl.b32 %ro, %ra, %rb;", func(a, b, c uint64) uint64 { return of32(u32(a) << u32(b)) }},
	{"and.b32 %u, %rb, 63; shl.b64 %xo, %xa, %u;", func(a, b, c uint64) uint64 { return a << (b & 63) }},
	{"shr.s32 %ro, %ra, %rb;", func(a, b, c uint64) uint64 { return of32(s32(a) >> u32(b)) }},
	{"and.b32 %u, %rb, 15; shr.u16 %ho, %ha, %u;", func(a, b, c uint64) uint64 { return of16(uint16(a) >> (b & 15)) }},
	{"shr.u64 %xo, %xa, 13;", func(a, b, c uint64) uint64 { return a >> 13 }},
	{"shf.l.wrap.b32 %ro, %ra, %rb, 5;", func(a, b, c uint64) uint64 { return of32(u32(b)<<5 | u32(a)>>27) }},
	{"shf.r.clamp.b32 %ro, %ra, %rb, 40;", func(a, b, c uint64) uint64 { return of32(u32(b)) }},
	{"bfe.u32 %ro, %ra, 5, 7;", func(a, b, c uint64) uint64 { return of32(u32(a) >> 5 & 127) }},
	{"bfe.s32 %ro, %ra, 28, 8;", func(a, b, c uint64) uint64 { return of32(s32(a) >> 28) }},
	{"bfe.s32 %ro, %ra, 3, 4;", func(a, b, c uint64) uint64 { return of32(s32(a) << 25 >> 28) }},
	{"bfe.u64 %xo, %xa, 40, 9;", func(a, b, c uint64) uint64 { return a >> 40 & 511 }},
	{"bfi.b32 %ro, %ra, %rb, 4, 8;", func(a, b, c uint64) uint64 { return of32(u32(b)&^0xff0 | u32(a)&0xff<<4) }},
	{"prmt.b32 %ro, %ra, %rb, 0x7250;", func(a, b, c uint64) uint64 {
		return of32(u32(a)&0xff | u32(b)>>8&0xff<<8 | u32(a)>>16&0xff<<16 | u32(b)>>24<<24)
	}},
	{"lop3.b32 %ro, %ra, %rb, %rc, 0xca;", func(a, b, c uint64) uint64 { return of32(u32(a)&u32(b) | ^u32(a)&u32(c)) }},
	{"popc.b64 %ro, %xa;", func(a, b, c uint64) uint64 { return uint64(bits.OnesCount64(a)) }},
	{"clz.b32 %ro, %ra;", func(a, b, c uint64) uint64 { return uint64(bits.LeadingZeros32(u32(a))) }},
	{"brev.b32 %ro, %ra;", func(a, b, c uint64) uint64 { return of32(bits.Reverse32(u32(a))) }},
	{"sad.u32 %ro, %ra, %rb, %rc;", func(a, b, c uint64) uint64 { return of32(u32(c) + max(u32(a), u32(b)) - min(u32(a), u32(b))) }},

	{"add.f32 %fo, %fa, %fb;", func(a, b, c uint64) uint64 { return bits32(f32(a) + f32(b)) }},
	{"sub.rn.f32 %fo, %fa, 0f3F800000;", func(a, b, c uint64) uint64 { return bits32(f32(a) - 1) }},
	{"mul.f32 %fo, %fa, %fb;", func(a, b, c uint64) uint64 { return bits32(f32(a) * f32(b)) }},
	{"mul.f32 %fo, %fa, %fb; add.f32 %fo, %fo, %fc;", func(a, b, c uint64) uint64 { return bits32(float32(f32(a)*f32(b)) + f32(c)) }},
	{"fma.rn.f32 %fo, %fa, %fb, %fc;", func(a, b, c uint64) uint64 { return bits32(fma32(f32(a), f32(b), f32(c))) }},
	{"fma.rn.f64 %go, %ga, %gb, %gc;", func(a, b, c uint64) uint64 { return bits64(math.FMA(f64(a), f64(b), f64(c))) }},
	{"add.ftz.f32 %fo, %fa, %fb;", func(a, b, c uint64) uint64 {
		s := f32(a) + f32(b)
		return cond(math.Abs(float64(s)) < 0x1p-126, bits32(s)&0x80000000, bits32(s))
	}},
	{"add.sat.f32 %fo, %fa, %fb;", func(a, b, c uint64) uint64 {
		s := f32(a) + f32(b)
		return cond(s > 0, bits32(min(s, 1)), 0)
	}},
	{"div.rn.f32 %fo, %fa, %fb;", func(a, b, c uint64) uint64 { return bits32(f32(a) / f32(b)) }},
	{"div.full.f32 %fo, %fa, %fb;", func(a, b, c uint64) uint64 { return bits32(f32(a) / f32(b)) }},
	{"div.rn.f64 %go, %ga, %gb;", func(a, b, c uint64) uint64 { return bits64(f64(a) / f64(b)) }},
	{"rcp.rn.f32 %fo, %fa;", func(a, b, c uint64) uint64 { return bits32(1 / f32(a)) }},
	{"abs.f32 %fo, %fa; sqrt.rn.f32 %fo, %fo;", func(a, b, c uint64) uint64 { return bits32(float32(math.Sqrt(math.Abs(float64(f32(a)))))) }},
	{"abs.f64 %go, %ga; sqrt.rn.f64 %go, %go;", func(a, b, c uint64) uint64 { return bits64(math.Sqrt(math.Abs(f64(a)))) }},
	{"neg.f32 %fo, %fa;", func(a, b, c uint64) uint64 { return uint64(u32(a) ^ 1<<31) }},
	{"min.f32 %fo, %fa, %fb;", func(a, b, c uint64) uint64 { return bits32(lesser(f32(a), f32(b))) }},
	{"max.f32 %fo, %fa, %fb;", func(a, b, c uint64) uint64 { return bits32(-lesser(-f32(a), -f32(b))) }},
	{"max.NaN.f32 %fo, %fa, %fb;", func(a, b, c uint64) uint64 { return bits32(max(f32(a), f32(b))) }},
	{"min.f64 %go, %ga, %gb;", func(a, b, c uint64) uint64 { return bits64(lesser(f64(a), f64(b))) }},
	{"copysign.f32 %fo, %fa, %fb;", func(a, b, c uint64) uint64 { return uint64(u32(a)&(1<<31) | u32(b)&^(1<<31)) }},
	{"testp.notanumber.f32 %po, %fa;", func(a, b, c uint64) uint64 { return truth(f32(a) != f32(a)) }},
	{"testp.finite.f32 %po, %fa;", func(a, b, c uint64) uint64 { return truth(u32(a)>>23&255 != 255) }},

	{"setp.lt.s32 %po, %ra, %rb;", func(a, b, c uint64) uint64 { return truth(s32(a) < s32(b)) }},
	{"setp.hs.u32 %po, %ra, %rb;", func(a, b, c uint64) uint64 { return truth(u32(a) >= u32(b)) }},
	{"setp.ne.s16 %po, %ha, %hb;", func(a, b, c uint64) uint64 { return truth(uint16(a) != uint16(b)) }},
	{"setp.lt.u16 %po, %ha, %hb;", func(a, b, c uint64) uint64 { return truth(uint16(a) < uint16(b)) }},
	{"setp.gt.s64 %po, %xa, %xb;", func(a, b, c uint64) uint64 { return truth(int64(a) > int64(b)) }},
	{"setp.ge.f32 %po, %fa, %fb;", func(a, b, c uint64) uint64 { return truth(f32(a) >= f32(b)) }},
	{"setp.ne.f32 %po, %fa, %fb;", func(a, b, c uint64) uint64 { return truth(f32(a) < f32(b) || f32(a) > f32(b)) }},
	{"setp.neu.f32 %po, %fa, %fb;", func(a, b, c uint64) uint64 { return truth(f32(a) != f32(b)) }},
	{"setp.leu.f64 %po, %ga, %gb;", func(a, b, c uint64) uint64 { return truth(!(f64(a) > f64(b))) }},
	{"setp.nan.f32 %po, %fa, %fb;", func(a, b, c uint64) uint64 { return truth(f32(a) != f32(a) || f32(b) != f32(b)) }},
	{"setp.num.f64 %po, %ga, %gb;", func(a, b, c uint64) uint64 { return truth(f64(a) == f64(a) && f64(b) == f64(b)) }},
	{"setp.gt.f16 %po, %ha, %hb;", func(a, b, c uint64) uint64 { return truth(half(uint16(a)) > half(uint16(b))) }},
	{"setp.lt.s32 %p1, %ra, 0; setp.gt.and.s32 %po|%p2, %rb, 0, %p1;", func(a, b, c uint64) uint64 { return truth(s32(b) > 0 && s32(a) < 0) }},
	{"setp.lt.s32 %p1, %ra, 0; setp.gt.or.s32 %p2|%po, %rb, 0, !%p1;", func(a, b, c uint64) uint64 { return truth(s32(b) <= 0 || s32(a) >= 0) }},
	{"setp.lt.s32 %p1, %ra, 0; setp.lt.s32 %p2, %rb, 0; xor.pred %po, %p1, %p2; not.pred %po, %po;", func(a, b, c uint64) uint64 { return truth(s32(a) < 0 == (s32(b) < 0)) }},
	{"setp.lt.s32 %p1, %ra, 0; selp.b32 %ro, %rb, %rc, %p1;", func(a, b, c uint64) uint64 { return of32(cond(s32(a) < 0, u32(b), u32(c))) }},
	{"setp.lt.s32 %p1, %ra, 0; selp.f64 %go, %gb, %gc, %p1;", func(a, b, c uint64) uint64 { return cond(s32(a) < 0, b, c) }},
	{"setp.lt.s32 %p1, %ra, 0; selp.b16 %ho, 1, %hc, %p1;", func(a, b, c uint64) uint64 { return of16(cond(s32(a) < 0, 1, uint16(c))) }},
	{"slct.f32.s32 %fo, %fa, %fb, %rc;", func(a, b, c uint64) uint64 { return uint64(cond(s32(c) >= 0, u32(a), u32(b))) }},
	{"mov.b32 %ro, %ra; setp.lt.s32 %p1, %rb, 0; @%p1 add.s32 %ro, %ro, 1; @!%p1 mov.b32 %ro, %rc;", func(a, b, c uint64) uint64 { return of32(cond(s32(b) < 0, u32(a)+1, u32(c))) }},
	{"mov.b32 %ro, {%ha, %hb};", func(a, b, c uint64) uint64 { return uint64(uint16(a)) | uint64(uint16(b))<<16 }},
	{"mov.b64 %xo, {%ra, %rb};", func(a, b, c uint64) uint64 { return uint64(u32(a)) | b<<32 }},
	{"mov.b64 {%rb, %ro}, %xa;", func(a, b, c uint64) uint64 { return a >> 32 }},
	{"mov.b32 {%ho, _}, %ra;", func(a, b, c uint64) uint64 { return of16(uint16(a)) }},
	{"{ .reg .b32 %t; mov.b32 %t, %ra; add.u32 %ro, %t, %t; }", func(a, b, c uint64) uint64 { return of32(2 * u32(a)) }},

	{"cvt.s64.s32 %xo, %ra;", func(a, b, c uint64) uint64 { return uint64(int64(s32(a))) }},
	{"cvt.u64.u32 %xo, %ra;", func(a, b, c uint64) uint64 { return uint64(u32(a)) }},
	{"cvt.u32.u64 %ro, %xa;", func(a, b, c uint64) uint64 { return uint64(u32(a)) }},
	{"cvt.u16.u32 %ho, %ra;", func(a, b, c uint64) uint64 { return of16(uint16(a)) }},
	{"cvt.s32.s8 %ro, %ra;", func(a, b, c uint64) uint64 { return of32(int32(int8(a))) }},
	{"cvt.u32.u8 %ro, %ha;", func(a, b, c uint64) uint64 { return uint64(uint8(a)) }},
	{"cvt.sat.u8.s32 %ro, %ra;", func(a, b, c uint64) uint64 { return uint64(max(0, min(255, s32(a)))) }},
	{"cvt.rn.f32.s32 %fo, %ra;", func(a, b, c uint64) uint64 { return bits32(float32(s32(a))) }},
	{"cvt.rn.f32.u64 %fo, %xa;", func(a, b, c uint64) uint64 { return bits32(float32(a)) }},
	{"cvt.rz.f32.u32 %fo, %ra;", func(a, b, c uint64) uint64 {
		v := float32(u32(a))
		return bits32(cond(float64(v) > float64(u32(a)), math.Nextafter32(v, 0), v))
	}},
	{"cvt.rn.f64.s32 %go, %ra;", func(a, b, c uint64) uint64 { return bits64(float64(s32(a))) }},
	{"cvt.rzi.s32.f32 %ro, %fa;", func(a, b, c uint64) uint64 {
		return of32(int32(clamped(float64(f32(a)), math.MinInt32, math.MaxInt32, math.Trunc)))
	}},
	{"cvt.rni.s32.f64 %ro, %ga;", func(a, b, c uint64) uint64 {
		return of32(int32(clamped(f64(a), math.MinInt32, math.MaxInt32, math.RoundToEven)))
	}},
	{"cvt.rmi.u32.f32 %ro, %fa;", func(a, b, c uint64) uint64 {
		return of32(uint32(clamped(float64(f32(a)), 0, math.MaxUint32, math.Floor)))
	}},
	{"cvt.rzi.u8.f32 %ro, %fa;", func(a, b, c uint64) uint64 { return of32(uint32(clamped(float64(f32(a)), 0, 255, math.Trunc))) }},
	{"cvt.rpi.f32.f32 %fo, %fa;", func(a, b, c uint64) uint64 { return bits32(float32(math.Ceil(float64(f32(a))))) }},
	{"cvt.rni.f64.f64 %go, %ga;", func(a, b, c uint64) uint64 { return bits64(math.RoundToEven(f64(a))) }},
	{"cvt.f64.f32 %go, %fa;", func(a, b, c uint64) uint64 { return bits64(float64(f32(a))) }},
	{"cvt.rn.f32.f64 %fo, %ga;", func(a, b, c uint64) uint64 { return bits32(float32(f64(a))) }},
	{"cvt.sat.f32.f32 %fo, %fa;", func(a, b, c uint64) uint64 { return cond(f32(a) > 0, bits32(min(f32(a), 1)), 0) }},
	{"cvt.f32.f16 %fo, %ha;", func(a, b, c uint64) uint64 { return bits32(float32(half(uint16(a)))) }},
	{"cvt.rn.f16.f32 %ho, %fa;", func(a, b, c uint64) uint64 { return of16(toHalf(float64(f32(a)))) }},
	{"cvt.rn.f16.f64 %ho, %ga;", func(a, b, c uint64) uint64 { return of16(toHalf(f64(a))) }},
	{"cvt.rn.f16.s32 %ho, %ra;", func(a, b, c uint64) uint64 { return of16(toHalf(float64(s32(a)))) }},
	{"cvt.rzi.s32.f16 %ro, %ha;", func(a, b, c uint64) uint64 {
		return of32(int32(clamped(half(uint16(a)), math.MinInt32, math.MaxInt32, math.Trunc)))
	}},
	{"cvt.rn.f16x2.f32 %ro, %fa, %fb;", func(a, b, c uint64) uint64 {
		return uint64(toHalf(float64(f32(a))))<<16 | uint64(toHalf(float64(f32(b))))
	}},
	{"cvt.rna.tf32.f32 %ro, %fa;", func(a, b, c uint64) uint64 {
		return cond(f32(a) != f32(a), 0x7fffffff, cond(u32(a)>>23&255 == 255, uint64(u32(a)), uint64((u32(a)+0x1000)&0xffffe000)))
	}},
	{"add.f16 %ho, %ha, %hb;", func(a, b, c uint64) uint64 { return of16(toHalf(half(uint16(a)) + half(uint16(b)))) }},
	{"mul.rn.f16 %ho, %ha, %hb;", func(a, b, c uint64) uint64 { return of16(toHalf(half(uint16(a)) * half(uint16(b)))) }},
	{"fma.rn.f16 %ho, %ha, %hb, %hc;", func(a, b, c uint64) uint64 { return of16(fmaHalf(uint16(a), uint16(b), uint16(c))) }},
	{"fma.rn.f16x2 %ro, %ra, %rb, %rc;", func(a, b, c uint64) uint64 {
		return uint64(fmaHalf(uint16(a>>16), uint16(b>>16), uint16(c>>16)))<<16 | uint64(fmaHalf(uint16(a), uint16(b), uint16(c)))
	}},
	{"neg.f16 %ho, %ha;", func(a, b, c uint64) uint64 { return of16(uint16(a) ^ 0x8000) }},
	{"sub.f16x2 %ro, %ra, %rb;", func(a, b, c uint64) uint64 {
		return uint64(toHalf(half(uint16(a>>16))-half(uint16(b>>16))))<<16 | uint64(toHalf(half(uint16(a))-half(uint16(b))))
	}},
}

// approximate forms are of f32, whose result may differ in its last bits.
var approximate = []struct {
	code string
	want func(x float64) float64
}{
	{"ex2.approx.ftz.f32 %fo, %fa;", math.Exp2},
	{"lg2.approx.f32 %fo, %fa;", math.Log2},
	{"sin.approx.f32 %fo, %fa;", math.Sin},
	{"cos.approx.f32 %fo, %fa;", math.Cos},
	{"tanh.approx.f32 %fo, %fa;", math.Tanh},
	{"rsqrt.approx.f32 %fo, %fa;", func(x float64) float64 { return 1 / math.Sqrt(x) }},
	{"rcp.approx.ftz.f32 %fo, %fa;", func(x float64) float64 { return 1 / x }},
	{"sqrt.approx.f32 %fo, %fa;", math.Sqrt},
}

// fma32 rounds once: the sum in f64, made odd where something was lost.
func fma32(a, b, c float32) float32 {
	p := float64(a) * float64(b) // exact
	s := p + float64(c)
	t := s - p
	lost := (p - (s - t)) + (float64(c) - t)
	if lost != 0 && lost == lost && math.Float64bits(s)&1 == 0 {
		s = math.Float64frombits(math.Float64bits(s) + cond(lost > 0 == (s > 0), uint64(1), math.MaxUint64))
	}
	return float32(s)
}

func lesser[T float32 | float64](a, b T) T {
	switch {
	case a != a:
		return b
	case b != b:
		return a
	}
	return min(a, b)
}

func clamped(x, lo, hi float64, round func(float64) float64) int64 {
	if x != x {
		return 0
	}
	return int64(max(lo, min(hi, round(x))))
}

func half(h uint16) float64 {
	sign, e, m := 1-2*float64(h>>15), int(h>>10&31), float64(h&1023)
	switch e {
	case 0:
		return sign * math.Ldexp(m, -24)
	case 31:
		return cond(m == 0, math.Inf(int(sign)), math.NaN())
	}
	return sign * math.Ldexp(1024+m, e-25)
}

// toHalf rounds to nearest, ties to even.
func toHalf(x float64) uint16 {
	sign := uint16(math.Float64bits(x) >> 63 << 15)
	x = math.Abs(x)
	switch {
	case x != x:
		return 0x7fff
	case x >= 65520:
		return sign | 0x7c00
	case x < 0x1p-14:
		return sign | uint16(math.RoundToEven(x*0x1p24))
	}
	f, e := math.Frexp(x) // f in [0.5, 1)
	return sign | uint16((e+13)<<10+int(math.RoundToEven(f*2048)))
}

func fmaHalf(a, b, c uint16) uint16 {
	s := math.FMA(half(a), half(b), half(c))
	// math.FMA rounds to 53 bits: what it lost decides a tie.
	p := half(a) * half(b)
	t := s - p
	lost := (p - (s - t)) + (half(c) - t)
	if lost != 0 && lost == lost && math.Float64bits(s)&1 == 0 {
		s = math.Float64frombits(math.Float64bits(s) + cond(lost > 0 == (s > 0), uint64(1), math.MaxUint64))
	}
	return toHalf(s)
}

// formModule is one PTX text with a kernel for each form.
var formModule = func() string {
	var all []string
	for _, f := range forms {
		all = append(all, f.code)
	}
	for _, f := range approximate {
		all = append(all, f.code)
	}
	var b strings.Builder
	b.WriteString(".version 7.0\n.target sm_80\n.address_size 64\n")
	for i, code := range all {
		fmt.Fprintf(&b, ".visible .entry form_%d(.param .u64 out, .param .u64 in) {\n", i)
		b.WriteString("\t.reg .pred %p<4>;\n\t.reg .pred %po;\n\t.reg .b32 %t, %u;\n\t.reg .b64 %rd<4>;\n")
		for _, l := range []string{"a", "b", "c", "o"} {
			fmt.Fprintf(&b, "\t.reg .b16 %%h%s, %%k%s;\n\t.reg .b32 %%r%s;\n\t.reg .b64 %%x%s;\n\t.reg .f32 %%f%s;\n\t.reg .f64 %%g%s;\n", l, l, l, l, l, l)
		}
		b.WriteString("\tmov.u32 %t, %tid.x;\n\tmul.wide.u32 %rd3, %t, 8;\n\tld.param.u64 %rd0, [out];\n\tadd.s64 %rd0, %rd0, %rd3;\n\tld.param.u64 %rd1, [in];\n\tmad.wide.u32 %rd1, %t, 24, %rd1;\n")
		for i, l := range []string{"a", "b", "c"} {
			fmt.Fprintf(&b, "\tld.global.u64 %%x%s, [%%rd1+%d];\n\tmov.b64 {%%r%s, %%u}, %%x%s;\n\tmov.b32 {%%h%s, _}, %%r%s;\n\tmov.b32 %%f%s, %%r%s;\n\tmov.b64 %%g%s, %%x%s;\n", l, 8*i, l, l, l, l, l, l, l, l)
		}
		fmt.Fprintf(&b, "\t%s\n", code)
		switch out := output(code); out {
		case 'p':
			b.WriteString("\tselp.b64 %xo, 1, 0, %po;\n\tst.global.b64 [%rd0], %xo;\n")
		default:
			fmt.Fprintf(&b, "\tst.global.%s [%%rd0], %%%co;\n", map[byte]string{'r': "b32", 'h': "b16", 'x': "b64", 'f': "f32", 'g': "f64"}[out], out)
		}
		b.WriteString("\tret;\n}\n")
	}
	return b.String()
}()

func init() { texts = append(texts, formModule) }

// output is the letter of the last output register that the code names.
func output(code string) byte {
	for i := len(code) - 1; i > 1; i-- {
		if code[i] == 'o' && code[i-2] == '%' && (i+1 == len(code) || code[i+1] == ',' || code[i+1] == ';' || code[i+1] == '|' || code[i+1] == '}') {
			return code[i-1]
		}
	}
	return 0
}

// interesting inputs are the borders of types, small numbers and random ones.
func inputs(r *rand.Rand) []uint64 {
	edges := []uint64{0, 1, 2, 31, 32, 33, 63, 64, 0x7fffffff, 0x80000000, 0xffffffff, 1 << 63, math.MaxInt64, math.MaxUint64,
		0x7f800000, 0xff800000, 0x7fc00000, 0x00000001, 0x00800000, 0x3f800000, 0xbf800000, 0x7c00, 0xfc00, 0x7e00, 0x3c00, 0x8000,
		bits64(1), bits64(-0.5), bits64(math.Inf(1)), bits64(math.NaN()), bits64(1e300), bits64(0x1p-1060), bits64(65519.999), 0x3f801000, 0x477fefff, 0x477ff000, 0x38800000, 0x33000000, 0x33000001}
	v := make([]uint64, 3*256)
	for i := range v {
		switch r.IntN(6) {
		case 0:
			v[i] = edges[r.IntN(len(edges))]
		case 1:
			v[i] = bits32(float32(r.NormFloat64() * 100))
		case 2:
			v[i] = bits64(r.NormFloat64() * 1000)
		case 3:
			v[i] = uint64(r.IntN(100)) - 50
		case 4:
			v[i] = uint64(toHalf(r.NormFloat64()*3)) | uint64(toHalf(r.NormFloat64()*300))<<16
		default:
			v[i] = r.Uint64()
		}
	}
	return v
}

// isNaN says whether the output is a NaN, whose bits the device and Go choose differently.
func isNaN(kind byte, x uint64) bool {
	switch {
	case kind == 'f':
		return f32(x) != f32(x)
	case kind == 'g':
		return f64(x) != f64(x)
	}
	return false
}

func TestForms(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i, f := range forms {
		in := inputs(r)
		l := launch{text: formModule, kernel: fmt.Sprintf("form_%d", i), grid: [3]uint32{1, 1, 1}, block: [3]uint32{256, 1, 1},
			buffers: [][]byte{make([]byte, 256*8), make([]byte, 0, 256*24)}, params: []any{pointer{0, 0}, pointer{1, 0}}}
		for _, v := range in {
			l.buffers[1] = binary.LittleEndian.AppendUint64(l.buffers[1], v)
		}
		if code, said := run(t, l); code != 0 {
			t.Errorf("%s ends with %d: %s", f.code, code, said)
			continue
		}
		wrong := 0
		for j := range 256 {
			a, b, c := in[3*j], in[3*j+1], in[3*j+2]
			got, want := binary.LittleEndian.Uint64(l.buffers[0][8*j:]), f.want(a, b, c)
			if kind := output(f.code); isNaN(kind, want) && isNaN(kind, got) {
				continue
			}
			if got != want && wrong < 3 {
				wrong++
				t.Errorf("%s of %#x, %#x, %#x gives %#x, not %#x", f.code, a, b, c, got, want)
			}
		}
	}
}

func TestApproximations(t *testing.T) {
	for i, f := range approximate {
		l := launch{text: formModule, kernel: fmt.Sprintf("form_%d", len(forms)+i), grid: [3]uint32{1, 1, 1}, block: [3]uint32{256, 1, 1},
			buffers: [][]byte{make([]byte, 256*8), make([]byte, 256*24)}, params: []any{pointer{0, 0}, pointer{1, 0}}}
		x := func(j int) float32 { return float32(j+1) / 37 }
		for j := range 256 {
			binary.LittleEndian.PutUint64(l.buffers[1][24*j:], bits32(x(j)))
		}
		if code, said := run(t, l); code != 0 {
			t.Errorf("%s ends with %d: %s", f.code, code, said)
		}
		for j := range 256 {
			got, want := float64(f32(binary.LittleEndian.Uint64(l.buffers[0][8*j:]))), f.want(float64(x(j)))
			if math.Abs(got-want) > 1e-6*math.Abs(want)+1e-7 {
				t.Errorf("%s of %v gives %v, not %v", f.code, x(j), got, want)
			}
		}
	}
}
