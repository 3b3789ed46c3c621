package worker

import "testing"

func TestDeathsAreToldInWords(t *testing.T) {
	for name, c := range map[string]struct {
		reason, signal string
		status         int
		lines          []string
		want           string
		fault          bool
	}{
		"foreign code's arithmetic": {status: 2, lines: []string{"SIGFPE: floating-point exception", "PC=0x7f m=3 sigcode=1"},
			want: "SIGFPE: arithmetic error", fault: true},
		"a signal in Go's own code": {status: 2, lines: []string{"fatal error: unexpected signal during runtime execution",
			"[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x0]"}, want: "SIGSEGV: invalid memory access", fault: true},
		"Go is out of memory": {status: 2, lines: []string{"fatal error: runtime: out of memory"},
			want: "out of memory: the limit of the model's process is reached", fault: true},
		"no thread any more": {status: 2, lines: []string{"runtime: failed to create new OS thread (have 9 already; errno=11)",
			"fatal error: runtime.newosproc: failed to create new OS thread"},
			want: "out of memory: the limit of the model's process is reached", fault: true},
		"a panic":                {status: 2, lines: []string{"panic: oh", "", "goroutine 1 [running]:"}, want: "panic: oh", fault: true},
		"a plain exit":           {status: 3, lines: []string{"goodbye"}, want: "exit status 3", fault: true},
		"the GPU is lost":        {status: statusLost, lines: []string{"the process has lost the GPU: cuStreamSynchronize"}, want: "it lost the GPU"},
		"an exit without a word": {status: 0, want: "exit status 0"},
		"killed by hand":         {signal: "SIGKILL", status: -1, want: "SIGKILL: killed from outside, or by the system because memory ran out"},
		"a signal nobody knows":  {signal: "SIGUSR2", status: -1, want: "SIGUSR2"},
		"the engine did it":      {reason: "it hung", signal: "SIGKILL", status: -1, want: "it hung"},
		// A line of the model that looks like an end is none where the process ended otherwise.
		"a line that deceives": {signal: "SIGTERM", status: -1, lines: []string{"SIGSEGV: ha"}, want: "SIGTERM: ended from outside"},
	} {
		l := &lineReader{}
		for _, line := range c.lines {
			l.examine(line)
		}
		if got := newDeath(c.reason, c.signal, c.status, l.last()); got.cause != c.want || got.fault != c.fault || got.gpu != (c.status == statusLost) {
			t.Errorf("%s: got %+v, want %q, fault %v", name, got, c.want, c.fault)
		}
	}
}
