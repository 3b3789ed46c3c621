package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/runtime"
)

var (
	ada   = access.User{Name: "ada@example.com", ID: "7", Admin: true}
	owner = access.User{Name: "owner@localhost", ID: "1", Admin: true}
)

// behind are endpoints that answer with what they were asked.
type behind struct {
	endpoints map[string]*endpoint.Endpoint
	asked     []string
	err       error
}

func (b *behind) Picture(name string) *endpoint.Endpoint { return b.endpoints[name] }

func (b *behind) Invoke(_ context.Context, name, entity string, r runtime.Request) (endpoint.Answer, error) {
	if b.asked != nil {
		b.asked = append(b.asked, name+"/"+entity)
	}
	if b.err != nil {
		return endpoint.Answer{Entity: "m-1", ConfigVersion: 3}, b.err
	}
	return endpoint.Answer{Entity: "m-1", ConfigVersion: 3, Queue: time.Millisecond, Response: runtime.Response{Status: 200, Body: r.Body, Timing: runtime.Timing{Run: time.Second}}}, nil
}

// keeper keeps copies of what it is told.
type keeper struct {
	wants func(*endpoint.Endpoint) bool
	kept  []Request
}

func (k *keeper) Wants(e *endpoint.Endpoint) bool { return k.wants(e) }

func (k *keeper) Take(r *Request) {
	copied := *r
	copied.Body, copied.Answer = slices.Clone(r.Body), slices.Clone(r.Answer)
	k.kept = append(k.kept, copied)
}

func tracked(e *endpoint.Endpoint) bool {
	return e.AIGateway != nil && e.AIGateway.UsageTracking != nil && *e.AIGateway.UsageTracking
}

func newBehind() *behind {
	yes := true
	return &behind{asked: []string{}, endpoints: map[string]*endpoint.Endpoint{
		"plain":   {Name: "plain", ID: "0123"},
		"tracked": {Name: "tracked", ID: "4567", AIGateway: &endpoint.AIGateway{UsageTracking: &yes}},
	}}
}

func explained(r *Request) (int, []byte) { return 418, fmt.Appendf(nil, "%s: %v", r.ID, r.Err) }

func TestAConsumerIsToldOfWhatItWants(t *testing.T) {
	b, all, some := newBehind(), &keeper{wants: func(*endpoint.Endpoint) bool { return false }}, &keeper{wants: tracked}
	g := New(Options{Endpoints: b, Owner: func() access.User { return owner }, Explain: explained, Consumers: []Consumer{all, some}})
	ctx := WithCall(t.Context(), Call{User: ada, RequestID: "r-1"})
	for _, name := range []string{"plain", "tracked", "absent"} {
		if a, err := g.Invoke(ctx, name, "m-1", runtime.Request{Body: []byte(`{"client_request_id":"c-1"}`)}); err != nil || a.Status != 200 {
			t.Errorf("%s: %+v %v", name, a, err)
		}
	}
	if want := []string{"plain/m-1", "tracked/m-1", "absent/m-1"}; !slices.Equal(b.asked, want) {
		t.Errorf("asked %q, want %q", b.asked, want)
	}
	if len(all.kept) != 0 || len(some.kept) != 1 {
		t.Fatalf("told of %d and %d requests, want 0 and 1", len(all.kept), len(some.kept))
	}
	r := some.kept[0]
	if r.Endpoint.Name != "tracked" || r.Entity != "m-1" || r.ConfigVersion != 3 || r.Requester != ada || r.ID != "r-1" || r.ClientID() != "c-1" ||
		r.Status != 200 || r.Err != nil || string(r.Answer) != string(r.Body) || r.Queue != time.Millisecond || r.Timing.Run != time.Second {
		t.Errorf("told of %+v", r)
	}
	if want := EntityID("4567", 3, "m-1"); r.EntityID() != want || len(want) != 32 {
		t.Errorf("the entity's id is %q, want %q", r.EntityID(), want)
	}
}

func TestAnErrorIsToldAsTheClientGetsIt(t *testing.T) {
	b, k := newBehind(), &keeper{wants: tracked}
	b.err = errors.New("no luck")
	g := New(Options{Endpoints: b, Owner: func() access.User { return owner }, Explain: explained, Consumers: []Consumer{k}})
	if _, err := g.Invoke(access.WithUser(t.Context(), ada), "tracked", "", runtime.Request{}); !errors.Is(err, b.err) {
		t.Fatal(err)
	}
	if r := k.kept[0]; r.Status != 418 || r.Requester != ada || len(r.ID) != 36 || string(r.Answer) != r.ID+": no luck" || r.Entity != "m-1" {
		t.Errorf("told of %+v, answered %q", r, r.Answer)
	}
	if _, err := g.Invoke(t.Context(), "tracked", "", runtime.Request{}); !errors.Is(err, b.err) {
		t.Fatal(err)
	}
	if r := k.kept[1]; r.Requester != owner || r.ID == k.kept[0].ID {
		t.Errorf("told of %+v", r)
	}
}

// Ids differ in each of their parts, also where the parts run into each other.
func TestEntityIDsAreDifferent(t *testing.T) {
	seen := map[string]bool{}
	for _, id := range []string{EntityID("a", 1, "m-1"), EntityID("a", 2, "m-1"), EntityID("b", 1, "m-1"), EntityID("a", 1, "m-2"), EntityID("a", 11, "m-1"), EntityID("a", 1, "1/m-1")} {
		if seen[id] {
			t.Errorf("%s twice", id)
		}
		seen[id] = true
	}
	if (&Request{Endpoint: &endpoint.Endpoint{}}).EntityID() != "" {
		t.Error("a request that came to no served entity names one")
	}
}

func TestACallsContextIsAContext(t *testing.T) {
	type key struct{}
	parent, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, 5))
	ctx := WithCall(parent, Call{RequestID: "r"})
	child, stop := context.WithTimeout(ctx, time.Hour)
	defer stop()
	if c, ok := CallFrom(child); !ok || c.RequestID != "r" || child.Value(key{}) != 5 {
		t.Errorf("%+v %v", c, ok)
	}
	if _, ok := CallFrom(parent); ok {
		t.Error("a call where there is none")
	}
	cancel()
	<-child.Done()
}

func BenchmarkAnEndpointWithoutAGateway(b *testing.B) {
	endpoints := newBehind()
	endpoints.asked = nil
	g := New(Options{Endpoints: endpoints, Owner: func() access.User { return owner }, Explain: explained, Consumers: []Consumer{&keeper{wants: tracked}, &keeper{wants: tracked}}})
	ctx := WithCall(b.Context(), Call{User: ada, RequestID: "r-1"})
	b.ReportAllocs()
	for b.Loop() {
		_, _ = g.Invoke(ctx, "plain", "m-1", runtime.Request{})
	}
}

func BenchmarkATrackedEndpoint(b *testing.B) {
	endpoints := newBehind()
	endpoints.asked = nil
	g := New(Options{Endpoints: endpoints, Owner: func() access.User { return owner }, Explain: explained, Consumers: []Consumer{idle{}, idle{}}})
	ctx := WithCall(b.Context(), Call{User: ada, RequestID: "r-1"})
	b.ReportAllocs()
	for b.Loop() {
		_, _ = g.Invoke(ctx, "tracked", "m-1", runtime.Request{})
	}
}

type idle struct{}

func (idle) Wants(e *endpoint.Endpoint) bool { return tracked(e) }
func (idle) Take(*Request)                   {}
