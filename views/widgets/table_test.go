package widgets_test

import (
	"fmt"
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"

	"servery/theme"
	"servery/views/viewtest"
	"servery/views/widgets"
)

// numbers is a table of n rows that counts the cells it makes and fills.
type numbers struct {
	n, made, filled int
	opened          []int
	sorts           []string
	table           *widgets.Table
}

func newNumbers(n int) *numbers {
	d := &numbers{n: n}
	d.table = widgets.NewTable(widgets.TableConfig{
		Columns: []widgets.Column{{Title: "Name", Flex: 1, Width: 80, Sortable: true}, {Title: "State", Width: 120}, {Title: "QPS", Width: 80, Align: fyne.TextAlignTrailing, Sortable: true}, {Title: "Last 15 min", Width: 120}},
		Len:     func() int { return d.n },
		NewCell: func(col int) fyne.CanvasObject {
			d.made++
			switch col {
			case 1:
				return widgets.NewBadge(widgets.StateReady, "Ready")
			case 3:
				return widgets.NewSparkline()
			}
			return widgets.TextCell()
		},
		UpdateCell: func(row, col int, cell fyne.CanvasObject) {
			d.filled++
			switch c := cell.(type) {
			case *widgets.Badge:
				c.Set(widgets.State(row%5), [...]string{"Ready", "Updating", "Scaled to zero", "Not ready", "Failed"}[row%5])
			case *widgets.Sparkline:
				c.Set([]float32{float32(row % 7), 2, 5, float32(row % 3), 4})
			default:
				widgets.SetCell(cell, fmt.Sprintf("row %d.%d", row, col))
			}
		},
		Opened: func(row int) { d.opened = append(d.opened, row) },
		Sorted: func(col int, descending bool) { d.sorts = append(d.sorts, fmt.Sprint(col, descending)) },
	})
	return d
}

func scrollTo(h *viewtest.Harness, y float32) {
	test.Scroll(h.Window().Canvas(), fyne.NewPos(100, 300), 0, -y)
}

func TestATableMakesRowsForWhatIsInSightOnly(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	d := newNumbers(1000)
	h.Show(d.table, 800, 600)
	h.MustText("row 0.0", "row 5.2")
	h.NoText("row 40.0")
	made := d.made
	if made > 4*20 {
		t.Errorf("%d cells for a window of 13 rows", made)
	}
	scrollTo(h, 22_000)
	h.MustText("row 505.0")
	h.NoText("row 0.0", "row 490.0")
	scrollTo(h, 1e6)
	h.MustText("row 999.0")
	if d.made != made {
		t.Errorf("scrolling made %d more cells", d.made-made)
	}
}

func TestScrollingFillsOnlyRowsThatAreNew(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	d := newNumbers(1000)
	h.Show(d.table, 800, 600)
	d.filled = 0
	scrollTo(h, 44)
	if d.filled > 4*2 {
		t.Errorf("%d cells were filled for one row", d.filled)
	}
}

func TestATableFollowsItsData(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	d := newNumbers(3)
	h.Show(d.table, 800, 600)
	h.NoText("row 3.0")
	d.n = 5
	d.table.Refresh()
	h.MustText("row 4.0")
	d.n = 1
	d.table.Refresh()
	h.MustText("row 0.0")
	h.NoText("row 1.0")
	d.n = 0
	d.table.Refresh()
	h.NoText("row 0.0")
}

func TestTheKeyboardMovesAndOpens(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	d := newNumbers(1000)
	h.Show(d.table, 800, 600)
	h.Tab()
	for range 3 {
		h.Key(fyne.KeyDown)
	}
	h.Key(fyne.KeyReturn)
	h.Key(fyne.KeyEnd)
	h.Key(fyne.KeyReturn)
	h.MustText("row 999.0")
	h.Key(fyne.KeyPageUp)
	h.Key(fyne.KeyHome)
	h.MustText("row 0.0")
	if !slices.Equal(d.opened, []int{3, 999}) || d.table.Selected() != 0 {
		t.Errorf("opened %v, at %d", d.opened, d.table.Selected())
	}
}

func TestAClickOpensTheRowUnderIt(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	d := newNumbers(1000)
	h.Show(d.table, 800, 600)
	scrollTo(h, 4400)
	h.Tap("row 102.2")
	if !slices.Equal(d.opened, []int{102}) {
		t.Errorf("opened %v", d.opened)
	}
}

func TestTitlesSortWhereTheyMay(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	d := newNumbers(10)
	h.Show(d.table, 800, 600)
	for _, title := range []string{"Name", "Name", "State", "QPS"} {
		h.Tap(title)
	}
	if want := []string{"0 false", "0 true", "2 false"}; !slices.Equal(d.sorts, want) {
		t.Errorf("sorted %q, want %q", d.sorts, want)
	}
}

// A step of the wheel over a thousand rows: what the window must do between two frames
// besides drawing.
func TestANarrowTableLeavesOutWhatMayBeLeftOut(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	table := widgets.NewTable(widgets.TableConfig{
		Columns:    []widgets.Column{{Title: "Name", Width: 80, Flex: 1}, {Title: "Tags", Width: 90, HideUnder: 400}},
		Len:        func() int { return 1 },
		NewCell:    func(int) fyne.CanvasObject { return widgets.TextCell() },
		UpdateCell: func(_, col int, cell fyne.CanvasObject) { widgets.SetCell(cell, fmt.Sprint("cell ", col)) },
	})
	h.Show(table, 500, 200)
	h.MustText("Tags", "cell 1")
	h.Show(table, 300, 200)
	h.NoText("Tags", "…", "cell 1")
	h.Show(table, 500, 200)
	h.MustText("Tags", "cell 1")
}

func TestAMarkMovesWithoutScrolling(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	d := newNumbers(1000)
	h.Show(d.table, 800, 600)
	d.table.Mark(900)
	if h.MustText("row 0.0"); d.table.Selected() != 900 {
		t.Errorf("marked %d", d.table.Selected())
	}
	if d.table.Mark(1000); d.table.Selected() != 900 {
		t.Error("a row that does not exist is marked")
	}
}

func TestDownAndEnterLeaveAFilter(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	s := widgets.NewSearchEntry("Filter", nil)
	left := 0
	s.OnLeave = func() { left++ }
	h.Show(s, 200, 40)
	h.Window().Canvas().Focus(s.Line())
	for _, k := range []fyne.KeyName{fyne.KeyDown, fyne.KeyReturn, fyne.KeyLeft} {
		h.Key(k)
	}
	if left != 2 {
		t.Errorf("left %d times, want 2", left)
	}
}

func BenchmarkTableScroll(b *testing.B) {
	h := viewtest.New(b, theme.Light)
	d := newNumbers(1000)
	h.Show(d.table, 1192, 700)
	canvas := h.Window().Canvas()
	at, i := fyne.NewPos(100, 300), 0
	for b.Loop() {
		dy := float32(-88)
		if i++; i%800 >= 400 {
			dy = 88
		}
		test.Scroll(canvas, at, 0, dy)
	}
}

func BenchmarkTableRefresh(b *testing.B) {
	h := viewtest.New(b, theme.Light)
	d := newNumbers(1000)
	h.Show(d.table, 1192, 700)
	for b.Loop() {
		d.table.Refresh()
	}
}

func TestATableKeepsItsRowsWhenFyneMakesItsRendererAnew(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	d := newNumbers(3)
	h.Show(d.table, 800, 600)
	for _, o := range test.WidgetRenderer(d.table).Objects() {
		if s, ok := o.(*container.Scroll); ok {
			if n := len(s.Content.(fyne.Widget).CreateRenderer().Objects()); n != 3 {
				t.Errorf("%d rows after a minute out of sight, want 3", n)
			}
			return
		}
	}
	t.Fatal("the table has no body")
}
