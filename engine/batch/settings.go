package batch

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Mode says who decides whether waiting requests share runs.
type Mode uint8

// The modes.
const (
	Auto Mode = iota // measured when the model is loaded
	On               // wherever it is safe, without asking whether it pays
	Off
)

// Settings are a served entity's choices of how its requests share runs.
type Settings struct {
	Mode Mode
	// MaxRows bounds the rows of a joint run: 1 to 1,024.
	MaxRows int
	// Delay is how long the oldest of the waiting requests waits for others although the
	// model is free: 0 to 1 s. 0 takes what waits when a run ends.
	Delay time.Duration
}

// The environment variables of a served entity that set them.
const (
	ModeVariable  = "SERVERY_BATCHING"           // auto, on or off
	RowsVariable  = "SERVERY_MAX_BATCH"          // rows
	DelayVariable = "SERVERY_MAX_QUEUE_DELAY_MS" // milliseconds, fractions allowed
)

const (
	// DefaultRows is MaxRows where nobody says otherwise. The gain of most models is
	// reached by then (a dense one of 23 MB: 5.9 times a row at 8 rows, 6.9 at 16), and a
	// request waits for at most that many others.
	DefaultRows = 16
	mostRows    = 1024
	longest     = time.Second
)

// ReadSettings takes the settings from a served entity's environment. A variable that is
// absent or empty leaves the default.
func ReadSettings(lookup func(string) (string, bool)) (Settings, error) {
	s := Settings{MaxRows: DefaultRows}
	switch value := read(lookup, ModeVariable); value {
	case "", "auto":
	case "on":
		s.Mode = On
	case "off":
		s.Mode = Off
	default:
		return Settings{}, bad(ModeVariable, value, `"auto", which is the default, "on" or "off"`)
	}
	if value := read(lookup, RowsVariable); value != "" {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > mostRows {
			return Settings{}, bad(RowsVariable, value, fmt.Sprintf("a whole number of rows from 1 to %d; %d is the default", mostRows, DefaultRows))
		}
		s.MaxRows = n
	}
	if value := read(lookup, DelayVariable); value != "" {
		ms, err := strconv.ParseFloat(value, 64)
		if err != nil || !(ms >= 0 && ms <= float64(longest/time.Millisecond)) {
			return Settings{}, bad(DelayVariable, value, fmt.Sprintf("milliseconds from 0, which is the default, to %d", longest/time.Millisecond))
		}
		s.Delay = time.Duration(ms * float64(time.Millisecond))
	}
	return s, nil
}

func read(lookup func(string) (string, bool), name string) string {
	value, _ := lookup(name)
	return strings.ToLower(strings.TrimSpace(value))
}

func bad(name, value, takes string) error {
	return fmt.Errorf("the environment variable %s of the served entity is %q: it takes %s", name, value, takes)
}
