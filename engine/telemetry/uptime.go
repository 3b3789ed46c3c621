package telemetry

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// uptime knows when Servery ran: levels of an endpoint at rest are written once and stand
// until others come, but not beyond the end of the process that read them. The end is
// written once a minute, for all endpoints together.
type uptime struct {
	writer *writer

	mu      sync.Mutex
	spans   []span // the last one is this process's
	written int64  // the end that was last written
}

// slept is for how many seconds the machine was at rest at least when nobody looked at the
// clock for that long.
const slept = 120

// span is from the second from up to and without to.
type span struct{ from, to int64 }

// all is a copy of the spans, for ran. The last one goes on.
func (u *uptime) all() []span {
	u.mu.Lock()
	defer u.mu.Unlock()
	spans := slices.Clone(u.spans)
	spans[len(spans)-1].to += slept
	return spans
}

// ran tells whether Servery ran at some time in the seconds from..to-1.
func ran(spans []span, from, to int64) bool {
	for _, s := range slices.Backward(spans) {
		if s.from < to && from < s.to {
			return true
		}
	}
	return false
}

// begin starts this process's span.
func (u *uptime) begin(now int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	changes := map[string][]byte{}
	u.spans = slices.DeleteFunc(u.spans, func(s span) bool {
		old := s.to < now-int64(longWindow/time.Second)
		if old {
			changes[u.key(s.from)] = nil
		}
		return old
	})
	u.spans = append(u.spans, span{now, now + 1})
	u.writer.add(changes)
}

// tick tells that Servery runs at the second now.
func (u *uptime) tick(now int64, write bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := &u.spans[len(u.spans)-1]
	if now-s.to > slept {
		u.spans = append(u.spans, span{now, now})
		s = &u.spans[len(u.spans)-1]
	}
	s.to = max(s.to, now+1)
	if write || floor(now, 60) != floor(u.written, 60) {
		u.written = now
		u.writer.add(map[string][]byte{u.key(s.from): binary.AppendVarint(nil, s.to)})
	}
}

func (u *uptime) key(from int64) string { return fmt.Sprintf("u/%016x", uint64(from)) }

// restore takes a record of the table; false where it is none.
func (u *uptime) restore(key string, value []byte) bool {
	digits, found := strings.CutPrefix(key, "u/")
	from, err := strconv.ParseUint(digits, 16, 64)
	to, size := binary.Varint(value)
	if !found || err != nil || size <= 0 {
		return found
	}
	u.spans = append(u.spans, span{int64(from), to})
	return true
}
