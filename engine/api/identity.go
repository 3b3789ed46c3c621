package api

import "net/http"

var identityRoutes = []route{
	at("GET", "/api/2.0/preview/scim/v2/Me", (*Server).me),
	at("GET", "/api/2.0/servery/status", (*Server).status),
}

// discoveryPath is what the SDKs and the CLI ask before anything else, without a token.
// Until it answers they look frozen, so it touches nothing.
const discoveryPath = "/.well-known/databricks-config"

// workspaceID is what the clients send back as X-Databricks-Workspace-Id. It must be
// digits; there is only one workspace here.
const workspaceID = "8642"

type wireDiscovery struct {
	OIDC      string `json:"oidc_endpoint"`
	Account   string `json:"account_id"`
	Workspace string `json:"workspace_id"`
	Cloud     string `json:"cloud"`
	HostType  string `json:"host_type"`
}

func (s *Server) discover(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return notAllowed(w, r, []string{http.MethodGet})
	}
	return sendJSON(w, wireDiscovery{OIDC: baseOf(r) + "/oidc", Workspace: workspaceID, Cloud: "AWS", HostType: "workspace"})
}

// baseOf is this server's own address as the client wrote it; the guards have checked
// that it is this machine's.
func baseOf(r *http.Request) string { return "http://" + r.Host }

func (s *Server) status(w http.ResponseWriter, _ *http.Request, _ values) error {
	return sendJSON(w, s.services.Status())
}
