package endpoint

import (
	"maps"
	"slices"
	"sync"
	"time"

	"servery/engine/autoscale"
)

// starts are how long the models of an endpoint took to start, by the served entity's name.
// They outlive a served entity that another configuration loads anew; other files begin a
// new account.
type starts struct {
	mu sync.Mutex
	of map[string]*entityStarts
}

type entityStarts struct {
	autoscale.Starts
	sha256 string
}

func (s *starts) add(entity, sha256 string, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[string]*entityStarts{}
	}
	if known := s.of[entity]; known == nil || known.sha256 != sha256 {
		s.of[entity] = &entityStarts{sha256: sha256}
	}
	s.of[entity].Add(took)
}

// typical is what a start takes, 0 where none was seen.
func (s *starts) typical(entity string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.of[entity]; known != nil {
		return known.Typical()
	}
	return 0
}

// keep forgets the served entities that are not among names: an endpoint that gets another
// one a day would remember all of them.
func (s *starts) keep(names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.of, func(entity string, _ *entityStarts) bool { return !slices.Contains(names, entity) })
}
