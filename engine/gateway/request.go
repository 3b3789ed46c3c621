package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/runtime"
)

// Request is one finished scoring request: what usage tracking and inference tables keep
// rows of. It and its bodies are borrowed: see Consumer.
type Request struct {
	// Endpoint is the endpoint with its settings, as it was when the request came; read only.
	Endpoint *endpoint.Endpoint
	// Entity is the name of the served entity that answered or refused it, ConfigVersion the
	// configuration; "" and 0 where none was asked.
	Entity        string
	ConfigVersion int

	Requester access.User
	ID        string // databricks_request_id

	At     time.Time      // when it came: its body was read
	Took   time.Duration  // from At to the answer ready
	Queue  time.Duration  // waiting for a permit
	Timing runtime.Timing // in the worker process; zero where none was asked

	// Status is HTTP's, as the client gets it.
	Status int
	// Err is why there is no answer of a model; nil where there is one, also one that says
	// what is wrong with the request.
	Err error
	// Refused tells that a rate limit did not let it pass: no model was asked.
	Refused bool

	ContentType string // of Body; "" is application/json
	Body        []byte // as the client sent it, inflated
	Answer      []byte // the model's, or the error's as the client gets it

	clientID   string
	lookedInto bool
}

// EntityID is the id of the served entity with its configuration (served_entity_id), 32 hex
// digits; "" where none was asked.
func (r *Request) EntityID() string {
	if r.Entity == "" {
		return ""
	}
	return EntityID(r.Endpoint.ID, r.ConfigVersion, r.Entity)
}

// EntityID names one served entity of one configuration of one endpoint, for ever. It
// follows from the three, so that it needs no record of its own.
func EntityID(endpointID string, configVersion int, entity string) string {
	var room [160]byte
	b := append(room[:0], endpointID...)
	b = strconv.AppendInt(append(b, '/'), int64(configVersion), 10)
	b = append(append(b, '/'), entity...)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// UsageContext is what the client says that the request is for (usage_context in the body):
// texts by name, nil where it says nothing.
func (r *Request) UsageContext() map[string]string { return usageContext(r.ContentType, r.Body) }

// ClientID is what the client calls the request (client_request_id in the body; id in
// KServe's protocol), "" where it calls it nothing. The body is looked through once, at the
// first call.
func (r *Request) ClientID() string {
	if !r.lookedInto {
		r.clientID, r.lookedInto = clientID(r.ContentType, r.Body), true
	}
	return r.clientID
}
