package engine

import (
	"time"

	"servery/engine/endpoint"
	"servery/engine/gateway/usage"
	"servery/engine/rows"
)

// UsageRequests lists tracked requests, the newest first.
func (e *Engine) UsageRequests(q usage.Query) (list []usage.Request, next rows.Position, more bool, err error) {
	return e.usage.Requests(q)
}

// UsageTotals are sums of tracked requests by the hour or the day, the newest first.
func (e *Engine) UsageTotals(endpoint string, from, to time.Time, days bool) ([]usage.Total, error) {
	return e.usage.Totals(endpoint, from, to, days)
}

// ServedEntities are what serves and has served, the newest first.
func (e *Engine) ServedEntities() ([]usage.Entity, error) { return e.served.List() }

// keepServed keeps what an endpoint served before it is deleted. That must not keep it from
// being deleted, as on a full disk.
func (e *Engine) keepServed(one *endpoint.Endpoint) {
	if err := e.served.Deleting(one, time.Now()); err != nil {
		e.options.Log.Warn("it is not kept what a deleted endpoint served", "endpoint", one.Name, "error", err)
	}
}
