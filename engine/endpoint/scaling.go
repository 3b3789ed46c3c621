package endpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"servery/engine/autoscale"
)

// Timings says whose time starting and scaling take.
type Timings string

// Local is as fast as the machine. Databricks is as the product is published to be, so that
// its clients can be tried against what they will meet: 15 s for a start from zero, 10 s for
// more concurrency, 10 min for a deployment.
const (
	Local      Timings = "local"
	Databricks Timings = "databricks"
)

// Scaling is how all endpoints of the machine scale.
type Scaling struct {
	// ScaleToZeroAfter is the time without a request after which an entity that may scale
	// to zero does.
	ScaleToZeroAfter time.Duration
	Timings          Timings
}

// ScalingChange is what to change of it; nil leaves a field as it is.
type ScalingChange struct {
	ScaleToZeroAfter *time.Duration
	Timings          *Timings
}

// The bounds of Scaling.ScaleToZeroAfter. Below 10 s an entity would be asleep between two
// requests of one person.
const (
	ShortestIdle = 10 * time.Second
	LongestIdle  = 24 * time.Hour
)

// scaling is a Scaling with what tells that another took its place.
type scaling struct {
	Scaling
	replaced chan struct{}
}

func newScaling(s Scaling) *scaling { return &scaling{s, make(chan struct{})} }

// scalingKey is where it is stored, scalingRecord how.
const scalingKey = "scaling"

type scalingRecord struct {
	ScaleToZeroAfter int64   `json:"scale_to_zero_after_seconds"`
	Timings          Timings `json:"timings"`
}

// storedScaling reads it; what is not stored, or cannot be meant, is the default.
func storedScaling(table Table) (Scaling, error) {
	s := Scaling{autoscale.DefaultIdle, Local}
	if table == nil {
		return s, nil
	}
	err := table.Each(scalingKey, func(key string, value []byte) error {
		var stored scalingRecord
		if key != scalingKey || json.Unmarshal(value, &stored) != nil {
			return nil
		}
		idle := time.Duration(stored.ScaleToZeroAfter) * time.Second
		for _, c := range []ScalingChange{{ScaleToZeroAfter: &idle}, {Timings: &stored.Timings}} {
			if next, fields := s.with(c); len(fields) == 0 {
				s = next
			}
		}
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("cannot read the machine's settings: %w", err)
	}
	return s, nil
}

// openScaling begins with what is stored, and with what the options change of it.
func (s *Service) openScaling(ctx context.Context) error {
	stored, err := storedScaling(s.options.Settings)
	if err != nil {
		return err
	}
	s.scaling.Store(newScaling(stored))
	_, err = s.SetScaling(ctx, s.options.Scaling)
	return err
}

// with is s with a change, or what is wrong with the change.
func (s Scaling) with(c ScalingChange) (Scaling, []FieldError) {
	var wrong []FieldError
	if d := c.ScaleToZeroAfter; d != nil {
		switch {
		case *d < ShortestIdle || *d > LongestIdle:
			wrong = append(wrong, FieldError{"scale_to_zero_after_seconds", fmt.Sprintf(
				"The time without a request before scaling to zero is %v: give one from %v to 24h, e.g. 5m (the product's is 30m).", *d, ShortestIdle)})
		case *d%time.Second != 0:
			wrong = append(wrong, FieldError{"scale_to_zero_after_seconds", fmt.Sprintf(
				"The time without a request before scaling to zero is %v: give whole seconds.", *d)})
		}
		s.ScaleToZeroAfter = *d
	}
	if t := c.Timings; t != nil {
		if *t != Local && *t != Databricks {
			wrong = append(wrong, FieldError{"timings", fmt.Sprintf(
				"The timings %q are not known: give %s, as fast as this machine is, or %s, as long as it takes there.", *t, Local, Databricks)})
		}
		s.Timings = *t
	}
	return s, wrong
}

// CheckScaling tells what SetScaling would refuse; nil where nothing.
func CheckScaling(c ScalingChange) []FieldError {
	_, wrong := Scaling{}.with(c)
	return wrong
}

// Scaling is how the endpoints scale now.
func (s *Service) Scaling() Scaling { return s.scaling.Load().Scaling }

// SetScaling changes how all endpoints scale, for good and at once: an entity that has been
// idle for longer than the new time scales to zero within a second, and what waits for
// Databricks' timings does so no longer where they were left. Errors are *ValidationError
// and the table's.
func (s *Service) SetScaling(_ context.Context, c ScalingChange) (Scaling, error) {
	s.setting.Lock()
	defer s.setting.Unlock()
	was := s.scaling.Load()
	next, wrong := was.with(c)
	if len(wrong) > 0 {
		return was.Scaling, &ValidationError{wrong}
	}
	if next == was.Scaling {
		return next, nil
	}
	if table := s.options.Settings; table != nil {
		b, err := json.Marshal(scalingRecord{int64(next.ScaleToZeroAfter / time.Second), next.Timings})
		if err == nil {
			err = table.Apply(map[string][]byte{scalingKey: b})
		}
		if err != nil {
			return was.Scaling, fmt.Errorf("cannot store the machine's settings: %w", err)
		}
	}
	s.scaling.Store(newScaling(next))
	close(was.replaced)
	for _, o := range *s.owners.Load() {
		if d := o.serving.Load(); d != nil {
			for _, e := range d.entities {
				e.due.Store(true)
				e.look()
			}
		}
	}
	return next, nil
}

// takeUntil waits for a time as long as Databricks' timings are on.
func (s *Service) takeUntil(ctx context.Context, at time.Time) error {
	wait := time.NewTimer(time.Until(at))
	defer wait.Stop()
	for {
		now := s.scaling.Load()
		if now.Timings != Databricks {
			return ctx.Err()
		}
		select {
		case <-wait.C:
			return nil
		case <-now.replaced:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// takeAsLong makes an update take as long as it does there: ten minutes, or half a minute
// where only the traffic split changes.
func (r *rollout) takeAsLong(ctx context.Context) error {
	if !r.pending || r.o.s.Scaling().Timings != Databricks {
		return nil
	}
	takes := autoscale.TrafficChange
	for i := range r.kept {
		if !r.kept[i] {
			takes = autoscale.Deployment
		}
	}
	at := r.config.StartedAt.Add(takes)
	r.detail(fmt.Sprintf("Databricks timings: ready at %s", at.Format("15:04:05")))
	r.buildAll(levelInfo, "%s: Databricks timings: as long as it takes there, until %s.", StageLoad, at.UTC().Format("15:04:05 MST"))
	return r.o.s.takeUntil(ctx, at)
}
