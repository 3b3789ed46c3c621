package api

import (
	"net/http"

	"servery/engine/access"
	"servery/engine/endpoint"
)

var settingRoutes = []route{ // 6 to 10 of the spec's table B1
	at("PATCH", "/api/2.0/serving-endpoints/{name}/tags", (*Server).patchTags).needing(access.CanManage),
	at("PUT", "/api/2.0/serving-endpoints/{name}/rate-limits", (*Server).putRateLimits).needing(access.CanManage),
	at("PUT", "/api/2.0/serving-endpoints/{name}/ai-gateway", (*Server).putGateway).needing(access.CanManage),
	at("PATCH", "/api/2.0/serving-endpoints/{name}/notifications", (*Server).patchNotifications).needing(access.CanManage),
	at("PATCH", "/api/2.0/serving-endpoints/{name}/telemetry-config", (*Server).patchTelemetry).needing(access.CanManage),
}

func (s *Server) patchTags(w http.ResponseWriter, r *http.Request, v values) error {
	o, done, err := readObject(w, r)
	if err != nil {
		return err
	}
	defer done()
	add, remove := decodeTags(o, "add_tags"), o.strings("delete_tags")
	if err := o.failed(); err != nil {
		return err
	}
	e, err := s.services.PatchTags(r.Context(), v[0], add, remove)
	if err != nil {
		return err
	}
	tags := tagsWire(e.Tags)
	if tags == nil {
		tags = []wireTag{} // the key is there even where nothing is left
	}
	return sendJSON(w, wireTags{tags})
}

func (s *Server) putRateLimits(w http.ResponseWriter, r *http.Request, v values) error {
	o, done, err := readObject(w, r)
	if err != nil {
		return err
	}
	defer done()
	limits := decodeRateLimits(o)
	if err := o.failed(); err != nil {
		return err
	}
	e, err := s.services.SetRateLimits(r.Context(), v[0], limits)
	if err != nil {
		return err
	}
	list := rateLimitsWire(e.RateLimits)
	if list == nil {
		list = []wireRateLimit{}
	}
	return sendJSON(w, wireRateLimits{list})
}

// putGateway answers with the gateway as it is now, {} where there is none.
func (s *Server) putGateway(w http.ResponseWriter, r *http.Request, v values) error {
	o, done, err := readObject(w, r)
	if err != nil {
		return err
	}
	defer done()
	gateway := decodeGateway(o)
	if err := o.failed(); err != nil {
		return err
	}
	e, err := s.services.SetAIGateway(r.Context(), v[0], gateway)
	if err != nil {
		return within(err, "ai_gateway.")
	}
	if e.AIGateway == nil {
		return sendJSON(w, struct{}{})
	}
	return sendJSON(w, gatewayWire(e.AIGateway))
}

// patchNotifications leaves the addresses as they are where the body has none; an empty
// object takes them away.
func (s *Server) patchNotifications(w http.ResponseWriter, r *http.Request, v values) error {
	o, done, err := readObject(w, r)
	if err != nil {
		return err
	}
	defer done()
	n := decodeNotifications(o)
	if err := o.failed(); err != nil {
		return err
	}
	var e endpoint.Endpoint
	if n == nil {
		e, err = s.services.Endpoint(v[0])
	} else {
		e, err = s.services.SetNotifications(r.Context(), v[0], n)
	}
	if err != nil {
		return err
	}
	said := notificationsWire(e.Notifications)
	if said == nil {
		said = &wireNotifications{}
	}
	return sendJSON(w, wireNotified{e.Name, said})
}

func (s *Server) patchTelemetry(w http.ResponseWriter, r *http.Request, v values) error {
	o, done, err := readObject(w, r)
	if err != nil {
		return err
	}
	defer done()
	t := decodeTelemetry(o)
	if err := o.failed(); err != nil {
		return err
	}
	e, err := s.services.SetTelemetry(r.Context(), v[0], t)
	if err != nil {
		return err
	}
	return s.sendEndpoint(w, r, e)
}
