package scoring

import (
	"strings"
	"testing"

	"servery/engine/mlmodel"
	"servery/engine/tensor"
)

func TestParamsAreOfTheirTypes(t *testing.T) {
	sig := columnSig("x:double")
	sig.Params = []mlmodel.Param{{Name: "k", Type: mlmodel.Long, Default: "1"}, {Name: "t", Type: mlmodel.Double, Default: "0.5"},
		{Name: "b", Type: mlmodel.Boolean, Default: "false"}, {Name: "names", Type: mlmodel.String, Default: "[]", Shape: []int64{-1}}}
	m := newModel(t, sig, port("x", tensor.Float32, -1, 1))
	for params, want := range map[string]string{
		`{"k": 2, "t": 1, "b": true, "names": ["a"]}`: "",
		`{"unknown": {}, "k": null}`:                  "",
		`null`:                                        "",
		`{"k": 1.5}`:                                  "Can not safely convert `<class 'float'>` to `DataType.long` for value `1.5`",
		`{"b": 1}`:                                    "to `DataType.boolean`",
		`{"t": "x", "k": "y"}`:                        "to `DataType.double` for value `x`\"), ('k', ",
		`{"names": "a"}`:                              "Value must be a 1D array with shape (-1,)",
		`{"names": [1]}`:                              "to `DataType.string` for value `1`",
		`"k"`:                                         "Parameters must be a dictionary. Got type 'str'.",
	} {
		body := `{"params": ` + params + `, "inputs": [1]}`
		if want == "" {
			if _, err := m.Decode("", []byte(body)); err != nil {
				t.Errorf("%s: %v", params, err)
			}
			continue
		}
		if e := refused(t, m, "", body); e.Code != InvalidParameterValue || !strings.Contains(e.Message, want) {
			t.Errorf("%s: got %s %s, want %s", params, e.Code, e.Message, want)
		}
	}
}

func TestCSVGivesWhatATableGives(t *testing.T) {
	mixed := newModel(t, columnSig("x:double", "s:string", "when:datetime", "n:long"),
		port("x", tensor.Float32, -1), port("s", tensor.String, -1, 1), port("when", tensor.Int64, -1), port("n", tensor.Int64, -1))
	square := newModel(t, tensorSig(spec("", tensor.Float32, -1, 2)), port("in", tensor.Float32, -1, 2))
	free := newModel(t, nil, port("in", tensor.Float32, -1, -1))
	tests := []struct {
		m          *Model
		body, want string
	}{
		{mixed, "s,x,n,when,extra\n\"a,\"\"b\"\"\nc\",1.5,7,1970-01-02,z\r\nNot NA, +.5,-1.0,1970-01-01 00:00:01,\n",
			`x=float32(2,)[1.5, 0.5] s=str(2, 1)["a,\"b\"\nc", "Not NA"] when=int64(2,)[86400000000000, 1000000000] n=int64(2,)[7, -1]`},
		{square, "0,1\n1,2\n3,nan\n", "in=float32(2, 2)[1.0, 2.0, 3.0, null]"},
		{free, "\uFEFFa,b,c\n1,2\n\n4,5,True\n", "in=float32(2, 3)[1.0, 2.0, null, 4.0, 5.0, 1.0]"},
		{free, "a\n1\n2\n", "in=float32(2, 1)[1.0, 2.0]"},
		{free, "a,b\n", "in=float32(0, 2)[]"},
		{free, "a,a\r1,2\r", "in=float32(1, 2)[1.0, 2.0]"},
	}
	for _, test := range tests {
		r, err := test.m.Decode("text/csv; charset=utf-8", []byte(test.body))
		if err != nil {
			t.Errorf("%q: %v", test.body, err)
			continue
		}
		if got := show(t, r); got != test.want {
			t.Errorf("%q:\ngot  %s\nwant %s", test.body, got, test.want)
		}
		r.Release()
	}
	for body, want := range map[string]string{
		"a\nx\n":       "could not convert string to float: 'x' (column 'a', row 0)",
		"a\n\xff\n":    "valid UTF-8",
		"a,b\n1,2,3\n": "Expected 2 fields in line 2, saw 3",
		"a\n1\n\"2\n3": "could not convert",
	} {
		if e := refused(t, free, "text/csv", body); !strings.Contains(e.Message, want) {
			t.Errorf("%q: got %s, want %s", body, e.Message, want)
		}
	}
}
