package scoring

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"servery/engine/mlmodel"
	"servery/engine/tensor"
)

// of is a tensor of a type with the given values.
func of(kind tensor.Type, shape []int64, values ...float64) *tensor.Tensor {
	k := &sink{}
	k.reset(kind)
	k.room(len(values))
	for i, v := range values {
		switch {
		case isFloat(kind):
			k.putFloat(i, v)
		case kind == tensor.Bool:
			k.data[i] = byte(v)
		default:
			k.putInteger(i, uint64(math.Abs(v)), v < 0)
		}
	}
	t := &tensor.Tensor{Shape: shape}
	k.take(t, len(values))
	return t
}

func texts(values ...string) *tensor.Tensor {
	return &tensor.Tensor{Type: tensor.String, Shape: []int64{int64(len(values))}, Strings: values}
}

func named(name string, t *tensor.Tensor) tensor.Named {
	return tensor.Named{Name: name, Value: tensor.Value{Tensor: t}}
}

func TestEncodesEveryKindOfOutput(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	zip := tensor.Named{Name: "z", Value: tensor.Value{Sequence: []tensor.Value{
		{Map: &tensor.Map{Keys: of(tensor.Int64, []int64{2}, 0, -1), Values: of(tensor.Float32, []int64{2}, 0.25, nan)}},
		{Map: &tensor.Map{Keys: texts(`a"b`), Values: of(tensor.Int64, []int64{1}, 7)}},
	}}}
	tests := []struct {
		name    string
		table   bool
		outputs []tensor.Named
		want    string
	}{
		{"what JSON lacks", false, []tensor.Named{named("y", of(tensor.Float64, []int64{4}, nan, inf, -inf, math.Copysign(0, -1)))}, `{"y": [null, null, null, -0.0]}`},
		{"floats", false, []tensor.Named{named("y", of(tensor.Float64, []int64{7}, 1e15, 1e16, 123456789012345680, 1e-4, 9.9e-5, 0.1, 5e-324))},
			`{"y": [1000000000000000.0, 1e+16, 1.2345678901234568e+17, 0.0001, 9.9e-05, 0.1, 5e-324]}`},
		{"halves", false, []tensor.Named{named("h", of(tensor.Float16, []int64{2}, 0.1, 65504)), named("b", of(tensor.BFloat16, []int64{1}, 0.1))}, `{"h": [0.0999755859375, 65504.0], "b": [0.10009765625]}`},
		{"integers", false, []tensor.Named{named("a", of(tensor.Int8, []int64{1}, -128)), named("b", of(tensor.Uint8, []int64{1}, 255)), named("c", of(tensor.Int16, []int64{1}, -32768)),
			named("d", of(tensor.Uint16, []int64{1}, 65535)), named("e", of(tensor.Int32, []int64{1}, -2147483648)), named("f", of(tensor.Uint32, []int64{1}, 4294967295)),
			named("g", of(tensor.Int64, []int64{1}, -9223372036854775808)), named("h", of(tensor.Uint64, []int64{1}, 18446744073709549568)), named("i", of(tensor.Bool, []int64{2}, 0, 1))},
			`{"a": [-128], "b": [255], "c": [-32768], "d": [65535], "e": [-2147483648], "f": [4294967295], "g": [-9223372036854775808], "h": [18446744073709549568], "i": [false, true]}`},
		{"a scalar", false, []tensor.Named{named("y", of(tensor.Float32, nil, 1))}, `{"y": 1.0}`},
		{"nothing", false, []tensor.Named{named("y", of(tensor.Float32, []int64{2, 0}))}, `{"y": [[], []]}`},
		{"texts", false, []tensor.Named{named("y\n", texts("\x00\x7f\u2028é😀", "\xff", `\`))}, `{"y\n": ["\u0000\u007f\u2028\u00e9\ud83d\ude00", "\ufffd", "\\"]}`},
		{"maps", false, []tensor.Named{zip}, `{"z": [{"0": 0.25, "-1": null}, {"a\"b": 7}]}`},
		{"a table of maps", true, []tensor.Named{named("label", of(tensor.Int64, []int64{2}, 1, 2)), zip}, `[{"label": 1, "z": {"0": 0.25, "-1": null}}, {"label": 2, "z": {"a\"b": 7}}]`},
		{"a table is flattened", true, []tensor.Named{named("y", of(tensor.Float32, []int64{2, 2}, 1, 2, 3, 4))}, `[{"y": 1.0}, {"y": 2.0}, {"y": 3.0}, {"y": 4.0}]`},
		{"widths differ", true, []tensor.Named{named("l", of(tensor.Int64, []int64{2}, 1, 0)), named("p", of(tensor.Float32, []int64{2, 2}, 1, 2, 3, 4))}, `[{"l": 1, "p": [1.0, 2.0]}, {"l": 0, "p": [3.0, 4.0]}]`},
		{"a table without rows", true, []tensor.Named{named("l", of(tensor.Int64, []int64{0})), named("p", of(tensor.Float32, []int64{0, 2}))}, `[]`},
		{"a table's scalar", true, []tensor.Named{named("l", of(tensor.Int64, nil, 1))}, `[{"l": 1}]`},
		{"rows of no width", true, []tensor.Named{named("l", of(tensor.Int64, []int64{1}, 4)), named("p", of(tensor.Float32, []int64{1, 0}))}, `[{"l": 4, "p": []}]`},
	}
	m := &Model{}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := m.Encode(nil, &Request{table: test.table}, test.outputs)
			if err != nil {
				t.Fatal(err)
			}
			if want := `{"predictions": ` + test.want + `}`; string(got) != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if !json.Valid(got) {
				t.Error("that is no JSON")
			}
		})
	}
}

func TestEncodeRefusesWhatHasNoJSON(t *testing.T) {
	m := &Model{}
	for want, outputs := range map[string][]tensor.Named{
		"the output c: elements of the type complex64 cannot be written as JSON": {named("c", &tensor.Tensor{Type: tensor.Complex64, Shape: []int64{1}, Data: make([]byte, 8)})},
		"the output y: its shape (3,) needs 3 elements, it has 2":                {named("y", of(tensor.Float32, []int64{3}, 1, 2))},
		"must be of the same length: a has 2, b has 3":                           {named("a", of(tensor.Float32, []int64{2}, 1, 2)), named("b", of(tensor.Float32, []int64{3}, 1, 2, 3))},
	} {
		_, err := m.Encode(nil, &Request{table: true}, outputs)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestFloatsAreReadBackExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := math.Float64frombits(rapid.Uint64().Draw(t, "bits"))
		if rapid.Bool().Draw(t, "single") {
			f = float64(math.Float32frombits(rapid.Uint32().Draw(t, "bits32")))
		}
		b := (&elements{}).float(nil, f)
		var back float64
		if f != f || math.IsInf(f, 0) {
			want := map[bool]string{f != f: "NaN", f > 0: "Infinity", f < 0: "-Infinity"}[true]
			if faithful := (&elements{faithful: true}).float(nil, f); string(b) != "null" || string(faithful) != want {
				t.Fatalf("%v became %s, and faithfully %s", f, b, faithful)
			}
			return
		}
		if err := json.Unmarshal(b, &back); err != nil || math.Float64bits(back) != math.Float64bits(f) {
			t.Fatalf("%v became %s: %v", f, b, err)
		}
		if !bytes.ContainsAny(b, ".e") {
			t.Fatalf("%s looks like an integer", b)
		}
	})
}

func TestTextsAreReadBackExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		b := appendString(nil, s)
		var back string
		if err := json.Unmarshal(b, &back); err != nil || back != s {
			t.Fatalf("%q became %s: %v", s, b, err)
		}
		// And by our own reader.
		sc := scanner{b: b}
		got, err := sc.str(nil)
		if err != nil || string(got) != s || sc.i != len(b) {
			t.Fatalf("%s was read as %q: %v", b, got, err)
		}
	})
}

func TestNewRefusesWhatTheGraphCannotTake(t *testing.T) {
	float := port("x", tensor.Float32, -1, -1)
	seq := tensor.Port{Name: "s", Kind: tensor.KindSequence, Type: tensor.Float32}
	tests := []struct {
		name  string
		sig   *mlmodel.Signature
		ports []tensor.Port
		want  string
	}{
		{"no input", nil, nil, "takes no input"},
		{"a sequence", nil, []tensor.Port{seq}, "which no request can hold"},
		{"complex numbers", nil, []tensor.Port{port("c", tensor.Complex64, 1)}, "which no request can hold"},
		{"a text column for numbers", columnSig("x:string"), []tensor.Port{float}, `column "x" is of the type string`},
		{"a binary column for numbers", columnSig("x:binary"), []tensor.Port{float}, `column "x" is of the type binary`},
		{"an object column", columnSig("x:object"), []tensor.Port{float}, `column "x" is of the type object`},
		{"an input without a column", columnSig("x:double"), []tensor.Port{float, port("y", tensor.Float32, -1)}, "y float32[-1] is missing from the signature"},
		{"a tensor that is no input", tensorSig(spec("q", tensor.Float32, -1)), []tensor.Port{float, port("y", tensor.Float32, -1)}, `tensor "q" is no input of the graph`},
		{"an input without a tensor", tensorSig(spec("x", tensor.Float32, -1)), []tensor.Port{float, port("y", tensor.Float32, -1)}, "is missing from the signature"},
	}
	for _, test := range tests {
		_, err := New(test.sig, test.ports, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}

func TestInputsWithDefaultsMayBeLeftOut(t *testing.T) {
	weights := tensor.Port{Name: "w", Type: tensor.Float32, Shape: []int64{1}, Optional: true}
	m := newModel(t, nil, weights, port("x", tensor.Float32, -1, 2))
	for body, want := range map[string]string{
		`{"dataframe_split": {"data": [[1, 2]]}}`:   "x=float32(1, 2)[1.0, 2.0]",
		`{"inputs": [[1, 2]]}`:                      "x=float32(1, 2)[1.0, 2.0]",
		`{"inputs": {"x": [[1, 2]], "w": [5]}}`:     "w=float32(1,)[5.0] x=float32(1, 2)[1.0, 2.0]",
		`{"instances": [{"x": [1, 2], "w": 5}]}`:    "w=float32(1,)[5.0] x=float32(1, 2)[1.0, 2.0]",
		`{"dataframe_records": [{"p": 1, "q": 2}]}`: "x=float32(1, 2)[1.0, 2.0]",
	} {
		r, err := m.Decode("", []byte(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if got := show(t, r); got != want {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
	}
	if e := refused(t, m, "", `{"inputs": {"w": [5]}}`); !strings.Contains(e.Message, "Required inputs (['x']) are missing from input feed (['w'])") {
		t.Error(e.Message)
	}
}

// A number is written as strconv writes it, with a point, or an exponent where Python has one.
func TestFloatsAreWrittenAsPythonWritesThem(t *testing.T) {
	want := func(f float64) string {
		if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
			return strconv.FormatFloat(f, 'e', -1, 64)
		}
		s := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	for _, f := range []float64{0, math.Copysign(0, -1), 1, -1, 0.1, 0.5, 1e-4, 0.00125, -0.00125, 1.5, 12.25, 9999.5, 1e15, 1e15 + 0.5,
		9007199254740993, 9.1e15, 9999999999999998, 1e16, math.Nextafter(1e-4, 0), math.MaxFloat64, math.SmallestNonzeroFloat64, float64(float32(0.3))} {
		if got := string(appendFloat(nil, f)); got != want(f) {
			t.Errorf("%v: %s, want %s", f, got, want(f))
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		f := math.Float64frombits(rapid.Uint64().Draw(r, "bits"))
		if rapid.Bool().Draw(r, "usual") {
			f = rapid.Float64Range(-1e17, 1e17).Draw(r, "number")
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return
		}
		if got := string(appendFloat([]byte("["), f)); got != "["+want(f) {
			r.Fatalf("%v: %s, want %s", f, got, want(f))
		}
	})
}
