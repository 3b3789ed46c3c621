package gateway

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/gateway/ratelimit"
	"servery/engine/runtime"
	"servery/engine/telemetry"
)

// in are who is in which group.
type in map[string][]string

func (g in) In(id, group string) bool { return slices.Contains(g[group], id) }

// limited is a gateway before one endpoint, "m".
type limited struct {
	*Gateway
	behind *behind
	keeper *keeper
}

func newLimited() *limited {
	l := &limited{behind: newBehind(), keeper: &keeper{wants: tracked}}
	l.behind.endpoints["m"] = &endpoint.Endpoint{Name: "m", ID: "89ab"}
	l.Gateway = New(Options{
		Endpoints: l.behind, Groups: in{"staff": {"7"}}, Telemetry: telemetry.New(time.Now, nil, nil), Changes: telemetry.NewHub(),
		Owner: func() access.User { return owner }, Explain: explained, Consumers: []Consumer{l.keeper},
	})
	return l
}

// set puts other settings in the place of the endpoint's, as endpoint.Service does.
func (l *limited) set(change func(e *endpoint.Endpoint)) {
	next := *l.behind.endpoints["m"]
	change(&next)
	l.behind.endpoints["m"] = &next
}

func calls(n int, key, principal string) endpoint.RateLimit {
	return endpoint.RateLimit{Calls: &n, Key: key, Principal: principal, RenewalPeriod: "minute"}
}

func (l *limited) limits(older []endpoint.RateLimit, gateway ...endpoint.RateLimit) {
	yes := true
	l.set(func(e *endpoint.Endpoint) {
		e.RateLimits, e.AIGateway = older, &endpoint.AIGateway{UsageTracking: &yes, RateLimits: gateway}
	})
}

// ask sends n requests of ada's and counts those that come to the endpoint.
func (l *limited) ask(t *testing.T, n int) (passed int, refusal *LimitError) {
	t.Helper()
	for range n {
		was := len(l.behind.asked)
		_, err := l.Invoke(WithCall(t.Context(), Call{User: ada, RequestID: "r"}), "m", "", runtime.Request{})
		if err != nil && !errors.As(err, &refusal) {
			t.Fatal(err)
		}
		if (err == nil) != (len(l.behind.asked) == was+1) {
			t.Fatalf("error %v, and the endpoint was asked %d times", err, len(l.behind.asked)-was)
		}
		if err == nil {
			passed++
		}
	}
	return passed, refusal
}

func TestLimitsBeginAndEndWithTheSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimited()
		for _, step := range []struct {
			name    string
			older   []endpoint.RateLimit
			gateway []endpoint.RateLimit
			wait    time.Duration
			want    int
			by      ratelimit.Limit
		}{
			{"none", nil, nil, 0, 20, ratelimit.Limit{}},
			{"of each user", nil, []endpoint.RateLimit{calls(5, "user", "")}, 0, 5, ratelimit.Limit{Key: "user", Calls: 5}},
			{"wider", nil, []endpoint.RateLimit{calls(8, "user", "")}, 0, 3, ratelimit.Limit{Key: "user", Calls: 8}},
			{"of both forms", []endpoint.RateLimit{calls(2, "endpoint", "")}, []endpoint.RateLimit{calls(9, "user", "")}, 0, 1, ratelimit.Limit{Key: "user", Calls: 9}},
			{"none again", nil, nil, 0, 20, ratelimit.Limit{}},
			{"a minute later", []endpoint.RateLimit{calls(2, "endpoint", "")}, []endpoint.RateLimit{calls(9, "user", "")}, 61 * time.Second, 2, ratelimit.Limit{Key: "endpoint", Calls: 2}},
			{"of a group", nil, []endpoint.RateLimit{calls(1, "user", ""), calls(4, "user_group", "Staff")}, 61 * time.Second, 4, ratelimit.Limit{Key: "user_group", Principal: "Staff", Calls: 4}},
			{"of the user by name", nil, []endpoint.RateLimit{calls(1, "user_group", "staff"), calls(6, "user", "ADA@example.com")}, 61 * time.Second, 6, ratelimit.Limit{Key: "user", Principal: "ADA@example.com", Calls: 6}},
			{"of tokens: a custom model has none", nil, []endpoint.RateLimit{{Tokens: new(int), Key: "endpoint"}}, 0, 20, ratelimit.Limit{}},
			{"of no call", nil, []endpoint.RateLimit{calls(0, "endpoint", "")}, 0, 0, ratelimit.Limit{Key: "endpoint"}},
		} {
			time.Sleep(step.wait) // the bubble's time
			l.limits(step.older, step.gateway...)
			passed, refusal := l.ask(t, 20)
			if passed != step.want || (refusal == nil) != (step.want == 20) || refusal != nil && refusal.Limit != step.by {
				t.Errorf("%s: %d passed, want %d; refused by %+v, want %+v", step.name, passed, step.want, refusal, step.by)
			}
			if refusal != nil && (refusal.RetryAfter == 0) != (step.by.Calls == 0) {
				t.Errorf("%s: retry after %v", step.name, refusal.RetryAfter)
			}
		}
	})
}

func TestWhoIsToldOfRefusedRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimited()
		changes := l.options.Changes.Subscribe()
		l.limits(nil, calls(2, "user", ""))
		l.ask(t, 10)
		if len(l.keeper.kept) != 10 {
			t.Fatalf("%d requests are kept, want all 10", len(l.keeper.kept))
		}
		if r := l.keeper.kept[9]; !r.Refused || r.Status != 418 || r.Entity != "" || r.EntityID() != "" || !strings.Contains(string(r.Answer), "2 calls a minute of each user") {
			t.Errorf("a refused request is told as %+v, %s", r, r.Answer)
		}
		time.Sleep(59 * time.Second)
		l.ask(t, 10)
		time.Sleep(time.Second)
		l.ask(t, 10)
		want := []string{
			"A request of ada@example.com was refused: the rate limit, 2 calls a minute of each user, is used up. It refused 17 more since the last event.",
			"A request of ada@example.com was refused: the rate limit, 2 calls a minute of each user, is used up.",
		}
		var got []string
		for _, e := range l.options.Telemetry.Events("m", 10) {
			if e.Type != telemetry.RateLimited {
				t.Errorf("%+v", e)
			}
			got = append(got, e.Message)
		}
		if !slices.Equal(got, want) {
			t.Errorf("events:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if c := changes.Take(); !slices.Equal(c, []telemetry.Change{{Kind: telemetry.EndpointChanged, Name: "m"}}) {
			t.Errorf("changed: %v", c)
		}
		// The refused ones of this second are in the endpoint's figures.
		time.Sleep(time.Second)
		if p := l.options.Telemetry.Series("m", 30*time.Second, 1).Points; len(p) != 1 || p[0].Errors4 == 0 {
			t.Errorf("the figures: %+v", p)
		}
	})
}

func TestADeletedEndpointsCountsAreForgotten(t *testing.T) {
	l := newLimited()
	l.limits(nil, calls(2, "endpoint", ""))
	l.ask(t, 5)
	l.Forget("89ab")
	if passed, _ := l.ask(t, 5); passed != 2 {
		t.Errorf("%d passed, want 2", passed)
	}
	l.Forget("not there")
}

func BenchmarkALimitedEndpoint(b *testing.B) {
	l := newLimited()
	l.behind.asked = nil
	l.set(func(e *endpoint.Endpoint) {
		e.AIGateway = &endpoint.AIGateway{RateLimits: []endpoint.RateLimit{calls(1<<31-1, "endpoint", ""), calls(1<<31-1, "user", ""), calls(1<<31-1, "user_group", "staff")}}
	})
	ctx := WithCall(b.Context(), Call{User: ada, RequestID: "r-1"})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Invoke(ctx, "m", "", runtime.Request{}); err != nil {
			b.Fatal(err)
		}
	}
}
