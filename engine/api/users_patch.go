package api

import (
	"fmt"
	"slices"
	"strings"

	"servery/engine/access"
)

// patchOperation is one change of a SCIM PATCH (RFC 7644, 3.5.2), as far as Servery has
// what it is about.
type patchOperation struct {
	index int
	op    string // "add", "remove", "replace"
	path  string // "" where value names the attributes
	value any
}

const maxOperations = 1000

func decodePatch(body []byte) ([]patchOperation, error) {
	o, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	list := o.objects("Operations")
	operations := make([]patchOperation, 0, min(len(list), maxOperations))
	for i, e := range list {
		op := strings.ToLower(e.text("op"))
		if op != "add" && op != "remove" && op != "replace" && len(*o.wrong) == 0 {
			e.note("op", "add, remove or replace", e.fields["op"])
		}
		operations = append(operations, patchOperation{i, op, e.text("path"), e.fields["value"]})
	}
	if err := o.failed(); err != nil {
		return nil, err
	}
	if n := len(operations); n == 0 || n > maxOperations {
		return nil, &requestError{code: codeInvalidParameterValue, message: fmt.Sprintf("Field 'Operations' takes 1 to %d changes, got %d.", maxOperations, n)}
	}
	return operations, nil
}

// apply carries the operation out on p.
func (o patchOperation) apply(p *access.Principal) error {
	if o.path != "" {
		return o.one(p, o.path, o.value)
	}
	attributes, ok := o.value.(map[string]any)
	if !ok || o.op == "remove" {
		return o.wrong("value", "an object of attributes where there is no path, which remove must have", o.value)
	}
	names := make([]string, 0, len(attributes))
	for name := range attributes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := o.one(p, name, attributes[name]); err != nil {
			return err
		}
	}
	return nil
}

// one changes one attribute.
func (o patchOperation) one(p *access.Principal, path string, value any) error {
	attribute, filter, _ := strings.Cut(path, "[")
	attribute = strings.TrimPrefix(attribute, scimWords[p.Kind].schema+":")
	group := p.Kind == access.KindGroup
	switch {
	case strings.EqualFold(attribute, "displayName") && group:
		return o.text(&p.Name, value)
	case strings.EqualFold(attribute, "displayName"):
		return o.text(&p.DisplayName, value)
	case strings.EqualFold(attribute, "externalId"):
		return o.text(&p.ExternalID, value)
	case strings.EqualFold(attribute, "active") && !group && o.op != "remove":
		return o.flag(&p.Active, value)
	case strings.EqualFold(attribute, "members") && group:
		return o.members(p, filter, value)
	}
	takes := "displayName, active or externalId"
	if group {
		takes = "members, displayName or externalId"
	}
	return o.wrong("path", takes, path)
}

func (o patchOperation) text(into *string, value any) error {
	if o.op == "remove" {
		*into = ""
		return nil
	}
	s, ok := value.(string)
	if !ok {
		return o.wrong("value", "a string", value)
	}
	*into = s
	return nil
}

// flag reads true or false, also as a word, as some clients of SCIM send it.
func (o patchOperation) flag(into *bool, value any) error {
	switch v := value.(type) {
	case bool:
		*into = v
		return nil
	case string:
		if strings.EqualFold(v, "true") || strings.EqualFold(v, "false") {
			*into = strings.EqualFold(v, "true")
			return nil
		}
	}
	return o.wrong("value", "true or false", value)
}

// members changes a group's members: by a list of objects with a value, or, for remove, by
// the path members[value eq "ID"]; remove without either takes all out.
func (o patchOperation) members(p *access.Principal, filter string, value any) error {
	var ids []string
	if filter != "" {
		id, ok := memberFilter(filter)
		if !ok || o.op != "remove" {
			return o.wrong("path", `members, and members[value eq "ID"] for remove`, o.path)
		}
		ids = []string{id}
	} else if value != nil {
		var err error
		if ids, err = o.ids(value); err != nil {
			return err
		}
	}
	switch {
	case o.op == "add":
		p.Members = append(p.Members, ids...)
	case o.op == "replace" || filter == "" && value == nil:
		p.Members = ids
	default:
		gone := make(map[string]bool, len(ids)) // 10,000 of 10,000, one by one, are 100 million comparisons
		for _, id := range ids {
			gone[id] = true
		}
		p.Members = slices.DeleteFunc(p.Members, func(id string) bool { return gone[id] })
	}
	return nil
}

// ids reads [{"value": "ID"}], or one such object.
func (o patchOperation) ids(value any) ([]string, error) {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	if len(list) > maxListed {
		return nil, o.wrong("value", fmt.Sprintf("at most %d members", maxListed), value)
	}
	ids := make([]string, 0, len(list))
	for _, e := range list {
		m, _ := e.(map[string]any)
		id, ok := m["value"].(string)
		if !ok {
			return nil, o.wrong("value", `a list of objects with an id, [{"value": "ID"}]`, e)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// memberFilter reads `value eq "ID"]`.
func memberFilter(text string) (id string, ok bool) {
	text, closed := strings.CutSuffix(text, "]")
	f, err := parseComparison(text)
	return f.value, closed && err == nil && f.op == "eq" && strings.EqualFold(f.attribute, "value")
}

func (o patchOperation) wrong(field, takes string, got any) error {
	return &requestError{code: codeInvalidParameterValue, message: fmt.Sprintf("Field 'Operations[%d].%s' takes %s, got %s.", o.index, field, takes, describe(got))}
}
