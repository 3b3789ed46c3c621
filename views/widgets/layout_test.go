package widgets_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"pgregory.net/rapid"

	"servery/theme"
	"servery/views/viewtest"
	"servery/views/widgets"
)

func TestWrappedTextPushesDownWhatFollows(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	p := widgets.NewParagraph("short")
	below := widgets.Body("below")
	h.Show(widgets.Scroll(widgets.NewPanel(widgets.VStack(8, widgets.Columns(8, []float32{-60, 1}, widgets.Muted("Key"), p), below))), 300, 400)
	before := below.Position().Y
	p.SetText(strings.Repeat("a long explanation of what went wrong ", 8))
	h.Settle()
	if below.Position().Y < before+4*20 {
		t.Errorf("the next line moved from %.0f to %.0f", before, below.Position().Y)
	}
	p.SetText("short")
	h.Settle()
	if below.Position().Y != before {
		t.Errorf("the next line came back to %.0f, want %.0f", below.Position().Y, before)
	}
}

func TestAWordWiderThanTheLineIsBroken(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	p := widgets.MonoParagraph("http://127.0.0.1:8642/serving-endpoints/ocr-recognizer/invocations")
	h.Show(widgets.VStack(0, p), 140, 300)
	if p.MinSize().Height < 60 {
		t.Errorf("height %.0f for an address in 140 px", p.MinSize().Height)
	}
}

func TestTextsAreCutToTheirPlaceAndStayWhole(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	whole := "main.vision.a_model_with_a_very_long_name"
	text := widgets.Body(whole).Truncate()
	h.Show(widgets.VStack(0, text), 120, 60)
	if text.Text() != whole {
		t.Errorf("the text became %q", text.Text())
	}
	if text.Size().Width > 120 {
		t.Errorf("it is %.0f wide", text.Size().Width)
	}
}

func TestColumnsShareTheWidth(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	a, b, c := widgets.Body("a"), widgets.Body("b"), widgets.Body("c")
	h.Show(widgets.Columns(10, []float32{-100, 1, 3}, a, b, c), 520, 100)
	if a.Size().Width != 100 || b.Size().Width != 100 || c.Size().Width != 300 {
		t.Errorf("widths %.0f %.0f %.0f, want 100 100 300", a.Size().Width, b.Size().Width, c.Size().Width)
	}
	b.Hide()
	h.Settle()
	if c.Size().Width != 410 {
		t.Errorf("with one hidden the last is %.0f wide, want 410", c.Size().Width)
	}
}

func TestAFlowGoesOnInTheNextLine(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	var chips []fyne.CanvasObject
	for range 12 {
		chips = append(chips, widgets.NewChip("team: growth"))
	}
	flow := widgets.Flow(6, chips...)
	below := widgets.Body("below")
	h.Show(widgets.VStack(8, flow, below), 300, 400)
	if last := chips[11]; last.Position().Y == 0 || below.Position().Y < last.Position().Y+22 {
		t.Errorf("last chip at %v, next line at %v", last.Position(), below.Position())
	}
}

func TestWords(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for want, got := range map[string]string{
		"999 B": widgets.Bytes(999), "26 kB": widgets.Bytes(26_454), "1.4 GB": widgets.Bytes(1_400_000_000), "1.0 MB": widgets.Bytes(999_700),
		"12 µs": widgets.Duration(12 * time.Microsecond), "4.2 ms": widgets.Duration(4200 * time.Microsecond), "0.41 s": widgets.Duration(410 * time.Millisecond),
		"18 s": widgets.Duration(18 * time.Second), "3 min 5 s": widgets.Duration(185 * time.Second), "2 h 10 min": widgets.Duration(130 * time.Minute),
		"just now": widgets.Ago(now, now.Add(-20*time.Second)), "2 minutes ago": widgets.Ago(now, now.Add(-2*time.Minute)), "yesterday": widgets.Ago(now, now.Add(-30*time.Hour)),
		"Oct 1, 2026": widgets.Ago(now, now.AddDate(0, -1, -19)), "—": widgets.Milliseconds(math.NaN()), "1.90": widgets.Milliseconds(1.9), "11.8": widgets.Milliseconds(11.83),
		"855": widgets.Number(855), "0.04": widgets.Number(0.04), "2": widgets.Number(2.0), "1 endpoint": widgets.Count(1, "endpoint", "endpoints"), "0 endpoints": widgets.Count(0, "endpoint", "endpoints"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestSizesNeverReadLongerThanSevenCharacters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1<<50).Draw(t, "bytes")
		if s := widgets.Bytes(n); len(s) > 7 {
			t.Fatalf("%d is %q", n, s)
		}
	})
}
