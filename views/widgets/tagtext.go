package widgets

import "servery/engine/endpoint"

// TagText is a tag in a line: "team: vision", or its key where it has no value.
func TagText(t endpoint.Tag) string {
	if t.Value == "" {
		return t.Key
	}
	return t.Key + ": " + t.Value
}
