package access

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// The keys of the table. Ids are decimal digits, digests and endpoints' ids hexadecimal.
const (
	ownerKey        = "user/owner"
	tokenPrefix     = "token/"     // + the token's digest: token
	principalPrefix = "principal/" // + id: Principal
	gonePrefix      = "gone/"      // + kind, "/" and name in lower case: the id of one that was removed
	grantPrefix     = "grant/"     // + endpoint's id: levels by the principal's id
	secretPrefix    = "client/"    // + the secret's id: clientSecret
	nextKey         = "next-id"    // the next principal's id
)

// The ids that are the same in every data folder: they are not secrets, and programs that
// compare ids find the same ones after the folder was made anew.
const (
	adminsID = "1000000000000002"
	usersID  = "1000000000000003"
	firstID  = 1000000000000010 // of those that are made
)

// token is what is stored of one.
type token struct {
	User    string    `json:"user"` // the user's ID
	Comment string    `json:"comment,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero is never
	By      string    `json:"by,omitempty"`     // the ID of who made it, where that is another
	Secret  string    `json:"secret,omitempty"` // an OAuth access token: the client secret's ID it was given for
}

// state is all that is known at one moment. The fields above the line are the records of
// the table, the others follow from them (derive).
type state struct {
	owner      User
	principals map[string]Principal // by id; without the owner, and without the built-in groups until they are changed
	gone       map[string]string    // what follows gonePrefix: id
	tokens     map[digest]token
	secrets    map[string]clientSecret     // by id
	grants     map[string]map[string]Level // by endpoint's id and principal's
	next       int64

	names  map[string]string   // kind, "/" and name in lower case: id
	groups map[string][]string // by id: the ids of all groups that it is in, also through groups
	index  index
}

func newState() *state {
	return &state{principals: map[string]Principal{}, gone: map[string]string{}, tokens: map[digest]token{},
		secrets: map[string]clientSecret{}, grants: map[string]map[string]Level{}, next: firstID}
}

func (s *state) clone() *state {
	return &state{owner: s.owner, principals: maps.Clone(s.principals), gone: maps.Clone(s.gone), tokens: maps.Clone(s.tokens),
		secrets: maps.Clone(s.secrets), grants: maps.Clone(s.grants), next: s.next}
}

// set takes one record in, or out where value is nil. Keys that it does not know are those
// of a later release's additions.
func (s *state) set(key string, value []byte) error {
	kind := key[:strings.IndexByte(key, '/')+1]
	rest := strings.Clone(key[len(kind):])
	switch {
	case key == ownerKey:
		if err := read(key, value, &s.owner); err != nil {
			return err
		}
		if s.owner.ID == "" || s.owner.Name == "" {
			return errors.New("the stored owner has no name")
		}
		s.owner.Admin = true
	case key == nextKey:
		return read(key, value, &s.next)
	case kind == tokenPrefix:
		d, err := hex.DecodeString(rest)
		if err != nil || len(d) != sha256.Size {
			return fmt.Errorf("the stored token %q has no valid key", key)
		}
		return take(s.tokens, digest(d), key, value)
	case kind == principalPrefix:
		if err := take(s.principals, rest, key, value); err != nil {
			return err
		}
		if p, ok := s.principals[rest]; ok && (p.ID != rest || p.Name == "") {
			return fmt.Errorf("the stored principal %q has no name or another id", key)
		}
	case kind == gonePrefix:
		return take(s.gone, rest, key, value)
	case kind == grantPrefix:
		return take(s.grants, rest, key, value)
	case kind == secretPrefix:
		return take(s.secrets, rest, key, value)
	}
	return nil
}

func take[K comparable, V any](m map[K]V, at K, key string, value []byte) error {
	if value == nil {
		delete(m, at)
		return nil
	}
	var v V
	if err := read(key, value, &v); err != nil {
		return err
	}
	m[at] = v
	return nil
}

func read(key string, value []byte, into any) error {
	if err := json.Unmarshal(value, into); err != nil {
		return fmt.Errorf("the stored record %q cannot be read: %w", key, err)
	}
	return nil
}

// derive works out what follows from the records.
func (s *state) derive() {
	s.principals[s.owner.ID] = Principal{ID: s.owner.ID, Kind: KindUser, Name: s.owner.Name, DisplayName: s.owner.DisplayName, Active: true, BuiltIn: true}
	admins := s.principals[adminsID].Members
	if !slices.Contains(admins, s.owner.ID) {
		admins = slices.Insert(slices.Clone(admins), 0, s.owner.ID)
	}
	s.principals[adminsID] = Principal{ID: adminsID, Kind: KindGroup, Name: AdminsGroup, DisplayName: AdminsGroup, Active: true, BuiltIn: true, Members: admins}
	s.principals[usersID] = Principal{ID: usersID, Kind: KindGroup, Name: UsersGroup, DisplayName: UsersGroup, Active: true, BuiltIn: true}
	s.names = make(map[string]string, len(s.principals))
	parents := map[string][]string{}
	for id, p := range s.principals {
		s.names[nameKey(p.Kind, p.Name)] = id
		for _, member := range p.Members {
			parents[member] = append(parents[member], id)
		}
		if p.Kind != KindGroup {
			parents[id] = append(parents[id], usersID)
		}
	}
	s.groups = make(map[string][]string, len(parents))
	for id := range parents {
		s.groups[id] = above(parents, id)
	}
	s.index = make(index, len(s.tokens))
	for d, t := range s.tokens {
		p, ok := s.principals[t.User]
		if !ok || !p.Active {
			continue
		}
		expires := int64(0)
		if !t.Expires.IsZero() {
			expires = t.Expires.UnixNano()
		}
		s.index.add(d, s.user(p), expires)
	}
}

// above lists what is reached from id over parents, sorted.
func above(parents map[string][]string, id string) []string {
	var all []string
	for todo := slices.Clone(parents[id]); len(todo) > 0; {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !slices.Contains(all, next) {
			all = append(all, next)
			todo = append(todo, parents[next]...)
		}
	}
	slices.Sort(all)
	return all
}

// user is a principal as one who calls.
func (s *state) user(p Principal) User {
	return User{Name: p.Name, DisplayName: cmp.Or(p.DisplayName, p.Name), ID: p.ID, Admin: slices.Contains(s.groups[p.ID], adminsID)}
}

func nameKey(kind Kind, name string) string { return string(kind) + "/" + strings.ToLower(name) }
