package kernels

import (
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// structures are what the kernels take, by the beginning of their names.
var structures = map[string]any{
	"map": Map{}, "gemm": Product{}, "conv": Product{}, "gemv": Product{}, "move": Move{}, "pad": Pad{}, "triangle": Triangle{},
	"gather": Gather{}, "gather_elements": GatherElements{}, "gather_nd": Tuples{}, "scatter_nd": Tuples{},
	"scatter_elements": ScatterElements{}, "one_hot": OneHot{}, "top": TopK{}, "reduce": Reduce{}, "arg": Lines{},
	"running_sum": Lines{}, "softmax": Lines{}, "lp_normalize": Lines{}, "normalize": Normalize{}, "pool": Window{},
	"conv_direct": Window{}, "conv_transposed": Window{}, "response": Response{}, "resize": Resize{},
	"lstm": Recurrent{}, "gru": Recurrent{}, "rnn": Recurrent{},
}

func TestEveryKernelTakesAStructureOfTheSameSize(t *testing.T) {
	entries := 0
	for _, m := range Modules() {
		if m.Capability != 60 && m.Capability != 80 {
			t.Errorf("%s is for compute capability %d", m.Name, m.Capability)
		}
		if n := strings.Count(string(m.PTX), ".entry"); n != len(m.Entries) {
			t.Errorf("%s: %d entries, of which %d take one structure", m.Name, n, len(m.Entries))
		}
		for name, size := range m.Entries {
			entries++
			var of any
			for prefix, n := name, 0; of == nil; n++ {
				of = structures[prefix]
				cut := strings.LastIndexByte(prefix, '_')
				if of == nil && cut < 0 {
					t.Fatalf("no structure is named for %s", name)
				}
				if of == nil {
					prefix = prefix[:cut]
				}
			}
			if got := int(reflect.TypeOf(of).Size()); got != size {
				t.Errorf("%s takes %d bytes, %T has %d", name, size, of, got)
			}
			if found, err := Find(name); err != nil || found.Name != m.Name {
				t.Errorf("%s is found in %v, %v", name, found, err)
			}
		}
	}
	if entries < 50 {
		t.Errorf("%d kernels", entries)
	}
}

func TestInstructionsHaveTheNumbersOfTheDeviceCode(t *testing.T) {
	header, err := os.ReadFile("source/operation.h")
	if err != nil {
		t.Fatal(err)
	}
	body := regexp.MustCompile(`(?s)enum Operation[^{]*\{(.*?)\};`).FindSubmatch(header)
	text := regexp.MustCompile(`//[^\n]*`).ReplaceAllString(string(body[1]), "")
	want, next := map[string]int{}, 0
	for item := range strings.SplitSeq(text, ",") {
		name, value, given := strings.Cut(strings.TrimSpace(item), "=")
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if given {
			next, _ = strconv.Atoi(strings.TrimSpace(value))
		}
		want[name] = next
		next++
	}
	source, err := os.ReadFile("operations.go")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^\t(Op\w+)\s+Op = (\d+)$`).FindAllSubmatch(source, -1) {
		got[string(m[1])], _ = strconv.Atoi(string(m[2]))
	}
	if len(want) < 60 || !reflect.DeepEqual(got, want) {
		t.Errorf("operations.go has %v, operation.h %v", got, want)
	}
}

func TestDivisorsDivide(t *testing.T) {
	divide := func(n uint32, d Divisor) uint32 {
		return uint32((uint64(uint32(uint64(n)*uint64(d.Multiplier)>>32)) + uint64(n)) >> d.Shift)
	}
	check := func(n, d uint32) {
		t.Helper()
		if got := divide(n, NewDivisor(int64(d))); got != n/d {
			t.Fatalf("%d / %d gives %d", n, d, got)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		d := r.Uint32()>>(1+r.IntN(31)) | 1
		n := r.Uint32() >> (1 + r.IntN(31))
		check(n, d)
		check(n/d*d, d)
		if n >= d {
			check(n/d*d-1, d)
		}
	}
	for _, d := range []uint32{1, 2, 3, 7, 49, 1 << 30, 1<<31 - 1} {
		check(0, d)
		check(1<<31-1, d)
	}
}
