package config

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"servery/views/widgets"
)

// ChangeList shows what differs between two configurations, a served entity after the
// other.
type ChangeList struct {
	widget.BaseWidget
	rows  *fyne.Container
	none  string
	shown []Change
	drawn bool
}

// NewChangeList makes an empty list; none is what it says where nothing differs.
func NewChangeList(none string) *ChangeList {
	l := &ChangeList{rows: widgets.VStack(12), none: none}
	l.ExtendBaseWidget(l)
	return l
}

// Set shows the changes.
func (l *ChangeList) Set(changes []Change) {
	if l.drawn && same(changes, l.shown) {
		return
	}
	l.drawn, l.shown = true, changes
	l.rows.Objects = l.rows.Objects[:0]
	if len(changes) == 0 {
		l.rows.Add(widgets.MutedParagraph(l.none))
	}
	for _, c := range changes {
		state, word := c.Kind.look()
		box := widgets.VStack(4, widgets.Lead(8, widgets.Strong(c.Name), widgets.NewBadge(state, word)))
		for _, d := range c.Lines {
			box.Add(d.object())
		}
		l.rows.Add(box)
	}
	l.rows.Refresh()
	l.Refresh()
}

func (k ChangeKind) look() (widgets.State, string) {
	switch k {
	case EntityAdded:
		return widgets.StateReady, "New"
	case EntityRemoved:
		return widgets.StateFailed, "Removed"
	case EntityReplaced:
		return widgets.StateUpdating, "Replaced"
	case TrafficChanged:
		return widgets.StateInfo, "Traffic"
	case TableChanged:
		return widgets.StateInfo, "Changed"
	default:
		return widgets.StateUpdating, "Changed"
	}
}

// object is "Version   3 → 4".
func (d Line) object() fyne.CanvasObject {
	words := d.From + " → " + d.To
	switch {
	case d.From == "":
		words = d.To
	case d.To == "":
		words = d.From + " → none"
	}
	return widgets.Columns(8, []float32{-104, 1}, widgets.VStack(0, widgets.Muted(d.What).Truncate()), widgets.NewParagraph(words))
}

func same(a, b []Change) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Kind != b[i].Kind || a[i].Name != b[i].Name || len(a[i].Lines) != len(b[i].Lines) {
			return false
		}
		for k := range a[i].Lines {
			if a[i].Lines[k] != b[i].Lines[k] {
				return false
			}
		}
	}
	return true
}

// CreateRenderer is for Fyne.
func (l *ChangeList) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(l.rows) }
