package telemetry

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxEvents  = 500     // per endpoint, the newest
	maxMessage = 4 << 10 // bytes
)

// history is an endpoint's events, oldest first, and their numbers: event i has number
// next-len(events)+i. Numbers only grow; they order the keys in the table.
type history struct {
	events []Event
	next   uint64
}

// Event adds to the endpoint's event log and returns at once: it is on the disk about a
// second later. An event without a time happens now.
func (r *Recorder) Event(e Event) {
	if e.At.IsZero() {
		e.At = r.now()
	}
	e.Message, e.Reason = bounded(e.Message), bounded(e.Reason)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return
	}
	h := &r.events
	e.ID = h.next
	changes := map[string][]byte{keyOf(r.name, h.next): encode(e)}
	h.events = append(h.events, e)
	h.next++
	if n := len(h.events) - maxEvents; n > 0 {
		for i := range n {
			changes[keyOf(r.name, h.next-uint64(len(h.events))+uint64(i))] = nil
		}
		h.events = append([]Event(nil), h.events[n:]...)
	}
	r.log.add(changes) // within the lock, so that changes of one key stay in order
}

func bounded(text string) string {
	if len(text) > maxMessage {
		return strings.ToValidUTF8(text[:maxMessage], "") + " ..."
	}
	return text
}

// newest is the newest n events, newest first.
func (r *Recorder) newest(n int) []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	n = min(max(n, 0), len(r.events.events))
	got := slices.Clone(r.events.events[len(r.events.events)-n:])
	slices.Reverse(got)
	return got
}

func (r *Recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = true
	changes := map[string][]byte{}
	for i := range r.events.events {
		changes[keyOf(r.name, r.events.next-1-uint64(i))] = nil
	}
	for _, l := range r.logs {
		r.eraseLog(l, changes)
	}
	r.log.add(changes)
	r.archive.forget()
	r.events.events, r.logs, r.entities = nil, nil, nil
}

// keyOf is "name/0000000000000007"; a name that holds a slash is escaped.
func keyOf(name string, number uint64) string {
	return url.PathEscape(name) + "/" + fmt.Sprintf("%016x", number)
}

func parseKey(key string) (name string, number uint64, err error) {
	escaped, digits, _ := strings.Cut(key, "/")
	if name, err = url.PathUnescape(escaped); err != nil {
		return "", 0, err
	}
	number, err = strconv.ParseUint(digits, 16, 64)
	return name, number, err
}

// stored is an event in the table.
type stored struct {
	At      time.Time `json:"at"`
	Type    EventType `json:"type"`
	Entity  string    `json:"entity,omitempty"`
	Version int       `json:"version,omitempty"`
	Message string    `json:"message,omitempty"`
	Actor   string    `json:"actor,omitempty"` // this and what follows came later: older records lack it
	Reason  string    `json:"reason,omitempty"`
}

func (s *stored) event(id uint64) Event {
	return Event{ID: id, At: s.At, Type: s.Type, Entity: s.Entity, Version: s.Version, Actor: s.Actor, Message: s.Message, Reason: s.Reason}
}

func encode(e Event) []byte {
	s := stored{e.At, e.Type, e.Entity, e.Version, e.Message, e.Actor, e.Reason}
	b, err := json.Marshal(s)
	if err != nil { // a year beyond 9999
		s.At = time.Time{}
		b, _ = json.Marshal(s)
	}
	return b
}

// eventLog is the table of events and logs.
type eventLog struct {
	*writer
	readErr error
}

// read is all that the table holds. A record that cannot be read is left alone.
func (l *eventLog) read() (map[string]history, map[string]logs) {
	all, texts := map[string]history{}, map[string]logs{}
	if l.table == nil {
		return all, texts
	}
	var old []string
	l.readErr = l.table.Each("", func(key string, value []byte) error {
		if readLog(texts, key, value) {
			return nil
		}
		name, number, err := parseKey(key)
		var e stored
		if err != nil || json.Unmarshal(value, &e) != nil {
			return nil
		}
		h := all[name]
		if len(h.events) > 0 && number != h.next {
			// Where a number is missing, the events before it are given up: a history has
			// no holes.
			for i := range h.events {
				old = append(old, keyOf(name, h.next-1-uint64(i)))
			}
			h.events = nil
		}
		h.events, h.next = append(h.events, e.event(number)), number+1
		all[name] = h
		return nil
	})
	if l.readErr != nil {
		l.readErr = fmt.Errorf("the event log cannot be read, new events are kept in memory only: %w", l.readErr)
		return nil, nil
	}
	changes := map[string][]byte{}
	for _, key := range old {
		changes[key] = nil
	}
	l.add(changes)
	return all, texts
}

func (l *eventLog) add(changes map[string][]byte) {
	if l.readErr == nil {
		l.writer.add(changes)
	}
}

func (l *eventLog) close() error {
	if l.readErr != nil {
		return l.readErr
	}
	return l.writer.close()
}
