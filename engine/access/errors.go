package access

import "fmt"

// NotFoundError is a user, service principal, group, token or secret that is not there.
type NotFoundError struct {
	What string // "User", "Token"
	ID   string // its id, or the name that was asked for
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("%s %q does not exist.", e.What, cut(e.ID))
}

// ExistsError refuses a name that is taken.
type ExistsError struct{ What, Name string }

func (e *ExistsError) Error() string {
	return fmt.Sprintf("%s %q already exists. Names differ in more than case.", e.What, cut(e.Name))
}

// InvalidError refuses a value. Field is the field's name in the REST API.
type InvalidError struct{ Field, Message string }

func (e *InvalidError) Error() string { return e.Message }

// InUseError refuses to take away what Servery itself stands on.
type InUseError struct{ Message string }

func (e *InUseError) Error() string { return e.Message }

// QuotaError refuses one more of something.
type QuotaError struct{ Message string }

func (e *QuotaError) Error() string { return e.Message }

// cut keeps a name that somebody made up from filling a message.
func cut(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
