package secret

import "fmt"

// Permission is what a principal may do with a scope. Each includes those before it.
type Permission uint8

const (
	// None sees nothing of the scope.
	None Permission = iota
	// Read reads the scope's values.
	Read
	// Write stores and deletes them too.
	Write
	// Manage grants, and deletes the scope, too.
	Manage
)

var permissions = [...]string{"no permission", "READ", "WRITE", "MANAGE"}

// String is the permission in the words of the REST API, "READ".
func (p Permission) String() string { return permissions[min(int(p), len(permissions)-1)] }

// ParsePermission reads a permission in the words of the REST API.
func ParsePermission(text string) (p Permission, ok bool) {
	for i, name := range permissions[1:] {
		if name == text {
			return Permission(i + 1), true
		}
	}
	return None, false
}

// MarshalText is the permission in the words of the REST API.
func (p Permission) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *Permission) UnmarshalText(text []byte) error {
	parsed, ok := ParsePermission(string(text))
	if !ok {
		return fmt.Errorf("%q is no permission on a scope", text)
	}
	*p = parsed
	return nil
}

// Caller is who asks: the ids of the principal and of all its groups.
type Caller struct {
	IDs   []string
	Admin bool // may do everything
}
