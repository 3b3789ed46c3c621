package access

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// Token is what is known of a token. The token itself is shown once, when it is made.
type Token struct {
	ID      string // 64 hexadecimal digits
	User    string // the ID of the user it speaks for
	By      string // the ID of the user who made it
	Comment string
	Created time.Time
	Expires time.Time // zero is never
}

const (
	maxTokens  = 600 // of one user, as the product has it
	maxComment = 1024
	// MaxLifetime is the longest that a token or a client's secret may be made for: the
	// product's 730 days.
	MaxLifetime = 730 * 24 * time.Hour
)

func tokenKey(d digest) string { return tokenPrefix + hex.EncodeToString(d[:]) }

// tokenID names a token. It is not the digest that the token is found by: whoever sees a
// list of tokens learns nothing of how they are kept.
func tokenID(d digest) string {
	id := sha256.Sum256(append([]byte("servery token id\x00"), d[:]...))
	return hex.EncodeToString(id[:])
}

func (t token) shown(d digest) Token {
	return Token{ID: tokenID(d), User: t.User, By: cmp.Or(t.By, t.User), Comment: t.Comment, Created: t.Created, Expires: t.Expires}
}

// CreateToken makes a token of the owner that does not expire. It cannot be shown again:
// only its hash is kept, with the comment.
func (a *Access) CreateToken(ctx context.Context, comment string) (string, error) {
	owner := a.Owner()
	t, _, err := a.NewToken(ctx, owner.ID, owner.ID, comment, 0)
	return t, err
}

// NewToken makes a token that speaks for a user or service principal; by is the ID of who
// makes it. A lifetime of 0 does not end. It cannot be shown again. Errors are
// *NotFoundError, *InvalidError, *QuotaError and the table's.
func (a *Access) NewToken(ctx context.Context, user, by, comment string, lifetime time.Duration) (string, Token, error) {
	if len(comment) > maxComment {
		return "", Token{}, &InvalidError{"comment", fmt.Sprintf("A token's comment takes up to %d bytes, this has %d.", maxComment, len(comment))}
	}
	if lifetime < 0 || lifetime > MaxLifetime {
		return "", Token{}, lifetimeError("lifetime_seconds")
	}
	now := a.now().UTC()
	secret := newToken(tokenStart)
	d := hash(secret)
	t := token{User: user, By: by, Comment: comment, Created: now}
	if lifetime > 0 {
		t.Expires = now.Add(lifetime)
	}
	err := a.change(ctx, "a new token", func(s *state, records changes) error {
		if p, ok := s.principals[user]; !ok || p.Kind == KindGroup {
			return &NotFoundError{"User or service principal", user}
		}
		if n := s.sweep(now, records, func(t token) bool { return t.User == user && t.Secret == "" }); n >= maxTokens {
			return &QuotaError{fmt.Sprintf("This user has %d tokens, the most there may be: revoke one first.", n)}
		}
		return records.put(tokenKey(d), t)
	})
	if err != nil {
		return "", Token{}, err
	}
	return secret, t.shown(d), nil
}

func lifetimeError(field string) error {
	return &InvalidError{field, fmt.Sprintf("%s takes 1 to %d, which are 730 days.", field, MaxLifetime/time.Second)}
}

// sweep removes the tokens that have expired, and counts those left that match.
func (s *state) sweep(now time.Time, records changes, match func(token) bool) int {
	n := 0
	for d, t := range s.tokens {
		switch {
		case !t.Expires.IsZero() && !now.Before(t.Expires):
			records[tokenKey(d)] = nil
		case match(t):
			n++
		}
	}
	return n
}

// Tokens lists a user's tokens, all users' where user is "", oldest first; those that have
// expired and those that were given for a client's secret are left out.
func (a *Access) Tokens(user string) []Token {
	now := a.now()
	var all []Token
	for d, t := range a.state.Load().tokens {
		if (user == "" || t.User == user) && t.Secret == "" && (t.Expires.IsZero() || now.Before(t.Expires)) {
			all = append(all, t.shown(d))
		}
	}
	slices.SortFunc(all, func(t, u Token) int { return cmp.Or(t.Created.Compare(u.Created), cmp.Compare(t.ID, u.ID)) })
	return all
}

// RevokeToken ends a token of a user, of any where user is "": no request that begins
// afterwards is let in by it. Errors are *NotFoundError, *InUseError for a token that
// Servery itself goes by, and the table's.
func (a *Access) RevokeToken(ctx context.Context, user, id string) error {
	return a.change(ctx, "the end of a token", func(s *state, records changes) error {
		for d, t := range s.tokens {
			if t.Secret != "" || (user != "" && t.User != user) || tokenID(d) != id {
				continue
			}
			if a.held[d] {
				return &InUseError{"This token stands in the data folder's file token, and Servery's window, its command line and your programs go by it. " +
					"To replace it, stop Servery and remove that file: the next start writes a new token there, and then this one can be revoked."}
			}
			records[tokenKey(d)] = nil
			return nil
		}
		return &NotFoundError{"Token", id}
	})
}
