package plan

import (
	"errors"
	"strings"
	"testing"
)

func TestAMistakeOfThePlannerIsAnError(t *testing.T) {
	_, err := New(nil, Options{}).Plan(nil, nil)
	var broken *BrokenError
	if !errors.As(err, &broken) || !strings.Contains(broken.Stack, "planner.go") || !strings.Contains(err.Error(), "nil pointer") {
		t.Errorf("%v", err)
	}
}

func TestPrecisionsAreReadAsTheyAreWritten(t *testing.T) {
	for _, p := range []Precision{TF32, Float32, Float16} {
		if got, err := ParsePrecision(p.String()); got != p || err != nil {
			t.Errorf("%s is read as %s, %v", p, got, err)
		}
	}
	if p, err := ParsePrecision(""); p != TF32 || err != nil {
		t.Errorf("nothing is %s, %v", p, err)
	}
	if _, err := ParsePrecision("int8"); err == nil || !strings.Contains(err.Error(), `not "int8"`) {
		t.Errorf("int8: %v", err)
	}
	for capability, want := range map[int]Precision{60: Float32, 75: Float32, 80: Float16, 90: Float16} {
		if got := New(nil, Options{Precision: Float16, Capability: capability}).Precision(); got != want {
			t.Errorf("a card of %d computes in %s", capability, got)
		}
	}
}

// Buffers that live at the same time lie apart, and one that is gone gives its place.
func TestTheArena(t *testing.T) {
	made := func(bytes int64, first, last int) *buffer {
		return &buffer{bytes: bytes, constant: -1, first: first, last: last}
	}
	all := []*buffer{made(1000, -1, 0), made(3000, 0, 1), made(900, 1, 2), made(100, 0, 2), made(5, never, never)}
	size := layOut(all)
	if size > 1024+3072+256 {
		t.Errorf("%d bytes", size)
	}
	for i, a := range all[:4] {
		if a.offset%Alignment != 0 || a.offset+a.bytes > size {
			t.Errorf("buffer %d lies at %d of %d", i, a.offset, size)
		}
		for j, b := range all[:i] {
			apart := a.offset+a.bytes <= b.offset || b.offset+b.bytes <= a.offset
			if together := a.last >= b.first && b.last >= a.first; together && !apart {
				t.Errorf("buffers %d and %d overlap", i, j)
			}
		}
	}
}
