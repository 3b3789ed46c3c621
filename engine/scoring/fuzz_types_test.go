package scoring

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"servery/engine/mlmodel"
	"servery/engine/tensor"
)

// Whatever media type a request has, it is read as one of those that there are, or refused.
func FuzzContentType(f *testing.F) {
	for _, kind := range []string{"", "application/json", "text/csv; charset=utf-8", "Text/CSV;header=1", "application/json; format=pandas-split", KServeContentType("m", "1", 3), KServeType + ";header=-1", KServeType + ";header=99999999999999999999", ";", "a/b; c=\x00", "application/x-parquet"} {
		f.Add(kind, []byte(`{"inputs":[[1]]}`))
		f.Add(kind, []byte("a\n1"))
	}
	m := newModel(f, nil, port("x", tensor.Float32, -1, -1))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		if n, ok := KServeHeader(kind); n < -1 || ok != strings.HasPrefix(kind, KServeType) && n >= 0 {
			t.Fatalf("%q has its header at %d %v", kind, n, ok)
		}
		r, err := m.Decode(kind, body)
		var refusal *Error
		switch {
		case err == nil:
			checkRequest(t, r, body)
			r.Release()
		case !errors.As(err, &refusal) || refusal.Status < 400 || refusal.Status >= 500 || refusal.Message == "" || len(refusal.Message) > 8192 || !utf8.ValidString(refusal.Message):
			t.Fatalf("%T %v", err, err)
		}
	})
}

// Whatever a model's signature says, it is a model that answers each request or refuses it,
// or is refused itself.
func FuzzSignature(f *testing.F) {
	for _, s := range []string{
		`[{"type":"double","name":"x","required":true},{"type":"array","name":"y","items":{"type":"array","items":{"type":"long"}}}]`, `[{"type":"object","name":"x","properties":{"p":{"type":"map","values":{"type":"any"}},"q":{"type":"string","required":false}}}]`,
		`[{"type":"tensor","tensor-spec":{"dtype":"float32","shape":[-1,4]}}]`, `[{"type":"long"},{"type":"double"}]`, `[{"type":"datetime","name":"x"},{"type":"binary","name":"y"}]`, `[]`,
	} {
		f.Add(s, []byte(`{"dataframe_records":[{"x":1,"y":[[2]]}]}`))
		f.Add(s, []byte(`{"inputs":{"x":[{"p":{"k":null}}],"y":null}}`))
	}
	ports := []tensor.Port{port("x", tensor.Float32, -1), {Name: "y", Type: tensor.Int64, Shape: []int64{-1}, Optional: true}}
	f.Fuzz(func(t *testing.T, inputs string, body []byte) {
		text, err := json.Marshal(map[string]any{"inputs": inputs})
		if err != nil {
			t.Fatal(err)
		}
		var sig mlmodel.Signature
		if json.Unmarshal(text, &sig) != nil {
			return
		}
		m, err := New(&sig, ports, ports)
		if err != nil {
			return
		}
		for _, kind := range []string{"application/json", "text/csv"} {
			r, err := m.Decode(kind, body)
			var refusal *Error
			switch {
			case err == nil:
				checkRequest(t, r, body)
				r.Release()
			case !errors.As(err, &refusal) || refusal.Message == "" || len(refusal.Message) > 8192 || !utf8.ValidString(refusal.Message):
				t.Fatalf("%T %v", err, err)
			}
		}
	})
}
