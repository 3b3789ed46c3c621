package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/gateway/ratelimit"
	"servery/engine/telemetry"
)

// LimitError refuses a request because a rate limit of the endpoint is used up.
type LimitError struct {
	Endpoint string
	ratelimit.Limit
	// RetryAfter is when there will be room, in whole seconds; 0 is never: the limit is 0.
	RetryAfter time.Duration
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("The rate limit of endpoint '%s', %s, is used up.", e.Endpoint, limitWords(e.Limit))
}

// limitWords is a limit as a person says it.
func limitWords(l ratelimit.Limit) string {
	calls := fmt.Sprintf("%d calls a minute", l.Calls)
	switch {
	case l.Key == ratelimit.Endpoint:
		return calls + " of all users together"
	case l.Key == ratelimit.UserGroup:
		return calls + " of group " + l.Principal
	case l.Principal == "":
		return calls + " of each user"
	}
	return calls + " of " + l.Principal
}

// hasLimits tells whether an endpoint has rate limits, of the gateway or of the older form.
func hasLimits(e *endpoint.Endpoint) bool {
	return len(e.RateLimits) > 0 || e.AIGateway != nil && len(e.AIGateway.RateLimits) > 0
}

// limiters are those of the endpoints that have limits, by id. Requests read them without a
// lock.
type limiters struct {
	mu  sync.Mutex
	all atomic.Pointer[map[string]*limiter]
}

// limiter is an endpoint's, with its limits made ready.
type limiter struct {
	*ratelimit.Limiter
	ready atomic.Pointer[readyLimits]
}

// readyLimits are made from these settings of an endpoint. Settings never change, another
// takes their place: that the pointers are the same tells that they are.
type readyLimits struct {
	gateway *endpoint.AIGateway
	older   []endpoint.RateLimit
	limits  *ratelimit.Limits
}

func (r *readyLimits) of(e *endpoint.Endpoint) bool {
	return r != nil && r.gateway == e.AIGateway && len(r.older) == len(e.RateLimits) &&
		(len(r.older) == 0 || &r.older[0] == &e.RateLimits[0])
}

// admit counts a request against the limits of its endpoint, or says which refuses it.
func (g *Gateway) admit(e *endpoint.Endpoint, user access.User, now time.Time) error {
	if !hasLimits(e) {
		return nil
	}
	l := g.limited.find(e.ID, g.options.Groups, now)
	ready := l.ready.Load()
	if !ready.of(e) {
		ready = &readyLimits{e.AIGateway, e.RateLimits, l.Compile(limitsOf(e))}
		l.ready.Store(ready)
	}
	refusal, ok := l.Take(ready.limits, ratelimit.Caller{ID: user.ID, Name: strings.ToLower(user.Name)}, now)
	if ok {
		return nil
	}
	g.note(e, user, now, refusal)
	return &LimitError{e.Name, refusal.Limit, refusal.RetryAfter}
}

// note counts a refused request, and writes a burst of them into the event log.
func (g *Gateway) note(e *endpoint.Endpoint, user access.User, now time.Time, refusal ratelimit.Refusal) {
	status := 429
	if refusal.RetryAfter == 0 {
		status = 403
	}
	r := g.options.Telemetry.Endpoint(e.Name)
	r.Record(telemetry.Sample{Status: status, Total: time.Since(now)})
	if refusal.Burst == 0 {
		return
	}
	message := fmt.Sprintf("A request of %s was refused: the rate limit, %s, is used up.", user.Name, limitWords(refusal.Limit))
	if n := refusal.Burst - 1; n > 0 {
		message += fmt.Sprintf(" It refused %d more since the last event.", n)
	}
	r.Event(telemetry.Event{At: now, Type: telemetry.RateLimited, Message: message})
	g.options.Changes.Publish(telemetry.Change{Kind: telemetry.EndpointChanged, Name: e.Name})
}

// limitsOf are an endpoint's limits of calls, both forms together. A custom model has no
// tokens to count.
func limitsOf(e *endpoint.Endpoint) (limits []ratelimit.Limit) {
	all := e.RateLimits
	if e.AIGateway != nil {
		all = slices.Concat(all, e.AIGateway.RateLimits)
	}
	for _, l := range all {
		if l.Calls != nil {
			limits = append(limits, ratelimit.Limit{Key: ratelimit.Key(l.Key), Principal: l.Principal, Calls: *l.Calls})
		}
	}
	return limits
}

func (l *limiters) find(id string, groups ratelimit.Groups, now time.Time) *limiter {
	if all := l.all.Load(); all != nil {
		if one := (*all)[id]; one != nil {
			return one
		}
	}
	var found *limiter
	l.change(func(all map[string]*limiter) {
		if all[id] == nil {
			all[id] = &limiter{Limiter: ratelimit.New(groups, now)}
		}
		found = all[id]
	})
	return found
}

func (l *limiters) change(fn func(all map[string]*limiter)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]*limiter{}
	if was := l.all.Load(); was != nil {
		all = maps.Clone(*was)
	}
	fn(all)
	l.all.Store(&all)
}

// Forget drops what was counted of an endpoint that was deleted.
func (g *Gateway) Forget(id string) {
	g.limited.change(func(all map[string]*limiter) { delete(all, id) })
}
