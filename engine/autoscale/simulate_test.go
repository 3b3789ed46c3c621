package autoscale

import (
	"container/heap"
	"time"
)

// request is one arrival of a load: when, since the load's start, and how long the model
// runs on it.
type request struct{ at, takes time.Duration }

// stream is a load: requests with what counts as served in time.
type stream struct {
	name      string
	isTrace   bool
	requests  []request     // in the order of their arrival
	objective time.Duration // longest wait in the queue
}

// policy is what is simulated. It is asked each tick, and each time that a request has just
// had to queue.
type policy interface {
	tick() time.Duration
	// size is the number of permits to have from now on, those that start included. It may
	// set the simulation's shown.
	size(s *simulation, queued bool) int
}

// simulation is a first-in first-out queue before as many permits as a policy asks for, in
// virtual time. A request takes a permit for as long as it takes and none is ever dropped.
type simulation struct {
	now      time.Duration
	startUp  time.Duration // from the decision to the new permits
	ready    int
	starting []grown // in the order of their time
	busy     ends
	queue    []request
	seconds  []float64 // mean requests at once of each second that has passed
	integral float64   // of requests at once over the present second
	arrived  time.Duration

	shown int // the size that counts for cost and changes; 0 is the number of permits
	was   int // before the last change

	late, changes int
	cost          float64 // permit-seconds
}

// grown are permits on their way.
type grown struct {
	at time.Duration
	n  int
}

// ends are the times at which running requests end, a heap.
type ends []time.Duration

func (e ends) Len() int           { return len(e) }
func (e ends) Less(i, j int) bool { return e[i] < e[j] }
func (e ends) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *ends) Push(x any)        { *e = append(*e, x.(time.Duration)) }
func (e *ends) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

func (s *simulation) atOnce() int { return len(s.busy) + len(s.queue) }

func (s *simulation) coming() (n int) {
	for _, g := range s.starting {
		n += g.n
	}
	return n
}

// result is what a policy did with a load.
type result struct {
	inTime float64 // share of the requests, 0 to 1
	cost   float64 // permit-seconds for each second that a model ran
	churn  float64 // changes of the size in ten minutes
}

// simulate runs a load from an idle entity of least permits.
func simulate(l stream, p policy, startUp time.Duration, least int) result {
	s := &simulation{startUp: startUp, ready: least, was: least}
	next := 0
	nextTick := p.tick()
	for next < len(l.requests) {
		r := l.requests[next]
		at := min(r.at, nextTick)
		if len(s.busy) > 0 {
			at = min(at, s.busy[0])
		}
		if len(s.starting) > 0 {
			at = min(at, s.starting[0].at)
		}
		s.advance(at)
		switch {
		case len(s.busy) > 0 && s.busy[0] == at:
			heap.Pop(&s.busy)
		case len(s.starting) > 0 && s.starting[0].at == at:
			s.ready += s.starting[0].n
			s.starting = s.starting[1:]
		case r.at == at:
			next++
			s.arrived = at
			s.queue = append(s.queue, r)
			s.serve(l.objective)
			if len(s.queue) > 0 {
				s.resize(p.size(s, true))
			}
		default:
			nextTick += p.tick()
			s.resize(p.size(s, false))
		}
		s.serve(l.objective)
	}
	minutes := s.now.Minutes() / 10
	return result{1 - float64(s.late)/float64(len(l.requests)), s.cost / l.work(), float64(s.changes) / minutes}
}

// advance lets time pass: nothing begins or ends in between.
func (s *simulation) advance(to time.Duration) {
	s.cost += float64(max(s.sizeOf(s.ready+s.coming()), min(len(s.busy), s.sizeOf(len(s.busy))))) * (to - s.now).Seconds()
	for s.now < to {
		second := (s.now/time.Second + 1) * time.Second
		step := min(second, to)
		s.integral += float64(s.atOnce()) * (step - s.now).Seconds()
		s.now = step
		if step == second {
			s.seconds, s.integral = append(s.seconds, s.integral), 0
		}
	}
}

// sizeOf is the size that counts where there are n permits.
func (s *simulation) sizeOf(n int) int {
	if s.shown > 0 {
		return s.shown
	}
	return n
}

// serve gives free permits to the requests that have waited longest.
func (s *simulation) serve(objective time.Duration) {
	for len(s.queue) > 0 && len(s.busy) < s.ready {
		r := s.queue[0]
		s.queue = s.queue[1:]
		if s.now-r.at > objective {
			s.late++
		}
		heap.Push(&s.busy, s.now+r.takes)
	}
}

// resize takes a decision: growth is there after the start-up time, what shrinks goes at
// once, the permits on their way first. A request that runs on a permit that goes ends
// first, and is paid for until then.
func (s *simulation) resize(n int) {
	have := s.ready + s.coming()
	if shown := s.sizeOf(n); shown != s.was {
		s.changes, s.was = s.changes+1, shown
	}
	switch {
	case n == have:
		return
	case n > have:
		s.starting = append(s.starting, grown{s.now + s.startUp, n - have})
		return
	}
	for less := have - n; less > 0; {
		if last := len(s.starting) - 1; last >= 0 {
			cut := min(less, s.starting[last].n)
			less -= cut
			if s.starting[last].n -= cut; s.starting[last].n == 0 {
				s.starting = s.starting[:last]
			}
			continue
		}
		s.ready -= less
		break
	}
}

// meanOf is the mean of the last n seconds that have passed, the load before the start
// being 0.
func (s *simulation) meanOf(n int) float64 {
	sum := 0.0
	for _, v := range s.seconds[max(0, len(s.seconds)-n):] {
		sum += v
	}
	return sum / float64(n)
}
