package chart

import (
	"math"
	"strconv"
	"time"
)

// axis is a scale from 0 to top in equal steps.
type axis struct {
	top, step float64
	unit      string
}

// niceAxis gives a scale that holds top, in steps of 1, 2, 2.5 or 5 times a power of ten.
// It keeps the old one while that fits and is at least two fifths
// used, so that the axis does not jump with every value.
func niceAxis(old axis, top float64, unit string) axis {
	if !(top > 0) || math.IsInf(top, 0) {
		top = 1
	}
	if old.top >= top && top >= 0.4*old.top && old.unit == unit {
		return old
	}
	raw := top / 3
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * power
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*power >= raw-1e-9*raw {
			step = m * power
			break
		}
	}
	return axis{top: step * math.Ceil(top/step-1e-9), step: step, unit: unit}
}

func (a axis) ticks() []float64 {
	n := int(math.Round(a.top / a.step))
	out := make([]float64, 0, n+1)
	for i := 0; i <= n; i++ {
		out = append(out, float64(i)*a.step)
	}
	return out
}

// label writes a tick with the digits that the step needs.
func (a axis) label(v float64) string {
	if a.unit == "B" {
		return bytesLabel(v)
	}
	switch {
	case v == 0:
		return "0"
	case a.step >= 1e6:
		return strconv.FormatFloat(v/1e6, 'f', -1, 64) + " M"
	case a.step >= 1e4:
		return strconv.FormatFloat(v/1e3, 'f', -1, 64) + " k"
	}
	digits := max(0, int(math.Ceil(-math.Log10(a.step)-1e-9)))
	if s := a.step * math.Pow(10, float64(digits)); math.Abs(s-math.Round(s)) > 1e-6 {
		digits++ // steps of 2.5
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

func bytesLabel(v float64) string {
	n, unit := thousands(v)
	return strconv.FormatFloat(n, 'g', 4, 64) + " " + unit
}

// thousands gives bytes in a unit that leaves at most three digits before the point: in
// powers of 1000, as every other size in the window.
func thousands(v float64) (n float64, unit string) {
	unit = "B"
	for _, u := range []string{"kB", "MB", "GB", "TB"} {
		if v < 1000 {
			break
		}
		v, unit = v/1000, u
	}
	return v, unit
}

// figure writes a value beside the crosshair.
func figure(v float64, unit string) string {
	if math.IsNaN(v) {
		return "—"
	}
	if unit == "B" {
		v, unit = thousands(v)
	}
	if unit == "" {
		return short(v)
	}
	return short(v) + " " + unit
}

func short(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100 || a == math.Trunc(a):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// spans are the distances that the labels of the time axis may have.
var spans = []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 7 * 24 * time.Hour}

// timeTicks gives round clock times inside the data and their places from 0 to 1, no
// more than most of them.
func timeTicks(d Data, most int) (texts []string, at []float64) {
	n := d.len()
	if n < 2 || d.Step <= 0 || d.End.IsZero() || most < 1 {
		return nil, nil
	}
	start, whole := d.at(0), d.End.Sub(d.at(0))
	span := spans[len(spans)-1]
	for _, s := range spans {
		if whole/s <= time.Duration(most) {
			span = s
			break
		}
	}
	form := "15:04"
	switch {
	case span < time.Minute:
		form = "15:04:05"
	case span >= 24*time.Hour:
		form = "Jan 2"
	}
	// Round in local time: midnight is where the person lives.
	_, offset := start.Zone()
	shift := time.Duration(offset) * time.Second
	for t := start.Add(shift).Truncate(span).Add(-shift); !t.After(d.End); t = t.Add(span) {
		if t.Before(start) {
			continue
		}
		texts = append(texts, t.Format(form))
		at = append(at, float64(t.Sub(start))/float64(whole))
	}
	return texts, at
}
