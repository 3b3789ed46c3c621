// Package access knows who may call the engine and what each may do: the owner of the
// data folder, the users, service principals and groups that administrators made, the
// tokens that speak for them, and what they were granted on endpoints. It keeps of a
// token and of a client's secret only its SHA-256, and never knows what a request asks.
package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"sync"
	"sync/atomic"
	"time"
)

// Table is where all of it is kept.
type Table interface {
	// Each calls fn for every key that begins with prefix, in key order; key and value may
	// be kept by fn only if copied.
	Each(prefix string, fn func(key string, value []byte) error) error
	// Apply makes all changes at once, all or none; a nil value deletes its key.
	Apply(changes map[string][]byte) error
}

// ErrUnauthenticated refuses a token that is none of this data folder's, and a client
// whose id or secret is wrong.
var ErrUnauthenticated = errors.New("the token is not valid for this data folder")

// User is who calls: a user or a service principal.
type User struct {
	Name        string `json:"name"`         // as an e-mail address, "ada@localhost"; a service principal's application id
	DisplayName string `json:"display_name"` // as a person writes it, "Ada Lovelace"
	ID          string `json:"id"`           // decimal digits, as Databricks' user ids
	Admin       bool   `json:"admin"`
}

// Access answers who a token belongs to and what its user may do. All methods may be
// called from many goroutines at once. Those that a request asks read one snapshot and
// take no lock.
type Access struct {
	table Table
	now   func() time.Time

	state atomic.Pointer[state] // never changed, only replaced
	mu    sync.Mutex            // held while something is changed
	held  map[digest]bool       // the tokens in files, see TokenFile
}

// Open reads the table. In a new data folder it makes the owner from the user of this
// operating system; the name then stays, whoever opens the folder.
func Open(table Table) (*Access, error) { return open(table, time.Now) }

func open(table Table, now func() time.Time) (*Access, error) {
	a := &Access{table: table, now: now, held: map[digest]bool{}}
	s := newState()
	if err := table.Each("", s.set); err != nil {
		return nil, err
	}
	if s.owner.ID == "" {
		owner, err := json.Marshal(ownerFrom(user.Current()))
		if err != nil {
			return nil, err
		}
		if err := table.Apply(map[string][]byte{ownerKey: owner}); err != nil {
			return nil, fmt.Errorf("cannot store the owner of the data folder: %w", err)
		}
		if err := s.set(ownerKey, owner); err != nil {
			return nil, err
		}
	}
	s.derive()
	a.state.Store(s)
	return a, nil
}

// change makes one change, all or none of it: plan looks at what is and says which
// records are to be what. What is then known is read from those very records, so that it
// is the same after the next Open. A plan of nothing writes nothing.
func (a *Access) change(ctx context.Context, what string, plan func(s *state, records changes) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.state.Load()
	records := changes{}
	if err := plan(s, records); err != nil {
		return err
	}
	if len(records) == 0 {
		return nil
	}
	if err := a.table.Apply(records); err != nil {
		return fmt.Errorf("cannot store %s: %w", what, err)
	}
	next := s.clone()
	for key, value := range records {
		if err := next.set(key, value); err != nil {
			return err
		}
	}
	next.derive()
	a.state.Store(next)
	return nil
}

// changes are records of the table on their way; nil removes one.
type changes map[string][]byte

func (c changes) put(key string, record any) error {
	value, err := json.Marshal(record)
	if err != nil {
		return err
	}
	c[key] = value
	return nil
}

// Owner is the user of the data folder.
func (a *Access) Owner() User { return a.state.Load().owner }

// Authenticate finds the user that a token belongs to, or fails with ErrUnauthenticated:
// an unknown token, an expired one, or one of a user who was deactivated. It takes no lock
// and allocates nothing: one SHA-256 of 36 bytes and a look into a map. How long that takes
// tells nothing about stored tokens: what is looked up is a hash, which a caller cannot
// choose byte by byte.
func (a *Access) Authenticate(token string) (User, error) {
	if len(token) != tokenLength {
		return User{}, ErrUnauthenticated
	}
	e := a.state.Load().index.find(hash(token))
	if e == nil || e.expires != 0 && a.now().UnixNano() >= e.expires {
		return User{}, ErrUnauthenticated
	}
	return e.user, nil
}
