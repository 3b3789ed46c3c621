package gateway

import (
	"context"
	"math/rand/v2"

	"servery/engine/access"
)

// Call is who sent a scoring request, and the name that the request has in answers, logs
// and tables (databricks_request_id).
type Call struct {
	User      access.User
	RequestID string
}

// withCall is a context and a call in one allocation: each request makes one.
type withCall struct {
	context.Context //nolint:containedctx // it is a context
	call            Call
}

type callKey struct{}

func (c *withCall) Value(key any) any {
	if _, ok := key.(callKey); ok {
		return &c.call
	}
	return c.Context.Value(key)
}

// WithCall gives a context that says who sent a request.
func WithCall(ctx context.Context, c Call) context.Context { return &withCall{ctx, c} }

// CallFrom is who sent the request; ok is false where the context does not say.
func CallFrom(ctx context.Context) (c Call, ok bool) {
	if found, ok := ctx.Value(callKey{}).(*Call); ok {
		return *found, true
	}
	return Call{}, false
}

// NewRequestID is a random UUID (version 4). It names a request in answers, logs and
// tables; it guards nothing.
func NewRequestID() string {
	const hex = "0123456789abcdef"
	hi, lo := rand.Uint64(), rand.Uint64()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 1<<63
	var id [36]byte
	at := 0
	for i, word := range [2]uint64{hi, lo} {
		for shift := 60; shift >= 0; shift -= 4 {
			if n := (60-shift)/4 + 16*i; n == 8 || n == 12 || n == 16 || n == 20 {
				id[at] = '-'
				at++
			}
			id[at] = hex[word>>shift&15]
			at++
		}
	}
	return string(id[:])
}
