package chart

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"pgregory.net/rapid"

	"servery/theme"
	"servery/views/viewtest"
	"servery/views/widgets"
)

var end = time.Date(2026, 11, 20, 12, 52, 0, 0, time.UTC)

func noise(n int, base, swing float64, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	out, v := make([]float64, n), 0.0
	for i := range out {
		v = 0.8*v + (r.Float64()-0.5)*swing
		out[i] = math.Max(0, base+v)
	}
	return out
}

func latency(n int) Data {
	p50, p99 := noise(n, 7, 2, 1), noise(n, 12, 4, 2)
	for i := n / 2; i < n/2+n/12; i++ {
		p50[i], p99[i] = math.NaN(), math.NaN()
	}
	return Data{End: end, Step: time.Hour / time.Duration(n), Lines: []Line{
		{"p50", theme.ChartBlue, p50}, {"p99", theme.ChartOrange, p99}}}
}

func TestCharts(t *testing.T) {
	viewtest.Both(t, "charts", 920, 640, func(h *viewtest.Harness) fyne.CanvasObject {
		lines := New(Config{Title: "Latency", Unit: "ms"})
		lines.Set(latency(120))
		lines.SetHeadline("11.8", "ms p99")
		area := New(Config{Title: "Requests", Kind: Area, Unit: "/s"})
		area.Set(Data{End: end, Step: 30 * time.Second, Lines: []Line{{"2xx", theme.ChartBlue, noise(120, 32, 16, 3)}, {"4xx 5xx", theme.ChartRed, noise(120, 3, 3, 4)}}})
		area.SetHeadline("38", "/s")
		stacked := New(Config{Title: "Memory", Kind: Stacked, Unit: "B"})
		stacked.Set(Data{End: end, Step: 30 * time.Second, Lines: []Line{{"digits-1", theme.ChartTeal, noise(120, 2e8, 4e7, 5)}, {"digits-2", theme.ChartPurple, noise(120, 1e8, 2e7, 6)}}})
		empty := New(Config{Title: "Concurrency", Floor: 4})
		empty.Set(Data{End: end, Step: 30 * time.Second, Lines: []Line{{"provisioned", theme.ChartTeal, nil}}})
		Link(lines, area, stacked)
		lines.hover(95)
		return widgets.Inset(widgets.VStack(16,
			widgets.Columns(16, []float32{1, 1}, widgets.NewPanel(lines), widgets.NewPanel(area)),
			widgets.Columns(16, []float32{1, 1}, widgets.NewPanel(stacked), widgets.NewPanel(empty))), 16, 16, 16, 16)
	})
}

func TestAValueBetweenGapsIsADot(t *testing.T) {
	nan := math.NaN()
	h := viewtest.New(t, theme.Light)
	c := New(Config{Title: "Latency", Unit: "ms"})
	h.Show(c, 400, 200)
	c.Set(Data{End: end, Step: time.Second, Lines: []Line{{"p50", theme.ChartBlue, []float64{nan, nan, 0.5, nan, nan}}}})
	painted := 0
	img := c.draw(400, 120)
	for y := range 120 {
		for x := range 400 {
			if _, _, _, a := img.At(x, y).RGBA(); a > 0x8000 {
				painted++
			}
		}
	}
	if painted < 12 || painted > 60 {
		t.Errorf("the only value is %d pixels, want a dot of about 5 across", painted)
	}
}

func TestThePointerFindsTheNearestValueAndTellsItsPeers(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	a, b := New(Config{Title: "A", Unit: "ms"}), New(Config{Title: "B"})
	d := Data{End: end, Step: time.Second, Lines: []Line{{"x", theme.ChartBlue, []float64{1, 2, 3, math.NaN(), 5}}}}
	a.Set(d)
	b.Set(d)
	Link(a, b)
	heard := []int{}
	a.OnHover = func(i int) { heard = append(heard, i) }
	h.Show(widgets.VStack(8, a, b), 500, 400)
	p, s := a.plotPlace()
	at := func(share float32) *desktop.MouseEvent {
		return &desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(p.X+s.Width*share, p.Y+5)}}
	}
	a.MouseMoved(at(0.26))
	if a.cross != 1 || b.cross != 1 {
		t.Errorf("crosshairs at %d and %d, want 1", a.cross, b.cross)
	}
	h.MustText("12:51:57", "2 ms")
	a.MouseMoved(at(0.75))
	h.MustText("—")
	a.MouseOut()
	if a.cross != -1 || b.cross != -1 || len(heard) != 3 {
		t.Errorf("after leaving: %d, %d, heard %v", a.cross, b.cross, heard)
	}
}

func TestGapsBreakTheLine(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	c := New(Config{})
	c.Set(Data{End: end, Step: time.Second, Lines: []Line{{"x", theme.ChartBlue, []float64{1, 1, math.NaN(), 1, 1}}}})
	h.Show(c, 400, 178)
	img := c.draw(400, 100)
	y := int(c.y(1, 100))
	ink := func(x int) bool { _, _, _, a := img.At(x, y).RGBA(); return a > 0 }
	if !ink(50) || !ink(350) {
		t.Error("no line beside the gap")
	}
	if ink(200) {
		t.Error("a line across the gap")
	}
}

func TestTheAxisHoldsItsValuesInRoundSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		top := rapid.Float64Range(1e-6, 1e9).Draw(t, "top")
		unit := rapid.SampledFrom([]string{"", "ms", "B"}).Draw(t, "unit")
		a := niceAxis(axis{}, top, unit)
		if a.top < top*(1-1e-9) || a.top > top*3 {
			t.Fatalf("axis to %g for values to %g", a.top, top)
		}
		ticks := a.ticks()
		if len(ticks) < 3 || len(ticks) > 8 {
			t.Fatalf("%d ticks for %g", len(ticks), top)
		}
		seen := map[string]bool{}
		for _, v := range ticks {
			l := a.label(v)
			if seen[l] || len(l) > 12 {
				t.Fatalf("label %q of %g is long or used twice, step %g", l, v, a.step)
			}
			seen[l] = true
		}
	})
}

func TestTheAxisStaysWhileTheValuesFit(t *testing.T) {
	a := niceAxis(axis{}, 17, "ms")
	for _, top := range []float64{16, 12, 8.5, a.top} {
		if b := niceAxis(a, top, "ms"); b != a {
			t.Errorf("axis to %g became %g for %g", a.top, b.top, top)
		}
	}
	if b := niceAxis(a, 3, "ms"); b.top >= a.top {
		t.Errorf("axis stayed at %g for values to 3", b.top)
	}
}

func TestTimesAreRoundAndFewEnough(t *testing.T) {
	for name, c := range map[string]struct {
		step  time.Duration
		n     int
		first string
	}{
		"five minutes": {5 * time.Second, 61, "12:47"}, "an hour": {30 * time.Second, 121, "12:00"}, "a day": {12 * time.Minute, 121, "18:00"},
	} {
		d := Data{End: end, Step: c.step, Lines: []Line{{Values: make([]float64, c.n)}}}
		texts, at := timeTicks(d, 5)
		if len(texts) == 0 || len(texts) > 7 || texts[0] != c.first {
			t.Errorf("%s: %q, want the first %q", name, texts, c.first)
		}
		for _, x := range at {
			if x < 0 || x > 1 {
				t.Errorf("%s: a label at %g", name, x)
			}
		}
	}
}

func TestNothingToShowIsSaid(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	c := New(Config{Title: "Latency"})
	h.Show(c, 400, 178)
	h.MustText("No data yet")
	c.Set(latency(60))
	h.NoText("No data yet")
	if !strings.Contains(strings.Join(h.Texts(), " "), "p99") {
		t.Error("no legend")
	}
}

func BenchmarkSet(b *testing.B) {
	h := viewtest.New(b, theme.Light)
	c := New(Config{Title: "Latency"})
	h.Show(c, 440, 178)
	d := latency(120)
	for b.Loop() {
		c.Set(d)
	}
}

func BenchmarkDraw(b *testing.B) {
	h := viewtest.New(b, theme.Light)
	c := New(Config{Title: "Requests", Kind: Area})
	h.Show(c, 440, 178)
	c.Set(latency(120))
	for b.Loop() {
		c.draw(394, 118)
	}
}
