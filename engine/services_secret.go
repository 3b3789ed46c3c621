package engine

import (
	"context"
	"fmt"

	"servery/engine/access"
	"servery/engine/secret"
)

// secretCaller is a user as the secrets know one.
func (e *Engine) secretCaller(u access.User) secret.Caller {
	return secret.Caller{IDs: e.access.IDs(u.ID), Admin: u.Admin}
}

func (e *Engine) whoAsks(ctx context.Context) secret.Caller { return e.secretCaller(e.user(ctx)) }

// CreateScope makes a scope that a principal manages, by its id; "" is the user in ctx.
func (e *Engine) CreateScope(ctx context.Context, scope, manager string) error {
	if manager == "" {
		manager = e.user(ctx).ID
	}
	return e.secrets.CreateScope(ctx, scope, manager)
}

// DeleteScope removes a scope with its secrets.
func (e *Engine) DeleteScope(ctx context.Context, scope string) error {
	return e.secrets.DeleteScope(ctx, e.whoAsks(ctx), scope)
}

// SecretScopes lists the scopes that the user in ctx may read.
func (e *Engine) SecretScopes(ctx context.Context) []string { return e.secrets.Scopes(e.whoAsks(ctx)) }

// PutSecret stores a value.
func (e *Engine) PutSecret(ctx context.Context, scope, key string, value []byte) error {
	return e.secrets.Put(ctx, e.whoAsks(ctx), scope, key, value)
}

// Secret is a value.
func (e *Engine) Secret(ctx context.Context, scope, key string) ([]byte, error) {
	return e.secrets.Get(ctx, e.whoAsks(ctx), scope, key)
}

// DeleteSecret removes a value.
func (e *Engine) DeleteSecret(ctx context.Context, scope, key string) error {
	return e.secrets.Delete(ctx, e.whoAsks(ctx), scope, key)
}

// Secrets lists the keys of a scope.
func (e *Engine) Secrets(ctx context.Context, scope string) ([]secret.Secret, error) {
	return e.secrets.Secrets(e.whoAsks(ctx), scope)
}

// SecretACL lists what was granted on a scope.
func (e *Engine) SecretACL(ctx context.Context, scope string) ([]secret.Grant, error) {
	return e.secrets.ACL(e.whoAsks(ctx), scope)
}

// SetSecretACL grants a principal, by its id, a permission; secret.None takes it away.
func (e *Engine) SetSecretACL(ctx context.Context, scope, principal string, p secret.Permission) error {
	return e.secrets.SetACL(ctx, e.whoAsks(ctx), scope, principal, p)
}

// resolver finds secrets for served entities, with the rights that their creators have now.
type resolver struct{ e *Engine }

// Resolve is the value behind a reference.
func (r resolver) Resolve(ctx context.Context, user, reference string) (string, error) {
	u, ok := r.e.access.UserOf(user)
	if !ok {
		return "", fmt.Errorf("%s, who created the served entity, is no user any more, or was deactivated: deploy it as another user.", user)
	}
	return r.e.secrets.Resolve(ctx, r.e.secretCaller(u), reference)
}
