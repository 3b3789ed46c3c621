package ptx

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

//go:embed testdata/kernels_tf32.ptx
var compiled string

func init() { texts = append(texts, compiled, tensorModule) }

// arrays is the structure of testdata/kernels_tf32.cu behind its pointers.
type arrays struct {
	M, N, K int32
	Weights [4]int32
	_       int32
}

// structure is the parameter of a kernel: three pointers and arrays.
type structure struct {
	Pointers [3]uint64
	Rest     arrays
}

func floats(values ...float32) []byte {
	b := make([]byte, 0, 4*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func float(b []byte, i int) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])) }

func random(n int) []float32 {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// execute runs a kernel of testdata on a, b and out and gives out.
func execute(t testing.TB, kernel string, grid, block [3]uint32, shared uint32, rest arrays, races bool, a, b []float32, out int) []byte {
	t.Helper()
	l := launch{text: compiled, kernel: kernel, grid: grid, block: block, shared: shared, races: races,
		buffers: [][]byte{floats(a...), floats(b...), make([]byte, 4*out)}, params: []any{structure{Rest: rest}}}
	if code, said := run(t, l); code != 0 {
		t.Fatalf("%s ends with %d: %s", kernel, code, said)
	}
	return l.buffers[2]
}

func close32(t *testing.T, what string, got []byte, tolerance float64, want func(i int) float64) {
	t.Helper()
	for i := range len(got) / 4 {
		if g, w := float64(float(got, i)), want(i); !(math.Abs(g-w) <= tolerance*(1+math.Abs(w))) {
			t.Fatalf("%s: element %d is %v, not %v", what, i, g, w)
		}
	}
}

func TestCompiledKernels(t *testing.T) {
	one := [3]uint32{1, 1, 1}
	x, y := random(1000), random(1000)
	got := execute(t, "add", [3]uint32{4, 1, 1}, [3]uint32{256, 1, 1}, 0, arrays{N: 1000}, true, x, y, 1000)
	close32(t, "add", got, 0, func(i int) float64 { return float64(x[i] + y[i]) })

	numbers := make([]float32, 1000)
	for i := range numbers {
		numbers[i] = float32(i * 7)
	}
	weights := [4]int32{100, 200, 300, 400}
	got = execute(t, "collatz", [3]uint32{4, 1, 1}, [3]uint32{256, 1, 1}, 0, arrays{N: 1000, Weights: weights}, true, numbers, nil, 1000)
	close32(t, "collatz", got, 0, func(i int) float64 {
		steps := 0
		for x := uint64(numbers[i]); x > 1; {
			if x%2 == 1 {
				if steps > 200 {
					break
				}
				x = 3*x + 1
			} else if x /= 2; x == 5 {
				continue
			}
			steps++
		}
		return float64(steps) + float64(weights[i%4])
	})

	got = execute(t, "calls", one, [3]uint32{200, 1, 1}, 0, arrays{}, true, x, y, 200)
	close32(t, "calls", got, 1e-6, func(i int) float64 {
		switch {
		case i%3 == 0:
			return -1
		case i%5 == 0:
			return 2
		}
		return math.Pow(float64(x[i]), float64(i%5)) + float64(y[i]) + 1
	})

	got = execute(t, "sorted", one, [3]uint32{100, 1, 1}, 0, arrays{}, true, x, nil, 800)
	close32(t, "sorted", got, 0, func(i int) float64 {
		eight := slices.Sorted(slices.Values(x[i/8*8 : i/8*8+8]))
		return float64(eight[(i%8+i/8)%8])
	})

	got = execute(t, "tables", one, [3]uint32{64, 1, 1}, 0, arrays{}, true, nil, nil, 64)
	close32(t, "tables", got, 0, func(i int) float64 {
		return cond(i == 0, 5+64, []float64{1, 2, 3.5, -1, 0}[i%5])
	})

	got = execute(t, "softmax", [3]uint32{5, 1, 1}, [3]uint32{128, 1, 1}, 0, arrays{N: 200}, true, x, nil, 1000)
	close32(t, "softmax", got, 1e-6, func(i int) float64 {
		sum := 0.0
		for _, v := range x[i/200*200 : i/200*200+200] {
			sum += math.Exp(float64(v))
		}
		return math.Exp(float64(x[i])) / sum
	})

	bins := make([]float32, 5000)
	counts := make([]float64, 100)
	for i := range bins {
		n := i * i % 100
		bins[i] = float32(n)
		counts[n]++
	}
	l := arrays{M: 100, N: 5000}
	zero := make([]float32, 100)
	for _, blocks := range []uint32{1, 7} {
		launched := launch{text: compiled, kernel: "histogram", grid: [3]uint32{blocks, 1, 1}, block: [3]uint32{256, 1, 1}, shared: 400, races: true,
			buffers: [][]byte{floats(bins...), nil, floats(zero...)}, params: []any{structure{Rest: l}}}
		if code, said := run(t, launched); code != 0 {
			t.Fatalf("histogram ends with %d: %s", code, said)
		}
		close32(t, "histogram", launched.buffers[2], 0, func(i int) float64 { return counts[i] })
	}
}

func TestBytes(t *testing.T) {
	l := launch{text: compiled, kernel: "bytes", grid: [3]uint32{1, 1, 1}, block: [3]uint32{256, 1, 1}, buffers: [][]byte{make([]byte, 256), make([]byte, 256), make([]byte, 256), make([]byte, 512)},
		params: []any{pointer{0, 0}, pointer{1, 0}, pointer{2, 0}, pointer{3, 0}}}
	for i := range 256 {
		l.buffers[0][i], l.buffers[1][i] = byte(i), byte(i*37)
	}
	a, b := slices.Clone(l.buffers[0]), slices.Clone(l.buffers[1])
	if code, said := run(t, l); code != 0 {
		t.Fatal(code, said)
	}
	for i := range 256 {
		if got, want := l.buffers[2][i], byte(int32(int8(a[i]))*int32(b[i])>>3); got != want {
			t.Errorf("%d: %d, not %d", i, got, want)
		}
		if got, want := int16(binary.LittleEndian.Uint16(l.buffers[3][2*i:])), int16(int8(a[i]))-int16(b[i]); got != want {
			t.Errorf("%d: %d, not %d", i, got, want)
		}
	}
}

func product(a, b []float32, n, k int) func(i int) float64 {
	return func(i int) float64 {
		sum := 0.0
		for j := range k {
			sum += float64(a[i/n*k+j]) * float64(b[j*n+i%n])
		}
		return sum
	}
}

func TestProducts(t *testing.T) {
	const m, n, k = 128, 192, 80
	a, b := random(m*k), random(k*n)
	sizes := arrays{M: m, N: n, K: k}
	got := execute(t, "product", [3]uint32{n / 64, m / 64, 1}, [3]uint32{256, 1, 1}, 0, sizes, true, a, b, m*n)
	close32(t, "product", got, 1e-5, product(a, b, n, k))
	got = execute(t, "product_tf32", [3]uint32{n / 32, m / 64, 1}, [3]uint32{128, 1, 1}, 0, sizes, true, a, b, m*n)
	close32(t, "product_tf32", got, 1e-2, product(a, b, n, k))
}

func BenchmarkProducts(b *testing.B) {
	const size = 512
	x := random(size * size)
	for _, kernel := range []struct {
		name                string
		columns, rows, warp uint32
	}{{"product", 64, 64, 256}, {"product_tf32", 32, 64, 128}} {
		for _, races := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/races=%v", kernel.name, races), func(b *testing.B) {
				if m := theMachine(); m.failed != nil {
					b.Fatal(m.failed)
				}
				start := theMachine().seconds(b)
				for b.Loop() {
					execute(b, kernel.name, [3]uint32{size / kernel.columns, size / kernel.rows, 1}, [3]uint32{kernel.warp, 1, 1}, 0, arrays{M: size, N: size, K: size}, races, x, x, size*size)
				}
				b.ReportMetric(2*size*size*size*float64(b.N)/(theMachine().seconds(b)-start)/1e9, "GFLOP/s/core")
			})
		}
	}
}
