package telemetry

import (
	"slices"
	"testing"
)

func TestASlowReaderFindsEachChangeOnce(t *testing.T) {
	h := NewHub()
	s := h.Subscribe()
	defer s.Close()
	a, b := Change{EndpointChanged, "a"}, Change{ModelChanged, "main.default.b"}
	for range 1000 {
		h.Publish(a)
		h.Publish(b)
	}
	<-s.Wake()
	if got := s.Take(); !slices.Equal(got, []Change{a, b}) {
		t.Errorf("took %v, want %v", got, []Change{a, b})
	}
	if got := s.Take(); got != nil {
		t.Errorf("took %v again", got)
	}
	h.Publish(a)
	<-s.Wake()
	if got := s.Take(); !slices.Equal(got, []Change{a}) {
		t.Errorf("took %v after a new change, want %v", got, a)
	}
}

func TestAClosedSubscriptionHearsNothing(t *testing.T) {
	h := NewHub()
	s := h.Subscribe()
	s.Close()
	h.Publish(Change{EngineChanged, ""})
	select {
	case <-s.Wake():
		t.Error("a closed subscription was woken")
	default:
	}
	if got := s.Take(); got != nil {
		t.Errorf("took %v", got)
	}
}
