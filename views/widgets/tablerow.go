package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"servery/resources"
	"servery/theme"
)

// tableRow shows one row at a time.
type tableRow struct {
	widget.BaseWidget
	t       *Table
	index   int
	hovered bool
	back    *canvas.Rectangle
	line    *canvas.Rectangle
	cells   []fyne.CanvasObject
	heights []float32
}

func newTableRow(t *Table) *tableRow {
	r := &tableRow{t: t, index: -1, back: canvas.NewRectangle(none), line: canvas.NewRectangle(none)}
	for i, c := range t.c.Columns {
		cell := t.c.NewCell(i)
		if text, ok := cell.(*Text); ok && c.Align != fyne.TextAlignLeading {
			text.Align(c.Align)
		}
		r.cells = append(r.cells, cell)
	}
	r.heights = make([]float32, len(r.cells))
	r.ExtendBaseWidget(r)
	return r
}

// show puts the row to an index.
func (r *tableRow) show(i int, width float32, again bool) {
	h := r.t.c.RowHeight
	r.Resize(fyne.NewSize(width, h))
	r.Move(fyne.NewPos(0, float32(i)*h))
	if r.index != i || again {
		if r.index != i {
			r.index, r.hovered = i, false
			r.Show()
		}
		r.update()
		r.Refresh()
	}
}

func (r *tableRow) update() {
	for i, c := range r.cells {
		r.t.c.UpdateCell(r.index, i, c)
	}
	for i, c := range r.cells {
		if _, ok := c.(*fyne.Container); ok && c.MinSize().Height != r.heights[i] {
			r.lay(r.Size()) // only containers change their height with their content
			return
		}
	}
}

func (r *tableRow) lay(s fyne.Size) {
	place(r.back, 0, 0, s.Width, s.Height)
	place(r.line, 0, s.Height-1, s.Width, 1)
	x := float32(0)
	for i, w := range r.t.share(s.Width) {
		c := r.cells[i]
		if gone := w == 0 && r.t.c.Columns[i].HideUnder > 0; gone == c.Visible() {
			if gone {
				c.Hide()
			} else {
				c.Show()
			}
		}
		m := c.MinSize()
		r.heights[i] = m.Height
		room := max(0, w-2*cellPadding)
		left, h := x+cellPadding, min(m.Height, s.Height)
		if _, ok := c.(*Text); !ok && r.t.c.Columns[i].Align == fyne.TextAlignTrailing {
			left += max(0, room-m.Width)
			room = min(room, m.Width)
		}
		if b, ok := c.(*Button); ok && b.kind == iconOnly {
			left, room = x+(w-m.Width)/2, m.Width
		}
		place(c, left, (s.Height-h)/2, room, h)
		x += w
	}
}

// MouseIn is for Fyne.
func (r *tableRow) MouseIn(*desktop.MouseEvent) { r.hovered = true; r.Refresh() }

// MouseMoved is for Fyne.
func (r *tableRow) MouseMoved(*desktop.MouseEvent) {}

// MouseOut is for Fyne.
func (r *tableRow) MouseOut() { r.hovered = false; r.Refresh() }

// Cursor is for Fyne.
func (r *tableRow) Cursor() desktop.Cursor {
	if r.t.c.Opened == nil {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}

// Tapped is for Fyne.
func (r *tableRow) Tapped(*fyne.PointEvent) { r.t.open(r.index) }

// TappedSecondary is for Fyne.
func (r *tableRow) TappedSecondary(e *fyne.PointEvent) { r.t.menu(r.index, e.AbsolutePosition) }

// CreateRenderer is for Fyne.
func (r *tableRow) CreateRenderer() fyne.WidgetRenderer {
	objects := append([]fyne.CanvasObject{r.back, r.line}, r.cells...)
	return &rowRenderer{renderer: newRenderer(r.lay,
		func() fyne.Size { return fyne.NewSize(100, r.t.c.RowHeight) },
		func() {
			marked := r.index >= 0 && r.index == r.t.current
			r.back.FillColor, r.back.StrokeWidth = none, 0
			switch {
			case marked && (r.t.c.Selectable || r.t.focused):
				r.back.FillColor = theme.Color(theme.RowSelected)
				if r.t.ringed() {
					r.back.StrokeColor, r.back.StrokeWidth = theme.Color(theme.Primary), 2
				}
			case r.hovered && r.t.c.Opened != nil:
				r.back.FillColor = theme.Color(theme.RowHover)
			}
			r.line.FillColor = theme.Color(theme.Border)
		},
		objects...)}
}

// rowRenderer repaints the ground only: the cells refresh by themselves when their data
// change, and hovering must not walk them.
type rowRenderer struct{ *renderer }

func (r *rowRenderer) Refresh() {
	r.refresh()
	canvas.Refresh(r.objects[0])
	canvas.Refresh(r.objects[1])
}

// tableHead is the row of titles.
type tableHead struct {
	widget.BaseWidget
	t          *Table
	sorted     int
	descending bool
	over       int
	labels     []*canvas.Text
	arrow      *Icon
	line       *canvas.Rectangle
}

func newTableHead(t *Table) *tableHead {
	h := &tableHead{t: t, sorted: -1, over: -1, arrow: NewIcon(resources.IconArrowUp, theme.TextSecondary, 12), line: canvas.NewRectangle(none)}
	for range t.c.Columns {
		h.labels = append(h.labels, canvas.NewText("", none))
	}
	h.ExtendBaseWidget(h)
	return h
}

func (h *tableHead) at(x float32) int {
	for i, w := range h.t.share(h.Size().Width) {
		if x < w {
			return i
		}
		x -= w
	}
	return -1
}

func (h *tableHead) sortable(i int) bool {
	return i >= 0 && h.t.c.Sorted != nil && h.t.c.Columns[i].Sortable
}

// Tapped is for Fyne.
func (h *tableHead) Tapped(e *fyne.PointEvent) {
	if i := h.at(e.Position.X); h.sortable(i) {
		h.descending = i == h.sorted && !h.descending
		h.sorted = i
		h.t.c.Sorted(i, h.descending)
		h.Refresh()
	}
}

// MouseIn is for Fyne.
func (h *tableHead) MouseIn(e *desktop.MouseEvent) { h.MouseMoved(e) }

// MouseMoved is for Fyne.
func (h *tableHead) MouseMoved(e *desktop.MouseEvent) {
	if i := h.at(e.Position.X); i != h.over {
		h.over = i
		h.Refresh()
	}
}

// MouseOut is for Fyne.
func (h *tableHead) MouseOut() { h.over = -1; h.Refresh() }

// Cursor is for Fyne.
func (h *tableHead) Cursor() desktop.Cursor {
	if h.sortable(h.over) {
		return desktop.PointerCursor
	}
	return desktop.DefaultCursor
}

func (h *tableHead) lay(s fyne.Size) {
	place(h.line, 0, s.Height-1, s.Width, 1)
	h.arrow.Hidden = true
	x := float32(0)
	for i, w := range h.t.share(s.Width) {
		l, room := h.labels[i], max(0, w-2*cellPadding)
		l.Text = h.t.c.Columns[i].Title
		wide := textWidth(l.Text, l)
		if w == 0 {
			l.Text = ""
		} else if wide > room {
			l.Text = ellipsis(l.Text, max(1, room), l)
			wide = room
		}
		place(l, x+cellPadding, 0, room, s.Height)
		if i == h.sorted && w > 0 {
			h.arrow.Hidden = false
			at := x + cellPadding + wide + 4
			if h.t.c.Columns[i].Align == fyne.TextAlignTrailing {
				at = x + w - cellPadding - wide - 16
			}
			place(h.arrow, at, 0, 12, s.Height)
		}
		x += w
	}
}

// CreateRenderer is for Fyne.
func (h *tableHead) CreateRenderer() fyne.WidgetRenderer {
	objects := []fyne.CanvasObject{h.line, h.arrow}
	for _, l := range h.labels {
		objects = append(objects, l)
	}
	return newRenderer(h.lay,
		func() fyne.Size { return fyne.NewSize(100, headHeight) },
		func() {
			h.line.FillColor = theme.Color(theme.Border)
			icon := resources.IconArrowUp
			if h.descending {
				icon = resources.IconArrowDown
			}
			h.arrow.Set(icon, theme.TextSecondary)
			for i, l := range h.labels {
				c := theme.TextSecondary
				if i == h.over && h.sortable(i) {
					c = theme.Text
				}
				TextStyle{Color: c, Size: theme.TextSmall, Medium: true}.set(l)
				l.Alignment = h.t.c.Columns[i].Align
			}
			h.lay(h.Size())
		},
		objects...)
}
