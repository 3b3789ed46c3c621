package access

import "fmt"

// Level is what a user may do with an endpoint. Each level includes those before it
// (docs.databricks.com, Access control lists, Serving endpoints).
type Level uint8

const (
	// NoAccess sees nothing of the endpoint.
	NoAccess Level = iota
	// CanView lists and reads it, with its metrics, logs and schema.
	CanView
	// CanQuery asks its model too.
	CanQuery
	// CanManage changes and deletes it too, and grants.
	CanManage
)

var levels = [...]string{"no permission", "CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"}

// String is the level in the words of the REST API, "CAN_QUERY".
func (l Level) String() string { return levels[min(int(l), len(levels)-1)] }

// ParseLevel reads a level in the words of the REST API.
func ParseLevel(text string) (l Level, ok bool) {
	for i, name := range levels[1:] {
		if name == text {
			return Level(i + 1), true
		}
	}
	return NoAccess, false
}

// MarshalText is the level in the words of the REST API.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (l *Level) UnmarshalText(text []byte) error {
	level, ok := ParseLevel(string(text))
	if !ok {
		return fmt.Errorf("%q is no permission level", text)
	}
	*l = level
	return nil
}

// Permission is what a user may do with the endpoint of an id: the most that was granted
// to the user or to one of its groups. Administrators and the endpoint's creator, by name,
// manage it. Every request of one who is no administrator asks: it takes no lock and
// allocates nothing.
func (a *Access) Permission(u User, endpointID, creator string) Level {
	if u.Admin || u.Name == creator {
		return CanManage
	}
	s := a.state.Load()
	granted := s.grants[endpointID]
	if len(granted) == 0 {
		return NoAccess
	}
	level := granted[u.ID]
	for _, group := range s.groups[u.ID] {
		level = max(level, granted[group])
	}
	return level
}
