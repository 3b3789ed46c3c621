package endpoint

import (
	"math"
	"strconv"
	"time"

	"fyne.io/fyne/v2"

	"servery/engine/telemetry"
	"servery/theme"
	"servery/views/chart"
	"servery/views/widgets"
)

// ranges are the spans of time that can be shown, each in that many points: live ones by
// seconds, the others, which the engine brings up to date once a minute, in steps of 5 min
// and an hour.
var ranges = []struct {
	label  string
	span   time.Duration
	points int
}{{"5 m", 5 * time.Minute, 120}, {"1 h", time.Hour, 120}, {"24 h", 24 * time.Hour, 288}, {"14 d", 14 * 24 * time.Hour, 336}}

// live tells whether the figures of a span change by the second.
func live(span time.Duration) bool { return span <= time.Hour }

// metrics is the tab of charts.
type metrics struct {
	p       *Page
	content fyne.CanvasObject
	span    time.Duration
	points  int
	shown   time.Time // the end of the last series shown of a span that is not live
	pace    *widgets.Text
	latency, requests, concurrency,
	processor, memory *chart.Chart
}

func newMetrics(p *Page) *metrics {
	m := &metrics{p: p, span: ranges[0].span, points: ranges[0].points, pace: widgets.Small("live · every second"),
		latency:     chart.New(chart.Config{Title: "Latency", Unit: "ms"}),
		requests:    chart.New(chart.Config{Title: "Requests", Kind: chart.Area, Unit: "/s", Floor: 1}),
		concurrency: chart.New(chart.Config{Title: "Concurrency", Floor: 4}),
		processor:   chart.New(chart.Config{Title: "Processor", Kind: chart.Area, Unit: "%", Floor: 10}),
		memory:      chart.New(chart.Config{Title: "Memory", Kind: chart.Area, Unit: "B", Floor: 1e6}),
	}
	chart.Link(m.latency, m.requests, m.concurrency, m.processor, m.memory)
	var options []widgets.Option
	for _, r := range ranges {
		options = append(options, widgets.Option{Value: r.label, Label: r.label})
	}
	var bar *fyne.Container
	choice := widgets.NewSegmented(options, func(value string) {
		for _, r := range ranges {
			if r.label == value {
				m.span, m.points, m.shown = r.span, r.points, time.Time{}
			}
		}
		m.pace.SetText("live · every second")
		if !live(m.span) {
			m.pace.SetText("every minute · kept for 14 days")
		}
		bar.Refresh()
		m.read()
	})
	bar = widgets.Spread(widgets.HStack(8, choice), m.pace)
	m.content = widgets.VStack(12, bar,
		widgets.Columns(12, []float32{1, 1}, panel(m.latency), panel(m.requests)),
		widgets.Columns(12, []float32{1.25, 1, 1}, panel(m.concurrency), panel(m.processor), panel(m.memory)))
	return m
}

func panel(c *chart.Chart) fyne.CanvasObject {
	p := widgets.NewPanel(c)
	p.SetPadding(14)
	return p
}

// read shows the figures of now.
func (m *metrics) read() {
	s := m.p.engine.Metrics(m.p.name, m.span, m.points)
	n := len(s.Points)
	end := m.p.host.Now()
	if n > 0 {
		end = s.Points[n-1].At
	}
	if !live(m.span) && end.Equal(m.shown) {
		return // the same figures: drawing them again would repaint the window for nothing
	}
	m.shown = end
	set := func(c *chart.Chart, lines ...chart.Line) { c.Set(chart.Data{End: end, Step: s.Step, Lines: lines}) }
	line := func(name string, color fyne.ThemeColorName, of func(telemetry.Point) float64) chart.Line {
		values := make([]float64, n)
		for i, p := range s.Points {
			values[i] = of(p)
		}
		return chart.Line{Name: name, Color: color, Values: values}
	}
	set(m.latency, line("p50", theme.ChartBlue, func(p telemetry.Point) float64 { return p.P50 }),
		line("p99", theme.ChartOrange, func(p telemetry.Point) float64 { return p.P99 }))
	set(m.requests, line("2xx", theme.ChartBlue, func(p telemetry.Point) float64 { return p.OK }),
		unlessNone(line("4xx", theme.ChartOrange, func(p telemetry.Point) float64 { return p.Errors4 })),
		unlessNone(line("5xx", theme.ChartRed, func(p telemetry.Point) float64 { return p.Errors5 })))
	set(m.concurrency, line("provisioned", theme.ChartTeal, func(p telemetry.Point) float64 { return p.Provisioned }),
		line("in flight", theme.ChartPurple, func(p telemetry.Point) float64 { return p.InFlight }))
	set(m.processor, line("of this machine", theme.ChartPurple, func(p telemetry.Point) float64 { return p.CPUPercent }))
	set(m.memory, line("resident", theme.ChartOrange, func(p telemetry.Point) float64 { return p.MemoryBytes }))
	m.headlines(s.Points)
}

// unlessNone leaves a line out that is nothing but zeros: it would cover the axis and the
// lines that matter.
func unlessNone(l chart.Line) chart.Line {
	for _, v := range l.Values {
		if v != 0 {
			return l
		}
	}
	for i := range l.Values {
		l.Values[i] = math.NaN()
	}
	return l
}

// headlines are the figures at the right of the charts' titles: the last ones that are
// known.
func (m *metrics) headlines(points []telemetry.Point) {
	var now telemetry.Point
	p99 := math.NaN()
	if n := len(points); n > 0 {
		now = points[n-1]
	}
	for _, p := range points {
		if !math.IsNaN(p.P99) {
			p99 = p.P99
		}
	}
	m.latency.SetHeadline(widgets.Milliseconds(p99), "ms p99")
	m.requests.SetHeadline(widgets.Number(now.OK+now.Errors4+now.Errors5), "/s")
	m.concurrency.SetHeadline(strconv.Itoa(int(math.Round(now.InFlight)))+" of "+strconv.Itoa(int(math.Round(now.Provisioned))), "")
	m.processor.SetHeadline(widgets.Number(now.CPUPercent), "%")
	m.memory.SetHeadline(widgets.Bytes(int64(now.MemoryBytes)), "")
}
