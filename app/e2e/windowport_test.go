package e2e

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// The window opens though another program has the port, and says so. It can be told to try
// again, which works once the port is free, or to take a free one.
func TestATakenPortIsSaidAndCanBeTriedAgainInTheWindow(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	taken := other.Addr().String()
	says := "Port " + taken[strings.LastIndexByte(taken, ':')+1:] + " is in use by another program."
	s := newScreen(t)
	w := showWindow(t, s, filepath.Join(t.TempDir(), "data"), "light", "--listen", taken)
	w.find("Other programs cannot reach the endpoints", bold)
	w.find("Not listening", look{size: 12, bold: true})
	w.click("Try again", button)
	w.find(says) // in a message too: it was tried
	other.Close()
	w.click("Try again", button)
	w.awaitEngine()
	if w.url != "http://"+taken {
		t.Errorf("listens on %s, want http://%s", w.url, taken)
	}
	w.find("Engine running", look{size: 12, bold: true})
	w.must("GET", "/api/2.0/serving-endpoints", nil, nil)
	if other, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	w.stop()

	w = showWindow(t, s, filepath.Join(t.TempDir(), "data"), "light", "--listen", other.Addr().String())
	w.click("Use a free port", button)
	w.awaitEngine()
	w.find("Servery listens on "+w.url+".", body)
	w.must("GET", "/api/2.0/serving-endpoints", nil, nil)
}
