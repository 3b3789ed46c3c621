package ratelimit

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// in are who is in which group.
type in map[string][]string

func (g in) In(id, group string) bool { return slices.Contains(g[group], id) }

func caller(name string) Caller { return Caller{ID: "id-" + name, Name: name} }

// passes sends n calls at once and returns how many passed.
func passes(l *Limiter, limits *Limits, who string, after time.Duration, n int) (passed int) {
	for range n {
		if _, ok := l.Take(limits, caller(who), start.Add(after)); ok {
			passed++
		}
	}
	return passed
}

func TestWhoseLimitCounts(t *testing.T) {
	groups := in{"staff": {"id-ada", "id-bob"}, "lab": {"id-ada"}}
	for _, c := range []struct {
		name   string
		limits []Limit
		calls  []string // who calls ten times, in this order
		want   []int    // how many pass of each
	}{
		{"none", nil, []string{"ada"}, []int{10}},
		{"the endpoint's is everybody's", []Limit{{Endpoint, "", 12}}, []string{"ada", "bob", "eve"}, []int{10, 2, 0}},
		{"each user has his own", []Limit{{User, "", 3}}, []string{"ada", "bob", "ada"}, []int{3, 3, 0}},
		{"the endpoint's is above the user's", []Limit{{User, "", 3}, {Endpoint, "", 5}}, []string{"ada", "bob", "eve"}, []int{3, 2, 0}},
		{"a named user's takes the place of each user's, also where it is wider", []Limit{{User, "", 3}, {User, "Ada", 7}}, []string{"ada", "bob"}, []int{7, 3}},
		{"a service principal's too", []Limit{{User, "", 3}, {ServicePrincipal, "APP-1", 5}}, []string{"app-1", "bob"}, []int{5, 3}},
		{"a group's is shared and takes the place of each user's", []Limit{{User, "", 2}, {UserGroup, "Staff", 12}}, []string{"ada", "bob", "eve"}, []int{10, 2, 2}},
		{"a named user's takes the place of the group's", []Limit{{User, "ada", 4}, {UserGroup, "staff", 1}}, []string{"ada", "bob"}, []int{4, 1}},
		{"a member of two groups is refused by both only", []Limit{{UserGroup, "staff", 2}, {UserGroup, "lab", 5}}, []string{"ada", "bob"}, []int{5, 0}},
		{"the tighter of two", []Limit{{Endpoint, "", 5}, {Endpoint, "", 3}, {UserGroup, "lab", 9}, {UserGroup, "LAB", 1}}, []string{"eve", "ada"}, []int{3, 0}},
		{"nothing", []Limit{{Endpoint, "", 0}}, []string{"ada"}, []int{0}},
	} {
		l := New(groups, start)
		limits := l.Compile(c.limits)
		for i, who := range c.calls {
			if got := passes(l, limits, who, time.Second, 10); got != c.want[i] {
				t.Errorf("%s: %d of %s's calls passed, want %d", c.name, got, who, c.want[i])
			}
		}
	}
}

// What the endpoint refuses does not use up the caller's own limit.
func TestARefusedCallDoesNotCount(t *testing.T) {
	l := New(in{"staff": {"id-ada"}}, start)
	tight := l.Compile([]Limit{{Endpoint, "", 2}, {UserGroup, "staff", 5}})
	if got := passes(l, tight, "ada", 0, 50); got != 2 {
		t.Fatalf("%d passed, want 2", got)
	}
	wide := l.Compile([]Limit{{Endpoint, "", 100}, {UserGroup, "staff", 5}})
	if got := passes(l, wide, "ada", 0, 50); got != 3 {
		t.Errorf("%d passed of the group's remaining 3", got)
	}
	// Nor do refusals put the time off at which there is room again.
	for s := range 60 {
		passes(l, wide, "ada", time.Duration(s)*time.Second, 3)
	}
	if got := passes(l, wide, "ada", 61*time.Second, 50); got != 5 {
		t.Errorf("%d passed a minute later, want 5", got)
	}
}

func TestAChangedLimitIsInEffectAtOnceAndForgetsNothing(t *testing.T) {
	l := New(in{}, start)
	for _, step := range []struct{ limit, want int }{{5, 5}, {8, 3}, {2, 0}, {9, 1}} {
		limits := l.Compile([]Limit{{User, "", step.limit}, {Endpoint, "", 1000}})
		if got := passes(l, limits, "ada", time.Second, 100); got != step.want {
			t.Errorf("with %d a minute %d passed, want %d", step.limit, got, step.want)
		}
	}
}

func TestRetryAfterIsWhenThereIsRoom(t *testing.T) {
	l := New(in{}, start)
	limits := l.Compile([]Limit{{Endpoint, "", 3}})
	for _, at := range []time.Duration{500 * time.Millisecond, 10 * time.Second, 20 * time.Second} {
		if got := passes(l, limits, "ada", at, 1); got != 1 {
			t.Fatalf("the call at %v did not pass", at)
		}
	}
	r, ok := l.Take(limits, caller("ada"), start.Add(30*time.Second))
	if ok || r.RetryAfter != 31*time.Second || r.Limit != (Limit{Endpoint, "", 3}) {
		t.Errorf("passed %v, %+v, want to be told 31 s", ok, r)
	}
	if got := passes(l, limits, "ada", 60*time.Second, 5); got != 0 {
		t.Errorf("%d passed too early", got)
	}
	if got := passes(l, limits, "ada", 61*time.Second, 5); got != 1 {
		t.Errorf("%d passed at the time that was told, want 1", got)
	}
	tighter := l.Compile([]Limit{{Endpoint, "", 1}})
	if r, ok := l.Take(tighter, caller("ada"), start.Add(61*time.Second)); ok || r.RetryAfter != 61*time.Second {
		t.Errorf("with a tighter limit: passed %v, %+v", ok, r)
	}
	if r, ok := l.Take(l.Compile([]Limit{{Endpoint, "", 0}}), caller("ada"), start.Add(500*time.Second)); ok || r.RetryAfter != 0 {
		t.Errorf("with no calls: passed %v, %+v", ok, r)
	}
}

func TestABurstIsToldOnceAMinute(t *testing.T) {
	l := New(in{}, start)
	limits := l.Compile([]Limit{{User, "", 1}})
	told := map[int]int{} // second: refusals
	for s := range 200 {
		for range 3 {
			if r, ok := l.Take(limits, caller("ada"), start.Add(time.Duration(s)*time.Second)); !ok && r.Burst > 0 {
				told[s] = r.Burst
			}
		}
		if s == 70 { // a change of the limit tells nothing anew
			limits = l.Compile([]Limit{{User, "", 2}})
		}
	}
	// A minute of three calls a second, of which one or two passed.
	if want := "map[0:1 60:179 120:178 180:178]"; fmt.Sprint(told) != want {
		t.Errorf("told %v, want %v", told, want)
	}
}

// A clock that goes back or stands still neither opens nor closes a limit for longer.
func TestTimeThatGoesBack(t *testing.T) {
	l := New(in{}, start)
	limits := l.Compile([]Limit{{Endpoint, "", 4}})
	passes(l, limits, "ada", 30*time.Second, 2)
	if got := passes(l, limits, "ada", 10*time.Second, 5); got != 2 {
		t.Errorf("%d passed, want the remaining 2", got)
	}
	if got := passes(l, limits, "ada", 91*time.Second, 5); got != 4 {
		t.Errorf("%d passed a minute later, want 4", got)
	}
}

// plain is the same in the simplest words: the calls that passed, one by one.
type plain struct {
	groups in
	passed []plainCall
}

type plainCall struct {
	second      int
	id          string
	counted     []string // the groups whose limits it counts for
	ownCounted  bool     // it counts for the caller's own
	everyCalled bool     // and for the endpoint's
}

func (p *plain) count(second int, of func(plainCall) bool) (n int) {
	for _, c := range p.passed {
		if c.second >= second-60 && of(c) {
			n++
		}
	}
	return n
}

func (p *plain) take(limits []Limit, who string, second int) bool {
	call := plainCall{second: second, id: "id-" + who}
	tightest := map[Limit]int{}
	for _, l := range limits {
		k := Limit{Key: l.Key, Principal: strings.ToLower(l.Principal)}
		if k.Key == ServicePrincipal {
			k.Key = User
		}
		if n, ok := tightest[k]; !ok || l.Calls < n {
			tightest[k] = l.Calls
		}
	}
	own := func(c plainCall) bool { return c.id == call.id && c.ownCounted }
	member, room := false, false
	if n, named := tightest[Limit{Key: User, Principal: who}]; named {
		if p.count(second, own) >= n {
			return false
		}
		call.ownCounted = true
	} else {
		for k, n := range tightest {
			if k.Key == UserGroup && p.groups.In(call.id, k.Principal) {
				member = true
				if p.count(second, func(c plainCall) bool { return slices.Contains(c.counted, k.Principal) }) < n {
					room = true
					call.counted = append(call.counted, k.Principal)
				}
			}
		}
		if member && !room {
			return false
		}
		if n, ok := tightest[Limit{Key: User}]; ok && !member {
			if p.count(second, own) >= n {
				return false
			}
			call.ownCounted = true
		}
	}
	if n, ok := tightest[Limit{Key: Endpoint}]; ok {
		if p.count(second, func(c plainCall) bool { return c.everyCalled }) >= n {
			return false
		}
		call.everyCalled = true
	}
	p.passed = append(p.passed, call)
	return true
}

var (
	people = []string{"ada", "bob", "eve", "app-1"}
	lists  = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Limit {
		l := Limit{Calls: rapid.IntRange(0, 6).Draw(t, "calls"), Key: rapid.SampledFrom([]Key{Endpoint, User, UserGroup, ServicePrincipal}).Draw(t, "key")}
		switch l.Key {
		case User:
			l.Principal = rapid.SampledFrom([]string{"", "", "Ada", "bob"}).Draw(t, "user")
		case UserGroup:
			l.Principal = rapid.SampledFrom([]string{"staff", "Lab", "none"}).Draw(t, "group")
		case ServicePrincipal:
			l.Principal = "App-1"
		case Endpoint:
		}
		return l
	}), 0, 5)
)

// Whatever is asked, whenever, with whatever limits: the limiter lets pass what the plain
// rules let pass. So no limit ever lets more pass in any 60 s than it says, and none fewer
// than it could.
func TestLimitsFollowThePlainRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups := in{"staff": {"id-ada", "id-bob"}, "lab": {"id-ada", "id-app-1"}}
		l, p := New(groups, start), &plain{groups: groups}
		list := lists.Draw(t, "limits")
		limits, now := l.Compile(list), time.Duration(0)
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			if rapid.IntRange(0, 15).Draw(t, "change") == 0 {
				list = lists.Draw(t, "limits")
				limits = l.Compile(list)
			}
			now += time.Duration(rapid.SampledFrom([]int{0, 0, 1, 250, 1000, 7000, 59_000, 60_000, 61_000, 300_000}).Draw(t, "ms")) * time.Millisecond
			who := rapid.SampledFrom(people).Draw(t, "who")
			r, got := l.Take(limits, caller(who), start.Add(now))
			if want := p.take(list, who, int((now+time.Second)/time.Second)); got != want {
				t.Fatalf("%s at %v with %v: passed %v, want %v", who, now, list, got, want)
			}
			if !got && r.RetryAfter == 0 && r.Calls != 0 {
				t.Fatalf("%+v: a limit that is not 0 will have room again", r)
			}
		}
	})
}

// In any 60 s no more pass than the limit says, however many call at once, and while a
// second passes in between.
func TestNeverTooManyAtOnce(t *testing.T) {
	const limit, goroutines, each, seconds = 500, 8, 20, 400
	l := New(in{"staff": {"id-0", "id-1"}}, start)
	limits := l.Compile([]Limit{{Endpoint, "", limit}, {User, "", 100}, {UserGroup, "staff", 90}})
	var passed [seconds + 1]atomic.Int64
	for now := range seconds {
		var all sync.WaitGroup
		for g := range goroutines {
			all.Go(func() {
				for n := range each {
					// Half of them find that the second has passed.
					second := now + (g+n)%2
					if _, ok := l.Take(limits, caller(fmt.Sprint(n%16)), start.Add(time.Duration(second)*time.Second)); ok {
						passed[second].Add(1)
					}
				}
			})
		}
		all.Wait()
	}
	// A call may be counted in the second after its own, which the others had begun: the
	// buckets of 60 s, though not those of 61, hold no more than the limit.
	total := int64(0)
	for first := range seconds - span {
		n := int64(0)
		for i := first; i < first+span; i++ {
			n += passed[i].Load()
		}
		if n > limit {
			t.Fatalf("%d calls passed in the 60 s from second %d, with a limit of %d", n, first, limit)
		}
	}
	for i := range passed {
		total += passed[i].Load()
	}
	// 400 s are more than six windows of 61 s, with 160 calls in each second of them.
	if total < 6*limit {
		t.Errorf("%d calls passed in 400 s, with a limit of %d a minute", total, limit)
	}
}

// Callers of whom there are ever new ones take no more room than those of the last minutes.
func TestWindowsOfCallersThatWentAreDropped(t *testing.T) {
	l := New(in{}, start)
	limits := l.Compile([]Limit{{User, "", 3}})
	for i := range 20 * sweepAt {
		who := caller(fmt.Sprint(i))
		now := start.Add(time.Duration(i) * 100 * time.Millisecond) // 600 a minute
		for n := range 5 {
			if _, ok := l.Take(limits, who, now); ok != (n < 3) {
				t.Fatalf("call %d of a new caller: passed %v", n, ok)
			}
		}
	}
	n := 0
	l.users.all.Range(func(any, any) bool { n++; return true })
	if n > 3*sweepAt || int64(n) != l.users.n.Load() {
		t.Errorf("%d windows are kept, counted as %d", n, l.users.n.Load())
	}
}

// A window that is swept while it is asked loses no call.
func TestSweepingLosesNoCall(t *testing.T) {
	const limit = 3
	l := New(in{}, start)
	limits := l.Compile([]Limit{{User, "", limit}})
	for round := range 200 {
		now := start.Add(time.Duration(round) * 100 * time.Second)
		var passed atomic.Int64
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 20 {
					if _, ok := l.Take(limits, caller("ada"), now); ok {
						passed.Add(1)
					}
				}
			})
		}
		all.Go(func() { l.users.sweep(int64(round*100 + 1)) })
		all.Wait()
		if n := passed.Load(); n != limit {
			t.Fatalf("round %d: %d calls passed, want %d", round, n, limit)
		}
	}
}

func BenchmarkTakeFourLimits(b *testing.B) {
	l := New(in{"staff": {"id-ada"}, "lab": {"id-ada"}, "all": {"id-ada"}}, start)
	limits := l.Compile([]Limit{{Endpoint, "", most}, {UserGroup, "staff", most}, {UserGroup, "lab", most}, {UserGroup, "all", most}})
	who := caller("ada")
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ { // a call every 10 µs
		if _, ok := l.Take(limits, who, start.Add(time.Duration(n)*10*time.Microsecond)); !ok {
			b.Fatal("refused")
		}
	}
}

func BenchmarkTakeParallel(b *testing.B) {
	l := New(in{}, start)
	limits := l.Compile([]Limit{{Endpoint, "", most}, {User, "", most}})
	began := time.Now()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		who := caller("ada")
		for pb.Next() {
			l.Take(limits, who, start.Add(time.Since(began)))
		}
	})
}

func BenchmarkRefuse(b *testing.B) {
	l := New(in{}, start)
	limits := l.Compile([]Limit{{Endpoint, "", 1}})
	b.ReportAllocs()
	for b.Loop() {
		l.Take(limits, caller("ada"), start)
	}
}
