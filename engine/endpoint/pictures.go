package endpoint

import (
	"crypto/rand"
	"encoding/hex"
	"maps"
	"slices"
	"time"
)

// freshness is how old the live figures of a list may be. The window reads the list at
// most ten times a second; a thousand endpoints are copied at most four times.
const freshness = 250 * time.Millisecond

// listed is the list as it was last asked for.
type listed struct {
	changeNo  uint64
	at        time.Time
	endpoints []Endpoint
}

// List returns all endpoints by name with their live figures, which are at most a
// quarter of a second old. The slice is shared: it is read only.
func (s *Service) List() []Endpoint {
	s.listing.Lock()
	defer s.listing.Unlock()
	no, now := s.changeNo.Load(), time.Now()
	if s.list.endpoints != nil && s.list.changeNo == no && now.Sub(s.list.at) < freshness {
		return s.list.endpoints
	}
	owners := *s.owners.Load()
	endpoints := make([]Endpoint, 0, len(owners))
	for _, name := range slices.Sorted(maps.Keys(owners)) {
		endpoints = append(endpoints, owners[name].look())
	}
	s.list = listed{no, now, endpoints}
	return endpoints
}

// Get returns one endpoint with its live figures, or *NotFoundError.
func (s *Service) Get(name string) (Endpoint, error) {
	o, ok := (*s.owners.Load())[name]
	if !ok {
		return Endpoint{}, &NotFoundError{Name: name}
	}
	return o.look(), nil
}

// Picture is an endpoint as it is now, without live figures; nil where there is none. It is
// read only, costs nothing, and its settings are the same pointers until they are set anew.
func (s *Service) Picture(name string) *Endpoint {
	o := (*s.owners.Load())[name]
	if o == nil {
		return nil
	}
	return o.picture.Load()
}

// look is the endpoint now, live figures included.
func (o *owner) look() Endpoint {
	e := *o.picture.Load()
	if d := o.serving.Load(); d != nil && e.Active != nil && e.Active.Version == d.version {
		e.Active = e.Active.withLive(d.entities)
	}
	if r := o.rolling.Load(); r != nil && e.Pending != nil && e.Pending.Version == r.config.Version {
		e.Pending = e.Pending.withLive(r.loaded())
	}
	return e
}

// withLive is the configuration with what its entities do now; nil is one that does not
// run yet.
func (c *Config) withLive(entities []*served) *Config {
	c = c.clone()
	for i, s := range entities {
		if s != nil {
			c.Entities[i].Live = s.live()
		}
	}
	return c
}

// change makes a new picture of the endpoint; fn may change all that e points at.
func (o *owner) change(fn func(e *Endpoint)) {
	o.mu.Lock()
	e := o.picture.Load().clone()
	fn(e)
	e.Ready = readiness(e)
	o.picture.Store(e)
	o.mu.Unlock()
	if !o.gone.Load() {
		o.s.changed(o.name)
	}
}

// readiness is READY where every entity of the active configuration can answer: an entity
// whose process is being started again still takes requests.
func readiness(e *Endpoint) ReadyState {
	if e.Active == nil {
		return NotReady
	}
	for _, s := range e.Active.Entities {
		if s.Deployment != DeploymentReady && !(s.Deployment == DeploymentRecovering && s.Message == messageRestarting) {
			return NotReady
		}
	}
	return Ready
}

func (e *Endpoint) clone() *Endpoint {
	c := *e
	c.Active, c.Pending = e.Active.clone(), e.Pending.clone()
	if e.Progress != nil {
		p := *e.Progress
		p.Done = slices.Clone(p.Done)
		c.Progress = &p
	}
	return &c
}

func (c *Config) clone() *Config {
	if c == nil {
		return nil
	}
	copied := *c
	copied.Entities = slices.Clone(c.Entities)
	return &copied
}

// newID is 32 random hex digits.
func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: see crypto/rand
	return hex.EncodeToString(b[:])
}
