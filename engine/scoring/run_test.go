package scoring

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"servery/engine/tensor"
)

// writtenNumber is a number as a client may write it: short and long, with and without point
// and exponent, and halfway between two doubles or two floats, where rounding decides.
func writtenNumber(t *rapid.T) string {
	sign := rapid.SampledFrom([]string{"", "", "-"}).Draw(t, "sign")
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return sign + strconv.FormatUint(rapid.Uint64Range(0, 1<<rapid.IntRange(1, 63).Draw(t, "bits")).Draw(t, "whole"), 10)
	case 1:
		return sign + strconv.FormatUint(rapid.Uint64Range(0, 99_999).Draw(t, "whole"), 10) + "." + rapid.StringMatching(`[0-9]{1,20}`).Draw(t, "fraction")
	case 2:
		return strconv.FormatFloat(math.Float64frombits(rapid.Uint64Range(0, 0x7FEF<<48).Draw(t, "bits")), 'g', -1, 64)
	case 3: // between two floats of 32 bits, exactly or nearly
		f := math.Float32frombits(rapid.Uint32Range(0x30000000, 0x4F000000).Draw(t, "bits"))
		middle := (float64(f) + float64(math.Nextafter32(f, math.MaxFloat32))) / 2
		return sign + strconv.FormatFloat(middle, 'f', rapid.SampledFrom([]int{-1, 17, 20, 30}).Draw(t, "digits"), 64)
	case 4: // between two doubles: 2^53 + an odd number
		return sign + strconv.FormatUint(1<<53+1+2*rapid.Uint64Range(0, 1<<20).Draw(t, "odd"), 10) + rapid.SampledFrom([]string{"", ".0", ".00000001", "e0"}).Draw(t, "tail")
	}
	return sign + rapid.StringMatching(`(0|[1-9][0-9]{0,3})(\.[0-9]{1,9})?(e[-+]?[0-9]{1,2})?`).Draw(t, "text")
}

// TestListsOfNumbersAreReadAsStrconvReadsThem holds both lanes against strconv: the fast one
// reads most of the list, the other what the fast one leaves and the last bytes of the body.
func TestListsOfNumbersAreReadAsStrconvReadsThem(t *testing.T) {
	double := newModel(t, nil, port("in", tensor.Float64, -1))
	single := newModel(t, nil, port("in", tensor.Float32, -1))
	rapid.Check(t, func(t *rapid.T) {
		written := rapid.SliceOfN(rapid.Custom(writtenNumber), 1, 12).Draw(t, "numbers")
		body := []byte(`{"inputs": [` + strings.Join(written, rapid.SampledFrom([]string{",", ", ", " , "}).Draw(t, "comma")) + `]` + strings.Repeat(" ", rapid.IntRange(0, 60).Draw(t, "tail")) + `}`)
		wide, err := double.Decode("", body)
		if err != nil {
			t.Fatal(err)
		}
		defer wide.Release()
		narrow, err := single.Decode("", body)
		if err != nil {
			t.Fatal(err)
		}
		defer narrow.Release()
		got64, got32 := tensor.View[float64](wide.Inputs[0].Tensor), tensor.View[float32](narrow.Inputs[0].Tensor)
		if len(got64) != len(written) || len(got32) != len(written) {
			t.Fatalf("%d and %d numbers", len(got64), len(got32))
		}
		for i, text := range written {
			want, _ := strconv.ParseFloat(text, 64)
			if text == "-0" {
				want = 0
			}
			// As MLflow does, a float of 32 bits is the double lowered.
			if math.Float64bits(got64[i]) != math.Float64bits(want) || math.Float32bits(got32[i]) != math.Float32bits(float32(want)) {
				t.Fatalf("%s became %v and %v, want %v", text, got64[i], got32[i], want)
			}
		}
	})
}

func TestListsOfIntegersAreReadExactly(t *testing.T) {
	whole := newModel(t, nil, port("in", tensor.Int64, -1))
	small := newModel(t, nil, port("in", tensor.Uint8, -1))
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOfN(rapid.OneOf(rapid.Int64(), rapid.Int64Range(-300, 300)), 1, 20).Draw(t, "numbers")
		body := []byte(`{"inputs": ` + strings.ReplaceAll(fmt.Sprint(numbers), " ", ", ") + strings.Repeat(" ", rapid.IntRange(0, 40).Draw(t, "tail")) + `}`)
		r, err := whole.Decode("", body)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Release()
		fits := true
		for i, got := range tensor.View[int64](r.Inputs[0].Tensor) {
			if got != numbers[i] {
				t.Fatalf("%d became %d", numbers[i], got)
			}
			fits = fits && got >= 0 && got < 256
		}
		s, err := small.Decode("", body)
		if (err == nil) != fits {
			t.Fatalf("%v as bytes: %v", numbers, err)
		}
		if err == nil {
			for i, got := range s.Inputs[0].Tensor.Data {
				if int64(got) != numbers[i] {
					t.Fatalf("%d became %d", numbers[i], got)
				}
			}
			s.Release()
		}
	})
}
