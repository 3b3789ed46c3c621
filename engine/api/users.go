package api

import (
	"net/http"
	"slices"
	"strconv"

	"servery/engine/access"
)

var principalRoutes = slices.Concat(
	scimRoutes("Users", access.KindUser),
	scimRoutes("ServicePrincipals", access.KindServicePrincipal),
	scimRoutes("Groups", access.KindGroup),
)

// scimRoutes are the routes of one kind of principal. Everybody may read, so as to know
// whom to grant something; administrators may write.
func scimRoutes(word string, kind access.Kind) []route {
	all := "/api/2.0/preview/scim/v2/" + word
	one := all + "/{id}"
	of := func(handle func(*Server, http.ResponseWriter, *http.Request, access.Kind, string) error) func(*Server, http.ResponseWriter, *http.Request, values) error {
		return func(s *Server, w http.ResponseWriter, r *http.Request, v values) error {
			return handle(s, w, r, kind, v[0])
		}
	}
	return []route{
		at("GET", one, of((*Server).getPrincipal)),
		at("GET", all, of((*Server).listPrincipals)),
		at("POST", all, of((*Server).createPrincipal)).administrators(),
		at("PUT", one, of((*Server).replacePrincipal)).administrators(),
		at("PATCH", one, of((*Server).patchPrincipal)).administrators(),
		at("DELETE", one, of((*Server).deletePrincipal)).administrators(),
	}
}

// wirePrincipal is a user, service principal or group in the words of SCIM
// (databricks-sdk-go service/iam/model.go).
type wirePrincipal struct {
	Schemas       []string    `json:"schemas"`
	ID            string      `json:"id"`
	UserName      string      `json:"userName,omitempty"`
	ApplicationID string      `json:"applicationId,omitempty"`
	DisplayName   string      `json:"displayName"`
	ExternalID    string      `json:"externalId,omitempty"`
	Active        *bool       `json:"active,omitempty"`
	Emails        []wireEmail `json:"emails,omitempty"`
	Members       []wireRef   `json:"members,omitempty"`
	Groups        []wireRef   `json:"groups"`
	Meta          *wireMeta   `json:"meta,omitempty"`
}

type wireEmail struct {
	Type    string `json:"type"`
	Value   string `json:"value"`
	Primary bool   `json:"primary"`
}

// wireRef names another principal.
type wireRef struct {
	Display string `json:"display"`
	Type    string `json:"type,omitempty"` // of a group: direct or indirect
	Value   string `json:"value"`
	Ref     string `json:"$ref"`
}

type wireMeta struct {
	ResourceType string `json:"resourceType"`
}

const scimSchemas = "urn:ietf:params:scim:schemas:core:2.0:"

// scimWords are a kind's schema and its word in paths.
var scimWords = map[access.Kind]struct{ schema, path string }{
	access.KindUser:             {scimSchemas + "User", "Users/"},
	access.KindServicePrincipal: {scimSchemas + "ServicePrincipal", "ServicePrincipals/"},
	access.KindGroup:            {scimSchemas + "Group", "Groups/"},
}

func refWire(p access.Principal) wireRef {
	display := p.DisplayName
	if display == "" {
		display = p.Name
	}
	return wireRef{Display: display, Value: p.ID, Ref: scimWords[p.Kind].path + p.ID}
}

func (s *Server) principalWire(p access.Principal) wirePrincipal {
	w := wirePrincipal{Schemas: []string{scimWords[p.Kind].schema}, ID: p.ID, DisplayName: p.DisplayName, ExternalID: p.ExternalID, Groups: []wireRef{}}
	switch p.Kind {
	case access.KindUser:
		w.UserName, w.Active, w.Emails = p.Name, &p.Active, []wireEmail{{Type: "work", Value: p.Name, Primary: true}}
	case access.KindServicePrincipal:
		w.ApplicationID, w.Active = p.Name, &p.Active
	case access.KindGroup:
		w.Meta = &wireMeta{"WorkspaceGroup"}
		for _, id := range p.Members {
			if member, ok := s.services.PrincipalByID(id); ok {
				w.Members = append(w.Members, refWire(member))
			}
		}
	}
	for _, m := range s.services.GroupsOf(p.ID) {
		ref := refWire(m.Group)
		ref.Type = map[bool]string{true: "direct", false: "indirect"}[m.Direct]
		w.Groups = append(w.Groups, ref)
	}
	return w
}

func (s *Server) getPrincipal(w http.ResponseWriter, _ *http.Request, kind access.Kind, id string) error {
	p, err := s.services.Principal(kind, id)
	if err != nil {
		return err
	}
	return sendJSON(w, s.principalWire(p))
}

// wirePage is one page of a list; the SDKs ask on from StartIndex until one is empty.
type wirePage struct {
	Schemas      []string        `json:"schemas"`
	TotalResults int             `json:"totalResults"`
	StartIndex   int             `json:"startIndex"`
	ItemsPerPage int             `json:"itemsPerPage"`
	Resources    []wirePrincipal `json:"Resources"`
}

func (s *Server) listPrincipals(w http.ResponseWriter, r *http.Request, kind access.Kind, _ string) error {
	query := r.URL.Query()
	from, err := wholeParameter(query.Get("startIndex"), "startIndex", 1)
	if err != nil {
		return err
	}
	count, err := wholeParameter(query.Get("count"), "count", maxPrincipals)
	if err != nil {
		return err
	}
	matches, err := principalFilter(query.Get("filter"), kind)
	if err != nil {
		return err
	}
	all := slices.DeleteFunc(s.services.Principals(kind), func(p access.Principal) bool { return !matches(p) })
	from = max(from, 1)
	page := wirePage{Schemas: []string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"}, TotalResults: len(all), StartIndex: from, Resources: []wirePrincipal{}}
	first := min(from-1, len(all))
	for _, p := range all[first:min(first+max(min(count, maxPrincipals), 0), len(all))] {
		page.Resources = append(page.Resources, s.principalWire(p))
	}
	page.ItemsPerPage = len(page.Resources)
	return sendJSON(w, page)
}

const maxPrincipals = 10_000 // what the SDKs ask for at once

// wholeParameter reads a query parameter that is a whole number.
func wholeParameter(text, name string, absent int) (int, error) {
	if text == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, &requestError{code: codeInvalidParameterValue, message: "The query parameter " + name + " takes a whole number, got " + strconv.Quote(cut(text, 40)) + "."}
	}
	return int(n), nil
}

func (s *Server) createPrincipal(w http.ResponseWriter, r *http.Request, kind access.Kind, _ string) error {
	o, err := readFields(w, r)
	if err != nil {
		return err
	}
	p := access.Principal{Kind: kind, Active: true}
	if err := takePrincipal(o, &p); err != nil {
		return err
	}
	if p, err = s.services.CreatePrincipal(r.Context(), p); err != nil {
		return err
	}
	body, err := marshal(s.principalWire(p))
	if err != nil {
		return err
	}
	send(w, http.StatusCreated, body)
	return nil
}

func (s *Server) replacePrincipal(w http.ResponseWriter, r *http.Request, kind access.Kind, id string) error {
	o, err := readFields(w, r)
	if err != nil {
		return err
	}
	return s.edit(w, r, kind, id, func(p *access.Principal) error {
		if kind == access.KindGroup {
			p.Members = nil
		}
		return takePrincipal(o, p)
	})
}

func (s *Server) patchPrincipal(w http.ResponseWriter, r *http.Request, kind access.Kind, id string) error {
	body, err := readBody(w, r, maxControlBody)
	if err != nil {
		return err
	}
	defer body.free()
	operations, err := decodePatch(body.data)
	if err != nil {
		return err
	}
	return s.edit(w, r, kind, id, func(p *access.Principal) error {
		for _, o := range operations {
			if err := o.apply(p); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Server) edit(w http.ResponseWriter, r *http.Request, kind access.Kind, id string, edit func(*access.Principal) error) error {
	p, err := s.services.EditPrincipal(r.Context(), kind, id, edit)
	if err != nil {
		return err
	}
	return sendJSON(w, s.principalWire(p))
}

func (s *Server) deletePrincipal(w http.ResponseWriter, r *http.Request, kind access.Kind, id string) error {
	if err := s.services.RemovePrincipal(r.Context(), kind, id); err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}

// readFields reads a request's body as a JSON object. The strings are copies: the body's
// memory is given back.
func readFields(w http.ResponseWriter, r *http.Request) (object, error) {
	body, err := readBody(w, r, maxControlBody)
	if err != nil {
		return object{}, err
	}
	defer body.free()
	return parseObject(body.data)
}

// takePrincipal takes the fields that were sent. What Servery has nothing for, such as
// entitlements, roles and e-mail addresses, is left out.
func takePrincipal(o object, p *access.Principal) error {
	text := func(name string, into *string) {
		if o.has(name) {
			*into = o.text(name)
		}
	}
	switch p.Kind {
	case access.KindUser:
		text("userName", &p.Name)
	case access.KindServicePrincipal:
		text("applicationId", &p.Name)
	}
	text("externalId", &p.ExternalID)
	if p.Kind == access.KindGroup {
		text("displayName", &p.Name)
		for _, m := range o.objects("members") {
			p.Members = append(p.Members, m.digits("value"))
		}
		return o.failed()
	}
	if name, ok := o.object("name"); ok && p.DisplayName == "" {
		given, family := name.text("givenName"), name.text("familyName")
		p.DisplayName = given + map[bool]string{true: " "}[given != "" && family != ""] + family
	}
	text("displayName", &p.DisplayName)
	if active := o.boolean("active"); active != nil {
		p.Active = *active
	}
	return o.failed()
}

func (s *Server) me(w http.ResponseWriter, r *http.Request, _ values) error {
	user := caller(r)
	if p, ok := s.services.PrincipalByID(user.ID); ok {
		wire := s.principalWire(p)
		wire.UserName = p.Name // also of a service principal, as the product has it
		return sendJSON(w, wire)
	}
	return access.ErrUnauthenticated // it went while it asked
}
