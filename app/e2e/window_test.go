package e2e

import (
	"encoding/json"
	"image"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// window is the program with its window on a display.
type window struct {
	*program
	*screen
	data  string
	began time.Time
	first time.Duration // from the start to the first frame
}

// openWindow opens the window on a display over a data folder, and waits for the first
// frame and for the engine. look is light or dark.
func openWindow(t *testing.T, s *screen, data, look string, args ...string) *window {
	t.Helper()
	w := showWindow(t, s, data, look, args...)
	w.awaitEngine()
	return w
}

// showWindow opens the window and waits for the first frame.
func showWindow(t *testing.T, s *screen, data, look string, args ...string) *window {
	t.Helper()
	return showWindowIn(t, s, environment(t.TempDir()), data, look, args...)
}

// showWindowIn is showWindow in an environment.
func showWindowIn(t *testing.T, s *screen, env []string, data, look string, args ...string) *window {
	t.Helper()
	w := &window{screen: s, data: data, began: time.Now()}
	args = append([]string{"--data-dir", data, "--listen", "127.0.0.1:0"}, args...)
	w.program = start(t, append(env, "DISPLAY="+s.display, "FYNE_SCALE=1", "FYNE_THEME="+look), nil, args...)
	w.wait("the first frame", func() bool { return s.lit(image.Pt(screenWidth/2, screenHeight-40)) })
	w.first = time.Since(w.began)
	return w
}

// awaitEngine waits until the engine listens, and finds out where.
func (w *window) awaitEngine() {
	w.program.t.Helper()
	w.wait("engine.json", func() bool {
		b, err := os.ReadFile(filepath.Join(w.data, "engine.json"))
		var r struct {
			Address, Token string
			PID            int
		}
		if err != nil || json.Unmarshal(b, &r) != nil || r.PID != w.cmd.Process.Pid {
			return false
		}
		w.url, w.token = r.Address, r.Token
		return true
	})
}

// wait polls until done.
func (w *window) wait(what string, done func() bool) {
	w.program.t.Helper()
	deadline := time.Now().Add(patience)
	for !done() {
		select {
		case <-w.ended:
			w.program.t.Fatalf("the program ended while waiting for %s: %v\n%s", what, w.err, w.written())
		case <-time.After(2 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			w.program.t.Fatalf("no %s after %v\n%s", what, patience, w.written())
		}
	}
}

// settle waits until the picture has not changed for a while: a page is drawn.
func (w *window) settle() {
	whole := image.Rect(0, 0, screenWidth, screenHeight)
	last, since := w.sum(whole), time.Now()
	deadline := time.Now().Add(patience)
	for time.Since(since) < 300*time.Millisecond && time.Now().Before(deadline) {
		<-time.After(20 * time.Millisecond)
		if now := w.sum(whole); now != last {
			last, since = now, time.Now()
		}
	}
}
