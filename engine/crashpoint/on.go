//go:build crashpoints

package crashpoint

import (
	"os"
	"strings"
	"sync/atomic"
)

// variable names a file that holds the name of the point at which the process is to die,
// and behind a space a letter for each time that it is to pass that point before. It is read at every
// point, so that a test can ask at any time.
const variable = "SERVERY_CRASHPOINT"

var (
	file   = os.Getenv(variable)
	passed atomic.Int64
)

// Here kills the process, as kill -9 does, where the test has asked for this point.
func Here(name string) {
	if file == "" {
		return
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return
	}
	want, times, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	if want != name || passed.Add(1) <= int64(len(times)) {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {} // until the signal is there
}
