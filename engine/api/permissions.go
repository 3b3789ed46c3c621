package api

import (
	"fmt"
	"net/http"
	"strings"

	"servery/engine/access"
	"servery/engine/endpoint"
)

var permissionRoutes = []route{ // 22 and 23 of the spec's table B1
	at("GET", "/api/2.0/permissions/serving-endpoints/{id}", (*Server).getPermissions).needing(access.CanView).byID(),
	at("PUT", "/api/2.0/permissions/serving-endpoints/{id}", (*Server).putPermissions).needing(access.CanManage).byID(),
	at("PATCH", "/api/2.0/permissions/serving-endpoints/{id}", (*Server).patchPermissions).needing(access.CanManage).byID(),
	at("GET", "/api/2.0/permissions/serving-endpoints/{id}/permissionLevels", (*Server).permissionLevels).needing(access.CanView).byID(),
}

// administrators lets in nobody else.
func (r route) administrators() route {
	r.admins = true
	return r
}

// byID tells that the path's first {…} is an endpoint's id, not its name.
func (r route) byID() route {
	r.id = true
	return r
}

// permit tells whether a user may take a route. An endpoint that is not there is left to
// the route, which knows the words for it.
func (s *Server) permit(user access.User, r *route, v values) error {
	if user.Admin {
		return nil
	}
	if r.admins {
		return &requestError{code: codePermissionDenied, message: fmt.Sprintf(
			"User %s is no administrator, and this takes one. An administrator can add the user to the group %s.", user.Name, access.AdminsGroup)}
	}
	if r.needs == access.NoAccess {
		return nil
	}
	find := s.services.Endpoint
	if r.id {
		find = s.services.EndpointByID
	}
	e, err := find(v[0])
	if err != nil {
		return nil
	}
	if has := s.services.Permission(user, e); has < r.needs {
		return &requestError{code: codePermissionDenied, message: fmt.Sprintf(
			"User %s has %s on endpoint '%s', and this takes %s. Whoever manages the endpoint can grant it.", user.Name, has, e.Name, r.needs)}
	}
	return nil
}

// The JSON of permissions (databricks-sdk-go service/serving/model.go).
type (
	wirePermissions struct {
		ID   string              `json:"object_id"`
		Type string              `json:"object_type"`
		List []wireAccessControl `json:"access_control_list"`
	}
	wireAccessControl struct {
		User    string           `json:"user_name,omitempty"`
		Group   string           `json:"group_name,omitempty"`
		Service string           `json:"service_principal_name,omitempty"`
		Display string           `json:"display_name,omitempty"`
		All     []wirePermission `json:"all_permissions"`
	}
	wirePermission struct {
		Level     string   `json:"permission_level"`
		Inherited bool     `json:"inherited"`
		From      []string `json:"inherited_from_object,omitempty"`
	}
	wireLevels struct {
		Levels []wireLevel `json:"permission_levels"`
	}
	wireLevel struct {
		Level       string `json:"permission_level"`
		Description string `json:"description"`
	}
)

// Which fields name which principals.
var principalFields = []struct {
	name string
	kind access.Kind
}{
	{"user_name", access.KindUser},
	{"group_name", access.KindGroup},
	{"service_principal_name", access.KindServicePrincipal},
}

func (s *Server) getPermissions(w http.ResponseWriter, _ *http.Request, v values) error {
	e, err := s.endpointByID(v[0])
	if err != nil {
		return err
	}
	return sendJSON(w, s.permissionsWire(e))
}

// endpointByID finds the endpoint of a path, with an error that speaks of the id.
func (s *Server) endpointByID(id string) (endpoint.Endpoint, error) {
	e, err := s.services.EndpointByID(id)
	if err == nil {
		return e, nil
	}
	if by, wrong := s.services.Endpoint(id); wrong == nil {
		return e, &requestError{code: codeDoesNotExist, message: fmt.Sprintf(
			"No endpoint has the id '%s'. It is the name of one whose id is %s: permissions go by the id.", cut(id, 80), by.ID), cause: err}
	}
	return e, &requestError{code: codeDoesNotExist, message: fmt.Sprintf("No endpoint has the id '%s'.", cut(id, 80)), cause: err}
}

func (s *Server) permissionsWire(e endpoint.Endpoint) wirePermissions {
	w := wirePermissions{ID: "/serving-endpoints/" + e.ID, Type: "serving-endpoint"}
	creator, err := s.services.PrincipalByName(e.Creator, access.KindUser, access.KindServicePrincipal)
	if err == nil {
		w.List = append(w.List, controlWire(creator, wirePermission{Level: access.CanManage.String()}))
	}
	admins := wirePermission{Level: access.CanManage.String(), Inherited: true, From: []string{"/serving-endpoints/"}}
	shown := false
	for _, g := range s.services.Grants(e.ID) {
		direct := wirePermission{Level: g.Level.String()}
		switch {
		case g.Principal.ID == creator.ID: // has more already
		case g.Principal.Kind == access.KindGroup && g.Principal.Name == access.AdminsGroup:
			w.List = append(w.List, controlWire(g.Principal, direct, admins))
			shown = true
		default:
			w.List = append(w.List, controlWire(g.Principal, direct))
		}
	}
	if !shown {
		w.List = append(w.List, wireAccessControl{Group: access.AdminsGroup, Display: access.AdminsGroup, All: []wirePermission{admins}})
	}
	return w
}

func controlWire(p access.Principal, all ...wirePermission) wireAccessControl {
	w := wireAccessControl{Display: p.DisplayName, All: all}
	switch p.Kind {
	case access.KindUser:
		w.User = p.Name
	case access.KindGroup:
		w.Group = p.Name
	case access.KindServicePrincipal:
		w.Service = p.Name
	}
	return w
}

func (s *Server) putPermissions(w http.ResponseWriter, r *http.Request, v values) error {
	return s.changePermissions(w, r, v, true)
}

func (s *Server) patchPermissions(w http.ResponseWriter, r *http.Request, v values) error {
	return s.changePermissions(w, r, v, false)
}

// changePermissions grants what the body says. What the creator and the administrators may
// do stays, whatever it says of them.
func (s *Server) changePermissions(w http.ResponseWriter, r *http.Request, v values, replace bool) error {
	e, err := s.endpointByID(v[0])
	if err != nil {
		return err
	}
	body, err := readBody(w, r, maxControlBody)
	if err != nil {
		return err
	}
	defer body.free()
	entries, err := decodePermissions(body.data)
	if err != nil {
		return err
	}
	levels := make(map[string]access.Level, len(entries))
	var unknown []string
	for _, entry := range entries {
		p, err := s.services.PrincipalByName(entry.name, entry.kind)
		if err != nil {
			unknown = append(unknown, fmt.Sprintf("Field '%s': %s", entry.field, err))
			continue
		}
		if _, twice := levels[p.ID]; twice {
			return &requestError{code: codeInvalidParameterValue, message: fmt.Sprintf("Field '%s': %s is named twice: give one permission_level to each.", entry.field, p.Name)}
		}
		levels[p.ID] = entry.level
	}
	if len(unknown) > 0 {
		return &requestError{code: codeDoesNotExist, message: sayAll(unknown)}
	}
	if err := s.services.Grant(r.Context(), e.ID, levels, replace); err != nil {
		return err
	}
	return sendJSON(w, s.permissionsWire(e))
}

// permissionEntry is one entry of an access_control_list.
type permissionEntry struct {
	field string // its path, with the field that names the principal
	kind  access.Kind
	name  string
	level access.Level
}

func decodePermissions(body []byte) ([]permissionEntry, error) {
	o, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	var entries []permissionEntry
	for _, c := range o.objects("access_control_list") {
		entry := permissionEntry{}
		var named []string
		for _, f := range principalFields {
			if text := c.text(f.name); text != "" {
				entry.field, entry.kind, entry.name = c.at(f.name), f.kind, text
				named = append(named, f.name)
			}
		}
		level, ok := access.ParseLevel(c.text("permission_level"))
		entry.level = level
		switch {
		case len(named) != 1:
			*o.wrong = append(*o.wrong, fmt.Sprintf("Field '%s' takes one of user_name, group_name and service_principal_name, got %s.", c.path, got(named)))
		case !ok:
			c.note("permission_level", "CAN_VIEW, CAN_QUERY or CAN_MANAGE", c.fields["permission_level"])
		}
		entries = append(entries, entry)
	}
	if err := o.failed(); err != nil {
		return nil, err
	}
	return entries, nil
}

func got(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " and ")
}

func (s *Server) permissionLevels(w http.ResponseWriter, _ *http.Request, v values) error {
	if _, err := s.endpointByID(v[0]); err != nil {
		return err
	}
	return sendJSON(w, wireLevels{[]wireLevel{
		{access.CanManage.String(), "Can Manage the serving endpoint"},
		{access.CanQuery.String(), "Can Query the serving endpoint"},
		{access.CanView.String(), "Can View the serving endpoint"},
	}})
}
