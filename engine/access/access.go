// Package access knows who may call the engine: one user, the owner of the data folder,
// and the tokens that speak for that user. It keeps of a token only its SHA-256, and
// never knows what a caller wants to do.
package access

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/user"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
)

// Table is where users and tokens are kept.
type Table interface {
	// Each calls fn for every key that begins with prefix, in key order; key and value may
	// be kept by fn only if copied.
	Each(prefix string, fn func(key string, value []byte) error) error
	// Apply makes all changes at once, all or none; a nil value deletes its key.
	Apply(changes map[string][]byte) error
}

// The keys of the table: the owner, and one record a token, by its hash.
const (
	ownerKey    = "user/owner"
	tokenPrefix = "token/"
)

// ErrUnauthenticated refuses a token that is none of this data folder's.
var ErrUnauthenticated = errors.New("the token is not valid for this data folder")

// User is who calls.
type User struct {
	Name        string `json:"name"`         // as an e-mail address, "ada@localhost"
	DisplayName string `json:"display_name"` // as a person writes it, "Ada Lovelace"
	ID          string `json:"id"`           // decimal digits, as Databricks' user ids
	Admin       bool   `json:"admin"`
}

// token is what is stored of one.
type token struct {
	User    string    `json:"user"` // the user's ID
	Comment string    `json:"comment,omitempty"`
	Created time.Time `json:"created"`
}

// Access answers who a token belongs to. All methods may be called from many goroutines
// at once.
type Access struct {
	table Table
	now   func() time.Time
	owner User

	known atomic.Pointer[index] // never changed, only replaced
	mu    sync.Mutex            // held while tokens are made
}

type digest [sha256.Size]byte

// index finds tokens by the first half of their hash; the second half is compared in
// constant time. More than one token below one half is not to be expected.
type index map[half][]entry

type half [sha256.Size / 2]byte

type entry struct {
	rest half
	user User
}

func (x index) add(d digest, u User) {
	first := half(d[:len(half{})])
	x[first] = append(slices.Clip(x[first]), entry{half(d[len(half{}):]), u})
}

func (x index) find(d digest) (User, bool) {
	for _, e := range x[half(d[:len(half{})])] {
		if subtle.ConstantTimeCompare(e.rest[:], d[len(half{}):]) == 1 {
			return e.user, true
		}
	}
	return User{}, false
}

// Open reads the owner and the tokens. In a new data folder it makes the owner from the
// user of this operating system; the name then stays, whoever opens the folder.
func Open(table Table) (*Access, error) { return open(table, time.Now) }

func open(table Table, now func() time.Time) (*Access, error) {
	a := &Access{table: table, now: now}
	if err := a.readOwner(); err != nil {
		return nil, err
	}
	known := index{}
	err := table.Each(tokenPrefix, func(key string, value []byte) error {
		d, err := hex.DecodeString(key[len(tokenPrefix):])
		if err != nil || len(d) != sha256.Size {
			return fmt.Errorf("the stored token %q has no valid key", key)
		}
		var t token
		if err := json.Unmarshal(value, &t); err != nil {
			return fmt.Errorf("the stored token %q cannot be read: %w", key, err)
		}
		if t.User == a.owner.ID {
			known.add(digest(d), a.owner)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.known.Store(&known)
	return a, nil
}

func (a *Access) readOwner() error {
	err := a.table.Each(ownerKey, func(_ string, value []byte) error {
		if err := json.Unmarshal(value, &a.owner); err != nil {
			return fmt.Errorf("the stored owner cannot be read: %w", err)
		}
		if a.owner.ID == "" || a.owner.Name == "" {
			return errors.New("the stored owner has no name")
		}
		return nil
	})
	if err != nil || a.owner.ID != "" {
		return err
	}
	owner := ownerFrom(user.Current())
	value, err := json.Marshal(owner)
	if err != nil {
		return err
	}
	if err := a.table.Apply(map[string][]byte{ownerKey: value}); err != nil {
		return fmt.Errorf("cannot store the owner of the data folder: %w", err)
	}
	a.owner = owner
	return nil
}

// ownerID is the owner's in every data folder: it is not a secret, and programs that
// compare ids find the same one after the folder was made anew.
const ownerID = "1000000000000001"

// ownerFrom makes the owner from the user of the operating system; where that is not
// known, as in some containers, the name is "servery".
func ownerFrom(u *user.User, err error) User {
	if err != nil || u == nil {
		u = &user.User{}
	}
	login := u.Username
	if i := strings.LastIndexByte(login, '\\'); i >= 0 { // DOMAIN\name on Windows
		login = login[i+1:]
	}
	local := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		case strings.ContainsRune("._-+", r):
			return r
		case r == ' ':
			return '.'
		}
		return -1
	}, login), ".")
	local = cmp.Or(local, "servery")
	full, _, _ := strings.Cut(u.Name, ",") // "Ada Lovelace,Room 1,..." in some passwd files
	return User{
		Name:        local + "@localhost",
		DisplayName: cmp.Or(strings.TrimSpace(full), local),
		ID:          ownerID,
		Admin:       true,
	}
}

// Owner is the user of the data folder.
func (a *Access) Owner() User { return a.owner }

// Authenticate finds the user that a token belongs to, or fails with ErrUnauthenticated.
// It takes no lock and allocates nothing: one SHA-256 of 36 bytes and a look into a map.
// How long that takes tells nothing about stored tokens: what is looked up is a hash,
// which a caller cannot choose byte by byte.
func (a *Access) Authenticate(token string) (User, error) {
	if len(token) != tokenLength {
		return User{}, ErrUnauthenticated
	}
	if u, ok := a.known.Load().find(hash(token)); ok {
		return u, nil
	}
	return User{}, ErrUnauthenticated
}

// CreateToken makes a token of the owner. It cannot be shown again: only its hash is
// kept, with the comment.
func (a *Access) CreateToken(ctx context.Context, comment string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	t := newToken()
	d := hash(t)
	value, err := json.Marshal(token{User: a.owner.ID, Comment: comment, Created: a.now().UTC()})
	if err != nil {
		return "", err
	}
	if err := a.table.Apply(map[string][]byte{tokenPrefix + hex.EncodeToString(d[:]): value}); err != nil {
		return "", fmt.Errorf("cannot store a new token: %w", err)
	}
	next := maps.Clone(*a.known.Load())
	next.add(d, a.owner)
	a.known.Store(&next)
	return t, nil
}
