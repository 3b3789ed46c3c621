package endpoint

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"servery/engine/runtime"
)

// Secrets is where the values are that environment variables refer to.
type Secrets interface {
	// Resolve finds the value behind a reference, "{{secrets/<scope>/<key>}}", with the
	// rights of the user of a name. Its error says what is missing and never the value.
	Resolve(ctx context.Context, user, reference string) (string, error)
}

// resolve is a served entity's environment with the values that it refers to in place of
// the references, as the creator of the entity may read them. The result goes to the
// worker process and nowhere else: what is stored and shown keeps the references. Each
// load resolves anew, so that a changed secret counts from the next load on.
func (e *served) resolve(ctx context.Context) (map[string]string, error) {
	vars := e.spec.Environment
	var resolved map[string]string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if !secret(vars[name]) {
			continue
		}
		value, err := e.secret(ctx, name, vars[name])
		if err != nil {
			return nil, err
		}
		if resolved == nil {
			resolved = maps.Clone(vars)
		}
		resolved[name] = value
	}
	if resolved == nil {
		return vars, nil
	}
	return resolved, nil
}

// secret is the value of one variable. Whatever is wrong with it is for a person to mend,
// as a model that does not load is.
func (e *served) secret(ctx context.Context, name, reference string) (string, error) {
	secrets := e.o.s.options.Secrets
	if secrets == nil {
		return "", &runtime.LoadError{Message: fmt.Sprintf("The environment variable %s refers to %s, and there are no secrets here: give the value itself.", name, reference)}
	}
	value, err := secrets.Resolve(ctx, e.creator, reference)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", &runtime.LoadError{Message: fmt.Sprintf("The environment variable %s refers to %s. %s", name, reference, err)}
	case strings.Contains(value, "\x00"):
		return "", &runtime.LoadError{Message: fmt.Sprintf("The environment variable %s refers to %s, whose value has a NUL character: no environment variable can carry one.", name, reference)}
	case len(name)+len(value) > maxVariable:
		return "", &runtime.LoadError{Message: fmt.Sprintf("The environment variable %s refers to %s, whose value is %d bytes long: an environment variable takes at most %d.", name, reference, len(value), maxVariable)}
	}
	return value, nil
}
