package worker

import (
	"fmt"
	"strings"
)

// death is how a process ended.
type death struct {
	cause string // in words: "SIGFPE: arithmetic error"
	// fault tells that the process's own code did it, not somebody from outside: with one
	// request in flight, that request is to blame.
	fault bool
	// gpu tells that the process lost its GPU. No request is to blame for that: on the CPU
	// it may be answered.
	gpu bool
	// words is what the process wrote shortly before, as a sentence of its own with a space
	// before it; "" where it wrote nothing.
	words string
}

// signals says what signals mean. The faults are raised by what the process itself does.
var signals = map[string]struct {
	words string
	fault bool
}{
	"SIGFPE":  {"arithmetic error", true},
	"SIGSEGV": {"invalid memory access", true},
	"SIGBUS":  {"invalid memory access", true},
	"SIGABRT": {"the runtime gave up", true},
	"SIGILL":  {"an instruction this processor lacks", true},
	"SIGTRAP": {"the runtime gave up", true},
	"SIGSYS":  {"a system call that is not allowed", true},
	"SIGXCPU": {"limit of processor time", false},
	"SIGKILL": {"killed from outside, or by the system because memory ran out", false},
	"SIGTERM": {"ended from outside", false},
	"SIGINT":  {"interrupted from outside", false},
	"SIGHUP":  {"ended from outside", false},
	"SIGQUIT": {"ended from outside", false},
}

// newDeath puts together why a process ended: why the engine killed it if it did, the
// signal it ended by ("" for none), its exit status, and what it wrote about its end.
func newDeath(reason, signal string, status int, said *death) death {
	switch s, known := signals[signal]; {
	case reason != "":
		return death{cause: reason}
	case known:
		return death{cause: signal + ": " + s.words, fault: s.fault}
	case signal != "":
		return death{cause: signal}
	case status == statusLost:
		return death{cause: "it lost the GPU", gpu: true}
	case said != nil && status != 0:
		return *said
	}
	// Exit statuses are the process's own doing.
	return death{cause: fmt.Sprintf("exit status %d", status), fault: status != 0}
}

// written reads a line that Go's runtime writes before it ends the process with status 2,
// which is what it does with a signal inside foreign code. sure tells a line that says
// more than those before it. The cause is empty where the line is no such line.
func written(line string) (d death, sure bool) {
	name, _, _ := strings.Cut(strings.TrimPrefix(line, "[signal "), ":")
	if s, ok := signals[name]; ok {
		return death{cause: name + ": " + s.words, fault: s.fault}, true
	}
	if strings.HasPrefix(line, "panic: ") {
		return death{cause: line, fault: true}, false
	}
	text, ok := strings.CutPrefix(line, "fatal error: ")
	if !ok {
		return death{}, false
	}
	for _, s := range []string{"out of memory", "cannot allocate", "failed to create new OS thread"} {
		if strings.Contains(text, s) {
			return death{cause: "out of memory: the limit of the model's process is reached", fault: true}, true
		}
	}
	return death{cause: text, fault: true}, false
}
