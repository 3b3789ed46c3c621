package scoring

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"servery/engine/tensor"
)

// refused decodes a body that must be refused and returns the answer's message.
func refused(t *testing.T, m *Model, contentType, body string) *Error {
	t.Helper()
	r, err := m.Decode(contentType, []byte(body))
	if err == nil {
		t.Fatalf("%.100s was taken as %s", body, show(t, r))
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%T %v", err, err)
	}
	return e
}

func TestRefusalsNameThePlace(t *testing.T) {
	xy := newModel(t, columnSig("x:double", "y:long"), port("in", tensor.Float32, -1, 2))
	free := newModel(t, nil, port("in", tensor.Int64, -1, -1))
	two := newModel(t, nil, port("a", tensor.Float32, -1), port("b", tensor.Uint8, -1))
	square := newModel(t, tensorSig(spec("in", tensor.Float32, -1, 2)), port("in", tensor.Float32, -1, 2))
	tests := []struct {
		name, body string
		m          *Model
		want       string
	}{
		{"ragged list", `{"inputs": [[1, 2], [3]]}`, square, "the list at [1] has the length 1, those before it have 2"},
		{"list among values", `{"inputs": [[1, [2]]]}`, square, "[0][1] is a list where those before it are a single value"},
		{"value among lists", `{"inputs": [[1, 2], 3]}`, square, "[1] is a single value where those before it are a list"},
		{"ragged row", `{"dataframe_split": {"data": [[1, 2], [3, 4], [5]]}}`, free, "row 2 has 1 values, the rows before it have 2"},
		{"long row", `{"dataframe_split": {"data": [[1, 2], [3, 4, 5, 6]]}}`, free, "row 1 has 4 values, the rows before it have 2"},
		{"text in a table", `{"dataframe_split": {"columns": ["x", "y"], "data": [[1, 2], ["a'b", 2]]}}`, xy, `Failed to convert column x to type 'float64'. Error: 'ValueError('could not convert string to float: "a\'b"')' (row 1)`},
		{"missing integer", `{"dataframe_records": [{"x": 1, "y": 2}, {"x": 1}]}`, xy, "Hint: Integer columns in python can not represent missing values"},
		{"object for a value", `{"dataframe_split": {"columns": ["x", "y"], "data": [[{}, 2]]}}`, xy, "Failed to convert column x"},
		{"fraction for an integer", `{"inputs": [[1, 2.5]]}`, free, "2.5 is no integer, which int64 takes, expected: (tensor(int64)) (at [0][1])"},
		{"out of range", `{"inputs": {"a": [1], "b": [1, 256]}}`, two, "Python integer 256 out of bounds for uint8, expected: (tensor(uint8)) (at 'b'[1])"},
		{"beyond 64 bits", `{"inputs": [[9223372036854775808]]}`, free, "Python int too large to convert to C long"},
		{"huge exponent", `{"inputs": [[1e999999999]]}`, free, "int64"},
		{"unknown input", `{"inputs": {"a": [1], "b": [1], "z": 2}}`, two, "Invalid input name: ['z']"},
		{"twice the same input", `{"inputs": {"a": [1], "a": [1]}}`, two, "the input 'a' appears twice"},
		{"twice the same input in a row", `{"instances": [{"a": 1, "a": 1, "b": 2}]}`, two, "the input 'a' appears twice"},
		{"twice the same column", `{"dataframe_split": {"columns": ["x", "x"], "data": []}}`, xy, "the column 'x' appears twice"},
		{"twice the same key in a record", `{"dataframe_records": [{"x": 1, "x": 1, "y": 2}]}`, xy, "the column 'x' appears twice in row 0"},
		{"twice the same key in a record, unsigned", `{"dataframe_records": [{"x": 1, "z": 3, "x": 1}]}`, free, "the column 'x' appears twice in row 0"},
		{"twice the data", `{"dataframe_split": {"data": [], "data": []}}`, xy, "the field 'data' twice"},
		{"twice the columns by name", `{"inputs": {"x": [1], "x": [1]}}`, xy, "the column 'x' appears twice"},
		{"a column the first record lacks", `{"dataframe_records": [{"x": 1, "y": 1}, {"x": 1, "q": 2}]}`, free, "row 1 has the column 'q', which row 0 lacks"},
		{"a record that is none", `{"dataframe_records": [{"x": 1, "y": 1}, 5]}`, xy, "'int' object is not iterable"},
		{"columns of different length", `{"instances": {"x": [1, 2], "y": [1]}}`, xy, "The length of values for each input/column name are not the same"},
		{"instances with gaps", `{"instances": [{"a": 1, "b": 1}, {"a": 1}]}`, two, "The length of values for each input/column name are not the same"},
		{"trailing comma", `{"inputs": [[1, 2],]}`, square, "Expecting value: line 1 column 20 (char 19)"},
		{"more behind the end", `{"inputs": [[1, 2]]} x`, square, "Extra data: line 1 column 22 (char 21)"},
		{"a wrong value, then no JSON", `{"inputs": [["a", 2]] x}`, square, "Expecting ',' delimiter"},
		{"a wrong value, then a second form", `{"inputs": [["a", 2]], "instances": []}`, square, "Received dictionary with input fields: ['inputs', 'instances']"},
		{"invalid UTF-8", "{\"inputs\": [[\"\xff\", 2]]}", square, "Invalid UTF-8"},
		{"two byte order marks", "\uFEFF\uFEFF{\"inputs\": [[1, 2]]}", square, "Expecting value"},
		{"nested too deep", `{"inputs": ` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, free, "nested more than 32 deep"},
		{"nested much too deep", `{"inputs": ` + strings.Repeat("[", 100_000), free, "nested more than 1000 deep"},
		{"nested too deep beside", `{"x": ` + strings.Repeat(`{"a":`, 100_000), free, "nested more than 1000 deep"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := refused(t, test.m, "", test.body)
			if e.Status != 400 || !strings.Contains(e.Message, test.want) {
				t.Errorf("got  %d %s\nwant %s", e.Status, e.Message, test.want)
			}
		})
	}
}

func TestAnyPrefixOfABodyIsRefused(t *testing.T) {
	m := newModel(t, columnSig("x:double", "y:string"), port("x", tensor.Float32, -1), port("y", tensor.String, -1))
	for _, body := range []string{`{"dataframe_split": {"index": [1], "columns": ["x", "y"], "data": [[-1.5e3, "a\u00e9\n"], [null, "b"]]}, "params": {}}`,
		`{"dataframe_records": [{"x": 1, "y": "q"}, {"y": "z"}]}`, `{"inputs": {"x": [1, 2], "y": ["a", "b"]}}`} {
		for i := range len(body) {
			refused(t, m, "", body[:i])
		}
		r, err := m.Decode("", []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Release()
	}
}

func TestTooManyColumnsAreRefused(t *testing.T) {
	m := newModel(t, nil, port("in", tensor.Float32, -1, -1))
	var names, cells, record []string
	for i := range maxColumns + 1 {
		names = append(names, fmt.Sprintf(`"c%d"`, i))
		cells = append(cells, "1")
		record = append(record, fmt.Sprintf(`"c%d": 1`, i))
	}
	for _, body := range []string{`{"dataframe_split": {"data": [[` + strings.Join(cells, ",") + `]]}}`,
		`{"dataframe_split": {"columns": [` + strings.Join(names, ",") + `], "data": []}}`, `{"dataframe_records": [{` + strings.Join(record, ",") + `}]}`} {
		if e := refused(t, m, "", body); !strings.Contains(e.Message, "more than 10,000 columns") {
			t.Error(e.Message)
		}
	}
	r, err := m.Decode("", []byte(`{"dataframe_records": [{`+strings.Join(record[:maxColumns], ",")+`}]}`))
	if err != nil || r.Inputs[0].Tensor.Shape[1] != maxColumns {
		t.Errorf("%v", err)
	}
}

func TestMemoryIsBoundedByTheBody(t *testing.T) {
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprintf("c%d:double?", i))
	}
	wide := newModel(t, columnSig(many...), port("in", tensor.Float64, -1, -1))
	rows := strings.Repeat("{},", 1<<18) + "{}"
	csv := "c0,c1,c2\n" + strings.Repeat("1\n", 1<<18)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	refused(t, wide, "", `{"dataframe_records": [{"c0": 1, "c999": 2},`+rows+`]}`)
	if r, err := wide.Decode("text/csv", []byte(csv)); err == nil {
		r.Release()
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<28 {
		t.Errorf("%d MiB for bodies of 1.3 MiB", got>>20)
	}
}

func TestAWarmDecodeAllocatesNothing(t *testing.T) {
	m := newModel(t, columnSig(tenColumns()...), port("in", tensor.Float32, -1, 10))
	r := m.newRequest() // not by way of the pool, which loses memory to collections
	for _, body := range [][]byte{splitBody(1, 10), recordsBody(1, 10), splitBody(100, 10)} {
		allocs := testing.AllocsPerRun(200, func() {
			r.reset(body)
			if err := errors.Join(r.json(), r.finish()); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%v allocations", allocs)
		}
	}
}

func TestTheBodyMayChangeAfterDecode(t *testing.T) {
	m := newModel(t, nil, port("s", tensor.String, -1))
	body := []byte(`{"inputs": ["plain", "esc\u0061ped", 12]}`)
	r, err := m.Decode("", body)
	if err != nil {
		t.Fatal(err)
	}
	for i := range body {
		body[i] = '#'
	}
	if got, want := show(t, r), `s=str(3,)["plain", "escaped", "12"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRequestsDoNotShareMemory(t *testing.T) {
	m := newModel(t, columnSig("x:double", "s:string"), port("x", tensor.Float64, -1), port("s", tensor.String, -1))
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				n := g*1000 + i
				r, err := m.Decode("", fmt.Appendf(nil, `{"dataframe_records": [{"x": %d, "s": "t%d"}]}`, n, n))
				if err != nil {
					t.Error(err)
					return
				}
				if got, want := show(t, r), fmt.Sprintf(`x=float64(1,)[%d.0] s=str(1,)["t%d"]`, n, n); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				r.Release()
			}
		})
	}
	wg.Wait()
}

func TestIntegersKeepAllTheirBits(t *testing.T) {
	signed := newModel(t, nil, port("in", tensor.Int64, -1))
	unsigned := newModel(t, columnSig("c:any"), port("in", tensor.Uint64, -1))
	rapid.Check(t, func(t *rapid.T) {
		i, u := rapid.Int64().Draw(t, "i"), rapid.Uint64().Draw(t, "u")
		r, err := signed.Decode("", fmt.Appendf(nil, `{"instances": [%d, %d.000]}`, i, i))
		if err != nil {
			t.Fatal(err)
		}
		if v := tensor.View[int64](r.Inputs[0].Tensor); v[0] != i || v[1] != i {
			t.Fatalf("%d became %v", i, v)
		}
		r.Release()
		r, err = unsigned.Decode("", fmt.Appendf(nil, `{"dataframe_split": {"columns": ["c"], "data": [[%d]]}}`, u))
		if err != nil {
			t.Fatal(err)
		}
		if v := tensor.View[uint64](r.Inputs[0].Tensor); v[0] != u {
			t.Fatalf("%d became %v", u, v)
		}
		r.Release()
	})
}

func TestContentTypes(t *testing.T) {
	m := newModel(t, nil, port("in", tensor.Float32, -1, -1))
	for _, header := range []string{"", "application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8", `application/json; charset="utf-8"`} {
		if _, err := m.Decode(header, []byte(`{"inputs": [[1]]}`)); err != nil {
			t.Errorf("%q: %v", header, err)
		}
	}
	e := refused(t, m, "text/html", "")
	if e.Status != 415 || e.ContentType() != "text/plain" || string(e.Body()) != "This predictor only supports the following content types: Types: ['text/csv', 'application/json']. Got 'text/html'." {
		t.Errorf("%d %s", e.Status, e.Body())
	}
}

func TestErrorBodiesAreJSON(t *testing.T) {
	e := badRequest("a \"b\"\né")
	if got, want := string(e.Body()), `{"error_code": "BAD_REQUEST", "message": "a \"b\"\n\u00e9"}`; got != want || e.ContentType() != "application/json" {
		t.Errorf("got %s, want %s", got, want)
	}
}
