package scoring

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// checkNumber compares scanNumber with strconv on a text that is one JSON number.
func checkNumber(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string) {
	t.Helper()
	b := []byte(text)
	n := scanNumber(b, 0)
	if n.end != len(b) {
		t.Fatalf("%s: read up to %d of %d", text, n.end, len(b))
	}
	want, _ := strconv.ParseFloat(text, 64)
	if got := n.float(b); math.Float64bits(got) != math.Float64bits(want) {
		t.Fatalf("%s: got %v (%x), want %v (%x)", text, got, math.Float64bits(got), want, math.Float64bits(want))
	}
	m, f := n.integer(b)
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		if f != fine || n.negative() != (text[0] == '-') || (n.negative() && -m != uint64(i)) || (!n.negative() && m != uint64(i)) {
			t.Fatalf("%s: got %v %d fault %d", text, n.negative(), m, f)
		}
	} else if u, err := strconv.ParseUint(text, 10, 64); err == nil && (f != fine || m != u) {
		t.Fatalf("%s: got %d fault %d", text, m, f)
	}
	if f == fine && want != math.Trunc(want) {
		t.Fatalf("%s has a fraction and became %d", text, m)
	}
	if f == fine && float64(m) != math.Abs(want) {
		t.Fatalf("%s became the integer %d", text, m)
	}
}

func TestNumbersAreStrconvs(t *testing.T) {
	for _, text := range []string{"0", "-0", "-0.0", "1e400", "-1e400", "1e-400", "5e-324", "2.2250738585072011e-308", "9007199254740993", "9007199254740993.0",
		"18446744073709551615", "18446744073709551616", "-9223372036854775808", "123456789012345678901234567890", "0.00000000000000000000000000000000000001",
		"1.00000000000000000000000000000000000000", "100000000000000000000e-2", "9007199254740992.5", "9007199254740993.00000000000000000001", "1e23", "8.5e22", "1e1000000000000", "0e999999999", "1.2e1",
		"12345678.12345678", "0.1234567812345678123", "4503599627370497.5", "4503599627370496.5"} {
		checkNumber(t, text)
	}
}

func TestAnyDoubleIsReadBackFromAnyOfItsTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := math.Float64frombits(rapid.Uint64().Draw(t, "bits"))
		if rapid.Bool().Draw(t, "everyday") {
			f = float64(rapid.IntRange(-1e9, 1e9).Draw(t, "n")) / math.Pow(10, float64(rapid.IntRange(0, 12).Draw(t, "places")))
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return
		}
		for _, format := range []byte{'e', 'f', 'g'} {
			for _, digits := range []int{-1, 17, 16, 25} {
				checkNumber(t, strconv.FormatFloat(f, format, digits, 64))
			}
		}
		// Half way to the next double, written exactly, where ties go to the even one; and
		// the same with a digit behind it.
		if next := math.Nextafter(f, math.Inf(1)); math.Abs(f) > 1e-30 && math.Abs(f) < 1e30 {
			middle := new(big.Float).SetPrec(60).Add(big.NewFloat(f), big.NewFloat(next))
			text := middle.Quo(middle, big.NewFloat(2)).Text('f', 200)
			checkNumber(t, text)
			checkNumber(t, text+"1")
		}
	})
}

func TestMantissasTimesPowersOfTen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.Uint64().Draw(t, "mantissa") >> rapid.IntRange(0, 63).Draw(t, "shift")
		checkNumber(t, strconv.FormatUint(m, 10)+"e"+strconv.Itoa(rapid.IntRange(-80, 80).Draw(t, "exponent")))
	})
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"1", "-1.5e10", "0.1", "123456789.123456789", "1e-5", "01", "1.", "-", "1e", ".5", "18446744073709551616", "9007199254740993.5e-3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		isNumber := len(text) > 0 && (text[0] == '-' || text[0]-'0' < 10) && json.Valid([]byte(text)) && text[len(text)-1] > ' '
		n := scanNumber([]byte(text), 0)
		if isNumber {
			checkNumber(t, text)
			return
		}
		if n.end == len(text) && len(text) > 0 {
			t.Fatalf("%q was read as a number", text)
		}
	})
}
