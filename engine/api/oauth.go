package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"servery/engine/access"
)

var oauthRoutes = []route{
	at("POST", "/api/2.0/accounts/servicePrincipals/{id}/credentials/secrets", (*Server).createClientSecret).administrators(),
	at("GET", "/api/2.0/accounts/servicePrincipals/{id}/credentials/secrets", (*Server).listClientSecrets).administrators(),
	at("DELETE", "/api/2.0/accounts/servicePrincipals/{id}/credentials/secrets/{secret}", (*Server).deleteClientSecret).administrators(),
}

// oidcPrefix is below what the discovery document says. What lies there needs no token:
// it is where a client gets one.
const oidcPrefix = "/oidc/"

// oidc answers below oidcPrefix.
func (s *Server) oidc(w http.ResponseWriter, r *http.Request) error {
	method, handle := http.MethodGet, (*Server).oidcDiscovery
	switch strings.TrimSuffix(r.URL.Path, "/") {
	case "/oidc/.well-known/oauth-authorization-server", "/oidc/.well-known/openid-configuration":
	case "/oidc/v1/token":
		method, handle = http.MethodPost, (*Server).exchange
	case "/oidc/v1/authorize":
		return &requestError{code: codeNotImplemented, message: "Servery has no page to sign in on: use a token, or a service principal's client id and secret."}
	default:
		return access.ErrUnauthenticated // as everywhere without a token
	}
	if r.Method != method && (method != http.MethodGet || r.Method != http.MethodHead) {
		return notAllowed(w, r, []string{method})
	}
	return handle(s, w, r)
}

// wireOIDC says where tokens come from (RFC 8414).
type wireOIDC struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	GrantTypes    []string `json:"grant_types_supported"`
	ResponseTypes []string `json:"response_types_supported"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
	Scopes        []string `json:"scopes_supported"`
}

func (s *Server) oidcDiscovery(w http.ResponseWriter, r *http.Request) error {
	base := baseOf(r) + "/oidc"
	return sendJSON(w, wireOIDC{
		Issuer: base, Authorization: base + "/v1/authorize", Token: base + "/v1/token",
		GrantTypes: []string{"client_credentials"}, ResponseTypes: []string{},
		AuthMethods: []string{"client_secret_basic", "client_secret_post"}, Scopes: []string{allAPIs},
	})
}

const allAPIs = "all-apis"

type (
	wireAccessToken struct {
		Token   string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int    `json:"expires_in"` // seconds
		Scope   string `json:"scope"`
	}
	// wireOAuthError is the form of errors that OAuth's clients read (RFC 6749, 5.2).
	wireOAuthError struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
)

const maxTokenRequest = 16 << 10

// exchange gives an access token for a client's id and secret. Its errors have OAuth's
// form; what is not the client's fault has the product's.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r, maxTokenRequest)
	if err != nil {
		return err
	}
	defer body.free()
	request, refused := decodeTokenRequest(r.Header, string(body.data))
	if refused != nil {
		return sendOAuthError(w, *refused)
	}
	token, err := s.services.ExchangeSecret(r.Context(), request.client, request.secret)
	if errors.Is(err, access.ErrUnauthenticated) {
		pause(r.Context(), s.wrongTokens.delay(time.Now()))
		return sendOAuthError(w, wireOAuthError{"invalid_client", "The client id or the client secret is wrong, expired or deleted."})
	}
	if err != nil {
		return err
	}
	w.Header()["Pragma"] = []string{"no-cache"}
	return sendSecret(w, wireAccessToken{token, "Bearer", int(access.AccessLifetime / time.Second), allAPIs})
}

func sendOAuthError(w http.ResponseWriter, e wireOAuthError) error {
	body, err := marshal(e)
	if err != nil {
		return err
	}
	status := http.StatusBadRequest
	if e.Error == "invalid_client" {
		status = http.StatusUnauthorized
		w.Header()["Www-Authenticate"] = []string{`Basic realm="Servery"`}
	}
	w.Header()["Cache-Control"] = []string{"no-store"}
	send(w, status, body)
	return nil
}

type tokenRequest struct{ client, secret string }

// decodeTokenRequest reads a form (RFC 6749, 4.4.2), with the client's id and secret in it
// or in a header of basic authentication.
func decodeTokenRequest(header http.Header, body string) (tokenRequest, *wireOAuthError) {
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return tokenRequest{}, &wireOAuthError{"invalid_request", "The body is a form: send Content-Type: application/x-www-form-urlencoded."}
	}
	form, err := url.ParseQuery(body)
	if err != nil {
		return tokenRequest{}, &wireOAuthError{"invalid_request", "The form cannot be read."}
	}
	for _, name := range []string{"grant_type", "client_id", "client_secret", "scope"} {
		if len(form[name]) > 1 {
			return tokenRequest{}, &wireOAuthError{"invalid_request", "The field " + name + " is given twice."}
		}
	}
	if grant := form.Get("grant_type"); grant != "client_credentials" {
		return tokenRequest{}, &wireOAuthError{"unsupported_grant_type", fmt.Sprintf("grant_type takes client_credentials, got %q.", cut(grant, 80))}
	}
	in := tokenRequest{form.Get("client_id"), form.Get("client_secret")}
	if values := header["Authorization"]; len(values) > 0 {
		basic, ok := basicCredential(values)
		if !ok || in.secret != "" || in.client != "" && in.client != basic.client {
			return tokenRequest{}, &wireOAuthError{"invalid_request", "The client's id and secret stand in the form or in one header of basic authentication, not in both."}
		}
		in = basic
	}
	if in.client == "" || in.secret == "" {
		return tokenRequest{}, &wireOAuthError{"invalid_client", "The client's id or its secret is missing."}
	}
	return in, nil
}

// basicCredential reads "Basic" with the id and the secret, each escaped as in a form.
func basicCredential(headers []string) (in tokenRequest, ok bool) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(headers[0]), " ")
	if len(headers) != 1 || !strings.EqualFold(scheme, "Basic") {
		return in, false
	}
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
	if err != nil {
		return in, false
	}
	id, secret, found := strings.Cut(string(plain), ":")
	var wrong error
	if in.client, err = url.QueryUnescape(id); err != nil {
		wrong = err
	}
	if in.secret, err = url.QueryUnescape(secret); err != nil {
		wrong = err
	}
	return in, found && wrong == nil
}

// The JSON of a client's secret (databricks-sdk-go service/oauth2/model.go).
type wireClientSecret struct {
	ID      string `json:"id"`
	Hash    string `json:"secret_hash"`
	Status  string `json:"status"`
	Created string `json:"create_time"`
	Updated string `json:"update_time"`
	Expires string `json:"expire_time"`
	Secret  string `json:"secret,omitempty"`
}

func clientSecretWire(c access.ClientSecret, value string) wireClientSecret {
	w := wireClientSecret{ID: c.ID, Hash: c.Hash, Status: "ACTIVE", Secret: value, Created: c.Created.UTC().Format(time.RFC3339), Expires: c.Expires.UTC().Format(time.RFC3339)}
	w.Updated = w.Created
	return w
}

func (s *Server) createClientSecret(w http.ResponseWriter, r *http.Request, v values) error {
	o, err := readFieldsOrNothing(w, r)
	if err != nil {
		return err
	}
	lifetime, err := secretLifetime(o)
	if err != nil {
		return err
	}
	value, c, err := s.services.CreateClientSecret(r.Context(), v[0], lifetime)
	if err != nil {
		return err
	}
	return sendSecret(w, clientSecretWire(c, value))
}

// secretLifetime reads a lifetime in seconds with the letter s, "3600s"; 0 where there is
// none.
func secretLifetime(o object) (time.Duration, error) {
	text := o.text("lifetime")
	if err := o.failed(); err != nil || text == "" {
		return 0, err
	}
	digits, ok := strings.CutSuffix(text, "s")
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 1 || n > int64(access.MaxLifetime/time.Second) {
		return 0, &requestError{code: codeInvalidParameterValue, message: fmt.Sprintf(
			"Field 'lifetime' takes 1s to %ds, which are 730 days, got %q.", access.MaxLifetime/time.Second, cut(text, 40))}
	}
	return time.Duration(n) * time.Second, nil
}

func (s *Server) listClientSecrets(w http.ResponseWriter, _ *http.Request, v values) error {
	all, err := s.services.ClientSecrets(v[0])
	if err != nil {
		return err
	}
	list := struct {
		Secrets []wireClientSecret `json:"secrets"`
	}{[]wireClientSecret{}}
	for _, c := range all {
		list.Secrets = append(list.Secrets, clientSecretWire(c, ""))
	}
	return sendJSON(w, list)
}

func (s *Server) deleteClientSecret(w http.ResponseWriter, r *http.Request, v values) error {
	if err := s.services.DeleteClientSecret(r.Context(), v[0], v[1]); err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}
