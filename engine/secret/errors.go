package secret

import "fmt"

// NotFoundError is a scope, a secret or a grant that is not there, or a scope of which the
// caller may know nothing.
type NotFoundError struct {
	Scope string
	Key   string // "" where the scope is missing
	ACL   bool   // the grant is missing
}

func (e *NotFoundError) Error() string {
	switch {
	case e.ACL:
		return fmt.Sprintf("The principal has no permission of its own on the scope '%s'.", cut(e.Scope))
	case e.Key != "":
		return fmt.Sprintf("Secret does not exist with scope '%s' and key '%s'.", cut(e.Scope), cut(e.Key))
	}
	return fmt.Sprintf("Scope '%s' does not exist, or you have no permission on it.", cut(e.Scope))
}

// PermissionError refuses a caller who may see the scope, but not do this.
type PermissionError struct {
	Scope      string
	Has, Needs Permission
}

func (e *PermissionError) Error() string {
	return fmt.Sprintf("You have %s on the scope '%s', and this takes %s. Whoever manages the scope can grant it.", e.Has, e.Scope, e.Needs)
}

// ExistsError refuses a scope's name that is taken.
type ExistsError struct{ Scope string }

func (e *ExistsError) Error() string {
	return fmt.Sprintf("Scope '%s' already exists. Names of scopes differ in more than case.", e.Scope)
}

// NameError refuses a name. What is "scope", "key" or "reference".
type NameError struct{ What, Name string }

func (e *NameError) Error() string {
	switch e.What {
	case "reference":
		return fmt.Sprintf("A reference to a secret is {{secrets/<scope>/<key>}}: got %q.", cut(e.Name))
	case "scope":
		return fmt.Sprintf("scope takes 1 to %d letters, digits, dashes, underscores, periods and @: got %q.", maxName, cut(e.Name))
	}
	return fmt.Sprintf("key takes 1 to %d letters, digits, dashes, underscores and periods: got %q.", maxName, cut(e.Name))
}

// QuotaError refuses one more of something, or something larger.
type QuotaError struct{ Message string }

func (e *QuotaError) Error() string { return e.Message }

// KeyError tells that the key of the secrets is not to be had. Its message names no value
// and no key.
type KeyError struct {
	Message string
	Lost    bool  // it is gone for good: what is stored can never be read again
	Err     error // what was tried; for the log
}

func (e *KeyError) Error() string { return e.Message }
func (e *KeyError) Unwrap() error { return e.Err }

// DamagedError tells that a stored value is not what was written under this scope and key.
type DamagedError struct{ Scope, Key string }

func (e *DamagedError) Error() string {
	return fmt.Sprintf("The secret '%s' of the scope '%s' is damaged: what is stored was not written there by this Servery. Put the value anew.", cut(e.Key), cut(e.Scope))
}

// cut keeps a name that somebody made up from filling a message.
func cut(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
