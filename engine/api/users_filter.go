package api

import (
	"errors"
	"fmt"
	"strings"

	"servery/engine/access"
)

// comparison is a SCIM filter of one comparison, `userName eq "bob@example.com"`.
type comparison struct{ attribute, op, value string }

var errComparison = errors.New(`a filter is one comparison, such as userName eq "bob@example.com"`)

func parseComparison(text string) (c comparison, err error) {
	attribute, rest, ok := strings.Cut(strings.TrimSpace(text), " ")
	op, value, ok2 := strings.Cut(strings.TrimLeft(rest, " "), " ")
	value = strings.TrimSpace(value)
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		value = value[1 : n-1]
	}
	if !ok || !ok2 || strings.ContainsAny(value, `"'\`) {
		return comparison{}, errComparison
	}
	return comparison{attribute, strings.ToLower(op), value}, nil
}

// principalFilter reads the query parameter filter: eq, ne, co and sw of a name or an id.
// Letters count whatever their case.
func principalFilter(text string, kind access.Kind) (func(access.Principal) bool, error) {
	if strings.TrimSpace(text) == "" {
		return func(access.Principal) bool { return true }, nil
	}
	c, err := parseComparison(text)
	if err != nil {
		return nil, filterError(text)
	}
	var attribute func(access.Principal) string
	switch strings.ToLower(c.attribute) {
	case "username":
		attribute = nameOf(kind == access.KindUser)
	case "applicationid":
		attribute = nameOf(kind == access.KindServicePrincipal)
	case "displayname":
		attribute = func(p access.Principal) string { return p.DisplayName }
	case "externalid":
		attribute = func(p access.Principal) string { return p.ExternalID }
	case "id":
		attribute = func(p access.Principal) string { return p.ID }
	}
	var compare func(has, value string) bool
	switch c.op {
	case "eq":
		compare = func(has, value string) bool { return has == value }
	case "ne":
		compare = func(has, value string) bool { return has != value }
	case "co":
		compare = strings.Contains
	case "sw":
		compare = strings.HasPrefix
	}
	if attribute == nil || compare == nil {
		return nil, filterError(text)
	}
	value := strings.ToLower(c.value)
	return func(p access.Principal) bool { return compare(strings.ToLower(attribute(p)), value) }, nil
}

// nameOf is a principal's name, nil where its kind has none of this sort.
func nameOf(has bool) func(access.Principal) string {
	if !has {
		return nil
	}
	return func(p access.Principal) string { return p.Name }
}

func filterError(text string) error {
	return &requestError{code: codeInvalidParameterValue, message: fmt.Sprintf(
		"The query parameter filter takes one comparison by eq, ne, co or sw of userName, applicationId, displayName, externalId or id, such as displayName eq \"team\": got %q.", cut(text, 80))}
}
