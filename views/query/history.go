package query

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"servery/theme"
	"servery/views/widgets"
)

const (
	mostKept  = 50         // exchanges an endpoint
	mostBytes = 32_000_000 // requests and responses of all endpoints together
)

// History keeps what was sent to which endpoint, newest first, as long as the program
// runs. It is bounded: the oldest exchanges go. It is used on the UI goroutine only.
type History struct {
	of    map[string][]*exchange
	order []kept // oldest first
	bytes int
}

// kept says where an exchange is.
type kept struct {
	endpoint string
	x        *exchange
}

// NewHistory makes an empty history.
func NewHistory() *History { return &History{of: map[string][]*exchange{}} }

func (h *History) add(name string, x *exchange) {
	h.of[name] = append([]*exchange{x}, h.of[name]...)
	h.order = append(h.order, kept{name, x})
	h.bytes += x.size()
	if all := h.of[name]; len(all) > mostKept {
		h.drop(kept{name, all[len(all)-1]})
	}
	for h.bytes > mostBytes && len(h.order) > 1 {
		h.drop(h.order[0])
	}
}

func (h *History) drop(k kept) {
	h.bytes -= k.x.size()
	for i, o := range h.order {
		if o == k {
			h.order = append(h.order[:i:i], h.order[i+1:]...)
			break
		}
	}
	all := h.of[k.endpoint]
	for i, x := range all {
		if x == k.x {
			h.of[k.endpoint] = append(all[:i:i], all[i+1:]...)
			break
		}
	}
}

// clear forgets an endpoint's exchanges.
func (h *History) clear(name string) {
	for len(h.of[name]) > 0 {
		h.drop(kept{name, h.of[name][0]})
	}
	delete(h.of, name)
}

func (x *exchange) size() int { return len(x.request) + len(x.response) }

// The columns of the history.
const (
	colTime = iota
	colEntity
	colStatus
	colTook
	colBody
	colMore
)

// historyPane lists what was sent.
type historyPane struct {
	page    *Page
	panel   *widgets.Panel
	table   *widgets.Table
	none    fyne.CanvasObject
	clear   *widgets.Link
	caption *widgets.Text
	buttons map[*widgets.Button]*exchange
}

func newHistoryPane(p *Page) *historyPane {
	h := &historyPane{page: p, buttons: map[*widgets.Button]*exchange{}}
	h.table = widgets.NewTable(widgets.TableConfig{
		Columns: []widgets.Column{colTime: {Width: 96}, colEntity: {Width: 150}, colStatus: {Width: 148},
			colTook: {Width: 90, Align: fyne.TextAlignTrailing}, colBody: {Width: 120, Flex: 1}, colMore: {Width: 40}},
		RowHeight: 30, NoHeader: true, Selectable: true,
		Len: func() int { return len(h.all()) }, NewCell: h.newCell, UpdateCell: h.updateCell,
		Opened: func(i int) { p.restore(h.all()[i]) },
		Menu:   func(i int) *fyne.Menu { return h.menu(h.all()[i]) },
	})
	h.none = widgets.VStack(0, widgets.Muted("Requests you send are kept here until Servery is closed."))
	h.caption = widgets.Small("kept until Servery is closed")
	h.clear = widgets.NewLink("Clear", func() { p.past.clear(p.name); h.refresh() })
	head := widgets.Spread(widgets.HStack(8, widgets.Heading("History"), h.caption), h.clear)
	list := container.NewStack(h.table, h.none)
	h.panel = widgets.NewPanel(widgets.VStack(6, head, widgets.Fixed(list, 0, 92)))
	h.refresh()
	return h
}

func (h *historyPane) all() []*exchange { return h.page.past.of[h.page.name] }

func (h *historyPane) refresh() {
	n := len(h.all())
	show(h.table, n > 0)
	show(h.none, n == 0)
	show(h.clear, n > 0)
	show(h.caption, n > 0)
	if n > 0 && h.table.Selected() >= 0 {
		h.table.Mark(-1) // what was marked moved down
	}
	h.table.Refresh()
	h.panel.Refresh()
}

func (h *historyPane) newCell(col int) fyne.CanvasObject {
	switch col {
	case colTime, colBody:
		return widgets.NewText("", widgets.TextStyle{Mono: true, Color: theme.TextSecondary}).Truncate()
	case colMore:
		var b *widgets.Button
		b = widgets.MoreButton("Actions of the request", func() *fyne.Menu { return h.menu(h.buttons[b]) }).Small()
		return b
	default:
		return widgets.TextCell()
	}
}

func (h *historyPane) updateCell(i, col int, cell fyne.CanvasObject) {
	x := h.all()[i]
	switch col {
	case colTime:
		widgets.SetCell(cell, x.at.Format("15:04:05"))
	case colEntity:
		widgets.SetCell(cell, dash(x.entity))
	case colStatus:
		text, color := x.outcome()
		cell.(*widgets.Text).SetColor(color)
		widgets.SetCell(cell, text)
	case colTook:
		widgets.SetCell(cell, strings.SplitN(facts(x), " · ", 2)[0])
	case colBody:
		widgets.SetCell(cell, x.line())
	case colMore:
		h.buttons[cell.(*widgets.Button)] = x
	}
}

func dash(s string) string {
	if s == "" {
		return "—"
	}
	return s
}

// outcome is the status in a word.
func (x *exchange) outcome() (string, fyne.ThemeColorName) {
	switch {
	case x.err != nil:
		state, word, _ := failure(x.err)
		if state == widgets.StateStopped {
			return word, theme.TextSecondary
		}
		return word, theme.Danger
	case x.status >= 400:
		return statusText(x.status), theme.Danger
	default:
		return statusText(x.status), theme.Text
	}
}

// line is what tells one exchange from another: what went wrong, or how the request
// begins.
func (x *exchange) line() string {
	if x.err != nil {
		_, _, text := failure(x.err)
		return text
	}
	if x.status >= 400 {
		if _, message := explainAnswer(x.response); message != "" {
			return strings.SplitN(message, "\n", 2)[0]
		}
	}
	start := x.request[:min(len(x.request), 600)]
	return tight.Replace(strings.Join(strings.Fields(start), " "))
}

// tight takes the room of line ends out of brackets.
var tight = strings.NewReplacer("{ ", "{", "[ ", "[", " ]", "]", " }", "}")

func (h *historyPane) menu(x *exchange) *fyne.Menu {
	if x == nil {
		return nil
	}
	items := []*fyne.MenuItem{
		fyne.NewMenuItem("Use this request", func() { h.page.restore(x) }),
		fyne.NewMenuItem("Copy as curl", func() { h.page.host.Copy(h.page.snippets(x.asked, x.request)[0].text) }),
		fyne.NewMenuItem("Copy the request", func() { h.page.host.Copy(x.request) }),
	}
	if len(x.response) > 0 {
		items = append(items, fyne.NewMenuItem("Copy the response", func() { h.page.host.Copy(string(x.response)) }))
	}
	return fyne.NewMenu("", items...)
}
