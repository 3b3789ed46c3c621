package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"servery/engine/backup"
)

// Backup of the fake is a text that says what it is.
func (f *fake) Backup(_ context.Context, w io.Writer, _ func(backup.Progress)) (backup.Contents, error) {
	if f.fails != nil {
		return backup.Contents{}, f.fails
	}
	_, err := io.WriteString(w, "a backup")
	return backup.Contents{}, err
}

// halfBackup ends in the middle.
type halfBackup struct{ *fake }

func (halfBackup) Backup(_ context.Context, w io.Writer, _ func(backup.Progress)) (backup.Contents, error) {
	_, err := io.WriteString(w, strings.Repeat("half", 1<<16))
	return backup.Contents{}, errors.Join(err, errors.New("the disk went away"))
}

func TestABackupIsStreamed(t *testing.T) {
	a := ask(t, New(newFake(), Options{}), "GET", "/api/2.0/servery/backup", "")
	if a.status != http.StatusOK || a.body != "a backup" || a.header.Get("Content-Type") != "application/x-tar" || a.header.Get(headerRequestID) == "" {
		t.Errorf("status %d %q %v", a.status, a.body, a.header)
	}
}

// What fails before the first byte is an error as any other, and what fails later breaks
// the connection: nobody takes half a backup for a whole one.
func TestABackupThatFailsIsSeenToFail(t *testing.T) {
	broken := newFake()
	broken.fails = errors.New("no")
	if a := ask(t, New(broken, Options{}), "GET", "/api/2.0/servery/backup", ""); a.status != http.StatusInternalServerError {
		t.Errorf("status %d %s", a.status, a.body)
	}
	server := httptest.NewServer(New(halfBackup{newFake()}, Options{}).Handler())
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/2.0/servery/backup", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+goodToken)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return // cut off before the head was read
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("%d bytes of half a backup came as if they were all", len(b))
	}
}
