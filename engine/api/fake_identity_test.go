package api

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/secret"
)

// people are the fake's users and secrets: the real ones, over tables in memory. Ada is the
// owner and bob a user.
type people struct {
	once   sync.Once
	access *access.Access
	vault  *secret.Vault
}

// records is a table in memory.
type records struct {
	mu sync.Mutex
	m  map[string][]byte
}

func (r *records) Each(prefix string, fn func(string, []byte) error) error {
	r.mu.Lock()
	m := maps.Clone(r.m)
	r.mu.Unlock()
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if strings.HasPrefix(k, prefix) {
			if err := fn(k, m[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *records) Apply(changes map[string][]byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, v := range changes {
		if v == nil {
			delete(r.m, k)
		} else {
			r.m[k] = v
		}
	}
	return nil
}

// ring is a keyring in memory.
type ring struct{ sync.Map }

func (r *ring) Get(_ context.Context, account string) (string, error) {
	text, ok := r.Load(account)
	if !ok {
		return "", secret.ErrNoEntry
	}
	return text.(string), nil
}

func (r *ring) Set(_ context.Context, account, text string) error {
	r.Store(account, text)
	return nil
}

func (f *fake) house() *people {
	f.people.once.Do(func() {
		var err error
		f.people.access, err = access.Open(&records{m: map[string][]byte{
			"user/owner":  []byte(`{"name":"ada@example.com","display_name":"Ada","id":"7"}`),
			"principal/8": []byte(`{"kind":"user","name":"bob@example.com","display_name":"Bob","id":"8","active":true}`),
		}})
		if err != nil {
			panic(err)
		}
		f.people.vault, err = secret.Open(secret.Options{Table: &records{m: map[string][]byte{}}, KeyFile: filepath.Join("no", "such", "folder"), Keyring: &ring{}})
		if err != nil {
			panic(err)
		}
	})
	return &f.people
}

func (f *fake) Principals(kind access.Kind) []access.Principal {
	return f.house().access.Principals(kind)
}

func (f *fake) Principal(kind access.Kind, id string) (access.Principal, error) {
	return f.house().access.Principal(kind, id)
}

func (f *fake) PrincipalByName(name string, kinds ...access.Kind) (access.Principal, error) {
	return f.house().access.ByName(name, kinds...)
}

func (f *fake) PrincipalByID(id string) (access.Principal, bool) { return f.house().access.ByID(id) }

func (f *fake) GroupsOf(id string) []access.Membership { return f.house().access.Groups(id) }

func (f *fake) CreatePrincipal(ctx context.Context, p access.Principal) (access.Principal, error) {
	return f.house().access.Create(ctx, p)
}

func (f *fake) EditPrincipal(ctx context.Context, kind access.Kind, id string, edit func(*access.Principal) error) (access.Principal, error) {
	return f.house().access.Edit(ctx, kind, id, edit)
}

func (f *fake) RemovePrincipal(ctx context.Context, kind access.Kind, id string) error {
	if err := f.house().access.Remove(ctx, kind, id); err != nil {
		return err
	}
	return f.house().vault.Forget(ctx, id)
}

func (f *fake) NewToken(ctx context.Context, user, by, comment string, lifetime time.Duration) (string, access.Token, error) {
	return f.house().access.NewToken(ctx, user, by, comment, lifetime)
}

func (f *fake) Tokens(user string) []access.Token { return f.house().access.Tokens(user) }

func (f *fake) RevokeToken(ctx context.Context, user, id string) error {
	return f.house().access.RevokeToken(ctx, user, id)
}

func (f *fake) CreateClientSecret(ctx context.Context, principal string, lifetime time.Duration) (string, access.ClientSecret, error) {
	return f.house().access.CreateClientSecret(ctx, principal, lifetime)
}

func (f *fake) ClientSecrets(principal string) ([]access.ClientSecret, error) {
	return f.house().access.ClientSecrets(principal)
}

func (f *fake) DeleteClientSecret(ctx context.Context, principal, id string) error {
	return f.house().access.DeleteClientSecret(ctx, principal, id)
}

func (f *fake) ExchangeSecret(ctx context.Context, client, secret string) (string, error) {
	return f.house().access.Exchange(ctx, client, secret)
}

func (f *fake) EndpointByID(id string) (endpoint.Endpoint, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.endpoints {
		if e.ID == id {
			return e, nil
		}
	}
	return endpoint.Endpoint{}, &endpoint.NotFoundError{Name: id}
}

func (f *fake) Grants(endpointID string) []access.Grant { return f.house().access.Grants(endpointID) }

func (f *fake) Grant(ctx context.Context, endpointID string, levels map[string]access.Level, replace bool) error {
	return f.house().access.Grant(ctx, endpointID, levels, replace)
}

func (f *fake) asks(ctx context.Context) secret.Caller {
	u, _ := access.UserFrom(ctx)
	return secret.Caller{IDs: f.house().access.IDs(u.ID), Admin: u.Admin}
}

func (f *fake) CreateScope(ctx context.Context, scope, manager string) error {
	if u, _ := access.UserFrom(ctx); manager == "" {
		manager = u.ID
	}
	return f.house().vault.CreateScope(ctx, scope, manager)
}

func (f *fake) DeleteScope(ctx context.Context, scope string) error {
	return f.house().vault.DeleteScope(ctx, f.asks(ctx), scope)
}

func (f *fake) SecretScopes(ctx context.Context) []string {
	return f.house().vault.Scopes(f.asks(ctx))
}

func (f *fake) PutSecret(ctx context.Context, scope, key string, value []byte) error {
	return f.house().vault.Put(ctx, f.asks(ctx), scope, key, value)
}

func (f *fake) Secret(ctx context.Context, scope, key string) ([]byte, error) {
	return f.house().vault.Get(ctx, f.asks(ctx), scope, key)
}

func (f *fake) DeleteSecret(ctx context.Context, scope, key string) error {
	return f.house().vault.Delete(ctx, f.asks(ctx), scope, key)
}

func (f *fake) Secrets(ctx context.Context, scope string) ([]secret.Secret, error) {
	return f.house().vault.Secrets(f.asks(ctx), scope)
}

func (f *fake) SecretACL(ctx context.Context, scope string) ([]secret.Grant, error) {
	return f.house().vault.ACL(f.asks(ctx), scope)
}

func (f *fake) SetSecretACL(ctx context.Context, scope, principal string, p secret.Permission) error {
	return f.house().vault.SetACL(ctx, f.asks(ctx), scope, principal, p)
}

// household is the fake with users, tokens and permissions that are real too; the fake's
// own token speaks for ada.
type household struct{ *fake }

func (h household) Authenticate(token string) (access.User, error) {
	if token == goodToken {
		return h.house().access.Owner(), nil
	}
	return h.house().access.Authenticate(token)
}

func (h household) Permission(u access.User, e endpoint.Endpoint) access.Level {
	return h.house().access.Permission(u, e.ID, e.Creator)
}
