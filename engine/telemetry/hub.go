package telemetry

import "sync"

// ChangeKind says what sort of thing changed.
type ChangeKind uint8

// What can change.
const (
	EndpointChanged ChangeKind = iota + 1 // state, configuration or events of an endpoint
	ModelChanged                          // a model, its versions or aliases
	MetricsChanged                        // an endpoint's figures: once a second while it has traffic
	EngineChanged                         // address, runtime or data folder; Name is ""
)

// Change tells what to read again, never the new data: kind and name of the thing. A
// thing that was removed changes one last time.
type Change struct {
	Kind ChangeKind
	Name string // the endpoint's name, or the model's full name
}

// Hub passes changes to subscribers and never waits for one: a slow subscriber finds all
// that changed meanwhile, each thing once.
type Hub struct {
	mu   sync.Mutex
	subs map[*Subscription]struct{}
}

// NewHub makes a hub without subscribers.
func NewHub() *Hub { return &Hub{subs: map[*Subscription]struct{}{}} }

// Publish tells every subscriber of c. It does not block.
func (h *Hub) Publish(c Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs {
		s.add(c)
	}
}

// Subscribe starts to collect changes. Close must be called in the end.
func (h *Hub) Subscribe() *Subscription {
	s := &Subscription{hub: h, wake: make(chan struct{}, 1), seen: map[Change]struct{}{}}
	h.mu.Lock()
	h.subs[s] = struct{}{}
	h.mu.Unlock()
	return s
}

// Subscription collects changes for one reader.
type Subscription struct {
	hub  *Hub
	wake chan struct{}

	mu      sync.Mutex
	seen    map[Change]struct{}
	changes []Change
}

func (s *Subscription) add(c Change) {
	s.mu.Lock()
	if _, again := s.seen[c]; !again {
		s.seen[c] = struct{}{}
		s.changes = append(s.changes, c)
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Wake receives when there is something to Take.
func (s *Subscription) Wake() <-chan struct{} { return s.wake }

// Take returns what changed since the last call, in order, each thing once; nil for
// nothing.
func (s *Subscription) Take() []Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.changes
	s.changes = nil
	clear(s.seen)
	return c
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	delete(s.hub.subs, s)
	s.hub.mu.Unlock()
}
