package api

import (
	"context"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/secret"
)

// Principals are users, service principals and groups. Only administrators are let through
// to what changes them. Errors are those of package access.
type Principals interface {
	Principals(kind access.Kind) []access.Principal
	Principal(kind access.Kind, id string) (access.Principal, error)
	// PrincipalByName looks among the kinds given, among all where there are none.
	PrincipalByName(name string, kinds ...access.Kind) (access.Principal, error)
	PrincipalByID(id string) (access.Principal, bool)
	GroupsOf(id string) []access.Membership
	CreatePrincipal(ctx context.Context, p access.Principal) (access.Principal, error)
	EditPrincipal(ctx context.Context, kind access.Kind, id string, edit func(*access.Principal) error) (access.Principal, error)
	// RemovePrincipal takes all away too that the principal was granted.
	RemovePrincipal(ctx context.Context, kind access.Kind, id string) error
}

// Tokens are personal access tokens and what service principals get them with.
type Tokens interface {
	// NewToken makes a token of a user; by is who makes it. A lifetime of 0 does not end.
	NewToken(ctx context.Context, user, by, comment string, lifetime time.Duration) (string, access.Token, error)
	// Tokens lists a user's, all users' where user is "".
	Tokens(user string) []access.Token
	// RevokeToken ends a token of a user, of any where user is "".
	RevokeToken(ctx context.Context, user, id string) error

	CreateClientSecret(ctx context.Context, principal string, lifetime time.Duration) (string, access.ClientSecret, error)
	ClientSecrets(principal string) ([]access.ClientSecret, error)
	DeleteClientSecret(ctx context.Context, principal, id string) error
	// ExchangeSecret gives an access token for a client's id and secret
	// (access.ErrUnauthenticated).
	ExchangeSecret(ctx context.Context, client, secret string) (string, error)
}

// Grants are what principals were given on endpoints.
type Grants interface {
	// EndpointByID returns an endpoint by its id (*endpoint.NotFoundError with the id as
	// its name).
	EndpointByID(id string) (endpoint.Endpoint, error)
	Grants(endpointID string) []access.Grant
	// Grant gives levels to principals by their ids; replace takes away what nobody is
	// given anew.
	Grant(ctx context.Context, endpointID string, levels map[string]access.Level, replace bool) error
}

// Secrets are scopes of values that environment variables refer to. The user is the one in
// ctx. Errors are those of package secret.
type Secrets interface {
	// CreateScope makes a scope that a principal manages, by its id; "" is the user.
	CreateScope(ctx context.Context, scope, manager string) error
	DeleteScope(ctx context.Context, scope string) error
	SecretScopes(ctx context.Context) []string
	PutSecret(ctx context.Context, scope, key string, value []byte) error
	Secret(ctx context.Context, scope, key string) ([]byte, error)
	DeleteSecret(ctx context.Context, scope, key string) error
	Secrets(ctx context.Context, scope string) ([]secret.Secret, error)
	SecretACL(ctx context.Context, scope string) ([]secret.Grant, error)
	// SetSecretACL grants a principal, by its id, a permission; secret.None takes it away.
	SetSecretACL(ctx context.Context, scope, principal string, p secret.Permission) error
}
