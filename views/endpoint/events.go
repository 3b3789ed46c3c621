package endpoint

import (
	"strconv"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/telemetry"
	"servery/resources"
	"servery/views/widgets"
)

const (
	mostEvents   = 200
	latestEvents = 5
)

// events is the tab of the event log, newest first.
type events struct {
	p       *Page
	content *fyne.Container
	table   *widgets.Table
	empty   *widgets.Text
	rows    []telemetry.Event
}

func newEvents(p *Page) *events {
	e := &events{p: p}
	e.table = widgets.NewTable(widgets.TableConfig{
		Columns: []widgets.Column{
			{Title: "Time", Width: 146},
			{Title: "Type", Width: 168},
			{Title: "Served entity", Width: 140, HideUnder: 820},
			{Title: "Configuration", Width: 110, HideUnder: 1000},
			{Title: "Message", Flex: 1, Width: 200},
		},
		RowHeight: 36, FitRows: true,
		Len: func() int { return len(e.rows) },
		NewCell: func(col int) fyne.CanvasObject {
			if col == 0 {
				return widgets.MonoCell()
			}
			if col == 1 || col == 3 {
				return widgets.MutedCell()
			}
			return widgets.TextCell()
		},
		UpdateCell: e.update,
		Opened:     e.open,
		Menu: func(row int) *fyne.Menu {
			copyLine := fyne.NewMenuItem("Copy", func() { p.host.Copy(eventLine(e.rows[row])) })
			copyLine.Icon = resources.IconCopy
			return fyne.NewMenu("", copyLine)
		},
	})
	e.empty = widgets.Muted("Nothing has happened yet.")
	e.content = widgets.VStack(0, e.table, e.empty)
	return e
}

func (e *events) set(rows []telemetry.Event) {
	same := len(rows) == len(e.rows)
	for i := 0; same && i < len(rows); i++ {
		same = rows[i] == e.rows[i]
	}
	if same && len(rows) > 0 {
		return
	}
	e.rows = rows
	e.table.Hidden, e.empty.Hidden = len(rows) == 0, len(rows) > 0
	e.table.Refresh()
	e.p.scroll.Refresh()
}

func (e *events) update(row, col int, cell fyne.CanvasObject) {
	v := e.rows[row]
	switch col {
	case 0:
		widgets.SetCell(cell, e.p.local(v.At).Format("Jan 02 15:04:05"))
	case 1:
		widgets.SetCell(cell, typeWords(v.Type))
	case 2:
		widgets.SetCell(cell, v.Entity)
	case 3:
		text := ""
		if v.Version > 0 {
			text = strconv.Itoa(v.Version)
		}
		widgets.SetCell(cell, text)
	case 4:
		widgets.SetCell(cell, widgets.Sentence(v.Message))
	}
}

// open shows a whole message, which the table cuts.
func (e *events) open(row int) {
	v := e.rows[row]
	e.p.host.Modal(widgets.ModalConfig{
		Title: typeWords(v.Type), Width: 560,
		Content: widgets.VStack(10, widgets.Small(e.p.local(v.At).Format("2 January 2006, 15:04:05.000")), widgets.NewParagraph(widgets.Sentence(v.Message))),
		Buttons: []*widgets.Button{widgets.SecondaryButton("Copy", func() { e.p.host.Copy(eventLine(v)) })},
	})
}

func eventLine(v telemetry.Event) string {
	return strings.Join([]string{v.At.UTC().Format("2006-01-02T15:04:05.000Z"), string(v.Type), v.Entity, v.Message}, "\t")
}

// typeWords makes words of an event's type: "Served entity ready".
func typeWords(t telemetry.EventType) string {
	s := strings.ToLower(strings.ReplaceAll(string(t), "_", " "))
	if s == "" {
		return ""
	}
	return strings.ReplaceAll(strings.ToUpper(s[:1])+s[1:], " gpu", " GPU")
}
