package api

import (
	"context"
	"io"
	"net/http"

	"servery/engine/backup"
)

// Backups are whole copies of the data folder.
type Backups interface {
	// Backup writes a backup to w while everything goes on; progress may be nil. Where it
	// fails, what was written is no backup.
	Backup(ctx context.Context, w io.Writer, progress func(backup.Progress)) (backup.Contents, error)
}

var backupRoutes = []route{
	at("GET", "/api/2.0/servery/backup", (*Server).backUp).administrators(),
}

// backUp streams a backup. Its last line is its checksum: an answer that is cut short has
// none, and a restore refuses it.
func (s *Server) backUp(w http.ResponseWriter, r *http.Request, _ values) error {
	out := &streamed{w: w}
	_, err := s.services.Backup(r.Context(), out, nil)
	if err != nil && out.begun {
		s.log.Warn("a backup was not finished", "request_id", requestID(w), "error", err)
		panic(http.ErrAbortHandler) // the client sees a broken answer
	}
	return err
}

// streamed is an answer of unknown length, of which a client must take a part in time.
type streamed struct {
	w     http.ResponseWriter
	begun bool
}

func (s *streamed) Write(b []byte) (int, error) {
	if !s.begun {
		s.begun = true
		requestID(s.w)
		h := s.w.Header()
		h["Content-Type"] = []string{"application/x-tar"}
		h["Content-Disposition"] = []string{`attachment; filename="servery-backup.tar"`}
		h["X-Content-Type-Options"] = noSniff
	}
	allow(s.w, len(b))
	return s.w.Write(b)
}
