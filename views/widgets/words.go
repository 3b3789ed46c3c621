package widgets

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Bytes gives a size as people write it, in powers of 1000: "26 kB", "1.4 GB".
func Bytes(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f := float64(n)
	for _, unit := range []string{"kB", "MB", "GB", "TB"} {
		f /= 1000
		if f < 999.5 || unit == "TB" {
			if f < 9.95 {
				return fmt.Sprintf("%.1f %s", f, unit)
			}
			return fmt.Sprintf("%.0f %s", f, unit)
		}
	}
	return ""
}

// Duration gives a time span: "12 µs", "4.2 ms", "0.41 s", "18 s", "3 min 5 s", "2 h 10 min".
func Duration(d time.Duration) string {
	s := d.Seconds()
	switch {
	case d < 0:
		return "—"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", s*1000)
	case s < 9.995:
		return fmt.Sprintf("%.2f s", s)
	case s < 60:
		return fmt.Sprintf("%.0f s", math.Floor(s))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(s)%60)
	default:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
}

// Ago tells how long before now t was, in words.
func Ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "—"
	case d < 45*time.Second:
		return "just now"
	case d < 90*time.Second:
		return "1 minute ago"
	case d < time.Hour:
		return Count(int(d.Minutes()+0.5), "minute ago", "minutes ago")
	case d < 24*time.Hour:
		return Count(int(d.Hours()+0.5), "hour ago", "hours ago")
	case d < 48*time.Hour:
		return "yesterday"
	case d < 14*24*time.Hour:
		return Count(int(d.Hours()/24), "day ago", "days ago")
	default:
		return t.Format("Jan 2, 2006")
	}
}

// Number gives a figure with no more digits than can be read at a glance: "0.04", "1.9",
// "855", and "—" for NaN.
func Number(f float64) string {
	a := math.Abs(f)
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return "—"
	case a == 0:
		return "0"
	case a < 0.095:
		return strconv.FormatFloat(f, 'f', 2, 64)
	case a < 99.95:
		return trimZero(strconv.FormatFloat(f, 'f', 1, 64))
	default:
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
}

func trimZero(s string) string {
	if n := len(s); n > 2 && s[n-2:] == ".0" {
		return s[:n-2]
	}
	return s
}

// Milliseconds gives a latency in milliseconds without its unit; "—" for NaN.
func Milliseconds(f float64) string {
	if !math.IsNaN(f) && f != 0 && math.Abs(f) < 9.995 {
		return strconv.FormatFloat(f, 'f', 2, 64)
	}
	return Number(f)
}

// Count gives a number with the right word: "1 endpoint", "6 endpoints".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// Sentence gives a Go error the form of a sentence.
func Sentence(s string) string {
	if s == "" {
		return s
	}
	r := []rune(s)
	if r[0] >= 'a' && r[0] <= 'z' {
		r[0] -= 'a' - 'A'
	}
	if last := r[len(r)-1]; last != '.' && last != '?' && last != '!' {
		r = append(r, '.')
	}
	return string(r)
}
