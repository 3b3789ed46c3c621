package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"servery/engine/trace"
)

const (
	headerPatience = 5 * time.Second
	bodyPatience   = 60 * time.Second // 16 MiB at 280 kB/s
	idlePatience   = 120 * time.Second
	maxHeader      = 64 << 10
	// maxConnections bounds what idle clients take: a connection is about 20 kB and a
	// file descriptor.
	maxConnections = 2048
	// freshPatience is how long Close waits for the first request on a connection that
	// has sent none yet. net/http alone waits five seconds for it.
	freshPatience = 250 * time.Millisecond
	// drainPatience is how long Close goes on answering on the connections that are open,
	// each answer with Connection: close, before it closes them: one that looks idle may have
	// a request on its way, and its client would not know whether that was carried out.
	drainPatience = 200 * time.Millisecond
)

// Options say how to serve.
type Options struct {
	// Log takes failures; at level Debug also every request. Nil discards it.
	Log *slog.Logger
	// UploadDir is a folder of the server's own, where models lie while they are being
	// uploaded. It is made when needed; what an earlier process left there is removed.
	// "" refuses uploads.
	UploadDir string
	// MaxUpload bounds the files of one upload together, in bytes. 0 is 32 GiB.
	MaxUpload int64
	// Traces takes what became of scoring requests. Nil traces none.
	Traces *trace.Exporter
}

// Server answers REST requests. See New.
type Server struct {
	services Services
	options  Options
	log      *slog.Logger
	http     http.Server
	listener atomic.Pointer[cappedListener]
	draining atomic.Bool // answers end their connection

	description func(version string) node // of all routes, which know the server

	wrongTokens brake
}

// New makes a server that does not listen yet.
func New(services Services, options Options) *Server {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.MaxUpload == 0 {
		options.MaxUpload = 32 << 30
	}
	s := &Server{services: services, options: options, log: options.Log}
	s.description = func(version string) node { return openAPI(routes, version) }
	s.http = http.Server{
		ReadHeaderTimeout:            headerPatience,
		ReadTimeout:                  bodyPatience,
		IdleTimeout:                  idlePatience,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(options.Log.Handler(), slog.LevelDebug),
		ConnState: func(c net.Conn, state http.ConnState) {
			counted, ok := c.(*countedConn)
			switch {
			case !ok:
			case state == http.StateActive:
				counted.busy()
			case state == http.StateIdle:
				counted.idle(time.Now())
			}
		},
	}
	s.clearUploads()
	return s
}

// Handler is the server's handler with all its guards, for a listener of the caller's
// own. It does not know its port, and so takes any in the Host header.
func (s *Server) Handler() http.Handler { return guarded{s, ""} }

// Serve answers on l until Close, then returns nil.
func (s *Server) Serve(l net.Listener) error {
	capped := capListener(l, maxConnections)
	s.listener.Store(capped)
	s.http.Handler = guarded{s, portOf(l.Addr())}
	if err := s.http.Serve(capped); !errors.Is(err, http.ErrServerClosed) && !s.draining.Load() {
		return fmt.Errorf("the REST server stopped: %w", err)
	}
	return nil
}

// Close has busy clients go, stops listening and lets requests in flight finish until ctx
// ends; what is left then is cut off and ctx's error returned.
func (s *Server) Close(ctx context.Context) error {
	s.draining.Store(true)
	if l := s.listener.Load(); l != nil {
		_ = l.Close() // no newcomer: Shutdown would find it without a request yet
		l.drain(ctx, drainPatience)
		timer := time.AfterFunc(freshPatience, l.closeIdle)
		defer timer.Stop()
	}
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	return err
}

var connectionClose = []string{"close"}

// guarded is the way in: every request passes its checks in this order.
type guarded struct {
	*Server
	port string
}

func (g guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.draining.Load() {
		w.Header()["Connection"] = connectionClose
	}
	if g.log.Enabled(r.Context(), slog.LevelDebug) {
		watched := &watchedWriter{ResponseWriter: w}
		start := time.Now()
		defer func() {
			g.log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", watched.status,
				"bytes", watched.bytes, "took", time.Since(start), "request_id", requestID(w))
		}()
		w = watched
	}
	defer g.survive(w, r)
	switch {
	case !hostAllowed(r.Host, g.port):
		g.fail(w, r, &requestError{code: codePermissionDenied, message: fmt.Sprintf(
			"Host %q is not this server: it answers as 127.0.0.1, localhost or [::1], with its own port.", cut(r.Host, 80))}, false)
	case !sameOrigin(r):
		g.fail(w, r, &requestError{code: codePermissionDenied, message: "Requests from web pages of other origins are refused."}, false)
	default:
		g.dispatch(w, r)
	}
}

// survive answers a request whose handler panicked, and logs why.
func (s *Server) survive(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { //nolint:errorlint // the very value, as net/http compares it
		panic(p)
	}
	s.log.Error("a request's handler panicked", "method", r.Method, "path", r.URL.Path,
		"request_id", requestID(w), "panic", p, "stack", string(debug.Stack()))
	// Where the answer has begun this writes nothing sensible, and the wrong length
	// makes net/http cut the connection: the client sees that it is broken.
	send(w, codeInternal.status, []byte(`{"error_code":"INTERNAL_ERROR","message":"`+messageInternal+`"}`))
}

// watchedWriter notes what was answered, for the debug log.
type watchedWriter struct {
	http.ResponseWriter
	status int
	bytes  int
}

func (w *watchedWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *watchedWriter) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.bytes += n
	return n, err
}

func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
