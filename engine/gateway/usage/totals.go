package usage

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"servery/engine/rows"
)

// Total is what one requester asked one served entity in an hour or a day.
type Total struct {
	From                 time.Time // of the hour or the day, in UTC
	EndpointID, Endpoint string
	Entity               string // "" for requests that came to none
	Requester            string
	Sums
}

// Sums are the figures of a Total.
type Sums struct {
	Requests int64         `json:"r"`
	Errors4  int64         `json:"4,omitempty"` // 4xx, with those that a rate limit refused
	Errors5  int64         `json:"5,omitempty"`
	Refused  int64         `json:"l,omitempty"` // by a rate limit
	Run      time.Duration `json:"d,omitempty"` // of the model, summed up
}

func (s *Sums) add(o Sums) {
	s.Requests += o.Requests
	s.Errors4 += o.Errors4
	s.Errors5 += o.Errors5
	s.Refused += o.Refused
	s.Run += o.Run
}

// key is who asked whom in which hour.
type key struct {
	Hour       int64  `json:"h"` // Unix seconds
	EndpointID string `json:"e"`
	Endpoint   string `json:"n"`
	Entity     string `json:"m,omitempty"`
	Requester  string `json:"u"`
}

// totals are sums that are not written yet. What is written is added up when it is read:
// the rows of an hour are the parts of its sum.
type totals map[key]*Sums

func (t totals) add(r *Request) {
	k := key{r.At.Truncate(time.Hour).Unix(), r.EndpointID, r.Endpoint, r.Entity, r.Requester}
	s := t[k]
	if s == nil {
		s = &Sums{}
		t[k] = s
	}
	one := Sums{Requests: 1, Run: r.Run}
	switch {
	case r.Status >= 500:
		one.Errors5 = 1
	case r.Status >= 400:
		one.Errors4 = 1
	}
	if r.Refused {
		one.Refused = 1
	}
	s.add(one)
}

// part is the stored form of a part of a sum.
type part struct {
	key
	Sums
}

// rows are the parts to write, with their keys.
func (t totals) rows(now time.Time) (list []rows.New, keys []key) {
	for k, s := range t {
		b, err := json.Marshal(part{k, *s})
		if err != nil { // texts and numbers: it cannot be
			continue
		}
		list, keys = append(list, rows.New{At: now, Value: b}), append(keys, k)
	}
	return list, keys
}

// Totals are the sums of the hours that begin from from and before to, by the hour or, where
// days is set, by the day, in UTC; the newest first. endpoint is a name, "" for all.
func (t *Tracker) Totals(endpoint string, from, to time.Time, days bool) ([]Total, error) {
	step := time.Hour
	if days {
		step = 24 * time.Hour
	}
	sums := totals{}
	add := func(p part) {
		hour := time.Unix(p.Hour, 0).UTC()
		if hour.Before(from) || !to.IsZero() && !hour.Before(to) || endpoint != "" && endpoint != p.Endpoint {
			return
		}
		p.Hour = hour.Truncate(step).Unix()
		if sums[p.key] == nil {
			sums[p.key] = &Sums{}
		}
		sums[p.key].add(p.Sums)
	}
	t.writing.Lock() // until it is read: no part is in both
	defer t.writing.Unlock()
	t.flush(false)
	for k, s := range t.totals {
		add(part{k, *s})
	}
	// A part is written after its hour began.
	err := t.rows.Scan(totalsTable, rows.Scan{From: from}, func(_ rows.Position, value []byte) error {
		var p part
		if err := json.Unmarshal(value, &p); err != nil {
			return fmt.Errorf("a total of usage cannot be read: %w", err)
		}
		add(p)
		return nil
	})
	list := make([]Total, 0, len(sums))
	for _, k := range slices.SortedFunc(maps.Keys(sums), newestFirst) {
		list = append(list, Total{time.Unix(k.Hour, 0).UTC(), k.EndpointID, k.Endpoint, k.Entity, k.Requester, *sums[k]})
	}
	return list, err
}

func newestFirst(a, b key) int {
	return cmp.Or(cmp.Compare(b.Hour, a.Hour), strings.Compare(a.Endpoint, b.Endpoint), strings.Compare(a.EndpointID, b.EndpointID),
		strings.Compare(a.Entity, b.Entity), strings.Compare(a.Requester, b.Requester))
}
