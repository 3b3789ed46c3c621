package access

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

// Permission is what a user may do with the endpoint of an id. Administrators and the
// endpoint's creator manage it.
func (a *Access) Permission(u User, endpointID, creator string) Level {
	if u.Admin || u.Name == creator {
		return CanManage
	}
	return NoAccess
}
