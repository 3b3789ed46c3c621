package api

import (
	"encoding/base64"
	"net"
	"net/http"
	"strings"
)

// A browser on the same machine can reach this server from any page a person visits.
// Two checks keep such pages out, before anything else is looked at:
//
// The Host must be one of this machine's loopback names. A page that makes its own
// domain resolve to 127.0.0.1 (DNS rebinding, CVE-2024-28224 in Ollama) still sends its
// domain as Host.
//
// Origin and Sec-Fetch-Site, which browsers set and scripts cannot forge, must not speak
// of another site, whatever the method. That is stricter than http.CrossOriginProtection,
// which lets GET pass. No answer ever carries a CORS header, so no page of another origin
// can read one.

// hostAllowed tells whether the Host header names this server: 127.0.0.1, localhost or
// [::1], alone or with the port that the connection came in on. localPort is "" where
// that is not known.
func hostAllowed(host, localPort string) bool {
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name, port = host[:i], host[i+1:]
		if port == "" || (localPort != "" && port != localPort) {
			return false
		}
	}
	switch {
	case name == "127.0.0.1", name == "[::1]", name == "localhost":
		return true
	}
	return strings.EqualFold(name, "localhost")
}

// sameOrigin tells whether a request comes from no page or from a page of this server.
func sameOrigin(r *http.Request) bool {
	if origins, sent := r.Header["Origin"]; sent {
		if len(origins) != 1 || !strings.EqualFold(origins[0], "http://"+r.Host) {
			return false
		}
	}
	if sites, sent := r.Header["Sec-Fetch-Site"]; sent {
		return len(sites) == 1 && (sites[0] == "same-origin" || sites[0] == "none")
	}
	return true
}

// portOf is the port of the server's end of a connection, "" where unknown.
func portOf(addr net.Addr) string {
	if addr == nil {
		return ""
	}
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return ""
	}
	return port
}

// credential takes the token out of an Authorization header: "Bearer TOKEN" in any case
// and with any number of spaces, or "Basic" with the user name "token", as the product's
// curl examples send it (-u token:PAT). ok is false where there is none.
func credential(r *http.Request) (token string, ok bool) {
	values := r.Header["Authorization"]
	if len(values) != 1 {
		return "", false
	}
	scheme, rest, found := strings.Cut(strings.TrimSpace(values[0]), " ")
	rest = strings.TrimLeft(rest, " ")
	switch {
	case !found || rest == "":
		return "", false
	case strings.EqualFold(scheme, "Bearer"):
		return rest, true
	case strings.EqualFold(scheme, "Basic"):
		plain, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return "", false
		}
		user, password, found := strings.Cut(string(plain), ":")
		return password, found && user == "token" && password != ""
	}
	return "", false
}
