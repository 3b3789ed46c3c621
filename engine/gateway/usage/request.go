package usage

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"servery/engine/rows"
)

// Request is one row of endpoint_usage.
type Request struct {
	At        time.Time // request_time
	Status    int
	Requester string            // name of the user or service principal
	ID        string            // databricks_request_id
	ClientID  string            // client_request_id, or ""
	Context   map[string]string // usage_context, or nil

	EndpointID, Endpoint string
	EntityID, Entity     string        // "" where none was asked
	Refused              bool          // by a rate limit
	Run                  time.Duration // the model's

	Position rows.Position // of the row
}

// record is the stored form.
type record struct {
	At         int64             `json:"t"` // Unix µs
	Status     int               `json:"s"`
	Requester  string            `json:"u"`
	ID         string            `json:"i"`
	ClientID   string            `json:"c,omitempty"`
	Context    map[string]string `json:"x,omitempty"`
	EndpointID string            `json:"e"`
	Endpoint   string            `json:"n"`
	EntityID   string            `json:"f,omitempty"`
	Entity     string            `json:"m,omitempty"`
	Refused    bool              `json:"r,omitempty"`
	Run        int64             `json:"d,omitempty"` // ns
}

func (r *Request) encode() []byte {
	b, err := json.Marshal(record{r.At.UnixMicro(), r.Status, r.Requester, r.ID, r.ClientID, r.Context, r.EndpointID, r.Endpoint, r.EntityID, r.Entity, r.Refused, int64(r.Run)})
	if err != nil { // texts and numbers: it cannot be
		return []byte("{}")
	}
	return b
}

func decodeRequest(at rows.Position, b []byte) (Request, error) {
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return Request{}, fmt.Errorf("a row of usage cannot be read: %w", err)
	}
	return Request{time.UnixMicro(r.At).UTC(), r.Status, r.Requester, r.ID, r.ClientID, r.Context, r.EndpointID, r.Endpoint, r.EntityID, r.Entity, r.Refused, time.Duration(r.Run), at}, nil
}

// Query says which rows are asked for.
type Query struct {
	Endpoint string // its name; "" for all
	From, To time.Time
	After    rows.Position // go on behind that row; zero begins with the newest
	Most     int           // rows at most
}

// maxLooked bounds how many rows one call looks at, 0.1 s of work.
const maxLooked = 50_000

var errEnough = errors.New("enough rows")

// Requests lists rows, the newest first. more tells that there may be others behind next,
// also where the list is empty: then they are of other endpoints.
func (t *Tracker) Requests(q Query) (list []Request, next rows.Position, more bool, err error) {
	t.writing.Lock()
	t.flush(false)
	t.writing.Unlock()
	looked := 0
	err = t.rows.Scan(requestsTable, rows.Scan{From: q.From, To: q.To, After: q.After, Newest: true}, func(at rows.Position, value []byte) error {
		if len(list) == q.Most || looked == maxLooked {
			return errEnough
		}
		looked, next = looked+1, at
		r, err := decodeRequest(at, value)
		if err != nil {
			return err
		}
		if q.Endpoint == "" || q.Endpoint == r.Endpoint {
			list = append(list, r)
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return list, next, true, nil
	}
	return list, next, false, err
}
