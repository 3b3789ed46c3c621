package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/gateway"
	"servery/engine/runtime"
)

var scoringRoutes = []route{ // 19 and 20 of the spec's table B1
	scored("/serving-endpoints/{name}/invocations", (*Server).invoke),
	scored("/serving-endpoints/{name}/served-models/{entity}/invocations", (*Server).invoke),
}

// invoke answers one scoring request (spec D1). The model's answer goes out byte for byte
// as the worker wrote it, also where it is an error, whoever asks.
func (s *Server) invoke(w http.ResponseWriter, r *http.Request, v values, user access.User) error {
	began := time.Now()
	body, err := readBody(w, r, maxScoringBody)
	if err != nil {
		return err
	}
	request := runtime.Request{Body: body.data}
	if types := r.Header["Content-Type"]; len(types) > 0 {
		request.ContentType = types[0]
	}
	answer, err := s.ask(w, r, user, began, v[0], v[1], request)
	if err != nil {
		// The body stays with the garbage collector: a worker's connection that was
		// given up may still be reading it.
		s.fail(w, r, err, true)
		return nil
	}
	if answer.Release != nil {
		defer answer.Release()
	}
	sendAnswer(w, &answer, time.Since(began))
	body.free()
	return nil
}

// called is the context of a scoring request: it says who asks and under which id.
func called(w http.ResponseWriter, r *http.Request, user access.User) context.Context {
	return gateway.WithCall(r.Context(), gateway.Call{User: user, RequestID: requestID(w)})
}

// sendAnswer writes a scoring answer with its headers: which served entity of which
// configuration answered, and where the time went. took is what it all took, from the
// request's header to now.
func sendAnswer(w http.ResponseWriter, a *endpoint.Answer, took time.Duration) {
	// One array carries all the values, a header each.
	values := [...]string{a.ContentType, strconv.Itoa(len(a.Body)), a.Entity, timing(a, took), strconv.Itoa(a.ConfigVersion)}
	h := w.Header()
	h["Content-Type"] = typeJSON
	if a.ContentType != "" && a.ContentType != typeJSON[0] {
		h["Content-Type"] = values[0:1:1]
	}
	h["Content-Length"] = values[1:2:2]
	if a.Entity != "" {
		h["Served-Model-Name"] = values[2:3:3]
		h["Servery-Config-Version"] = values[4:5:5]
	}
	h["Server-Timing"] = values[3:4:4]
	h["X-Content-Type-Options"] = noSniff
	requestID(w)
	status := a.Status
	if status == 0 {
		status = http.StatusOK
	}
	allow(w, len(a.Body))
	w.WriteHeader(status)
	_, _ = w.Write(a.Body) // the client has gone: nobody is left to tell
}

// timing is the Server-Timing header in milliseconds: "queue;dur=0.012, decode;dur=0.034,
// model;dur=1.234, encode;dur=0.020, total;dur=1.402". Queue is the wait for a permit and for
// a session. What total has beyond the other four is Servery's own: reading the body and
// the way to the worker process and back.
func timing(a *endpoint.Answer, took time.Duration) string {
	var room [128]byte
	b := append(room[:0], "queue;dur="...)
	b = appendMillis(b, a.Queue+a.Timing.Wait)
	b = append(b, ", decode;dur="...)
	b = appendMillis(b, a.Timing.Decode)
	b = append(b, ", model;dur="...)
	b = appendMillis(b, a.Timing.Run)
	b = append(b, ", encode;dur="...)
	b = appendMillis(b, a.Timing.Encode)
	b = append(b, ", total;dur="...)
	b = appendMillis(b, took)
	return string(b)
}

// appendMillis writes d in milliseconds with three decimals.
func appendMillis(b []byte, d time.Duration) []byte {
	us := max(d.Microseconds(), 0)
	b = strconv.AppendInt(b, us/1000, 10)
	rest := us % 1000
	return append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
}
