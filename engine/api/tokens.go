package api

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"servery/engine/access"
)

var tokenRoutes = []route{
	at("POST", "/api/2.0/token/create", (*Server).createToken),
	at("GET", "/api/2.0/token/list", (*Server).listTokens),
	at("POST", "/api/2.0/token/delete", (*Server).deleteToken),
	at("GET", "/api/2.0/token-management/tokens", (*Server).listAllTokens).administrators(),
	at("GET", "/api/2.0/token-management/tokens/{id}", (*Server).getAnyToken).administrators(),
	at("DELETE", "/api/2.0/token-management/tokens/{id}", (*Server).deleteAnyToken).administrators(),
	at("POST", "/api/2.0/token-management/on-behalf-of/tokens", (*Server).createTokenOnBehalf).administrators(),
	at("POST", "/api/2.0/servery/users/{id}/tokens", (*Server).createTokenForUser).administrators(),
}

// wireToken is a token as its user sees it, with the times in ms.
type wireToken struct {
	ID      string `json:"token_id"`
	Created int64  `json:"creation_time"`
	Expires int64  `json:"expiry_time"` // -1 is never
	Comment string `json:"comment"`
}

// wireManagedToken is a token as administrators see it.
type wireManagedToken struct {
	wireToken
	By        int64  `json:"created_by_id"`
	ByName    string `json:"created_by_username"`
	Owner     int64  `json:"owner_id"`
	Workspace int64  `json:"workspace_id"`
}

type wireNewToken struct {
	Value string `json:"token_value"`
	Info  any    `json:"token_info"`
}

func tokenWire(t access.Token) wireToken {
	w := wireToken{ID: t.ID, Created: t.Created.UnixMilli(), Expires: -1, Comment: t.Comment}
	if !t.Expires.IsZero() {
		w.Expires = t.Expires.UnixMilli()
	}
	return w
}

func (s *Server) managedWire(t access.Token) wireManagedToken {
	w := wireManagedToken{wireToken: tokenWire(t), By: number(t.By), Owner: number(t.User), Workspace: number(workspaceID)}
	if p, ok := s.services.PrincipalByID(t.By); ok {
		w.ByName = p.Name
	}
	return w
}

// number is an id of digits as the number that the SDKs read here.
func number(id string) int64 {
	n, _ := strconv.ParseInt(id, 10, 64) // an id of an older folder may be longer: 0
	return n
}

// tokenFields reads what a request says of a new token.
func tokenFields(o object) (comment string, lifetime time.Duration, err error) {
	comment = o.text("comment")
	seconds := o.integer("lifetime_seconds")
	if err := o.failed(); err != nil {
		return "", 0, err
	}
	if seconds == nil {
		return comment, 0, nil
	}
	if *seconds < 1 || *seconds > int(access.MaxLifetime/time.Second) {
		return "", 0, &requestError{code: codeInvalidParameterValue, message: fmt.Sprintf(
			"Field 'lifetime_seconds' takes 1 to %d, which are 730 days, got %d. Leave it out for a token that does not expire.", access.MaxLifetime/time.Second, *seconds)}
	}
	return comment, time.Duration(*seconds) * time.Second, nil
}

func (s *Server) createToken(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := readFieldsOrNothing(w, r)
	if err != nil {
		return err
	}
	comment, lifetime, err := tokenFields(o)
	if err != nil {
		return err
	}
	user := caller(r)
	value, t, err := s.services.NewToken(r.Context(), user.ID, user.ID, comment, lifetime)
	if err != nil {
		return err
	}
	return sendSecret(w, wireNewToken{value, tokenWire(t)})
}

// readFieldsOrNothing is readFields for requests whose fields may all be left out.
func readFieldsOrNothing(w http.ResponseWriter, r *http.Request) (object, error) {
	if r.ContentLength == 0 {
		return parseObject([]byte("{}"))
	}
	return readFields(w, r)
}

// sendSecret answers with something that nobody on the way may keep.
func sendSecret(w http.ResponseWriter, v any) error {
	w.Header()["Cache-Control"] = []string{"no-store"}
	return sendJSON(w, v)
}

func (s *Server) listTokens(w http.ResponseWriter, r *http.Request, _ values) error {
	list := struct {
		Tokens []wireToken `json:"token_infos"`
	}{[]wireToken{}}
	for _, t := range s.services.Tokens(caller(r).ID) {
		list.Tokens = append(list.Tokens, tokenWire(t))
	}
	return sendJSON(w, list)
}

func (s *Server) deleteToken(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := readFields(w, r)
	if err != nil {
		return err
	}
	id := o.text("token_id")
	if err := o.failed(); err != nil {
		return err
	}
	if id == "" {
		return missingField("token_id", "the id of a token, which /api/2.0/token/list tells")
	}
	if err := s.services.RevokeToken(r.Context(), caller(r).ID, id); err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}

func missingField(name, takes string) error {
	return &requestError{code: codeInvalidParameterValue, message: fmt.Sprintf("Field '%s' is missing: it takes %s.", name, takes)}
}

func (s *Server) listAllTokens(w http.ResponseWriter, r *http.Request, _ values) error {
	query := r.URL.Query()
	list := struct {
		Tokens []wireManagedToken `json:"token_infos"`
	}{[]wireManagedToken{}}
	for _, t := range s.services.Tokens("") {
		wire := s.managedWire(t)
		if name := query.Get("created_by_username"); name != "" && name != wire.ByName {
			continue
		}
		if id := query.Get("created_by_id"); id != "" && id != t.By {
			continue
		}
		list.Tokens = append(list.Tokens, wire)
	}
	return sendJSON(w, list)
}

func (s *Server) getAnyToken(w http.ResponseWriter, _ *http.Request, v values) error {
	for _, t := range s.services.Tokens("") {
		if t.ID == v[0] {
			return sendJSON(w, struct {
				Info wireManagedToken `json:"token_info"`
			}{s.managedWire(t)})
		}
	}
	return &access.NotFoundError{What: "Token", ID: v[0]}
}

func (s *Server) deleteAnyToken(w http.ResponseWriter, r *http.Request, v values) error {
	if err := s.services.RevokeToken(r.Context(), "", v[0]); err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}

func (s *Server) createTokenOnBehalf(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := readFields(w, r)
	if err != nil {
		return err
	}
	application := o.text("application_id")
	comment, lifetime, err := tokenFields(o)
	if err != nil {
		return err
	}
	if application == "" {
		return missingField("application_id", "the application id of a service principal")
	}
	p, err := s.services.PrincipalByName(application, access.KindServicePrincipal)
	if err != nil {
		return err
	}
	return s.sendTokenOf(w, r, p, comment, lifetime)
}

// createTokenForUser makes a token for another user, who cannot sign in without one. The
// product has users sign in with a browser instead.
func (s *Server) createTokenForUser(w http.ResponseWriter, r *http.Request, v values) error {
	o, err := readFieldsOrNothing(w, r)
	if err != nil {
		return err
	}
	comment, lifetime, err := tokenFields(o)
	if err != nil {
		return err
	}
	p, err := s.services.Principal(access.KindUser, v[0])
	if err != nil {
		return err
	}
	return s.sendTokenOf(w, r, p, comment, lifetime)
}

func (s *Server) sendTokenOf(w http.ResponseWriter, r *http.Request, p access.Principal, comment string, lifetime time.Duration) error {
	value, t, err := s.services.NewToken(r.Context(), p.ID, caller(r).ID, comment, lifetime)
	if err != nil {
		return err
	}
	return sendSecret(w, wireNewToken{value, s.managedWire(t)})
}
