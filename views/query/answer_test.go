package query

import (
	"math"
	"testing"
)

func TestScoresAreFoundInEveryAnswerThatHasClasses(t *testing.T) {
	for _, c := range []struct {
		what, body, name, best string
		n                      int
	}{
		{"named output", `{"predictions":{"Plus214_Output_0":[[-1.2,-3.3,2.1,9.4]]}}`, "Plus214_Output_0", "3", 4},
		{"one output", `{"predictions":[[0.1,0.7,0.2],[1,0,0]]}`, "", "1", 3},
		{"ZipMap", `{"predictions":[{"10":0.1,"2":0.9}]}`, "", "2", 2},
		{"label beside probabilities", `{"predictions":{"label":[1],"probabilities":[[0.25,0.75]]}}`, "probabilities", "1", 2},
	} {
		name, all, ok := scores([]byte(c.body))
		if !ok || name != c.name || len(all) != c.n {
			t.Errorf("%s: %q %v %v", c.what, name, all, ok)
			continue
		}
		sum := 0.0
		for _, s := range all {
			sum += s.share
			if s.best != (s.label == c.best) {
				t.Errorf("%s: %q best=%v, want the best to be %q", c.what, s.label, s.best, c.best)
			}
		}
		if math.Abs(sum-1) > 0.01 {
			t.Errorf("%s: the bars add up to %v", c.what, sum)
		}
	}
}

func TestAnswersWithoutClassesHaveNoBars(t *testing.T) {
	for _, body := range []string{``, `{}`, `{"predictions":[1]}`, `{"predictions":["a","b"]}`, `{"predictions":[]}`,
		`{"predictions":[[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21]]}`, `{"error_code":"BAD_REQUEST","message":"x"}`} {
		if _, all, ok := scores([]byte(body)); ok {
			t.Errorf("%s: bars %v", body, all)
		}
	}
}

func TestPythonNotationChangesWordsOnlyOutsideStrings(t *testing.T) {
	got := python(`{"a": true, "true": [null, "false \" null"], "n": 1e-3}`)
	want := `{"a": True, "true": [None, "false \" null"], "n": 1e-3}`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
