package api

import (
	"time"

	"servery/engine/gateway/usage"
	"servery/engine/rows"
)

// fakeUsage is what was tracked, and what was asked for.
type fakeUsage struct {
	requests []usage.Request
	more     bool
	totals   []usage.Total
	entities []usage.Entity
	query    usage.Query
	asked    []any
}

func (f *fake) UsageRequests(q usage.Query) ([]usage.Request, rows.Position, bool, error) {
	f.usage.query = q
	return f.usage.requests, rows.Position{Segment: 1, At: 2}, f.usage.more, f.fails
}

func (f *fake) UsageTotals(endpoint string, from, to time.Time, days bool) ([]usage.Total, error) {
	f.usage.asked = []any{endpoint, from.UnixMilli(), to.UnixMilli(), days}
	return f.usage.totals, f.fails
}

func (f *fake) ServedEntities() ([]usage.Entity, error) { return f.usage.entities, f.fails }
