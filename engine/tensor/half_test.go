package tensor

import (
	"math"
	"testing"
)

func TestHalfFloatsRoundToTheNearest(t *testing.T) {
	for h := range 1 << 16 {
		bits := uint16(h)
		f := Float16Value(bits)
		if f != f {
			if got := Float16Bits(f); got&0x7C00 != 0x7C00 || got&0x3FF == 0 {
				t.Fatalf("NaN became %x", got)
			}
			continue
		}
		if got := Float16Bits(f); got != bits {
			t.Fatalf("%x is %v, which became %x", bits, f, got)
		}
		next := Float16Value(bits + 1)
		if bits&0x7FFF >= 0x7BFF || next != next { // the largest's neighbour is infinite
			continue
		}
		want := bits + bits&1 // half way: the even one
		if got := Float16Bits((f + next) / 2); got != want {
			t.Fatalf("half way between %x and its neighbour: got %x, want %x", bits, got, want)
		}
		if got := Float16Bits(math.Nextafter((f+next)/2, f)); got != bits {
			t.Fatalf("just below half way from %x: got %x", bits, got)
		}
	}
	if Float16Bits(65519.99) != 0x7BFF || Float16Bits(65520) != 0x7C00 || Float16Bits(math.Inf(-1)) != 0xFC00 {
		t.Error("the range's end is wrong")
	}
}

func TestBrainFloatsRoundToTheNearest(t *testing.T) {
	for h := range 1 << 16 {
		bits := uint16(h)
		f := BFloat16Value(bits)
		if f != f {
			if got := BFloat16Value(BFloat16Bits(f)); got == got {
				t.Fatalf("NaN became %v", got)
			}
			continue
		}
		if got := BFloat16Bits(f); got != bits {
			t.Fatalf("%x is %v, which became %x", bits, f, got)
		}
		if bits&0x7FFF >= 0x7F7F {
			continue
		}
		// Half way is exact in float32: one bit below bfloat16's last.
		middle := float64(math.Float32frombits(uint32(bits)<<16 | 0x8000))
		if got, want := BFloat16Bits(middle), bits+bits&1; got != want {
			t.Fatalf("half way between %x and its neighbour: got %x, want %x", bits, got, want)
		}
	}
}
