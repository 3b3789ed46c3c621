package query

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// view is an answer as it is shown, made once and off the UI goroutine: laying out a
// megabyte of JSON takes a tenth of a second.
type view struct {
	text   string // the beginning, laid out
	whole  bool   // text is all of it
	output string // the output that has scores
	scores []score
}

func newView(x *exchange) view {
	full := pretty(x.response)
	v := view{text: beginning(full), whole: len(full) <= readable}
	if x.status < 400 {
		v.output, v.scores, _ = scores(x.response)
	}
	return v
}

// score is one bar of the response: a class and what the model gave it.
type score struct {
	label string
	value float64 // as the model gave it
	share float64 // 0 to 1, for the bar's length
	best  bool
}

// mostScores is how many classes are drawn as bars; more do not fit and are no help.
const mostScores = 20

// scores finds a row of class scores in an answer, to draw it as bars: the first row of
// the first list of numbers with 2 to 20 entries, or the first map from class to number
// (ZipMap). Scores that are no probabilities go through a softmax for the bar's length,
// so that the bars show what the model is sure of. ok is false where there is no such row.
func scores(body []byte) (name string, all []score, ok bool) {
	var answer struct{ Predictions any }
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&answer) != nil {
		return "", nil, false
	}
	name, row := findRow("", answer.Predictions)
	if len(row) < 2 || len(row) > mostScores {
		return "", nil, false
	}
	return name, shares(row), true
}

// findRow goes into the first element of every list until it meets numbers.
func findRow(name string, v any) (string, []score) {
	switch v := v.(type) {
	case []any:
		if len(v) == 0 {
			return name, nil
		}
		if _, number := v[0].(json.Number); !number {
			return findRow(name, v[0])
		}
		row := make([]score, 0, len(v))
		for i, item := range v {
			f, ok := number(item)
			if !ok {
				return name, nil
			}
			row = append(row, score{label: strconv.Itoa(i), value: f})
		}
		return name, row
	case map[string]any:
		return findInMap(name, v)
	}
	return name, nil
}

// findInMap is for {"output": [[…]], …} and for {"class": 0.1, …}.
func findInMap(name string, m map[string]any) (string, []score) {
	var row []score
	for _, key := range sortedByNumber(m) {
		f, ok := number(m[key])
		if !ok {
			row = nil
			break
		}
		row = append(row, score{label: key, value: f})
	}
	if row != nil {
		return name, row
	}
	for _, key := range sortedByNumber(m) {
		if _, row := findRow(key, m[key]); len(row) >= 2 {
			return key, row
		}
	}
	return name, nil
}

func number(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

func shares(row []score) []score {
	sum, low, high := 0.0, math.Inf(1), math.Inf(-1)
	best := 0
	for i, s := range row {
		sum += s.value
		low, high = min(low, s.value), max(high, s.value)
		if s.value > row[best].value {
			best = i
		}
	}
	row[best].best = true
	if low >= 0 && high <= 1 && math.Abs(sum-1) < 0.01 {
		for i := range row {
			row[i].share = row[i].value
		}
		return row
	}
	total := 0.0
	for i := range row {
		row[i].share = math.Exp(row[i].value - high)
		total += row[i].share
	}
	for i := range row {
		row[i].share /= total
	}
	return row
}

// plain writes a score as a table does: three decimals.
func plain(f float64) string {
	if math.Abs(f) >= 1e6 || (f != 0 && math.Abs(f) < 5e-4) {
		return fmt.Sprintf("%.2e", f)
	}
	return strconv.FormatFloat(f, 'f', 3, 64)
}

// sortedByNumber lists the keys with numbers by value ("2" before "10"), then the rest.
func sortedByNumber(m map[string]any) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		x, errX := strconv.ParseFloat(a, 64)
		y, errY := strconv.ParseFloat(b, 64)
		switch {
		case errX == nil && errY == nil && x != y:
			return cmp.Compare(x, y)
		case errX == nil && errY != nil:
			return -1
		case errX != nil && errY == nil:
			return 1
		}
		return cmp.Compare(a, b)
	})
}
