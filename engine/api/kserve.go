package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/registry"
	"servery/engine/runtime"
	"servery/engine/scoring"
	"servery/engine/tensor"
)

// kserveRoutes speak KServe's protocol, version 2, with binary tensors
// (github.com/kserve/open-inference-protocol). A model is an endpoint; a version is one of
// its served entities, by its name or, where that is no other's, by its model version.
// Errors have the protocol's form, {"error": "…"}.
var kserveRoutes = []route{
	scored("/v2/models/{name}/infer", inferred),
	scored("/v2/models/{name}/versions/{version}/infer", inferred),
	at("GET", "/v2/models/{name}", kserved((*Server).kserveModel)).needing(access.CanQuery),
	at("GET", "/v2/models/{name}/versions/{version}", kserved((*Server).kserveModel)).needing(access.CanQuery),
	at("GET", "/v2/models/{name}/ready", kserved((*Server).kserveModelReady)).needing(access.CanQuery),
	at("GET", "/v2/models/{name}/versions/{version}/ready", kserved((*Server).kserveModelReady)).needing(access.CanQuery),
	at("GET", "/v2", (*Server).kserveServer),
	at("GET", "/v2/health/live", kserveHealth("live")),
	at("GET", "/v2/health/ready", kserveHealth("ready")),
}

// inferenceHeader is the header, as net/http spells it, that tells where the JSON of a body
// with binary tensors ends.
const inferenceHeader = "Inference-Header-Content-Length"

var typeBytes = []string{"application/octet-stream"}

// kserved writes an error in the protocol's form.
func kserved(handle func(*Server, http.ResponseWriter, *http.Request, values) error) func(*Server, http.ResponseWriter, *http.Request, values) error {
	return func(s *Server, w http.ResponseWriter, r *http.Request, v values) error {
		if err := handle(s, w, r, v); err != nil {
			s.failKServe(w, r, err)
		}
		return nil
	}
}

// inferred is infer with errors in the protocol's form.
func inferred(s *Server, w http.ResponseWriter, r *http.Request, v values, user access.User) error {
	if err := s.infer(w, r, v, user); err != nil {
		s.failKServe(w, r, err)
	}
	return nil
}

// failKServe answers a request with an error.
func (s *Server) failKServe(w http.ResponseWriter, r *http.Request, err error) {
	e := explain(err, true)
	if e.code == codeInternal {
		s.log.Error("a request failed", "method", r.Method, "path", r.URL.Path, "request_id", requestID(w), "error", err)
	}
	e.tellWhen(w)
	send(w, e.code.status, kserveErrorBody(e.message))
}

// kserveErrorBody is the JSON of an error in the protocol's form.
func kserveErrorBody(message string) []byte {
	body, err := marshal(wireKServeError{message})
	if err != nil { // a text: it cannot be
		return []byte(`{"error":"the model refused the request"}`)
	}
	return body
}

// The JSON of KServe's protocol.
type (
	wireKServeError struct {
		Error string `json:"error"`
	}
	wireKServeServer struct {
		Name       string   `json:"name"`
		Version    string   `json:"version"`
		Extensions []string `json:"extensions"`
	}
	wireKServeModel struct {
		Name     string             `json:"name"`
		Versions []string           `json:"versions"`
		Platform string             `json:"platform"`
		Inputs   []wireKServeTensor `json:"inputs"`
		Outputs  []wireKServeTensor `json:"outputs"`
	}
	wireKServeTensor struct {
		Name     string  `json:"name"`
		Datatype string  `json:"datatype"`
		Shape    []int64 `json:"shape"`
	}
	wireKServeReady struct {
		Name  string `json:"name"`
		Ready bool   `json:"ready"`
	}
)

func (s *Server) kserveServer(w http.ResponseWriter, _ *http.Request, _ values) error {
	return sendJSON(w, wireKServeServer{Name: "servery", Version: s.services.Status().Version, Extensions: []string{"binary_tensor_data"}})
}

func kserveHealth(what string) func(*Server, http.ResponseWriter, *http.Request, values) error {
	return func(_ *Server, w http.ResponseWriter, _ *http.Request, _ values) error {
		return sendJSON(w, map[string]bool{what: true})
	}
}

// servedBy finds the served entity that a version names; all of the active ones where it
// is "".
func (s *Server) servedBy(name, version string) ([]endpoint.ServedEntity, error) {
	e, err := s.services.Endpoint(name)
	if err != nil {
		return nil, err
	}
	if e.Active == nil || e.Ready != endpoint.Ready {
		return nil, &endpoint.NotReadyError{Message: fmt.Sprintf("Endpoint '%s' is not ready.", e.Name)}
	}
	if version == "" {
		return e.Active.Entities, nil
	}
	var found []endpoint.ServedEntity
	for _, x := range e.Active.Entities {
		if x.Name == version {
			return []endpoint.ServedEntity{x}, nil
		}
		if strconv.Itoa(x.ModelVersion) == version {
			found = append(found, x)
		}
	}
	switch len(found) {
	case 1:
		return found, nil
	case 0:
		return nil, &endpoint.NotFoundError{Name: name, Entity: version}
	}
	return nil, &requestError{code: codeInvalidParameterValue, message: fmt.Sprintf(
		"%d served entities of endpoint '%s' have the model version %s: name one of them, '%s' for example.", len(found), name, version, found[0].Name)}
}

func (s *Server) kserveModelReady(w http.ResponseWriter, _ *http.Request, v values) error {
	if _, err := s.servedBy(v[0], v[1]); err != nil {
		return err
	}
	return sendJSON(w, wireKServeReady{v[0], true})
}

func (s *Server) kserveModel(w http.ResponseWriter, _ *http.Request, v values) error {
	entities, err := s.servedBy(v[0], v[1])
	if err != nil {
		return err
	}
	answer := wireKServeModel{Name: v[0], Platform: "onnxruntime_onnx", Versions: make([]string, len(entities)), Inputs: []wireKServeTensor{}, Outputs: []wireKServeTensor{}}
	for i, x := range entities {
		answer.Versions[i] = x.Name
	}
	if len(entities) == 0 {
		return sendJSON(w, answer)
	}
	m, err := s.services.Model(entities[0].ModelName)
	if err != nil {
		return err
	}
	if graph := graphOf(&m, entities[0].ModelVersion); graph != nil {
		answer.Inputs, answer.Outputs = wireKServeTensors(graph.Inputs), wireKServeTensors(graph.Outputs)
	}
	return sendJSON(w, answer)
}

// graphOf is what is known of the graph of a model's version, nil where nothing is.
func graphOf(m *registry.Model, number int) *registry.Graph {
	for i := range m.Versions {
		if m.Versions[i].Number == number {
			return m.Versions[i].Graph
		}
	}
	return nil
}

// wireKServeTensors leaves out what the protocol does not have: sequences and maps.
func wireKServeTensors(ports []tensor.Port) []wireKServeTensor {
	list := []wireKServeTensor{}
	for _, p := range ports {
		if name := scoring.KServeTypeName(p.Type); p.Kind == tensor.KindTensor && name != "" {
			shape := p.Shape
			if shape == nil {
				shape = []int64{}
			}
			list = append(list, wireKServeTensor{p.Name, name, shape})
		}
	}
	return list
}

// infer answers one request for inference.
func (s *Server) infer(w http.ResponseWriter, r *http.Request, v values, user access.User) error {
	began := time.Now()
	header := -1
	if sent := r.Header[inferenceHeader]; len(sent) > 0 {
		n, err := strconv.Atoi(strings.TrimSpace(sent[0]))
		if err != nil || n < 0 || len(sent) > 1 {
			return &requestError{code: codeBadRequest, message: fmt.Sprintf(
				"%s is %q: it takes the length in bytes of the JSON at the body's start.", inferenceHeader, cut(strings.Join(sent, ", "), 40))}
		}
		header = n
	} else if types := r.Header["Content-Type"]; len(types) > 0 && strings.HasPrefix(strings.ToLower(types[0]), typeBytes[0]) {
		return &requestError{code: codeBadRequest, message: "A body of " + typeBytes[0] + " needs the header " + inferenceHeader + ", the length in bytes of the JSON at its start."}
	}
	entity := ""
	if v[1] != "" {
		found, err := s.servedBy(v[0], v[1])
		if err != nil {
			return err
		}
		entity = found[0].Name
	}
	body, err := readBody(w, r, maxScoringBody)
	if err != nil {
		return err
	}
	answer, err := s.ask(w, r, user, began, v[0], entity, runtime.Request{ContentType: scoring.KServeContentType(v[0], entity, header), Body: body.data})
	if err != nil {
		return err // and the body stays with the garbage collector: see invoke
	}
	if answer.Release != nil {
		defer answer.Release()
	}
	if answer.Status >= 400 {
		sendKServeError(w, &answer)
	} else {
		sendInference(w, &answer, time.Since(began))
	}
	body.free()
	return nil
}

// sendInference writes an answer whose content type says what it holds.
func sendInference(w http.ResponseWriter, a *endpoint.Answer, took time.Duration) {
	n, ok := scoring.KServeHeader(a.ContentType)
	if a.ContentType = typeJSON[0]; ok && n >= 0 {
		a.ContentType = typeBytes[0]
		w.Header()[inferenceHeader] = []string{strconv.Itoa(n)}
	}
	sendAnswer(w, a, took)
}

// sendKServeError puts a model's refusal into the protocol's form.
func sendKServeError(w http.ResponseWriter, a *endpoint.Answer) {
	var refusal struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(a.Body, &refusal) != nil || refusal.Message == "" {
		refusal.Message = string(a.Body)
	}
	if a.Entity != "" {
		w.Header()["Served-Model-Name"] = []string{a.Entity}
		w.Header()["Servery-Config-Version"] = []string{strconv.Itoa(a.ConfigVersion)}
	}
	send(w, a.Status, kserveErrorBody(refusal.Message))
}
