package inference

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"servery/engine/rows"
)

const (
	// MaxPage is the most rows of one page, pageBytes their size, about; a page has one row
	// at least.
	MaxPage   = 1000
	pageBytes = 4 << 20
	// Of rows that a query leaves out a page passes over so many, or bytes, before it comes
	// back with what it has: a search for what is rare answers soon, and goes on.
	passRows  = 20_000
	passBytes = 64 << 20
	// longest is how much later than it came a request can have been written: rows stand by
	// the time of their end. A request takes 597 s at most.
	longest = 12 * time.Minute
)

// Position is where a row stands in its table.
type Position = rows.Position

// ParsePosition reads what Position.String wrote.
func ParsePosition(s string) (Position, error) { return rows.ParsePosition(s) }

// Reader reads inference tables. Its methods may be called from many goroutines at once.
type Reader struct {
	rows  rows.Tables
	flush func()
}

// NewReader reads tables that nobody writes.
func NewReader(r rows.Tables) *Reader { return &Reader{r, func() {}} }

// Reader reads the tables; it sees each request that has ended.
func (t *Tables) Reader() *Reader { return &Reader{t.options.Rows, t.Flush} }

// Table is one inference table.
type Table struct {
	Name       string // "catalog.schema.prefix_payload"
	EndpointID string // of the endpoint whose requests it has, which may be gone
	Endpoint   string // its name
	Legacy     bool   // it has the columns of the form before the AI Gateway
	Rows       int64
	Bytes      int64         // of its rows, before compression
	Keep       time.Duration // how long rows are kept; 0 as long as there is room
	stored     string
}

// NotFoundError says that there is no such table.
type NotFoundError struct{ Name string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("There is no inference table '%.300s': it begins with the first request that is logged.", e.Name)
}

// List lists the tables that have rows, by name.
func (r *Reader) List() ([]Table, error) {
	r.flush()
	names, err := r.rows.Tables()
	if err != nil {
		return nil, err
	}
	var list []Table
	for _, name := range names {
		n, ok := parseName(name)
		if !ok {
			continue
		}
		c, err := r.rows.Count(name)
		if err != nil {
			return nil, err
		}
		keep, _, err := r.rows.Keep(name)
		if err != nil {
			return nil, err
		}
		if c.Rows > 0 {
			list = append(list, Table{n.table, n.endpointID, n.endpointName, n.form == captureForm, c.Rows, c.Bytes, keep, name})
		}
	}
	slices.SortStableFunc(list, func(a, b Table) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// Query says which rows of a table to read. Zero fields leave nothing out.
type Query struct {
	From, To             time.Time // when the request came: From is within, To is not
	StatusFrom, StatusTo int       // both are within
	Requester            string
	EntityID             string // served_entity_id
	Entity               string // the served entity's name
	RequestID            string // databricks_request_id or client_request_id
	Contains             string // within the request or the response, as it is written
	Oldest               bool   // oldest first; else newest first. Rows are in the order in which requests ended

	Limit int // the most rows of a page, 1 to 1,000; 0 is 100
	After rows.Position
}

// Page is some rows, and where the next ones begin: the zero position where there are none.
type Page struct {
	Rows []Row
	Next rows.Position
}

var errFull = errors.New("the page is full")

// Search reads a page. It may have fewer rows than Limit, or none, and yet a next one.
func (r *Reader) Search(ctx context.Context, t Table, q Query) (Page, error) {
	r.flush()
	return r.page(ctx, t, q)
}

func (r *Reader) page(ctx context.Context, t Table, q Query) (p Page, err error) {
	limit := min(max(q.Limit, 0), MaxPage)
	if limit == 0 {
		limit = 100
	}
	s := rows.Scan{From: q.From, To: q.To, After: q.After, Newest: !q.Oldest}
	if !q.To.IsZero() {
		s.To = q.To.Add(longest)
	}
	passed, size, found := 0, 0, 0
	var last rows.Position
	err = r.rows.Scan(t.stored, s, func(at rows.Position, value []byte) error {
		if len(p.Rows) == limit || found > pageBytes || passed == passRows || size > passBytes || ctx.Err() != nil {
			p.Next = last
			return errFull
		}
		last = at
		passed++
		size += len(value)
		if q.Contains != "" && !bytes.Contains(value, []byte(q.Contains)) {
			return nil // without decoding it
		}
		row, err := decodeRow(value)
		if err != nil {
			return fmt.Errorf("a row of %s cannot be read: %w", t.Name, err)
		}
		if row.Position = at; q.takes(&row) {
			p.Rows = append(p.Rows, row)
			found += len(value)
		}
		return nil
	})
	if errors.Is(err, errFull) {
		err = ctx.Err()
	}
	return p, err
}

func (q *Query) takes(r *Row) bool {
	within := func(p *string) bool { return p != nil && strings.Contains(*p, q.Contains) }
	switch {
	case !q.From.IsZero() && r.Time.Before(q.From), !q.To.IsZero() && !r.Time.Before(q.To):
	case q.StatusFrom > 0 && r.Status < q.StatusFrom, q.StatusTo > 0 && r.Status > q.StatusTo:
	case q.Requester != "" && r.Requester != q.Requester:
	case q.EntityID != "" && r.EntityID != q.EntityID:
	case q.Entity != "" && r.Entity != q.Entity:
	case q.RequestID != "" && r.RequestID != q.RequestID && r.ClientRequestID != q.RequestID:
	case q.Contains != "" && !within(r.Request) && !within(r.Response):
	default:
		return true
	}
	return false
}

// Each calls fn for all rows of a query, of any number, until fn fails; memory is that of a
// page. Limit does not count.
func (r *Reader) Each(ctx context.Context, t Table, q Query, fn func(*Row) error) error {
	r.flush()
	q.Limit = MaxPage
	for {
		p, err := r.page(ctx, t, q)
		if err != nil {
			return err
		}
		for i := range p.Rows {
			if err := fn(&p.Rows[i]); err != nil {
				return err
			}
		}
		if p.Next == (rows.Position{}) {
			return nil
		}
		q.After = p.Next
	}
}

// Count counts the rows of a query.
func (r *Reader) Count(ctx context.Context, t Table, q Query) (n int64, err error) {
	err = r.Each(ctx, t, q, func(*Row) error { n++; return nil })
	return n, err
}

// Delete deletes all rows of a table.
func (r *Reader) Delete(t Table) error {
	r.flush()
	return r.rows.Drop(t.stored)
}

// DeleteBefore deletes the rows of requests that ended before that.
func (r *Reader) DeleteBefore(t Table, before time.Time) error {
	r.flush()
	return r.rows.DropBefore(t.stored, before)
}

// SetKeep says how long a table keeps rows; 0 is as long as there is room.
func (r *Reader) SetKeep(t Table, keep time.Duration) error { return r.rows.SetKeep(t.stored, keep) }
