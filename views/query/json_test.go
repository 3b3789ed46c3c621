package query

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPrettyKeepsRowsOfNumbersOnOneLine(t *testing.T) {
	row := "[" + strings.Repeat("0.25,", 27) + "1]"
	body := `{"inputs":{"Input3":[[[` + strings.Repeat(row+",", 27) + row + `]]]}}`
	got := pretty([]byte(body))
	lines := strings.Split(got, "\n")
	if len(lines) != 28+6 {
		t.Fatalf("%d lines:\n%s", len(lines), got)
	}
	if lines[2] != `    "Input3": [[[` || !strings.HasPrefix(lines[3], "      [0.25, 0.25, ") {
		t.Errorf("begins\n%s", strings.Join(lines[:4], "\n"))
	}
}

func TestPrettyKeepsSmallThingsTogether(t *testing.T) {
	for body, want := range map[string]string{
		`{"inputs":{"X":[[1,2],[3,4]]}}`: `{"inputs": {"X": [[1, 2], [3, 4]]}}`,
		`{}`:                             `{}`,
		` [ ] `:                          `[]`,
		`"a,b:{"`:                        `"a,b:{"`,
		`{"broken`:                       `{"broken`,
	} {
		if got := pretty([]byte(body)); got != want {
			t.Errorf("%s is shown as %s, want %s", body, got, want)
		}
	}
}

// anyJSON draws a JSON value.
func anyJSON(depth int) *rapid.Generator[any] {
	plain := rapid.OneOf(rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.Int32(), func(n int32) any { return float64(n) }), rapid.Map(rapid.String(), func(s string) any { return strings.ToValidUTF8(s, "") }))
	if depth == 0 {
		return plain
	}
	deeper := anyJSON(depth - 1)
	return rapid.OneOf(plain,
		rapid.Map(rapid.SliceOfN(deeper, 0, 6), func(s []any) any { return append([]any{}, s...) }),
		rapid.Map(rapid.MapOfN(rapid.StringMatching(`[a-z",:\\{]{0,12}`), deeper, 0, 6), func(m map[string]any) any { return m }))
}

func TestPrettySaysTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyJSON(4).Draw(t, "value")
		body, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var back any
		if err := json.Unmarshal([]byte(pretty(body)), &back); err != nil || !reflect.DeepEqual(v, back) {
			t.Fatalf("%s became %s (%v)", body, pretty(body), err)
		}
	})
}

func TestABrokenRequestIsExplainedByLineAndColumn(t *testing.T) {
	for body, want := range map[string]string{
		"":                             "empty",
		"{\n  \"inputs\": [1,, 2]\n}":  "Line 2, column 16: invalid character ','",
		"{\"inputs\": [1":              "not closed",
		"[1]":                          "JSON object",
		`{"input": 1}`:                 "none of dataframe_split",
		`{"inputs": 1, "instances":2}`: "both instances and inputs",
	} {
		if _, err := check(body); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", body, err, want)
		}
	}
	if form, err := check(`{"dataframe_split": {}}`); form != formSplit || err != nil {
		t.Errorf("a request is refused: %v", err)
	}
}

func TestRequestsAreConvertedWhereNothingIsGuessed(t *testing.T) {
	const split = `{"dataframe_split":{"columns":["b","a"],"data":[[1,"x"],[2.50,null]]},"params":{"k":1}}`
	for to, want := range map[string]string{
		formRecords: `{"dataframe_records":[{"b":1,"a":"x"},{"b":2.50,"a":null}],"params":{"k":1}}`,
		formInputs:  `{"inputs":{"b":[1,2.50],"a":["x",null]},"params":{"k":1}}`,
	} {
		got, ok := convert(split, to)
		if !ok || compact(got) != want {
			t.Errorf("%s: %v %s, want %s", to, ok, compact(got), want)
		}
	}
	if got, ok := convert(`{"dataframe_records":[{"b":1,"a":"x"}]}`, formSplit); !ok || compact(got) != `{"dataframe_split":{"columns":["b","a"],"data":[[1,"x"]]}}` {
		t.Errorf("records to split: %v %s", ok, got)
	}
	if got, ok := convert(`{"inputs":{"X":[[1,2],[3,4]]}}`, formInstances); !ok || compact(got) != `{"instances":[{"X":[1,2]},{"X":[3,4]}]}` {
		t.Errorf("inputs to instances: %v %s", ok, got)
	}
	for body, to := range map[string]string{
		`{"inputs":{"X":[[1,2]]}}`:                        formSplit,     // no column names
		`{"dataframe_records":[{"a":1},{"b":1}]}`:         formSplit,     // no table
		`{"inputs":{"X":[1,2],"Y":[1]}}`:                  formInstances, // no rows
		`{"dataframe_split":{"data":[[1]]}}`:              formRecords,
		`{"dataframe_split":{"columns":[1],"data":[[]]}}`: formRecords,
		`{"instances":[{"a":1},2]}`:                       formInputs,
		`broken`:                                          formInputs,
	} {
		if got, ok := convert(body, to); ok {
			t.Errorf("%s became %s", body, got)
		}
	}
}

func TestConvertingThereAndBackChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,4}`), 1, 4, rapid.ID[string]).Draw(t, "columns")
		data := rapid.SliceOfN(rapid.SliceOfN(rapid.Int16(), len(columns), len(columns)), 1, 4).Draw(t, "data")
		body, err := json.Marshal(map[string]any{formSplit: map[string]any{"columns": columns, "data": data}})
		if err != nil {
			t.Fatal(err)
		}
		there, ok := convert(string(body), formRecords)
		back, ok2 := convert(there, formSplit)
		if !ok || !ok2 || compact(back) != string(body) {
			t.Fatalf("%s became %s", body, compact(back))
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add(`{"dataframe_split":{"columns":["b","a"],"data":[[1,"x"]]},"params":{"k":1}}`)
	f.Add(`{"inputs":{"X":[[1,2],[3,4]]}}`)
	f.Add("{\n\"inputs\": [1,, 2]}")
	f.Fuzz(func(t *testing.T, body string) {
		check(body)
		for _, form := range convertible(body) {
			out, ok := convert(body, form)
			if got, err := check(out); !ok || err != nil || got != form {
				t.Errorf("%q as %s is %q: %v", body, form, out, err)
			}
		}
		if json.Valid([]byte(body)) && !json.Valid([]byte(pretty([]byte(body)))) {
			t.Errorf("pretty breaks %q", body)
		}
		scores([]byte(body))
	})
}

func BenchmarkPrettyAMegabyte(b *testing.B) {
	row := "[" + strings.Repeat("0.2513,", 223) + "1]"
	body := []byte(`{"inputs":{"X":[[` + strings.Repeat(row+",", 600) + row + `]]}}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		pretty(body)
	}
}

func TestALineOfSeveralValuesFitsTheEditor(t *testing.T) {
	got := pretty([]byte(`{"dataframe_split": {"columns": ["x", "y"], "data": [[1.0, 2.0], [3.0, 4.0]]}}`))
	want := "{\n  \"dataframe_split\": {\n    \"columns\": [\"x\", \"y\"],\n    \"data\": [[1.0, 2.0], [3.0, 4.0]]\n  }\n}"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
