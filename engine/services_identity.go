package engine

import (
	"context"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
)

// Principals lists the users, service principals or groups, by id.
func (e *Engine) Principals(kind access.Kind) []access.Principal { return e.access.Principals(kind) }

// Principal returns one by its id, or *access.NotFoundError.
func (e *Engine) Principal(kind access.Kind, id string) (access.Principal, error) {
	return e.access.Principal(kind, id)
}

// PrincipalByName finds one by its name among the kinds given, or among all.
func (e *Engine) PrincipalByName(name string, kinds ...access.Kind) (access.Principal, error) {
	return e.access.ByName(name, kinds...)
}

// PrincipalByID finds one of any kind.
func (e *Engine) PrincipalByID(id string) (access.Principal, bool) { return e.access.ByID(id) }

// GroupsOf lists the groups that a principal is in.
func (e *Engine) GroupsOf(id string) []access.Membership { return e.access.Groups(id) }

// CreatePrincipal makes a user, service principal or group.
func (e *Engine) CreatePrincipal(ctx context.Context, p access.Principal) (access.Principal, error) {
	return e.access.Create(ctx, p)
}

// EditPrincipal changes one; edit is given a copy.
func (e *Engine) EditPrincipal(ctx context.Context, kind access.Kind, id string, edit func(*access.Principal) error) (access.Principal, error) {
	return e.access.Edit(ctx, kind, id, edit)
}

// RemovePrincipal takes one away with all that it was granted, on scopes of secrets too.
// What it created stays. The scopes come first: a start that is cut short between the two
// leaves a principal with less than it had, never one that is gone with something left.
func (e *Engine) RemovePrincipal(ctx context.Context, kind access.Kind, id string) error {
	p, err := e.access.Principal(kind, id)
	if err != nil {
		return err
	}
	if !p.BuiltIn {
		if err := e.secrets.Forget(ctx, id); err != nil {
			return err
		}
	}
	return e.access.Remove(ctx, kind, id)
}

// NewToken makes a token of a user or service principal; by is who makes it.
func (e *Engine) NewToken(ctx context.Context, user, by, comment string, lifetime time.Duration) (string, access.Token, error) {
	return e.access.NewToken(ctx, user, by, comment, lifetime)
}

// Tokens lists a user's tokens, all users' where user is "".
func (e *Engine) Tokens(user string) []access.Token { return e.access.Tokens(user) }

// RevokeToken ends a token of a user, of any where user is "".
func (e *Engine) RevokeToken(ctx context.Context, user, id string) error {
	return e.access.RevokeToken(ctx, user, id)
}

// CreateClientSecret makes a secret with which a service principal gets access tokens.
func (e *Engine) CreateClientSecret(ctx context.Context, principal string, lifetime time.Duration) (string, access.ClientSecret, error) {
	return e.access.CreateClientSecret(ctx, principal, lifetime)
}

// ClientSecrets lists a service principal's secrets.
func (e *Engine) ClientSecrets(principal string) ([]access.ClientSecret, error) {
	return e.access.ClientSecrets(principal)
}

// DeleteClientSecret ends one, with the access tokens that were given for it.
func (e *Engine) DeleteClientSecret(ctx context.Context, principal, id string) error {
	return e.access.DeleteClientSecret(ctx, principal, id)
}

// ExchangeSecret gives an access token for a client's id and secret.
func (e *Engine) ExchangeSecret(ctx context.Context, client, secret string) (string, error) {
	return e.access.Exchange(ctx, client, secret)
}

// EndpointByID returns an endpoint by its id, or *endpoint.NotFoundError.
func (e *Engine) EndpointByID(id string) (endpoint.Endpoint, error) {
	for _, one := range e.endpoints.List() {
		if one.ID == id {
			return one, nil
		}
	}
	return endpoint.Endpoint{}, &endpoint.NotFoundError{Name: id}
}

// Grants lists what was granted on an endpoint directly.
func (e *Engine) Grants(endpointID string) []access.Grant { return e.access.Grants(endpointID) }

// Grant gives principals levels on an endpoint.
func (e *Engine) Grant(ctx context.Context, endpointID string, levels map[string]access.Level, replace bool) error {
	return e.access.Grant(ctx, endpointID, levels, replace)
}

// keepGrants drops the grants on all other endpoints. They give nothing to anybody, as an
// id is never used again: one that stays takes room only.
func (e *Engine) keepGrants(ctx context.Context, keep func(endpointID string) bool) {
	if err := e.access.KeepGrants(context.WithoutCancel(ctx), keep); err != nil {
		e.options.Log.Warn("the permissions on a deleted endpoint stay stored", "error", err)
	}
}

// keepStoredGrants drops the grants on endpoints that are no more, at a start. Where an
// endpoint's record cannot be read, its id is not known: then all stay.
func (e *Engine) keepStoredGrants(ctx context.Context) {
	there := map[string]bool{}
	for _, one := range e.endpoints.List() {
		there[one.ID] = true
	}
	if !there[""] {
		e.keepGrants(ctx, func(id string) bool { return there[id] })
	}
}
