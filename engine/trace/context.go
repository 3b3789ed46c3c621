// Package trace tells an OpenTelemetry collector what became of each scoring request: a span
// for the request and one for each of its stages, by OTLP over HTTP. It does so only where
// the person who started Servery named a collector; nothing is sent anywhere else.
package trace

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"strings"
)

// Context is where a span belongs: what the header traceparent carries.
type Context struct {
	TraceID [16]byte
	SpanID  [8]byte // of the span that asks
	Sampled bool
	State   string // the header tracestate, passed on as it is
}

// maxState bounds tracestate: W3C asks for 512 characters at least.
const maxState = 512

// Parse reads a request's traceparent and tracestate (W3C Trace Context, level 1). ok is
// false where there is none that is valid: the request then begins a trace of its own.
func Parse(parent, state []string) (c Context, ok bool) {
	if len(parent) != 1 {
		return c, false
	}
	// "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	p := parent[0]
	if len(p) < 55 || p[2] != '-' || p[35] != '-' || p[52] != '-' || strings.ToLower(p[:55]) != p[:55] {
		return c, false
	}
	var version, flags [1]byte
	for _, field := range []struct {
		to   []byte
		text string
	}{{version[:], p[:2]}, {c.TraceID[:], p[3:35]}, {c.SpanID[:], p[36:52]}, {flags[:], p[53:55]}} {
		if _, err := hex.Decode(field.to, []byte(field.text)); err != nil {
			return Context{}, false
		}
	}
	// Later versions may have more behind another dash.
	if version[0] == 0xff || version[0] == 0 && len(p) > 55 || len(p) > 55 && p[55] != '-' {
		return Context{}, false
	}
	if c.TraceID == [16]byte{} || c.SpanID == [8]byte{} {
		return Context{}, false
	}
	c.Sampled = flags[0]&1 != 0
	if s := strings.Join(state, ","); len(s) <= maxState {
		c.State = s
	}
	return c, true
}

func newTraceID() (id [16]byte) {
	for id == [16]byte{} {
		binary.BigEndian.PutUint64(id[:8], rand.Uint64())
		binary.BigEndian.PutUint64(id[8:], rand.Uint64())
	}
	return id
}

func newSpanID() (id [8]byte) {
	for id == [8]byte{} {
		binary.BigEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}

// sampler decides which requests are told, as OTEL_TRACES_SAMPLER has it.
type sampler struct {
	follow bool    // a parent's decision counts
	ratio  float64 // of the traces that are told, where none counts
}

// takes decides for a request whose parent is c, where it has one. The ratio goes by the
// trace's id, so that all who see a trace decide alike.
func (s sampler) takes(c Context, parent bool) bool {
	if parent && s.follow {
		return c.Sampled
	}
	if s.ratio >= 1 {
		return true
	}
	return binary.BigEndian.Uint64(c.TraceID[8:])>>1 < uint64(s.ratio*math.MaxInt64)
}
