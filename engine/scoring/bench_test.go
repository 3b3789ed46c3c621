package scoring

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"servery/engine/tensor"
)

// numbers writes n numbers with so many digits behind the point.
func numbers(b []byte, rng *rand.Rand, n, digits int) []byte {
	for i := range n {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendFloat(b, rng.Float64()*10, 'f', digits, 64)
	}
	return b
}

// splitBody is a dataframe_split of rows × columns; image a tensor [1, 3, 224, 224].
func splitBody(rows, columns int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	b := []byte(`{"dataframe_split": {"columns": [`)
	for i := range columns {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = fmt.Appendf(b, `"c%d"`, i)
	}
	b = append(b, `], "data": [`...)
	for i := range rows {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(numbers(append(b, '['), rng, columns, 6), ']')
	}
	return append(b, "]}}"...)
}

func recordsBody(rows, columns int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	b := []byte(`{"dataframe_records": [`)
	for i := range rows {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, '{')
		for j := range columns {
			if j > 0 {
				b = append(b, ", "...)
			}
			b = numbers(fmt.Appendf(b, `"c%d": `, j), rng, 1, 6)
		}
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

func imageBody(digits int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	b := []byte(`{"inputs": [[`)
	for c := range 3 {
		if c > 0 {
			b = append(b, ", "...)
		}
		b = append(b, '[')
		for y := range 224 {
			if y > 0 {
				b = append(b, ", "...)
			}
			b = append(numbers(append(b, '['), rng, 224, digits), ']')
		}
		b = append(b, ']')
	}
	return append(b, "]]}"...)
}

func tenColumns() []string {
	var specs []string
	for i := range 10 {
		specs = append(specs, fmt.Sprintf("c%d:double", i))
	}
	return specs
}

// The typed forms that encoding/json fills.
type (
	splitJSON struct {
		Split struct {
			Columns []string
			Data    [][]float32
		} `json:"dataframe_split"`
	}
	recordsJSON struct {
		Records []map[string]float32 `json:"dataframe_records"`
	}
	imageJSON struct{ Inputs [][][][]float32 }
)

// benchmarkDecode times Decode and, in the same run, encoding/json into typed values; the
// ratio is reported as "×json".
func benchmarkDecode(b *testing.B, m *Model, body []byte, count int, typed func() any) {
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := m.Decode("", body)
		if err != nil {
			b.Fatal(err)
		}
		r.Release()
	}
	own := b.Elapsed() / time.Duration(b.N)
	rounds := max(3, min(b.N/20, 2000))
	start := time.Now()
	for range rounds {
		if err := json.Unmarshal(body, typed()); err != nil {
			b.Fatal(err)
		}
	}
	other := time.Since(start) / time.Duration(rounds)
	b.ReportMetric(float64(other)/float64(own), "×json")
	b.ReportMetric(float64(own)/float64(count), "ns/number")
}

func BenchmarkDecode(b *testing.B) {
	matrix := port("in", tensor.Float32, -1, 10)
	table := newModel(b, columnSig(tenColumns()...), matrix)
	free := newModel(b, nil, matrix)
	image := newModel(b, tensorSig(spec("in", tensor.Float32, -1, 3, 224, 224)), port("in", tensor.Float32, -1, 3, 224, 224))
	split := func() any { return new(splitJSON) }
	records := func() any { return new(recordsJSON) }
	picture := func() any { return new(imageJSON) }
	b.Run("split 1x10", func(b *testing.B) { benchmarkDecode(b, table, splitBody(1, 10), 10, split) })
	b.Run("split 1x10 unsigned", func(b *testing.B) { benchmarkDecode(b, free, splitBody(1, 10), 10, split) })
	b.Run("split 1000x10", func(b *testing.B) { benchmarkDecode(b, table, splitBody(1000, 10), 10_000, split) })
	b.Run("records 1x10", func(b *testing.B) { benchmarkDecode(b, table, recordsBody(1, 10), 10, records) })
	b.Run("records 1000x10", func(b *testing.B) { benchmarkDecode(b, table, recordsBody(1000, 10), 10_000, records) })
	b.Run("image 6 digits", func(b *testing.B) { benchmarkDecode(b, image, imageBody(6), 3*224*224, picture) })
	b.Run("image 16 digits", func(b *testing.B) { benchmarkDecode(b, image, imageBody(16), 3*224*224, picture) })
	b.Run("image integers", func(b *testing.B) { benchmarkDecode(b, image, imageBody(0), 3*224*224, picture) })
}

// kserveImage is the picture of imageBody in KServe's protocol, as JSON and as bytes.
func kserveImage() (text, binary []byte, header int) {
	const start = `{"inputs": [{"name": "in", "shape": [1, 3, 224, 224], "datatype": "FP32", `
	rng := rand.New(rand.NewPCG(1, 2))
	text = append(numbers([]byte(start+`"data": [`), rng, 3*224*224, 6), "]}]}"...)
	binary = []byte(start + `"parameters": {"binary_data_size": 602112}}]}`)
	header = len(binary)
	for range 3 * 224 * 224 {
		binary = append(binary, rawFloats(rng.Float32())...)
	}
	return text, binary, header
}

// BenchmarkKServe times the picture in both of the protocol's encodings. ×copy is how many
// times a plain copy of the bytes the decoding takes, in the same run.
func BenchmarkKServe(b *testing.B) {
	m := newModel(b, nil, port("in", tensor.Float32, -1, 3, 224, 224))
	text, binary, header := kserveImage()
	run := func(name, contentType string, body []byte, peer func(), unit string) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				r, err := m.Decode(contentType, body)
				if err != nil {
					b.Fatal(err)
				}
				r.Release()
			}
			// The quickest of each, in turns: a busy machine slows the others.
			own, other := time.Hour, time.Hour
			for range max(20, min(b.N, 500)) {
				start := time.Now()
				r, err := m.Decode(contentType, body)
				if err != nil {
					b.Fatal(err)
				}
				own = min(own, time.Since(start))
				r.Release()
				start = time.Now()
				peer()
				other = min(other, time.Since(start))
			}
			if unit == "×copy" {
				b.ReportMetric(float64(own)/float64(other), unit)
			} else {
				b.ReportMetric(float64(other)/float64(own), unit)
			}
			b.ReportMetric(float64(own)/(3*224*224), "ns/number")
		})
	}
	run("image JSON", KServeContentType("m", "", -1), text, func() {
		var v struct {
			Inputs []struct {
				Name, Datatype string
				Shape          []int64
				Data           []float32
			}
		}
		if err := json.Unmarshal(text, &v); err != nil {
			b.Fatal(err)
		}
	}, "×json")
	to := make([]byte, len(binary))
	run("image binary", KServeContentType("m", "", header), binary, func() { copy(to, binary) }, "×copy")
}

func BenchmarkEncode(b *testing.B) {
	rng := rand.New(rand.NewPCG(3, 4))
	run := func(name string, kind tensor.Type, rows, columns int, table bool) {
		x := &tensor.Tensor{Type: kind, Shape: []int64{int64(rows), int64(columns)}, Data: make([]byte, rows*columns*kind.Size())}
		k := &sink{to: kind, size: kind.Size(), data: x.Data}
		for i := range rows * columns {
			k.putFloat(i, rng.Float64())
		}
		outputs := []tensor.Named{{Name: "variable", Value: tensor.Value{Tensor: x}}}
		m, err := New(nil, []tensor.Port{port("in", tensor.Float32, -1, 10)}, []tensor.Port{port("variable", kind, -1, int64(columns))})
		if err != nil {
			b.Fatal(err)
		}
		r := &Request{model: m, table: table}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				var err error
				if dst, err = m.Encode(dst[:0], r, outputs); err != nil {
					b.Fatal(err)
				}
			}
			own := b.Elapsed() / time.Duration(b.N)
			values := make([][]float64, rows) // the same doubles, already converted
			for i := range values {
				for j := range columns {
					if kind == tensor.Float32 {
						values[i] = append(values[i], float64(tensor.View[float32](x)[i*columns+j]))
					} else {
						values[i] = append(values[i], tensor.View[float64](x)[i*columns+j])
					}
				}
			}
			rounds := max(3, min(b.N/20, 2000))
			start := time.Now()
			for range rounds {
				if _, err := json.Marshal(map[string]any{"predictions": map[string]any{"variable": values}}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(time.Since(start)/time.Duration(rounds))/float64(own), "×json")
			b.ReportMetric(float64(own)/float64(rows*columns), "ns/number")
		})
	}
	run("records 1x1 float32", tensor.Float32, 1, 1, true)
	run("records 1000x1 float32", tensor.Float32, 1000, 1, true)
	run("nested 1x1000 float32", tensor.Float32, 1, 1000, false)
	run("nested 1x1000 float64", tensor.Float64, 1, 1000, false)
}
