package scoring

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"servery/engine/mlmodel"
	"servery/engine/tensor"
)

// corpus is testdata/conformance.json.gz: requests that were put to MLflow's own scoring
// server by testdata/record.py. The graphs give back what they are fed, an output
// "out_NAME" for each input.
type corpus struct {
	Source string
	Models []struct {
		Name   string
		Inputs []struct {
			Name  string
			Type  tensor.Type
			Shape []int64
		}
		Signature *struct{ Inputs, Params *string }
	}
	Cases []conformanceCase
}

type conformanceCase struct {
	Model    int     `json:"m"`
	Name     string  `json:"n"`
	Type     *string `json:"t"` // of the content; absent where it is application/json
	Body     *string `json:"b"` // absent where it is Name
	Binary   string  `json:"x"` // the body in base64, where it is no UTF-8
	Status   int     `json:"s"`
	Code     string  `json:"e"`
	Response string  `json:"r"` // the body, or the message of an error
	Cause    string  `json:"c"` // the last line of the stack that MLflow sends along
}

func (c *conformanceCase) contentType() string {
	if c.Type == nil {
		return "application/json"
	}
	return *c.Type
}

func (c *conformanceCase) body(t testing.TB) []byte {
	switch {
	case c.Binary != "":
		b, err := base64.StdEncoding.DecodeString(c.Binary)
		if err != nil {
			t.Fatal(err)
		}
		return b
	case c.Body != nil:
		return []byte(*c.Body)
	}
	return []byte(c.Name)
}

func readCorpus(t testing.TB) *corpus {
	t.Helper()
	packed, err := os.ReadFile("testdata/conformance.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	c := new(corpus)
	if err := json.NewDecoder(z).Decode(c); err != nil {
		t.Fatal(err)
	}
	return c
}

// reply is what Servery or MLflow answers a request.
type reply struct {
	status        int
	code, message string // of an error
	body          string // where status is 200
}

func (r reply) String() string {
	if r.status == 200 {
		return "200 " + r.body
	}
	return fmt.Sprintf("%d %s %s", r.status, r.code, r.message)
}

// ask puts a request of the corpus to the model and runs the graph.
func (c *conformanceCase) ask(t testing.TB, m *Model) reply {
	r, err := m.Decode(c.contentType(), c.body(t))
	if err == nil {
		defer r.Release()
		var outputs []tensor.Named
		for _, in := range r.Inputs {
			outputs = append(outputs, tensor.Named{Name: "out_" + in.Name, Value: in.Value})
		}
		var b []byte
		if err = rankFault(m, r); err == nil {
			if b, err = m.Encode(nil, r, outputs); err == nil {
				return reply{status: 200, body: string(b)}
			}
		}
		err = NewEvaluationError(err.Error())
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%T %v", err, err)
	}
	return reply{status: e.Status, code: e.Code, message: e.Message}
}

// rankFault is what ONNX Runtime says of a tensor that the graph does not take.
func rankFault(m *Model, r *Request) error {
	for _, in := range r.Inputs {
		for _, p := range m.inputs {
			if p.Name != in.Name {
				continue
			}
			if len(p.Shape) != len(in.Tensor.Shape) {
				return fmt.Errorf("Invalid rank for input: %s Got: %d Expected: %d Please fix either the inputs/outputs or the model.", p.Name, len(in.Tensor.Shape), len(p.Shape))
			}
			for i, d := range p.Shape {
				if d >= 0 && d != in.Tensor.Shape[i] {
					return fmt.Errorf("Got invalid dimensions for input: %s for the following indices", p.Name)
				}
			}
		}
	}
	return nil
}

// model prepares a model of the corpus; answers hold NaN and infinities as MLflow writes
// them.
func (c *corpus) model(t testing.TB, i int) *Model {
	x := &c.Models[i]
	var sig *mlmodel.Signature
	if x.Signature != nil {
		sig = signatureOf(t, x.Signature.Inputs, x.Signature.Params)
	}
	var takes, gives []tensor.Port
	for _, in := range x.Inputs {
		takes = append(takes, tensor.Port{Name: in.Name, Type: in.Type, Shape: in.Shape})
		gives = append(gives, tensor.Port{Name: "out_" + in.Name, Type: in.Type, Shape: in.Shape})
	}
	m, err := NewWith(sig, takes, gives, Options{FaithfulNaN: true})
	if err != nil {
		t.Fatalf("%s: %v", x.Name, err)
	}
	return m
}

// place is where Servery says that a fault is, which MLflow does not.
var place = regexp.MustCompile(` \((column '.*', )?row \d+\)$| \(at [^()]*\)$|( \(column '.*', row \d+\))'$`)

// quotable is what of a refusal's words can be compared: not how Python prints the data,
// not in which order it prints a set, and not what Servery adds.
func quotable(s string) string {
	s = strings.Replace(s, integerHint, "", 1)
	if at := place.FindStringSubmatchIndex(s); at != nil && at[4] >= 0 {
		s = s[:at[4]] + "'"
	} else if at != nil {
		s = s[:at[0]]
	}
	const failed = "Encountered an unexpected error while evaluating the model."
	if strings.HasPrefix(s, failed) {
		return failed // MLflow's word for why is in a stack trace, Servery's in the message
	}
	return comparableText(s)
}

// difference tells how an answer differs from MLflow's: "" where it does not.
func difference(got, want reply) string {
	switch {
	case got.status != want.status:
		return fmt.Sprintf("%d instead of %d", got.status, want.status)
	case got.status == 200 && got.body != want.body:
		return "another answer"
	case got.status == 200:
		return ""
	case got.code != want.code:
		return "another error_code"
	case quotable(got.message) != quotable(want.message):
		return "other words"
	}
	return ""
}

// TestAnswersToTheWholeCorpusAreMLflowsOrExplained prints the line that the documents
// quote.
func TestAnswersToTheWholeCorpusAreMLflowsOrExplained(t *testing.T) {
	c := readCorpus(t)
	models := make([]*Model, len(c.Models))
	for i := range models {
		models[i] = c.model(t, i)
	}
	var equal, explained, unexplained int
	counts := make([]int, len(explanations))
	for i := range c.Cases {
		x := &c.Cases[i]
		got, want := x.ask(t, models[x.Model]), reply{status: x.Status, code: x.Code, message: x.Response, body: x.Response}
		how := difference(got, want)
		if how == "" {
			equal++
			continue
		}
		d := differing{conformanceCase: x, model: c.Models[x.Model].Name, got: got, how: how}
		if n := slices.IndexFunc(explanations, func(e explanation) bool { return e.explains(&d) }); n >= 0 {
			counts[n]++
			explained++
			continue
		}
		if unexplained++; unexplained <= 20 || os.Getenv("SERVERY_CONFORMANCE") != "" {
			t.Errorf("%s: %s: %s\nMLflow answers  %.400s %s\nServery answers %.400s", d.model, x.Name, how, want, x.Cause, got)
		}
	}
	for i, e := range explanations {
		if counts[i] == 0 {
			t.Errorf("nothing differs any more because %s: take it off the list", e.why)
		}
		t.Logf("%5d  %s", counts[i], e.why)
	}
	t.Logf("%d requests to %d models recorded with %s: %d answered as MLflow answers, %d differ for %d explained reasons, %d unexplained",
		len(c.Cases), len(c.Models), c.Source, equal, explained, len(explanations), unexplained)
	if len(c.Cases) < 10_000 {
		t.Errorf("only %d requests", len(c.Cases))
	}
}
