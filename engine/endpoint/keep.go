package endpoint

import (
	"context"
	"maps"
	"reflect"
	"slices"

	"servery/engine/runtime"
)

// keep finds the served entity of the active configuration that the new one asks for
// unchanged: it goes on running instead of being loaded again, so that a new traffic split
// costs no load. One whose process cannot be kept up is loaded anew, as is one whose
// secrets have other values now: an update is how a person makes them count.
func (r *rollout) keep(ctx context.Context, i int) bool {
	d := r.o.serving.Load()
	if d == nil || !r.pending {
		return false
	}
	c := &r.config.Entities[i]
	e := d.find(c.Name)
	if e == nil || e.health.Load() == down {
		return false
	}
	spec, err := r.spec(i)
	if err != nil || !e.runs(c, spec) || !e.sameSecrets(ctx) {
		return false
	}
	if place, note := r.o.s.place(ctx, c.WorkloadType, r.versions[i]); !e.place.Same(place) || !place.OnGPU && note != e.note {
		return false
	}
	// A GPU that could not be had, or was lost, is tried again.
	if r := e.runner.Load(); r != nil && r.loaded.Reason != "" {
		return false
	}
	r.kept[i] = true
	r.entities[i].Store(e)
	return true
}

// runs tells whether the entity is just what c asks for: the same files, environment and
// size.
func (e *served) runs(c *ServedEntity, spec runtime.Spec) bool {
	return c.limits() == e.limits &&
		maps.Equal(spec.Environment, e.spec.Environment) && sameButEnvironment(spec, e.spec)
}

// sameSecrets tells whether a load would find the secrets that the process has.
func (e *served) sameSecrets(ctx context.Context) bool {
	r := e.runner.Load()
	if r == nil {
		return true // asleep: it finds them when it wakes
	}
	now, err := e.resolve(ctx)
	return err == nil && maps.Equal(now, r.environment)
}

func sameButEnvironment(a, b runtime.Spec) bool {
	a.Environment, b.Environment = nil, nil
	return reflect.DeepEqual(a, b)
}

// without is what of d is no part of next; nil where nothing is.
func (d *deployment) without(next *deployment) *deployment {
	if d == nil {
		return nil
	}
	left := &deployment{version: d.version}
	for _, e := range d.entities {
		if !slices.Contains(next.entities, e) {
			left.entities = append(left.entities, e)
		}
	}
	if len(left.entities) == 0 {
		return nil
	}
	return left
}

// capacityOf is what a served entity is provisioned with now; 0 where there is none.
func (d *deployment) capacityOf(name string) int {
	if d == nil {
		return 0
	}
	if e := d.find(name); e != nil {
		return int(e.provisioned.Load())
	}
	return 0
}
