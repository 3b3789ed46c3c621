package endpoint

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"servery/engine/pool"
	"servery/engine/runtime"
)

// longestQueue bounds the wait that a request is let in for: MLflow's client has given up
// by then (MLFLOW_DEPLOYMENT_PREDICT_TIMEOUT, 120 s), the Go SDK's long before (60 s).
const longestQueue = 120 * time.Second

// service is how long a request holds a permit: a mean in which the last 16 requests
// count most. The zero value has seen none.
type service struct{ ns atomic.Int64 }

// observe takes one request in. Of two at the same moment one may count for nothing: no
// request waits for another here.
func (s *service) observe(took time.Duration) {
	old := s.ns.Load()
	if old == 0 {
		s.ns.Store(int64(took))
		return
	}
	s.ns.Store(max(old+(int64(took)-old)/16, 1))
}

// mean is 0 where no request was seen.
func (s *service) mean() time.Duration { return time.Duration(s.ns.Load()) }

// held is how long the answer's request was in the model's process. A request that the
// model did not run tells nothing.
func held(t runtime.Timing) time.Duration {
	if t.Run <= 0 {
		return 0
	}
	return t.Wait + t.Decode + t.Run + t.Encode
}

// predicted is how long a request that comes now waits for a permit: those before it and
// itself, each for its share of the permits. With a mean of 2 s, 4 permits and 19 in the
// queue it is 10 s. It is 0 where nothing is known: no request was seen yet, or the model
// is being started.
func predicted(mean time.Duration, s pool.Stats) time.Duration {
	if s.Capacity == 0 || s.InFlight < s.Capacity && s.Queued == 0 {
		return 0
	}
	return mean * time.Duration(s.Queued+1) / time.Duration(s.Capacity)
}

// admit refuses a request at once that would wait longer than it has, or than anybody
// waits: it would only keep others waiting.
func (e *served) admit(ctx context.Context) error {
	s := e.pool.Stats()
	wait, left := predicted(e.service.mean(), s), longestQueue
	if at, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(at))
	}
	if wait <= left {
		return nil
	}
	return e.overloaded(s, wait)
}

func (e *served) overloaded(s pool.Stats, wait time.Duration) error {
	return &OverloadedError{Entity: e.name, Permits: s.Capacity, InFlight: s.InFlight, Queued: s.Queued, Wait: wait}
}

// OverloadedError refuses a request because all permits of the served entity are taken
// and its queue is full, or longer than the request can wait.
type OverloadedError struct {
	Entity   string
	Permits  int // provisioned now
	InFlight int
	Queued   int
	// Wait is when a permit is foreseen for who comes now; 0 where that is not known.
	Wait time.Duration
}

func (e *OverloadedError) Error() string {
	return fmt.Sprintf("Served entity '%s' runs %d requests with a provisioned concurrency of %d, and %d wait: there is no room for more.",
		e.Entity, e.InFlight, e.Permits, e.Queued)
}
