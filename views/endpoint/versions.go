package endpoint

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/views/shell"
	"servery/views/widgets"
)

// versions is the tab of the configurations that the endpoint has or had, newest first.
type versions struct {
	p       *Page
	content *fyne.Container
	table   *widgets.Table
	note    *widgets.Text // why there is nothing to list
	rows    []endpoint.ConfigVersion
	stands  string // of the endpoint, as the list was read for
	reading bool
	again   bool // something changed while it was read
}

// The columns of the list.
const (
	colVersion = iota
	colVersionState
	colServes
	colHow
	colBy
	colAccepted
	colServed
)

func newVersions(p *Page) *versions {
	v := &versions{p: p, note: widgets.Muted("")}
	v.table = widgets.NewTable(widgets.TableConfig{
		Columns: []widgets.Column{
			{Title: "Version", Width: 68},
			{Title: "State", Width: 112},
			{Title: "Served entities", Flex: 1, Width: 180},
			{Title: "How", Width: 124, HideUnder: 640},
			{Title: "By", Width: 130, HideUnder: 1000},
			{Title: "Accepted", Width: 120},
			{Title: "Served for", Width: 134, HideUnder: 560},
		},
		RowHeight: 46, FitRows: true,
		Len: func() int { return len(v.rows) },
		NewCell: func(col int) fyne.CanvasObject {
			switch col {
			case colVersion:
				return widgets.LinkCell()
			case colVersionState:
				return widgets.NewBadge(widgets.StateReady, "")
			case colServes:
				return widgets.NewTwoLineCell()
			}
			return widgets.MutedCell()
		},
		UpdateCell: v.update,
		Opened:     func(row int) { v.p.openVersion(v.rows, row) },
	})
	v.content = widgets.VStack(0, v.table, v.note)
	return v
}

// show lists the configurations where one came, went or changed its state; figures alone
// read nothing from the disk.
func (v *versions) show() {
	stands := fmt.Sprint(v.p.now.LastVersion, v.p.now.Update, v.p.now.Ready, v.p.now.Suspended)
	if stands != v.stands {
		v.stands = stands
		v.read()
	}
}

// read lists the configurations: they lie on the disk.
func (v *versions) read() {
	if v.reading {
		v.again = true
		return
	}
	v.reading = true
	name := v.p.name
	shell.Task(v.p.host, func(context.Context) ([]endpoint.ConfigVersion, error) { return v.p.engine.ConfigVersions(name) },
		func(all []endpoint.ConfigVersion, err error) {
			v.reading = false
			if v.again {
				v.again = false
				v.read()
				return
			}
			text := ""
			switch {
			case err != nil:
				text = widgets.Sentence(err.Error())
			case len(all) == 0:
				text = "This endpoint has had no configuration yet."
			}
			v.rows = all
			v.note.SetText(text)
			v.note.Hidden, v.table.Hidden = text == "", text != ""
			v.table.Refresh()
			v.p.scroll.Refresh()
		})
}

func (v *versions) update(row, col int, cell fyne.CanvasObject) {
	r := v.rows[row]
	c := &r.Config
	switch col {
	case colVersion:
		widgets.SetCell(cell, strconv.Itoa(c.Version))
	case colVersionState:
		cell.(*widgets.Badge).Set(versionBadge(r.State))
	case colServes:
		cell.(*widgets.TwoLineCell).Set(splitWords(c), r.Reason)
	case colHow:
		widgets.SetCell(cell, originWords(c))
	case colBy:
		widgets.SetCell(cell, c.Creator)
	case colAccepted:
		text := "—"
		if !c.AcceptedAt.IsZero() {
			text = v.p.local(c.AcceptedAt).Format("Jan 2, 15:04")
		}
		widgets.SetCell(cell, text)
	case colServed:
		widgets.SetCell(cell, v.p.servedFor(c))
	}
}

func versionBadge(s endpoint.VersionState) (widgets.State, string) {
	switch s {
	case endpoint.VersionActive:
		return widgets.StateReady, "Active"
	case endpoint.VersionInProgress:
		return widgets.StateUpdating, "Updating"
	case endpoint.VersionFailed:
		return widgets.StateFailed, "Failed"
	case endpoint.VersionCanceled:
		return widgets.StateWarning, "Canceled"
	case endpoint.VersionUnreadable:
		return widgets.StateFailed, "Unreadable"
	case endpoint.VersionStopped:
		return widgets.StateStopped, "Stopped"
	default:
		return widgets.StateStopped, "Replaced"
	}
}

// originWords says how a configuration came about.
func originWords(c *endpoint.Config) string {
	switch c.Origin {
	case endpoint.Created:
		return "Created"
	case endpoint.Updated:
		return "Updated"
	case endpoint.StartedAgain:
		return "Started"
	case endpoint.Restored:
		return fmt.Sprintf("Restored from %d", c.RestoredFrom)
	default:
		return "—"
	}
}

// splitWords are the served entities with their shares: "ppocr_rec-3 80 %, ppocr_rec-4 20 %".
func splitWords(c *endpoint.Config) string {
	var all []string
	for _, r := range c.Routes {
		all = append(all, fmt.Sprintf("%s %d %%", r.EntityName, r.Percent))
	}
	return strings.Join(all, ", ")
}

// servedFor is how long requests reached a configuration.
func (p *Page) servedFor(c *endpoint.Config) string {
	switch {
	case c.ActiveFrom.IsZero():
		return "—"
	case c.EndedAt.IsZero():
		return widgets.Duration(p.host.Now().Sub(c.ActiveFrom)) + " so far"
	default:
		return widgets.Duration(c.EndedAt.Sub(c.ActiveFrom))
	}
}
