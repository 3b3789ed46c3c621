package scoring

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"servery/engine/mlmodel"
	"servery/engine/tensor"
)

// recorded is testdata/mlflow.json: requests that were put through MLflow's own scoring
// server and onnx flavor, with what the graph was fed and what the client got.
type recorded struct {
	Source string
	Cases  []struct {
		Name        string
		ContentType string `json:"content_type"`
		Body        string
		Inputs      []struct {
			Name  string
			Type  tensor.Type
			Shape []int64
		}
		Signature *struct{ Inputs, Params *string }
		Status    int
		Response  string
		ErrorCode string `json:"error_code"`
		Message   string
		Cause     string
		Feeds     map[string]recordedValue
		Outputs   []recordedValue
	}
}

type recordedValue struct {
	Name, DType string
	Shape       []int64
	Values      []json.RawMessage
	Sequence    []recordedValue
	Keys        []json.RawMessage
	MapValues   []json.RawMessage `json:"map_values"`
}

func readRecorded(t testing.TB) recorded {
	t.Helper()
	b, err := os.ReadFile("testdata/mlflow.json")
	if err != nil {
		t.Fatal(err)
	}
	var r recorded
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Cases) < 80 {
		t.Fatalf("only %d cases", len(r.Cases))
	}
	return r
}

func TestAnswersAreMLflows(t *testing.T) {
	for _, c := range readRecorded(t).Cases {
		t.Run(c.Name, func(t *testing.T) {
			var sig *mlmodel.Signature
			if c.Signature != nil {
				sig = signatureOf(t, c.Signature.Inputs, c.Signature.Params)
			}
			var ports []tensor.Port
			for _, in := range c.Inputs {
				ports = append(ports, tensor.Port{Name: in.Name, Type: in.Type, Shape: in.Shape})
			}
			m, err := New(sig, ports, nil)
			if err != nil {
				t.Fatal(err)
			}
			r, err := m.Decode(c.ContentType, []byte(c.Body))
			if c.Name == "label and probabilities, table" {
				if err != nil {
					t.Fatal(err)
				}
				return // MLflow fails only after the run: TestOutputsOfDifferentWidthsGiveNestedRecords
			}
			if c.Status != 200 {
				checkFailure(t, err, c.Status, c.ErrorCode, c.Message, c.Response, c.Cause)
				return
			}
			if err != nil {
				t.Fatalf("%v\nMLflow answers %s", err, c.Response)
			}
			if len(r.Inputs) != len(c.Feeds) {
				t.Errorf("the graph is fed %s, MLflow feeds %v", show(t, r), c.Feeds)
			}
			for _, in := range r.Inputs {
				want := c.Feeds[in.Name]
				compareTensor(t, in.Name, in.Tensor, tensorOf(t, want.DType, want.Shape, want.Values))
			}
			var outputs []tensor.Named
			for _, o := range c.Outputs {
				outputs = append(outputs, tensor.Named{Name: o.Name, Value: valueOf(t, o)})
			}
			got, err := m.Encode(nil, r, outputs)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.NewReplacer("NaN", "null", "-Infinity", "null", "Infinity", "null").Replace(c.Response)
			if string(got) != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			r.Release()
		})
	}
}

func signatureOf(t testing.TB, inputs, params *string) *mlmodel.Signature {
	t.Helper()
	b, err := json.Marshal(map[string]*string{"inputs": inputs, "params": params})
	if err != nil {
		t.Fatal(err)
	}
	sig := &mlmodel.Signature{}
	if err := json.Unmarshal(b, sig); err != nil {
		t.Fatal(err)
	}
	return sig
}

// comparableText is an error's text without what may differ: how Python prints the data, and
// in which order it prints a set.
func comparableText(s string) string {
	if _, after, ok := strings.Cut(s, "' with schema '"); ok {
		s = after
	} else if _, after, ok := strings.Cut(s, "'. \nError: "); ok {
		s = after
	}
	for _, set := range []string{"fields {", "Got {"} {
		if i := strings.Index(s, set); i >= 0 {
			end := i + strings.Index(s[i:], "}")
			s = s[:i] + s[end:]
		}
	}
	s, _, _ = strings.Cut(s, "Input: \n")
	s, _, _ = strings.Cut(s, " requested array has an inhomogeneous shape")
	s, _, _ = strings.Cut(s, "'TypeError(\"int() argument")
	return strings.ReplaceAll(strings.TrimRight(s, ".'\n"), ", 'application/vnd.apache.parquet'", "")
}

func checkFailure(t *testing.T, err error, status int, code, message, response, cause string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("no *Error but %v; MLflow says %s %s", err, code, message)
	}
	if status == 500 {
		status, code = 400, BadRequest // a client's fault, which MLflow calls its own
	}
	if e.Status != status || e.Code != code {
		t.Errorf("got %d %s, want %d %s", e.Status, e.Code, status, code)
	}
	got, want := e.Message, message
	if code == "" {
		want = response
	}
	if strings.HasPrefix(want, "Encountered") {
		want = cause[strings.Index(cause, ": ")+2:]
	}
	if got, want := comparableText(got), comparableText(want); !strings.Contains(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func number64(t *testing.T, raw json.RawMessage) float64 {
	t.Helper()
	switch string(raw) {
	case `"NaN"`:
		return math.NaN()
	case `"-inf"`:
		return math.Inf(-1)
	case `"inf"`:
		return math.Inf(1)
	}
	var f float64
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func tensorOf(t *testing.T, dtype string, shape []int64, values []json.RawMessage) *tensor.Tensor {
	t.Helper()
	kind, ok := tensor.ParseType(dtype)
	if !ok {
		t.Fatalf("dtype %q", dtype)
	}
	k := &sink{}
	k.reset(kind)
	k.room(len(values))
	for i, raw := range values {
		switch {
		case kind == tensor.String:
			if err := json.Unmarshal(raw, &k.strings[i]); err != nil {
				t.Fatal(err)
			}
		case kind == tensor.Bool:
			k.data[i] = map[string]byte{"true": 1, "false": 0}[string(raw)]
		case isFloat(kind):
			k.putFloat(i, number64(t, raw))
		default:
			n := scanNumber(raw, 0)
			if f := k.putInteger(i, n.mantissa, n.negative()); f != fine {
				t.Fatalf("%s does not fit %s", raw, kind)
			}
		}
	}
	out := &tensor.Tensor{Shape: shape}
	k.take(out, len(values))
	return out
}

func valueOf(t *testing.T, v recordedValue) tensor.Value {
	t.Helper()
	switch {
	case v.Sequence != nil:
		out := tensor.Value{Sequence: []tensor.Value{}}
		for _, item := range v.Sequence {
			out.Sequence = append(out.Sequence, valueOf(t, item))
		}
		return out
	case v.Keys != nil:
		n := []int64{int64(len(v.Keys))}
		kind := "int64"
		if v.Keys[0][0] == '"' {
			kind = "str"
		}
		return tensor.Value{Map: &tensor.Map{Keys: tensorOf(t, kind, n, v.Keys), Values: tensorOf(t, "float32", n, v.MapValues)}}
	}
	return tensor.Value{Tensor: tensorOf(t, v.DType, v.Shape, v.Values)}
}

func compareTensor(t *testing.T, name string, got, want *tensor.Tensor) {
	t.Helper()
	text := func(x *tensor.Tensor) string {
		b, err := Options{}.appendValue(nil, &tensor.Value{Tensor: x})
		if err != nil {
			t.Fatal(err)
		}
		return x.Type.String() + pyShape(x.Shape) + string(b)
	}
	if text(got) != text(want) {
		t.Errorf("%s is fed %s, by MLflow %s", name, text(got), text(want))
	}
}
