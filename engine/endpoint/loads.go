package endpoint

import (
	"context"
	"slices"
	"sync"
)

// loads bounds how many models load at once: a load keeps a core busy and reads its model
// from disk, so that a thousand at once would each take a thousand times as long. Those
// for which a request waits go first.
type loads struct {
	mu     sync.Mutex
	free   int
	urgent []chan struct{}
	usual  []chan struct{}
}

func newLoads(n int) *loads { return &loads{free: max(n, 1)} }

// acquire waits for a slot until ctx ends. From the moment that hurry is closed the wait
// is an urgent one. After success release must be called once.
func (l *loads) acquire(ctx context.Context, hurry <-chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	turn := make(chan struct{})
	l.mu.Lock()
	if l.free > 0 {
		l.free--
		l.mu.Unlock()
		return nil
	}
	l.usual = append(l.usual, turn)
	l.mu.Unlock()
	for {
		select {
		case <-turn:
			return nil
		case <-hurry:
			l.promote(turn)
			hurry = nil
		case <-ctx.Done():
			l.giveUp(turn)
			return ctx.Err()
		}
	}
}

func (l *loads) promote(turn chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.usual, turn); i >= 0 {
		l.usual = slices.Delete(l.usual, i, i+1)
		l.urgent = append(l.urgent, turn)
	}
}

func (l *loads) giveUp(turn chan struct{}) {
	l.mu.Lock()
	for _, q := range []*[]chan struct{}{&l.usual, &l.urgent} {
		if i := slices.Index(*q, turn); i >= 0 {
			*q = slices.Delete(*q, i, i+1)
			l.mu.Unlock()
			return
		}
	}
	l.mu.Unlock()
	l.release() // its turn had come at the same moment
}

// release hands the slot on.
func (l *loads) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range []*[]chan struct{}{&l.urgent, &l.usual} {
		if len(*q) > 0 {
			close((*q)[0])
			*q = (*q)[1:]
			return
		}
	}
	l.free++
}
