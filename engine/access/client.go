package access

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ClientSecret is what is known of a secret with which a service principal gets access
// tokens (OAuth's client credentials). The secret itself is shown once.
type ClientSecret struct {
	ID      string // 32 hexadecimal digits
	Hash    string // SHA-256 of the secret, hexadecimal, by which its keeper recognises it
	Created time.Time
	Expires time.Time
}

// clientSecret is what is stored of one.
type clientSecret struct {
	Principal string    `json:"principal"` // its ID
	Hash      string    `json:"hash"`
	Created   time.Time `json:"created"`
	Expires   time.Time `json:"expires"`
}

func (c clientSecret) shown(id string) ClientSecret {
	return ClientSecret{ID: id, Hash: c.Hash, Created: c.Created, Expires: c.Expires}
}

const (
	secretStart = "dose" // as the product's
	accessStart = "dosa"
	maxSecrets  = 5 // of one service principal, as the product has it
	maxAccess   = 1000
	// AccessLifetime is how long an access token lasts.
	AccessLifetime = time.Hour
)

// CreateClientSecret makes a secret of a service principal. A lifetime of 0 is the
// longest, 730 days. It cannot be shown again. Errors are *NotFoundError, *InvalidError,
// *QuotaError and the table's.
func (a *Access) CreateClientSecret(ctx context.Context, principal string, lifetime time.Duration) (string, ClientSecret, error) {
	if lifetime == 0 {
		lifetime = MaxLifetime
	}
	if lifetime < 0 || lifetime > MaxLifetime {
		return "", ClientSecret{}, lifetimeError("lifetime")
	}
	secret, id := newToken(secretStart), newToken("")
	now := a.now().UTC()
	c := clientSecret{Principal: principal, Hash: hashOf(secret), Created: now, Expires: now.Add(lifetime)}
	err := a.change(ctx, "a client's secret", func(s *state, records changes) error {
		if _, err := s.principal(KindServicePrincipal, principal); err != nil {
			return err
		}
		n := 0
		for _, other := range s.secrets {
			if other.Principal == principal {
				n++
			}
		}
		if n >= maxSecrets {
			return &QuotaError{fmt.Sprintf("A service principal has at most %d secrets: delete one first.", maxSecrets)}
		}
		return records.put(secretPrefix+id, c)
	})
	if err != nil {
		return "", ClientSecret{}, err
	}
	return secret, c.shown(id), nil
}

// ClientSecrets lists a service principal's secrets, oldest first, or fails with
// *NotFoundError.
func (a *Access) ClientSecrets(principal string) ([]ClientSecret, error) {
	s := a.state.Load()
	if _, err := s.principal(KindServicePrincipal, principal); err != nil {
		return nil, err
	}
	var all []ClientSecret
	for id, c := range s.secrets {
		if c.Principal == principal {
			all = append(all, c.shown(id))
		}
	}
	slices.SortFunc(all, func(c, d ClientSecret) int { return cmp.Or(c.Created.Compare(d.Created), cmp.Compare(c.ID, d.ID)) })
	return all, nil
}

// DeleteClientSecret ends a secret and the access tokens that were given for it. Errors are
// *NotFoundError and the table's.
func (a *Access) DeleteClientSecret(ctx context.Context, principal, id string) error {
	return a.change(ctx, "the end of a client's secret", func(s *state, records changes) error {
		if _, err := s.principal(KindServicePrincipal, principal); err != nil {
			return err
		}
		if c, ok := s.secrets[id]; !ok || c.Principal != principal {
			return &NotFoundError{"Secret", id}
		}
		records[secretPrefix+id] = nil
		for d, t := range s.tokens {
			if t.Secret == id {
				records[tokenKey(d)] = nil
			}
		}
		return nil
	})
}

// Exchange gives an access token to the service principal of an application id that knows
// one of its secrets; ErrUnauthenticated is all that anybody else learns. The token lasts
// AccessLifetime, also over a restart. Of more than a thousand at once of one service
// principal the oldest goes.
func (a *Access) Exchange(ctx context.Context, applicationID, secret string) (string, error) {
	now := a.now().UTC()
	access := newToken(accessStart)
	err := a.change(ctx, "an access token", func(s *state, records changes) error {
		p, id, ok := s.client(applicationID, secret, now)
		if !ok {
			return ErrUnauthenticated
		}
		mine := func(t token) bool { return t.User == p.ID && t.Secret != "" }
		if s.sweep(now, records, mine) >= maxAccess {
			var oldest digest
			var since time.Time
			for d, t := range s.tokens {
				if mine(t) && records[tokenKey(d)] == nil && (since.IsZero() || t.Created.Before(since)) {
					oldest, since = d, t.Created
				}
			}
			records[tokenKey(oldest)] = nil
		}
		return records.put(tokenKey(hash(access)), token{User: p.ID, Created: now, Expires: now.Add(AccessLifetime), Secret: id})
	})
	if err != nil {
		return "", err
	}
	return access, nil
}

// client finds the service principal that a secret belongs to. The comparison takes as
// long for every secret; an unknown application id is no secret.
func (s *state) client(applicationID, secret string, now time.Time) (p Principal, id string, ok bool) {
	p, err := s.byName(strings.ToLower(applicationID), KindServicePrincipal)
	if err != nil || !p.Active {
		return Principal{}, "", false
	}
	got := []byte(hashOf(secret))
	for key, c := range s.secrets {
		if c.Principal == p.ID && now.Before(c.Expires) && subtle.ConstantTimeCompare(got, []byte(c.Hash)) == 1 {
			id = key
		}
	}
	return p, id, id != ""
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
