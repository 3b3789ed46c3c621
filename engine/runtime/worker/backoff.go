package worker

import "time"

// pauses are those before the first, second, … restart in a row; the last one stays.
var pauses = []time.Duration{0, 100 * time.Millisecond, time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second}

const (
	// longPause is the pause from which on a person is told.
	longPause = 5 * time.Second
	// goodLife is how long a process must have lived for earlier failures not to count.
	goodLife = time.Minute
	// blamedPause keeps a client that sends the same fatal request again and again from
	// taking a core with restarts.
	blamedPause = 100 * time.Millisecond
)

// backoff decides how long to wait before a restart.
type backoff struct{ failures int }

// next is the pause after a process that lived that long. blamed tells that a known
// request ended it: the process is sound then, and only a process that has just been
// started waits.
func (b *backoff) next(lived time.Duration, blamed bool) time.Duration {
	if lived >= goodLife {
		b.failures = 0
	}
	if blamed {
		if lived < time.Second {
			return blamedPause
		}
		return 0
	}
	pause := pauses[min(b.failures, len(pauses)-1)]
	b.failures++
	return pause
}
