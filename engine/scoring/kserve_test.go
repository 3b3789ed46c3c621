package scoring

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"servery/engine/tensor"
)

var kserveJSONType = KServeContentType("digits", "", -1)

func kserveModel(t testing.TB) *Model {
	t.Helper()
	in := []tensor.Port{port("x", tensor.Float32, -1, 2), {Name: "t", Type: tensor.String, Shape: []int64{-1}, Optional: true}, {Name: "b", Type: tensor.Bool, Shape: []int64{-1}, Optional: true},
		{Name: "h", Type: tensor.Float16, Shape: []int64{-1}, Optional: true}, {Name: "n", Type: tensor.Int64, Optional: true, Unranked: true}}
	m, err := New(nil, in, in)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// binaryBody is a request with its JSON and the bytes behind it.
func binaryBody(header string, raw ...[]byte) (contentType string, body []byte) {
	return KServeContentType("digits", "3", len(header)), append([]byte(header), bytes.Join(raw, nil)...)
}

func rawFloats(values ...float32) (raw []byte) {
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return raw
}

func rawTexts(values ...string) (raw []byte) {
	for _, v := range values {
		raw = append(binary.LittleEndian.AppendUint32(raw, uint32(len(v))), v...)
	}
	return raw
}

func TestKServeInputsFeedTheGraph(t *testing.T) {
	m := kserveModel(t)
	mixedType, mixed := binaryBody(`{"inputs": [{"name": "t", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": 12}}, {"name": "n", "shape": [], "datatype": "INT64", "data": [7]},
		{"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}, {"name": "b", "shape": [3], "datatype": "BOOL", "parameters": {"binary_data_size": 3}},
		{"name": "h", "shape": [1], "datatype": "FP16", "parameters": {"binary_data_size": 2}}]}`, rawTexts("ab", "ż"), rawFloats(1.5, -2), []byte{1, 0, 1}, []byte{0, 0x3C})
	for _, test := range []struct{ contentType, body, want string }{
		{kserveJSONType, `{"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2.5, 3, 4]}]}`, "x=float32(2, 2)[1.0, 2.5, 3.0, 4.0]"},
		{kserveJSONType, `{"id": "a", "inputs": [{"data": [[1, 2.5], [3, 4]], "datatype": "FP32", "parameters": {"content_type": "np"}, "shape": [2, 2], "name": "x"}], "parameters": {"k": 1}}`, "x=float32(2, 2)[1.0, 2.5, 3.0, 4.0]"},
		{kserveJSONType, `{"inputs": [{"name": "x", "shape": [0, 2], "datatype": "FP32", "data": []}, {"name": "t", "shape": [1], "datatype": "BYTES", "data": ["a\nb"]}]}`, `x=float32(0, 2)[] t=str(1,)["a\nb"]`},
		{mixedType, string(mixed), `x=float32(1, 2)[1.5, -2.0] t=str(2,)["ab", "\u017c"] b=bool(3,)[true, false, true] h=float16(1,)[1.0] n=int64()7`},
	} {
		r, err := m.Decode(test.contentType, []byte(test.body))
		if err != nil {
			t.Errorf("%s: %v", test.body, err)
			continue
		}
		if got := show(t, r); strings.ReplaceAll(got, "[7]", "7") != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
		r.Release()
	}
}

func TestKServeRefusalsNameTheInput(t *testing.T) {
	m := kserveModel(t)
	x := func(rest string) string { return `{"inputs": [{"name": "x", ` + rest + `}]}` }
	const sized = `"shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}`
	for _, test := range []struct {
		name, body, want string
		raw              []byte
		header           int // -1: JSON only
	}{
		{"no JSON", `{"inputs": [}`, "not valid JSON", nil, -1},
		{"no object", `[1]`, "the request is [1]: it takes an object", nil, -1},
		{"no inputs", `{}`, "inputs is missing", nil, -1},
		{"behind the end", `{"inputs": []} x`, "Extra data", nil, -1},
		{"nothing fed", `{"inputs": []}`, "Required inputs (['x']) are missing", nil, -1},
		{"unknown", `{"inputs": [{"name": "q", "shape": [1], "datatype": "FP32", "data": [1]}]}`, "the model has no input 'q'; its inputs are ['x', 't', 'b', 'h', 'n']", nil, -1},
		{"other type", x(`"shape": [1, 2], "datatype": "FP64", "data": [1, 2]`), `input 'x': its datatype is "FP64", the model takes FP32`, nil, -1},
		{"other type first", `{"inputs": [{"datatype": "", "name": "x", "shape": [1, 2], "data": [1, 2]}]}`, `input 'x': its datatype is "", the model takes FP32`, nil, -1},
		{"other shape", x(`"shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]`), "input 'x': its shape is [1 3], the model takes [-1 2]", nil, -1},
		{"too few data", x(`"shape": [2, 2], "datatype": "FP32", "data": [1, 2]`), "its shape [2 2] has 4 elements, its data have 2", nil, -1},
		{"no data", x(`"shape": [1, 2], "datatype": "FP32"`), "neither data nor parameters.binary_data_size", nil, -1},
		{"no shape", x(`"datatype": "FP32", "data": [1, 2]`), "takes a shape and a datatype", nil, -1},
		{"text for a number", x(`"shape": [1, 2], "datatype": "FP32", "data": [1, "a"]`), "input 'x'[1]: could not convert string to float: 'a'", nil, -1},
		{"negative dimension", x(`"shape": [-1, 2], "datatype": "FP32", "data": []`), "a dimension of x.shape is -1", nil, -1},
		{"huge shape", x(`"shape": [2147483647, 2], "datatype": "FP32", "data": []`), "has 2147483647 elements", nil, -1},
		{"twice", `{"inputs": [{"name": "x", "name": "x"}]}`, "input 'x' appears twice", nil, -1},
		{"binary without a header", x(sized), "Inference-Header-Content-Length", nil, -1},
		{"header beyond the body", `{"inputs": []}`, "the body has 14 bytes", nil, 99},
		{"too few bytes", x(sized), "its binary_data_size is 8, but the body has only 4 bytes left", rawFloats(1), 0},
		{"too many bytes", x(sized), "has 12 bytes of binary data behind the JSON", rawFloats(1, 2, 3), 0},
		{"wrong size", x(`"shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 4}`), "2 elements of 4 bytes, its binary_data_size is 4", rawFloats(1), 0},
		{"both", x(sized + `, "data": [1, 2]`), "it has data as well as binary_data_size", rawFloats(1, 2), 0},
		{"text too long", `{"inputs": [{"name": "t", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 5}}]}`, "element 0 has 9 bytes, but only 1 are left", []byte{9, 0, 0, 0, 'a'}, 0},
		{"text left", `{"inputs": [{"name": "t", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 5}}]}`, "1 bytes are left", []byte{0, 0, 0, 0, 'a'}, 0},
		{"no boolean", `{"inputs": [{"name": "b", "shape": [1], "datatype": "BOOL", "parameters": {"binary_data_size": 1}}]}`, "bytes other than 0 and 1", []byte{2}, 0},
		{"unknown output", `{"inputs": [], "outputs": [{"name": "q"}]}`, "the model has no output 'q'", nil, -1},
		{"classification", `{"inputs": [], "outputs": [{"name": "x", "parameters": {"classification": 3}}]}`, "classification is not supported", nil, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			contentType, body := kserveJSONType, append([]byte(test.body), test.raw...)
			if test.header == 0 {
				contentType = KServeContentType("digits", "", len(test.body))
			} else if test.header > 0 {
				contentType = KServeContentType("digits", "", test.header)
			}
			if e := refused(t, m, contentType, string(body)); e.Status != 400 || !strings.Contains(e.Message, test.want) {
				t.Errorf("got  %s\nwant %s", e.Message, test.want)
			}
		})
	}
}

func TestKServeAnswersAreJSONOrBinaryAsAsked(t *testing.T) {
	m := kserveModel(t)
	const inputs = `"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [0.1, 16777216]}, {"name": "t", "shape": [1], "datatype": "BYTES", "data": ["q\""]}]`
	for _, test := range []struct{ rest, json, raw string }{
		{``, `{"model_name":"digits","outputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[0.1,16777216]},{"name":"t","datatype":"BYTES","shape":[1],"data":["q\""]}]}`, ""},
		{`, "id": "7\u0031", "outputs": [{"name": "t"}]`, `{"model_name":"digits","id":"7\u0031","outputs":[{"name":"t","datatype":"BYTES","shape":[1],"data":["q\""]}]}`, ""},
		{`, "outputs": [{"name": "t", "parameters": {"binary_data": true}}, {"name": "x"}]`, `{"model_name":"digits","outputs":[{"name":"t","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":6}},{"name":"x","datatype":"FP32","shape":[1,2],"data":[0.1,16777216]}]}`, string(rawTexts(`q"`))},
		{`, "parameters": {"binary_data_output": true}, "outputs": [{"name": "x"}, {"name": "t", "parameters": {"binary_data": false}}]`, `{"model_name":"digits","outputs":[{"name":"x","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}},{"name":"t","datatype":"BYTES","shape":[1],"data":["q\""]}]}`, string(rawFloats(0.1, 16777216))},
	} {
		r, err := m.Decode(kserveJSONType, []byte(`{`+inputs+test.rest+`}`))
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Encode([]byte("before"), r, append([]tensor.Named(nil), r.Inputs...))
		if err != nil {
			t.Fatal(err)
		}
		header, ok := KServeHeader(r.ContentType())
		want := -1
		if test.raw != "" {
			want = len(test.json)
		}
		if string(got) != "before"+test.json+test.raw || !ok || header != want {
			t.Errorf("%s:\ngot  %q, the JSON ends at %d\nwant %q, at %d", test.rest, got, header, test.json+test.raw, want)
		}
		r.Release()
	}
}

// TestBinaryTensorsComeBackAsTheyWent sends the answer of an identity back as a request.
func TestBinaryTensorsComeBackAsTheyWent(t *testing.T) {
	m := kserveModel(t)
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(0, 20).Draw(t, "rows")
		raw := rapid.SliceOfN(rapid.Byte(), rows*8, rows*8).Draw(t, "raw")
		words := rapid.SliceOfN(rapid.String(), 0, 5).Draw(t, "words")
		packed := rawTexts(words...)
		header, err := json.Marshal(map[string]any{"parameters": map[string]any{"binary_data_output": true}, "inputs": []any{
			map[string]any{"name": "x", "shape": []int{rows, 2}, "datatype": "FP32", "parameters": map[string]any{"binary_data_size": len(raw)}},
			map[string]any{"name": "t", "shape": []int{len(words)}, "datatype": "BYTES", "parameters": map[string]any{"binary_data_size": len(packed)}}}})
		if err != nil {
			t.Fatal(err)
		}
		contentType, body := binaryBody(string(header), raw, packed)
		r, err := m.Decode(contentType, body)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Release()
		out, err := m.Encode(nil, r, append([]tensor.Named(nil), r.Inputs...))
		if err != nil {
			t.Fatal(err)
		}
		n, _ := KServeHeader(r.ContentType())
		if n < 0 || !bytes.Equal(out[n:], append(bytes.Clone(raw), packed...)) {
			t.Fatalf("sent %x %x, got %x behind %d bytes", raw, packed, out[max(n, 0):], n)
		}
	})
}

func FuzzKServe(f *testing.F) {
	_, mixed := binaryBody(`{"inputs": [{"name": "t", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 6}}, {"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}], "parameters": {"binary_data_output": true}}`, rawTexts("ab"), rawFloats(1.5, -2))
	f.Add(mixed, len(mixed)-14)
	for _, s := range []string{`{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [[1, 2]]}], "outputs": [{"name": "x"}]}`, `{"inputs": [{"data": ["a"], "shape": [1], "datatype": "BYTES", "name": "t"}, {"name": "b", "shape": [0], "datatype": "BOOL", "data": []}]}`,
		`{"id": "\u00e9", "inputs": [{"name": "n", "shape": [1, 1, 1], "datatype": "INT64", "data": [9223372036854775807]}]}`} {
		f.Add([]byte(s), -1)
	}
	m := kserveModel(f)
	f.Fuzz(func(t *testing.T, body []byte, header int) {
		kept := bytes.Clone(body)
		r, err := m.Decode(KServeContentType("m", "", header), body)
		if !bytes.Equal(kept, body) {
			t.Fatal("the body was changed")
		}
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Message == "" || !utf8.ValidString(e.Message) || len(e.Message) > 8192 || !json.Valid(e.Body()) {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		checkRequest(t, r, body)
		out, err := m.Encode(nil, r, append([]tensor.Named(nil), r.Inputs...))
		if err != nil {
			return
		}
		if n, ok := KServeHeader(r.ContentType()); !ok || n > len(out) || n >= 0 && !json.Valid(out[:n]) || n < 0 && !json.Valid(out) {
			t.Fatalf("the answer's JSON ends at %d: %s", n, out)
		}
		r.Release()
	})
}
