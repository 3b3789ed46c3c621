package query

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"servery/resources"
	"servery/theme"
	"servery/views/shell"
	"servery/views/widgets"
)

// responsePane is the right side: what came back, and where its time went.
type responsePane struct {
	page    *Page
	panel   *widgets.Panel
	head    *fyne.Container
	badge   *widgets.Badge
	facts   *widgets.Text
	phases  *phasesRow
	problem *widgets.Banner
	bars    *scoreBars
	text    *widgets.CodeBox
	note    *widgets.Text
	foot    *fyne.Container
	answer  *fyne.Container
	empty   fyne.CanvasObject
	waiting fyne.CanvasObject
	what    *widgets.Paragraph
	shown   *exchange
}

func newResponsePane(p *Page) *responsePane {
	r := &responsePane{page: p, badge: widgets.NewBadge(widgets.StateReady, ""), facts: widgets.Small(""),
		phases: newPhasesRow(), what: widgets.MutedParagraph(""), problem: widgets.NewBanner(widgets.Error, "", ""), bars: newScoreBars(), note: widgets.Small("").Truncate()}
	r.text = widgets.NewCodeBox("", nil).WrapWords()
	r.foot = widgets.Spread(r.note, widgets.HStack(8,
		widgets.CopyButton(func() string { return string(r.shown.response) }, p.host.Copy),
		widgets.SecondaryButton("Save…", r.save).Small()))
	r.head = headLine(widgets.Spread(widgets.HStack(10, widgets.Heading("Response"), r.badge), r.facts))
	r.answer = container.New(stretch{gap: 12, at: 4}, r.head, r.phases.box, r.problem, r.bars.box, r.text, r.foot)
	r.empty = container.NewStack(widgets.VStack(0, headLine(widgets.Heading("Response"))),
		widgets.NewEmptyState(resources.IconPlay, "Nothing sent yet", "Send the request to see the answer, its scores and where its time went."))
	r.waiting = widgets.VStack(14, headLine(widgets.Heading("Response")), r.what, widgets.NewSkeleton(6))
	r.panel = widgets.NewPanel(container.NewStack(r.empty, r.waiting, r.answer))
	r.only(r.empty)
	return r
}

// headLine is as high as the head of the other pane, so that both stand on one line.
func headLine(o fyne.CanvasObject) *fyne.Container { return widgets.Fixed(o, 0, 32) }

// only shows one of the pane's states.
func (r *responsePane) only(state fyne.CanvasObject) {
	for _, o := range []fyne.CanvasObject{r.empty, r.waiting, r.answer} {
		show(o, o == state)
	}
	r.panel.Refresh()
}

// wait stands until the answer comes.
func (r *responsePane) wait(what string) {
	r.what.SetText(what)
	r.only(r.waiting)
}

// show shows what came of a request.
func (r *responsePane) show(x *exchange) {
	r.shown = x
	title, message, kind := "", "", widgets.Error
	if x.err != nil {
		state, word, text := failure(x.err)
		r.badge.Set(state, word)
		title, message = "No answer", text
		if state == widgets.StateStopped {
			kind = widgets.Info
		}
	} else {
		state := widgets.StateReady
		if x.status >= 400 {
			state = widgets.StateFailed
			title, message = explainAnswer(x.response)
		}
		r.badge.Set(state, statusText(x.status))
	}
	r.problem.SetKind(kind)
	r.problem.SetText(title, message)
	show(r.problem, title != "" || message != "")
	r.facts.SetText(facts(x))
	r.phases.show(x)
	r.bars.show(x, r.page.outputType)
	show(r.text, len(x.response) > 0)
	show(r.foot, len(x.response) > 0)
	r.text.SetText(x.view.text)
	r.note.SetText(widgets.Bytes(int64(len(x.response))))
	if !x.view.whole {
		r.note.SetText(fmt.Sprintf("The first %s of %s are shown. Copy and Save take all.", widgets.Bytes(readable), widgets.Bytes(int64(len(x.response)))))
	}
	r.only(r.answer)
	r.head.Refresh()
	r.answer.Refresh()
}

// save writes the answer, as it came, to a file.
func (r *responsePane) save() {
	body := r.shown.response
	host := r.page.host
	host.SaveFile("Save the response", r.page.name+"-response.json", func(path string) {
		shell.Task(host, func(context.Context) (string, error) { return path, os.WriteFile(path, body, 0o600) }, func(path string, err error) {
			if err != nil {
				host.Toast(widgets.Error, "Could not save the response: "+err.Error())
				return
			}
			host.Toast(widgets.Success, "Saved "+path)
		})
	})
}

// explainAnswer reads the error of an answer: its code and its message.
func explainAnswer(body []byte) (code, message string) {
	var e struct {
		Code    string `json:"error_code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &e) != nil || e.Code == "" {
		return "The model refused the request", ""
	}
	return e.Code, e.Message
}

// facts is "1.31 ms · served by digits-2".
func facts(x *exchange) string {
	all := []string{widgets.Duration(x.took)}
	if x.took < 100*time.Millisecond {
		all[0] = widgets.Milliseconds(milliseconds(x.took)) + " ms"
	}
	if x.entity != "" {
		all = append(all, "served by "+x.entity)
	}
	return strings.Join(all, " · ")
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

var statusWords = map[int]string{200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 408: "Request Timeout",
	413: "Too Large", 415: "Unsupported Type", 429: "Too Many Requests", 500: "Server Error", 503: "Unavailable", 504: "Timeout"}

func statusText(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + statusWords[status])
}

// outputType is the type and shape of an output of the model that answered, "" where it
// is not known. The only output may have no name in the answer.
func (p *Page) outputType(entity, output string) string {
	if p.endpoint.Active == nil {
		return ""
	}
	for _, s := range p.endpoint.Active.Entities {
		v, ok := p.version(s)
		if s.Name != entity || !ok || v.Graph == nil {
			continue
		}
		for _, o := range v.Graph.Outputs {
			if o.Name == output || (output == "" && len(v.Graph.Outputs) == 1) {
				return o.TypeString()
			}
		}
	}
	return ""
}

// phase is a part of a request's time.
type phase struct {
	name  string
	took  time.Duration
	color fyne.ThemeColorName
}

// phases splits the time of an answer. Overhead is what the parts leave of the whole:
// the way to the worker process and back.
func phases(x *exchange) []phase {
	t := x.timing
	queue := x.queue + t.Wait
	rest := max(0, x.took-queue-t.Decode-t.Run-t.Encode)
	return []phase{{"Queue", queue, theme.ChartOrange}, {"Decode", t.Decode, theme.ChartBlue}, {"Model", t.Run, theme.ChartTeal},
		{"Encode", t.Encode, theme.ChartPurple}, {"Overhead", rest, theme.ChartAxis}}
}

// phasesRow draws the phases to scale under their names.
type phasesRow struct {
	legend *fyne.Container
	bar    *widgets.SharesBar
	box    *fyne.Container
}

func newPhasesRow() *phasesRow {
	p := &phasesRow{legend: widgets.Flow(14), bar: widgets.NewSharesBar(10)}
	p.box = widgets.VStack(6, p.legend, p.bar)
	return p
}

func (p *phasesRow) show(x *exchange) {
	show(p.box, x.err == nil && x.took > 0)
	all := phases(x)
	whole := time.Duration(0)
	for _, f := range all {
		whole += f.took
	}
	if whole == 0 {
		return
	}
	p.legend.Objects = p.legend.Objects[:0]
	shares := make([]widgets.Share, len(all))
	for i, f := range all {
		shares[i] = widgets.Share{Fraction: float64(f.took) / float64(whole), Color: f.color}
		p.legend.Objects = append(p.legend.Objects, widgets.HStack(5, widgets.NewDot(f.color), widgets.Small(f.name+" "+widgets.Milliseconds(milliseconds(f.took)))))
	}
	p.bar.Set(shares)
	p.legend.Refresh()
}

// scoreBars draws the classes of an answer.
type scoreBars struct {
	title, kind *widgets.Text
	head        *fyne.Container
	rows        *fyne.Container
	box         *fyne.Container
}

func newScoreBars() *scoreBars {
	s := &scoreBars{title: widgets.Strong("").Truncate(), kind: widgets.Muted(""), rows: widgets.VStack(0)}
	s.head = widgets.HStack(6, s.title, s.kind)
	s.box = widgets.VStack(6, s.head, s.rows)
	return s
}

const scoreHeight = 17

func (s *scoreBars) show(x *exchange, typeOf func(entity, output string) string) {
	name, all := x.view.output, x.view.scores
	show(s.box, len(all) > 0)
	if len(all) == 0 {
		return
	}
	kind := typeOf(x.entity, name)
	if name == "" {
		name = "predictions"
	}
	s.title = widgets.Strong(name)
	s.kind.SetText(kind)
	s.head.Objects = []fyne.CanvasObject{s.title, s.kind}
	if softened(all) {
		s.head.Objects = append(s.head.Objects, widgets.Small("bars: softmax"))
	}
	width := float32(24)
	for _, c := range all {
		width = max(width, min(160, widgets.Mono(c.label).MinSize().Width+8))
	}
	s.rows.Objects = s.rows.Objects[:0]
	for _, c := range all {
		color := theme.ChartAxis
		if c.best {
			color = theme.Primary
		}
		meter := widgets.NewMeter(color).Thick()
		meter.Set(c.share)
		s.rows.Objects = append(s.rows.Objects, widgets.Fixed(widgets.Columns(8, []float32{-width, 1, -72},
			widgets.Mono(c.label).Truncate(), meter, widgets.Mono(plain(c.value)).Truncate().Align(fyne.TextAlignTrailing)), 0, scoreHeight))
	}
	s.box.Refresh()
}

// softened tells that the bars' lengths are not the values.
func softened(all []score) bool {
	for _, c := range all {
		if d := c.value - c.share; d > 1e-9 || d < -1e-9 {
			return true
		}
	}
	return false
}
