package e2e

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// wrked is what wrk tells.
type wrked struct {
	requests int
	rate     float64 // requests/s
	p50, p99 time.Duration
}

var wrkTells = regexp.MustCompile(`(?s)\n\s+50%\s+(\S+).*\n\s+99%\s+(\S+).*?(\d+) requests in .*?(Non-2xx[^\n]*|Socket errors[^\n]*)?\n?Requests/sec:\s+([\d.]+)`)

// wrk keeps so many connections busy with a request by wrk, whose own part costs little, for
// a whole number of seconds. Any answer but 200 fails the test.
func wrk(t *testing.T, conns int, length time.Duration, address, path, token, body string, headers ...string) (w wrked) {
	t.Helper()
	if len(headers) == 0 {
		headers = []string{"Content-Type: application/json"}
	}
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("wrk.method = 'POST'\nlocal f = io.open(%q, 'rb')\nwrk.body = f:read('*a')\nf:close()\n", file)
	if err := os.WriteFile(file+".lua", []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	arguments := []string{"-t2", fmt.Sprintf("-c%d", conns), fmt.Sprintf("-d%.0f", math.Ceil(length.Seconds())), "--latency", "-s", file + ".lua"}
	for _, h := range append(headers, "Authorization: Bearer "+token) {
		arguments = append(arguments, "-H", h)
	}
	out, err := exec.CommandContext(t.Context(), "wrk", append(arguments, "http://"+address+path)...).CombinedOutput()
	told := wrkTells.FindSubmatch(out)
	if err != nil || told == nil || len(told[4]) > 0 {
		t.Fatalf("wrk: %v\n%s", err, out)
	}
	w.p50, _ = time.ParseDuration(string(told[1]))
	w.p99, _ = time.ParseDuration(string(told[2]))
	w.requests, _ = strconv.Atoi(string(told[3]))
	w.rate, _ = strconv.ParseFloat(string(told[5]), 64)
	return w
}
