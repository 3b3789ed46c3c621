package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"servery/theme"
)

// Column is a column of a Table.
type Column struct {
	Title    string
	Width    float32 // fixed, in units of the canvas; the least width of a flexible column
	Flex     float32 // share of the width that the fixed columns leave
	Align    fyne.TextAlign
	Sortable bool
	// HideUnder leaves the column out where the table is narrower; 0 never does.
	HideUnder float32
}

// TableConfig is what a table asks of the page. Cells are made once and used again for
// other rows: UpdateCell must set everything it ever sets, and lay nothing out.
type TableConfig struct {
	Columns    []Column
	RowHeight  float32 // 0 is 44
	Len        func() int
	NewCell    func(col int) fyne.CanvasObject
	UpdateCell func(row, col int, cell fyne.CanvasObject)
	Opened     func(row int)            // click or Enter; may be nil
	Entered    func(row int)            // Enter or Space, where they do more than a click; may be nil
	Moved      func(row int)            // a key moved the mark; may be nil
	Menu       func(row int) *fyne.Menu // right click; may be nil
	Sorted     func(col int, descending bool)
	FitRows    bool // as high as all its rows, without scrolling of its own
	NoHeader   bool
	Selectable bool // a click keeps the row marked
}

// Table shows rows under a header. Only the rows in sight exist as objects, so a thousand
// rows cost what twenty do. With the focus, Up, Down, Page Up, Page Down, Home and End
// move the marked row and Enter opens it.
type Table struct {
	control
	c       TableConfig
	current int
	head    *tableHead
	body    *tableBody
	scroll  *container.Scroll
	widths  []float32
	laidOut float32 // the width that widths are for
}

const (
	cellPadding = 10
	headHeight  = 36
)

// NewTable makes a table.
func NewTable(c TableConfig) *Table {
	if c.RowHeight == 0 {
		c.RowHeight = 44
	}
	t := &Table{c: c, current: -1}
	t.head = newTableHead(t)
	t.body = newTableBody(t)
	if !c.FitRows {
		t.scroll = container.NewVScroll(t.body)
		t.scroll.OnScrolled = func(fyne.Position) { t.body.arrange(false) }
	}
	t.ExtendBaseWidget(t)
	return t
}

// Refresh shows data that changed.
func (t *Table) Refresh() {
	if n := t.c.Len(); t.current >= n {
		t.current = n - 1
	}
	t.head.Refresh()
	t.body.arrange(true)
	t.BaseWidget.Refresh()
}

// RefreshRow shows one row's data again.
func (t *Table) RefreshRow(i int) { t.body.refreshRow(i) }

// Select marks a row and brings it into sight; -1 marks none. Nobody is told.
func (t *Table) Select(i int) {
	if i >= t.c.Len() {
		return
	}
	t.current = i
	t.reveal(i)
	t.body.mark()
}

// Mark marks a row where it stands, in sight or not; -1 marks none. It is for rows that
// moved under the mark.
func (t *Table) Mark(i int) {
	if i < t.c.Len() && i != t.current {
		t.current = i
		t.body.mark()
	}
}

// Selected is the marked row, -1 for none.
func (t *Table) Selected() int { return t.current }

// SetSort shows the arrow of the order that the rows have.
func (t *Table) SetSort(col int, descending bool) {
	t.head.sorted, t.head.descending = col, descending
	t.head.Refresh()
}

// ScrollToTop goes to the first row.
func (t *Table) ScrollToTop() {
	if t.scroll != nil {
		t.scroll.ScrollToTop()
		t.body.arrange(false)
	}
}

// reveal scrolls a row into sight.
func (t *Table) reveal(i int) {
	if t.scroll == nil || i < 0 {
		return
	}
	top, h := t.scroll.Offset.Y, t.scroll.Size().Height
	y := float32(i) * t.c.RowHeight
	switch {
	case y < top:
		top = y
	case y+t.c.RowHeight > top+h:
		top = y + t.c.RowHeight - h
	default:
		return
	}
	t.scroll.ScrollToOffset(fyne.NewPos(0, max(0, top)))
	t.body.arrange(false)
}

// FocusGained is for Fyne.
func (t *Table) FocusGained() {
	t.focused = true
	if t.current < 0 && t.c.Len() > 0 {
		t.current = 0
	}
	t.body.mark()
}

// FocusLost is for Fyne.
func (t *Table) FocusLost() {
	t.focused, t.byPointer = false, false
	t.body.mark()
}

// TypedKey is for Fyne.
func (t *Table) TypedKey(e *fyne.KeyEvent) {
	page := max(1, int(t.viewport()/t.c.RowHeight)-1)
	t.byPointer = false
	switch {
	case e.Name == fyne.KeyDown:
		t.move(1)
	case e.Name == fyne.KeyUp:
		t.move(-1)
	case e.Name == fyne.KeyPageDown:
		t.move(page)
	case e.Name == fyne.KeyPageUp:
		t.move(-page)
	case e.Name == fyne.KeyHome:
		t.move(-t.c.Len())
	case e.Name == fyne.KeyEnd:
		t.move(t.c.Len())
	case isPress(e.Name) && t.current >= 0 && t.c.Entered != nil:
		t.c.Entered(t.current)
	case isPress(e.Name) && t.current >= 0 && t.c.Opened != nil:
		t.c.Opened(t.current)
	case e.Name == fyne.KeyEscape:
		escape(t)
	}
}

func (t *Table) move(by int) {
	n, before := t.c.Len(), t.current
	if n == 0 {
		return
	}
	t.Select(min(n-1, max(0, before+by)))
	if t.c.Moved != nil && t.current != before {
		t.c.Moved(t.current)
	}
}

func (t *Table) viewport() float32 {
	if t.scroll == nil {
		return t.body.Size().Height
	}
	return t.scroll.Size().Height
}

// open is a click on a row.
func (t *Table) open(i int) {
	if i < 0 || i >= t.c.Len() {
		return
	}
	t.byPointer = true
	if t.c.Selectable || t.focused {
		t.current = i
		t.body.mark()
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(t); c != nil && t.c.Selectable {
		c.Focus(t)
	}
	if t.c.Opened != nil {
		t.c.Opened(i)
	}
}

func (t *Table) menu(i int, at fyne.Position) {
	if t.c.Menu == nil || i < 0 || i >= t.c.Len() {
		return
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(t); c != nil {
		if m := t.c.Menu(i); m != nil {
			showMenuAt(c, m, at, 0)
		}
	}
}

// share computes the columns' widths: flexible ones divide what the fixed ones leave, and
// all shrink alike where even the least widths do not fit.
func (t *Table) share(width float32) []float32 {
	if t.widths != nil && t.laidOut == width {
		return t.widths
	}
	t.widths, t.laidOut = make([]float32, len(t.c.Columns)), width
	fixed, flex := float32(0), float32(0)
	for _, c := range t.c.Columns {
		if width >= c.HideUnder {
			fixed += c.Width
			flex += c.Flex
		}
	}
	left, shrink := width-fixed, float32(1)
	if left < 0 && fixed > 0 {
		left, shrink = 0, width/fixed
	}
	for i, c := range t.c.Columns {
		if width < c.HideUnder {
			continue
		}
		t.widths[i] = c.Width * shrink
		if flex > 0 {
			t.widths[i] += left * c.Flex / flex
		}
	}
	return t.widths
}

func (t *Table) headHeight() float32 {
	if t.c.NoHeader {
		return 0
	}
	return headHeight
}

// CreateRenderer is for Fyne.
func (t *Table) CreateRenderer() fyne.WidgetRenderer {
	inner := fyne.CanvasObject(t.body)
	if t.scroll != nil {
		inner = t.scroll
	}
	t.head.Hidden = t.c.NoHeader
	return newRenderer(
		func(s fyne.Size) {
			h := t.headHeight()
			place(t.head, 0, 0, s.Width, h)
			place(inner, 0, h, s.Width, max(0, s.Height-h))
			t.body.arrange(false)
		},
		func() fyne.Size {
			rows := float32(2)
			if t.c.FitRows {
				rows = float32(t.c.Len())
			}
			return fyne.NewSize(200, t.headHeight()+rows*t.c.RowHeight)
		},
		func() {},
		t.head, inner)
}

// tableBody holds the rows in sight.
type tableBody struct {
	widget.BaseWidget
	t    *Table
	rows []*tableRow // slot = index modulo their number
	r    *renderer
}

func newTableBody(t *Table) *tableBody {
	b := &tableBody{t: t}
	b.ExtendBaseWidget(b)
	return b
}

// arrange puts a row object to every index in sight. Data is asked for only where a row
// takes another index, or everywhere with all.
func (b *tableBody) arrange(all bool) {
	if b.r == nil {
		return
	}
	h, n, width := b.t.c.RowHeight, b.t.c.Len(), b.Size().Width
	top, height := float32(0), b.Size().Height
	if s := b.t.scroll; s != nil {
		top, height = s.Offset.Y, s.Size().Height
	}
	need := min(n, int(height/h)+2)
	if b.t.c.FitRows {
		need = n
	}
	if need > len(b.rows) {
		b.grow(need)
		all = true // the slots moved
	}
	first := max(0, min(int(top/h), n-len(b.rows)))
	used := 0
	for i := first; i < n && i < first+len(b.rows); i++ {
		b.rows[i%len(b.rows)].show(i, width, all)
		used++
	}
	for _, r := range b.rows {
		if r.index < first || r.index >= first+used {
			r.index = -1
			r.Hide()
		}
	}
}

func (b *tableBody) grow(n int) {
	for len(b.rows) < n {
		b.rows = append(b.rows, newTableRow(b.t))
	}
	b.r.objects = b.r.objects[:0]
	for _, r := range b.rows {
		b.r.objects = append(b.r.objects, r)
	}
}

func (b *tableBody) refreshRow(i int) {
	if len(b.rows) > 0 && i >= 0 {
		if r := b.rows[i%len(b.rows)]; r.index == i {
			r.update()
		}
	}
}

func (b *tableBody) mark() {
	for _, r := range b.rows {
		r.Refresh()
	}
}

// CreateRenderer is for Fyne. Fyne drops the renderer of what was out of sight for a
// minute and asks for another, which shows the rows that there are.
func (b *tableBody) CreateRenderer() fyne.WidgetRenderer {
	b.r = newRenderer(
		func(fyne.Size) { b.arrange(false) },
		func() fyne.Size { return fyne.NewSize(100, float32(b.t.c.Len())*b.t.c.RowHeight) },
		func() {})
	b.grow(len(b.rows))
	return b.r
}

// TextCell is a cell for SetCell: one line, cut with an ellipsis.
func TextCell() fyne.CanvasObject { return Body("").Truncate() }

// MutedCell is TextCell in the colour of second rank.
func MutedCell() fyne.CanvasObject { return Muted("").Truncate() }

// MonoCell is TextCell in the monospace font.
func MonoCell() fyne.CanvasObject { return Mono("").Truncate() }

// LinkCell is TextCell in the colour of links: a click on it opens the row.
func LinkCell() fyne.CanvasObject {
	return NewText("", TextStyle{Color: theme.Link, Medium: true}).Truncate()
}

// SetCell sets the text of a cell made by one of these functions.
func SetCell(cell fyne.CanvasObject, text string) { cell.(*Text).SetText(text) }

// TwoLineCell shows a line and a smaller one under it; with no second line the first
// stands in the middle.
type TwoLineCell struct {
	widget.BaseWidget
	first, second *Text
}

// NewTwoLineCell makes an empty cell.
func NewTwoLineCell() *TwoLineCell {
	c := &TwoLineCell{first: Body("").Truncate(), second: Small("").Truncate()}
	c.ExtendBaseWidget(c)
	return c
}

// Set changes both lines.
func (c *TwoLineCell) Set(first, second string) {
	c.first.SetText(first)
	c.second.SetText(second)
	if c.second.Hidden != (second == "") {
		c.second.Hidden = second == ""
		c.lay(c.Size())
	}
}

// SetColor changes the colour of the first line.
func (c *TwoLineCell) SetColor(n fyne.ThemeColorName) { c.first.SetColor(n) }

func (c *TwoLineCell) lay(s fyne.Size) {
	if c.second.Hidden {
		place(c.first, 0, 0, s.Width, s.Height)
		return
	}
	place(c.first, 0, s.Height/2-18, s.Width, 20)
	place(c.second, 0, s.Height/2+1, s.Width, 16)
}

// CreateRenderer is for Fyne.
func (c *TwoLineCell) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(c.lay, func() fyne.Size { return fyne.NewSize(24, 36) }, func() {}, c.first, c.second)
}

var _ fyne.Focusable = (*Table)(nil)
