// Package secret keeps values that models need and nobody else should see: scopes of keys,
// who may read and write each scope, and the values, encrypted under a key that lies in
// the operating system's keyring, or in a file where there is none. It knows principals
// by their ids only; it never knows what a value is for, and never logs one.
package secret

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Table is where scopes and encrypted values are kept.
type Table interface {
	// Each calls fn for every key that begins with prefix, in key order; key and value may
	// be kept by fn only if copied.
	Each(prefix string, fn func(key string, value []byte) error) error
	// Apply makes all changes at once, all or none; a nil value deletes its key.
	Apply(changes map[string][]byte) error
}

// Options are what a Vault stands on. Table and KeyFile are required.
type Options struct {
	Table Table
	// KeyFile is where the key lies if there is no keyring.
	KeyFile string
	// Keyring holds the key. Nil is the operating system's.
	Keyring Keyring
	// Log takes warnings. Nil discards them.
	Log *slog.Logger
}

// The keys of the table. Names have no slash.
const (
	keyKey       = "key"     // keyRecord
	scopePrefix  = "scope/"  // + scope in lower case: scopeRecord
	secretPrefix = "secret/" // + scope in lower case, "/" and key: secretRecord
)

// The product's limits (documentation, "Secret management").
const (
	maxScopes = 1000
	maxKeys   = 1000 // in a scope
	maxName   = 128  // bytes of a scope's or a key's name
	maxValue  = 128 << 10
	maxACL    = 1000 // entries of a scope
)

type scopeRecord struct {
	Name string                `json:"name"`
	ACL  map[string]Permission `json:"acl"` // by principal's id
}

type secretRecord struct {
	Updated time.Time `json:"updated"`
	Sealed  []byte    `json:"sealed"` // see seal
}

// scope is what is known of one without its values.
type scope struct {
	scopeRecord
	keys map[string]time.Time // when each was last changed
}

// Vault holds secrets. All methods may be called from many goroutines at once.
type Vault struct {
	table Table
	now   func() time.Time
	keys  keeper

	mu     sync.RWMutex
	scopes map[string]scope // by name in lower case
}

// Open reads what is stored. It does not ask for the key: that happens when a value is
// first read or written, so that nobody without secrets is asked to unlock a keyring.
func Open(options Options) (*Vault, error) { return open(options, time.Now) }

func open(options Options, now func() time.Time) (*Vault, error) {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Keyring == nil {
		options.Keyring = newSystemKeyring()
	}
	v := &Vault{table: options.Table, now: now, scopes: map[string]scope{},
		keys: keeper{turn: make(chan struct{}, 1), table: options.Table, file: options.KeyFile, ring: options.Keyring, log: options.Log}}
	err := options.Table.Each("", func(key string, value []byte) error {
		key = strings.Clone(key)
		if err := v.read(key, value); err != nil {
			return fmt.Errorf("the stored record %q of the secrets cannot be read: %w", key, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// read takes in one record. A scope comes before its secrets: "scope/" < "secret/".
func (v *Vault) read(key string, value []byte) error {
	if name, ok := strings.CutPrefix(key, scopePrefix); ok {
		s := scope{keys: map[string]time.Time{}}
		if err := json.Unmarshal(value, &s.scopeRecord); err != nil {
			return err
		}
		v.scopes[name] = s
		return nil
	}
	rest, ok := strings.CutPrefix(key, secretPrefix)
	if !ok {
		return nil // the key's record, which keeper reads
	}
	name, secret, _ := strings.Cut(rest, "/")
	s, ok := v.scopes[name]
	if !ok {
		return errors.New("it belongs to no scope")
	}
	var record secretRecord
	if err := json.Unmarshal(value, &record); err != nil {
		return err
	}
	s.keys[secret] = record.Updated
	return nil
}

// find is a scope on which the caller has at least the permission that it needs. Whoever
// has none at all is not told whether the scope is there. The caller holds mu.
func (v *Vault) find(c Caller, name string, needs Permission) (scope, error) {
	s, ok := v.scopes[strings.ToLower(name)]
	has := Manage
	if !c.Admin {
		has = s.level(c)
	}
	switch {
	case !ok || has == None:
		return scope{}, &NotFoundError{Scope: name}
	case has < needs:
		return scope{}, &PermissionError{Scope: s.Name, Has: has, Needs: needs}
	}
	return s, nil
}

func (s scope) level(c Caller) Permission {
	has := None
	for _, id := range c.IDs {
		has = max(has, s.ACL[id])
	}
	return has
}

// CreateScope makes a scope that a principal, by its id, manages. Errors are *NameError,
// *ExistsError, *QuotaError and the table's.
func (v *Vault) CreateScope(ctx context.Context, name, manager string) error {
	if !validName(name, scopeNames) {
		return &NameError{"scope", name}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	key := strings.ToLower(name)
	if _, taken := v.scopes[key]; taken {
		return &ExistsError{name}
	}
	if len(v.scopes) >= maxScopes {
		return &QuotaError{fmt.Sprintf("There are %d scopes, the most there may be: delete one first.", maxScopes)}
	}
	return v.store(ctx, key, scope{scopeRecord{name, map[string]Permission{manager: Manage}}, map[string]time.Time{}})
}

// store writes a scope's record. The caller holds mu.
func (v *Vault) store(ctx context.Context, key string, s scope) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	value, err := json.Marshal(s.scopeRecord)
	if err != nil {
		return err
	}
	if err := v.table.Apply(map[string][]byte{scopePrefix + key: value}); err != nil {
		return fmt.Errorf("cannot store the scope '%s': %w", s.Name, err)
	}
	v.scopes[key] = s
	return nil
}

// DeleteScope removes a scope with all its secrets. The caller must manage it.
func (v *Vault) DeleteScope(ctx context.Context, c Caller, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	s, err := v.find(c, name, Manage)
	if err != nil {
		return err
	}
	key := strings.ToLower(name)
	changes := map[string][]byte{scopePrefix + key: nil}
	for k := range s.keys {
		changes[secretKey(key, k)] = nil
	}
	if err := v.table.Apply(changes); err != nil {
		return fmt.Errorf("cannot delete the scope '%s': %w", s.Name, err)
	}
	delete(v.scopes, key)
	return nil
}

// Scopes lists the names of the scopes that the caller may read.
func (v *Vault) Scopes(c Caller) []string {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var names []string
	for _, s := range v.scopes {
		if c.Admin || s.level(c) >= Read {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Secret is what is known of a secret without its value.
type Secret struct {
	Key     string
	Updated time.Time
}

// Secrets lists what is in a scope that the caller may read, by key.
func (v *Vault) Secrets(c Caller, name string) ([]Secret, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	s, err := v.find(c, name, Read)
	if err != nil {
		return nil, err
	}
	all := make([]Secret, 0, len(s.keys))
	for key, updated := range s.keys {
		all = append(all, Secret{key, updated})
	}
	slices.SortFunc(all, func(a, b Secret) int { return cmp.Compare(a.Key, b.Key) })
	return all, nil
}

// Put stores a value under a key of a scope that the caller may write, in place of the one
// before. Errors are *NameError, *NotFoundError, *PermissionError, *QuotaError, *KeyError
// and the table's.
func (v *Vault) Put(ctx context.Context, c Caller, name, key string, value []byte) error {
	if !validName(key, keyNames) {
		return &NameError{"key", key}
	}
	if len(value) > maxValue {
		return &QuotaError{fmt.Sprintf("A secret takes at most %d bytes, this has %d.", maxValue, len(value))}
	}
	v.mu.RLock()
	_, err := v.find(c, name, Write)
	v.mu.RUnlock()
	if err != nil {
		return err
	}
	k, err := v.keys.forWriting(ctx, v.empty) // may wait for a person: not under mu
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	s, err := v.find(c, name, Write) // it may have gone while the key was asked for
	if err != nil {
		return err
	}
	if _, there := s.keys[key]; !there && len(s.keys) >= maxKeys {
		return &QuotaError{fmt.Sprintf("The scope '%s' has %d secrets, the most there may be: delete one first.", s.Name, maxKeys)}
	}
	scopeKey := strings.ToLower(name)
	record := secretRecord{Updated: v.now().UTC().Truncate(time.Millisecond), Sealed: k.seal(scopeKey, key, value)}
	stored, err := json.Marshal(record)
	if err != nil {
		return err
	}
	if err := v.table.Apply(map[string][]byte{secretKey(scopeKey, key): stored}); err != nil {
		return fmt.Errorf("cannot store the secret '%s': %w", key, err)
	}
	s.keys[key] = record.Updated
	return nil
}

// empty tells whether there is no secret at all.
func (v *Vault) empty() bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, s := range v.scopes {
		if len(s.keys) > 0 {
			return false
		}
	}
	return true
}

func secretKey(scope, key string) string { return secretPrefix + scope + "/" + key }

// Get returns a value of a scope that the caller may read. Errors are *NotFoundError,
// *KeyError, *DamagedError and the table's.
func (v *Vault) Get(ctx context.Context, c Caller, name, key string) ([]byte, error) {
	sealed, err := v.sealed(c, name, key)
	if err != nil {
		return nil, err
	}
	k, err := v.keys.forReading(ctx)
	if err != nil {
		return nil, err
	}
	value, err := k.unseal(strings.ToLower(name), key, sealed)
	if err != nil {
		return nil, &DamagedError{Scope: name, Key: key}
	}
	return value, nil
}

var errEnough = errors.New("enough")

// sealed is a value as it is stored.
func (v *Vault) sealed(c Caller, name, key string) ([]byte, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	s, err := v.find(c, name, Read)
	if err != nil {
		return nil, err
	}
	if _, there := s.keys[key]; !there {
		return nil, &NotFoundError{Scope: s.Name, Key: key}
	}
	var record secretRecord
	at := secretKey(strings.ToLower(name), key)
	// The record itself comes first of all that begin as it does.
	err = v.table.Each(at, func(found string, value []byte) error {
		if found == at {
			if err := json.Unmarshal(value, &record); err != nil {
				return &DamagedError{Scope: s.Name, Key: key}
			}
		}
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return record.Sealed, nil
}

// Delete removes a secret of a scope that the caller may write.
func (v *Vault) Delete(ctx context.Context, c Caller, name, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	s, err := v.find(c, name, Write)
	if err != nil {
		return err
	}
	if _, there := s.keys[key]; !there {
		return &NotFoundError{Scope: s.Name, Key: key}
	}
	if err := v.table.Apply(map[string][]byte{secretKey(strings.ToLower(name), key): nil}); err != nil {
		return fmt.Errorf("cannot delete the secret '%s': %w", key, err)
	}
	delete(s.keys, key)
	return nil
}

// Grant is what one principal, by its id, may do with a scope.
type Grant struct {
	Principal  string
	Permission Permission
}

// ACL lists the grants on a scope that the caller manages, by principal.
func (v *Vault) ACL(c Caller, name string) ([]Grant, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	s, err := v.find(c, name, Manage)
	if err != nil {
		return nil, err
	}
	var all []Grant
	for _, id := range slices.Sorted(maps.Keys(s.ACL)) {
		all = append(all, Grant{id, s.ACL[id]})
	}
	return all, nil
}

// SetACL grants a principal, by its id, a permission on a scope that the caller manages, in
// place of what it had; None takes it away, and is a *NotFoundError where it had none.
func (v *Vault) SetACL(ctx context.Context, c Caller, name, principal string, p Permission) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, err := v.find(c, name, Manage)
	if err != nil {
		return err
	}
	if s.ACL[principal] == p {
		if p == None {
			return &NotFoundError{Scope: s.Name, ACL: true}
		}
		return nil
	}
	s.ACL = with(s.ACL, principal, p)
	if len(s.ACL) > maxACL {
		return &QuotaError{fmt.Sprintf("A scope has at most %d grants: grant to groups.", maxACL)}
	}
	return v.store(ctx, strings.ToLower(name), s)
}

func with(acl map[string]Permission, principal string, p Permission) map[string]Permission {
	acl = maps.Clone(acl)
	if p == None {
		delete(acl, principal)
	} else {
		acl[principal] = p
	}
	return acl
}

// Forget takes all away that a principal was granted.
func (v *Vault) Forget(ctx context.Context, principal string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for key, s := range v.scopes {
		if s.ACL[principal] == None {
			continue
		}
		s.ACL = with(s.ACL, principal, None)
		if err := v.store(ctx, key, s); err != nil {
			return err
		}
	}
	return nil
}

// Resolve is the value behind a reference, "{{secrets/<scope>/<key>}}", in a scope that the
// caller may read. The error is a sentence for whoever wrote the reference.
func (v *Vault) Resolve(ctx context.Context, c Caller, reference string) (string, error) {
	name, key, ok := ParseReference(reference)
	if !ok {
		return "", &NameError{"reference", reference}
	}
	value, err := v.Get(ctx, c, name, key)
	return string(value), err
}

// ParseReference takes "{{secrets/<scope>/<key>}}" apart. Nothing may stand around it.
func ParseReference(text string) (scope, key string, ok bool) {
	inner, begins := strings.CutPrefix(text, "{{secrets/")
	inner, ends := strings.CutSuffix(inner, "}}")
	scope, key, two := strings.Cut(inner, "/")
	if !begins || !ends || !two || !validName(scope, scopeNames) || !validName(key, keyNames) {
		return "", "", false
	}
	return scope, key, true
}

// What names may have beside letters and digits.
const (
	scopeNames = "-_@."
	keyNames   = "-_."
)

func validName(name, also string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(also, c) >= 0) {
			return false
		}
	}
	return true
}
