package widgets_test

import (
	"slices"
	"testing"

	"fyne.io/fyne/v2"

	"servery/theme"
	"servery/views/viewtest"
	"servery/views/widgets"
)

func TestAPickerOpensByPointerAndKeyboard(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	n := 0
	p := widgets.NewPicker("Choose a model", func() { n++ })
	h.Show(widgets.NewField("Entity", "", p), 300, 80)
	h.Tap("Choose a model")
	p.SetText("main.default.digits")
	h.Key(fyne.KeyReturn)
	h.Tap("main.default.digits")
	p.Disable()
	h.Key(fyne.KeyReturn)
	if n != 3 {
		t.Errorf("opened %d times, want 3", n)
	}
}

func TestADisclosureTellsWhetherItIsOpen(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	var told []bool
	d := widgets.NewDisclosure("Advanced", func(open bool) { told = append(told, open) })
	h.Show(d, 300, 40)
	h.Tap("Advanced")
	h.Key(fyne.KeyLeft)
	h.Key(fyne.KeyLeft)
	h.Key(fyne.KeyRight)
	if want := []bool{true, false, true}; !slices.Equal(told, want) || !d.Open() {
		t.Errorf("told %v, want %v", told, want)
	}
}

func TestATableTellsWhereAKeyMovedTheMark(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	var moved []int
	table := widgets.NewTable(widgets.TableConfig{Columns: []widgets.Column{{Title: "Name", Flex: 1}}, Selectable: true,
		Len:     func() int { return 3 },
		NewCell: func(int) fyne.CanvasObject { return widgets.TextCell() }, UpdateCell: func(int, int, fyne.CanvasObject) {},
		Moved: func(row int) { moved = append(moved, row) }})
	h.Show(table, 300, 200)
	h.Host().Focus(table)
	for _, k := range []fyne.KeyName{fyne.KeyDown, fyne.KeyEnd, fyne.KeyDown, fyne.KeyUp} {
		h.Key(k)
	}
	if want := []int{1, 2, 1}; !slices.Equal(moved, want) {
		t.Errorf("moved to %v, want %v", moved, want)
	}
}
