//go:build linux && cgo

package ort

import (
	"errors"
	"math"
	"testing"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tensor"
)

func TestCancelEndsARun(t *testing.T) {
	s := load(t, file(t, onnxtest.Loop()), Options{})
	endless := []tensor.Named{named("trips", int64s([]int64{1}, math.MaxInt64))}
	short := []tensor.Named{named("trips", int64s([]int64{1}, 2))}
	cancel := library(t).NewCancel()
	defer cancel.Close()
	for round := range 5 {
		result := make(chan error)
		go func() {
			_, err := s.Run(endless, cancel)
			result <- err
		}()
		// Whether the run has begun or not makes no difference: the flag stays set.
		cancel.Cancel()
		err := <-result
		var e *Error
		if !errors.Is(err, ErrCanceled) || !errors.As(err, &e) {
			t.Fatalf("round %d: %v", round, err)
		}
		if !cancel.Canceled() {
			t.Error("Canceled is false after Cancel")
		}
		if _, err := s.Run(short, cancel); !errors.Is(err, ErrCanceled) {
			t.Errorf("a run before Reset: %v", err)
		}
		cancel.Reset()
		o, err := s.Run(short, cancel)
		if err != nil {
			t.Fatalf("a run after Reset: %v", err)
		}
		if got := tensor.View[float32](o.Values[0].Tensor)[0]; got != 1024 {
			t.Errorf("got %v, want 1024", got)
		}
		o.Release()
	}
}

func TestCancelEndsARunThatHasBegun(t *testing.T) {
	s := load(t, file(t, onnxtest.Loop()), Options{})
	cancel := library(t).NewCancel()
	result := make(chan error)
	go func() {
		_, err := s.Run([]tensor.Named{named("trips", int64s([]int64{1}, math.MaxInt64))}, cancel)
		result <- err
	}()
	for {
		cancel.mu.Lock()
		begun := cancel.runs == 1
		cancel.mu.Unlock()
		if begun {
			break
		}
	}
	cancel.Cancel()
	// Close while it runs frees the options only afterwards.
	cancel.Close()
	if err := <-result; !errors.Is(err, ErrCanceled) {
		t.Fatal(err)
	}
	if cancel.options != nil {
		t.Error("the options are still there")
	}
	cancel.Cancel()
	cancel.Reset()
	cancel.Close()
}

func TestNoCancelAndClosedCancel(t *testing.T) {
	s := load(t, file(t, onnxtest.Add(1)), Options{})
	var none *Cancel
	none.Cancel()
	none.Reset()
	closed := library(t).NewCancel()
	closed.Close()
	for _, c := range []*Cancel{none, closed} {
		o, err := s.Run([]tensor.Named{named("x", floats([]int64{1, 1}, 1))}, c)
		if err != nil || c.Canceled() {
			t.Fatal(err)
		}
		o.Release()
	}
	none.Close()
}
