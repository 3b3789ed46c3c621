package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"servery/engine/access"
	"servery/engine/registry"
)

// params are what a request of the registry's routes says: the fields of its body, and for
// those that have none its query, as MLflow's client and the SDKs send them.
func params(w http.ResponseWriter, r *http.Request) (object, error) {
	o := object{fields: map[string]any{}, wrong: new([]string)}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.ContentLength != 0 {
		body, err := readBody(w, r, maxControlBody)
		if err != nil {
			return o, err
		}
		defer body.free()
		if len(body.data) > 0 {
			if o, err = parseObject(body.data); err != nil {
				return o, err
			}
		}
	}
	for name, given := range r.URL.Query() {
		if _, said := o.fields[name]; !said && len(given) > 0 {
			o.fields[name] = given[0]
		}
	}
	return o, nil
}

// flag reads true or false, also out of a query's text.
func flag(o object, name string) bool {
	switch v := o.fields[name].(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		if b, err := strconv.ParseBool(v); err == nil {
			return b
		}
	}
	o.note(name, "true or false", o.fields[name])
	return false
}

// textOf is a field that was sent, or nil.
func textOf(o object, name string) *string {
	if !o.has(name) {
		return nil
	}
	s := o.text(name)
	return &s
}

// given is a field that must be there.
func given(o object, name, example string) (string, error) {
	s := o.text(name)
	if err := o.failed(); err != nil {
		return "", err
	}
	if s == "" {
		return "", invalid("'%s' is missing: give one such as %s.", name, example)
	}
	return s, nil
}

// versionNumber reads the number of a version.
func versionNumber(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, invalid("%q is not the number of a version: give 1 or more.", cut(text, 40))
	}
	return n, nil
}

const (
	defaultPage = 100
	maxPage     = 1000
)

// page is one page of list: what comes after the token, and the token of the next page, ""
// at the end. key is what list is ordered by: a token stays right where something between
// two pages is made or deleted. max_results is 0 or absent for the server's own choice.
func page[T any](o object, list []T, key func(T) string) ([]T, string, error) {
	size, token, err := pageSize(o)
	if err != nil {
		return nil, "", err
	}
	if token != "" {
		after, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return nil, "", invalid(noPageToken)
		}
		first := 0
		for first < len(list) && key(list[first]) <= string(after) {
			first++
		}
		list = list[first:]
	}
	if len(list) <= size {
		return list, "", nil
	}
	list = list[:size]
	return list, base64.RawURLEncoding.EncodeToString([]byte(key(list[size-1]))), nil
}

const noPageToken = "'page_token' is none that this server gave: begin again without one."

// pageSize is how many entries a page may have, 1 to maxPage, and the token that it begins
// behind, "" for the first.
func pageSize(o object) (size int, token string, err error) {
	if o.fields["max_results"] == "" { // as a form with nothing in it sends it
		delete(o.fields, "max_results")
	}
	n := o.integer("max_results")
	token = o.text("page_token")
	if err := o.failed(); err != nil {
		return 0, "", err
	}
	switch {
	case n != nil && *n < 0:
		return 0, "", invalid("'max_results' is %d: give 1 to %d, or 0 for as many as the server likes.", *n, maxPage)
	case n != nil && *n > 0:
		return min(*n, maxPage), token, nil
	}
	return defaultPage, token, nil
}

// caller is the user of a request.
func caller(r *http.Request) access.User {
	user, _ := access.UserFrom(r.Context()) // route put it there
	return user
}

// owned lets an owner change something, and an administrator.
func owned(r *http.Request, what, name, owner string) error {
	if user := caller(r); user.Admin || (owner != "" && owner == user.Name) {
		return nil
	}
	if owner == "" {
		owner = "nobody"
	}
	return &requestError{code: codePermissionDenied, message: fmt.Sprintf(
		"User %s is not the owner of %s '%s': only the owner, %s, or an administrator may change or delete it.", caller(r).Name, what, cut(name, 200), owner)}
}

// ownedModel is the model of a full name, where the caller may change it.
func (s *Server) ownedModel(r *http.Request, fullName string) (registry.Model, error) {
	m, err := s.services.Model(fullName)
	if err != nil {
		return m, err
	}
	return m, owned(r, "model", m.FullName(), m.Owner)
}

// ownedVersion is a version that the caller may change: the model's owner may, and who made
// a version as long as it waits for its files.
func (s *Server) ownedVersion(r *http.Request, fullName string, version int) (m registry.Model, v registry.Version, err error) {
	if m, err = s.services.Model(fullName); err != nil {
		return m, v, err
	}
	v, ok := m.Version(version)
	if !ok {
		return m, v, &registry.NotFoundError{Name: m.FullName(), Version: version}
	}
	if v.Status == registry.Pending && v.CreatedBy == caller(r).Name {
		return m, v, nil
	}
	return m, v, owned(r, "model", m.FullName(), m.Owner)
}

// threeLevels refuses other names in the words that MLflow's client looks for.
func threeLevels(name string) error {
	if strings.Count(name, ".") == 2 {
		return nil
	}
	return invalid("%q is not the name of a registered model: specify all three levels, such as main.default.digits.", cut(name, 200))
}
