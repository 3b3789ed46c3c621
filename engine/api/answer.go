package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"servery/engine/gateway"
)

// Header values that every answer shares. net/http only reads them.
var (
	typeJSON = []string{"application/json"}
	noSniff  = []string{"nosniff"}
)

const headerRequestID = "X-Request-Id" // in net/http's canonical spelling, for direct access

// sendPatience is how long a client may take to read an answer of any size; larger ones
// get a second more for every 256 KiB.
const sendPatience = 60 * time.Second

// requestID is the id that the answer carries; it makes one where there is none yet.
func requestID(w http.ResponseWriter) string {
	h := w.Header()
	if id := h[headerRequestID]; len(id) == 1 {
		return id[0]
	}
	id := gateway.NewRequestID()
	h[headerRequestID] = []string{id}
	return id
}

// send writes a whole JSON answer.
func send(w http.ResponseWriter, status int, body []byte) {
	requestID(w)
	h := w.Header()
	h["Content-Type"] = typeJSON
	h["X-Content-Type-Options"] = noSniff
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	allow(w, len(body))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone: nobody is left to tell
}

// allow bounds the time for writing n bytes, so that a client that stops reading does
// not keep its connection and its answer for ever. net/http lifts the bound after each
// request. A test's recorder has none.
func allow(w http.ResponseWriter, n int) {
	patience := sendPatience + time.Duration(n>>18)*time.Second
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience))
}

// sendJSON answers 200 with v.
func sendJSON(w http.ResponseWriter, v any) error {
	body, err := marshal(v)
	if err != nil {
		return err
	}
	send(w, http.StatusOK, body)
	return nil
}

// marshal is v as JSON, with <, > and & as they are: the answers are no web page.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("cannot write the answer: %w", err)
	}
	return b.Bytes(), nil
}
