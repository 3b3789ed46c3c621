// Package ratelimit decides whether a call may pass an endpoint's rate limits. It is pure:
// time is a parameter, and nothing waits.
//
// The rules are the product's (documentation, AI Gateway rate limits): the endpoint's limit
// is a maximum for everybody together. Beside it one kind of limit counts for a caller: the
// one that names the caller; else those of the caller's groups, each shared by the group's
// members, of which one with room is enough; else the one for each user. A call that is
// refused does not count.
package ratelimit

import (
	"strings"
	"sync/atomic"
	"time"
)

// Key is who a limit counts, in the words of the REST API.
type Key string

// The keys.
const (
	Endpoint         Key = "endpoint"          // all calls together
	User             Key = "user"              // those of each caller, or of the one that is named
	UserGroup        Key = "user_group"        // those of a group's members together
	ServicePrincipal Key = "service_principal" // those of the one that is named
)

// Limit is how many calls may pass in a minute.
type Limit struct {
	Key       Key
	Principal string // whom it names: a user's name, a group's or an application id; "" for no one
	Calls     int
}

// Limits are an endpoint's limits at one time, ready to ask. They never change.
type Limits struct {
	everyone *rule            // nil where there is none, as with each
	each     *rule            // callers that no other limit is for
	named    map[string]*rule // by the caller's name in lower case
	groups   []*rule
}

type rule struct {
	Limit
	calls uint32
	name  string // Principal in lower case
	*kept
}

// kept is what outlives a change of a limit's number: its refusals, and the calls of a
// group's members.
type kept struct {
	shared  window
	refused atomic.Int64 // since told
	told    atomic.Int64 // when, in seconds since the limiter was made; 0 is never
}

// Compile makes limits ready; nil where there are none. Of two for the same callers the
// tighter counts.
func (l *Limiter) Compile(limits []Limit) *Limits {
	if len(limits) == 0 {
		return nil
	}
	c := &Limits{named: map[string]*rule{}}
	for _, limit := range limits {
		r := &rule{Limit: limit, calls: uint32(min(max(limit.Calls, 0), most)), name: strings.ToLower(limit.Principal)}
		r.kept = l.keep(limit.Key, r.name)
		switch {
		case limit.Key == Endpoint:
			c.everyone = tighter(c.everyone, r)
		case limit.Key == UserGroup:
			c.addGroup(r)
		case r.name == "":
			c.each = tighter(c.each, r)
		default:
			c.named[r.name] = tighter(c.named[r.name], r)
		}
	}
	return c
}

func (c *Limits) addGroup(r *rule) {
	for i, known := range c.groups {
		if known.name == r.name {
			c.groups[i] = tighter(known, r)
			return
		}
	}
	c.groups = append(c.groups, r)
}

func tighter(a, b *rule) *rule {
	if a != nil && a.calls <= b.calls {
		return a
	}
	return b
}

// Refusal is a call that a limit does not let pass.
type Refusal struct {
	Limit
	// RetryAfter is when the limit will have room where no other call comes, in whole
	// seconds; 0 is never, with a limit of 0.
	RetryAfter time.Duration
	// Burst is not 0 where this refusal is to be noted: how many calls the limit has refused
	// since the last one that was, this one included. That is the case once a minute at most.
	Burst int
}

const tellEvery = 60 // seconds

// refuse notes a refusal.
func (r *rule) refuse(now, wait int64) Refusal {
	refusal := Refusal{Limit: r.Limit, RetryAfter: time.Duration(wait) * time.Second}
	r.refused.Add(1)
	told := r.told.Load()
	if (told == 0 || now-told >= tellEvery) && r.told.CompareAndSwap(told, now) {
		refusal.Burst = int(r.refused.Swap(0))
	}
	return refusal
}
