package widgets_test

import (
	"testing"

	"fyne.io/fyne/v2"

	"servery/theme"
	"servery/views/viewtest"
	"servery/views/widgets"
)

func TestAMenuIsUsedByPointerAndKeyboard(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	did := ""
	off := fyne.NewMenuItem("Stop", func() { did += "stop " })
	off.Disabled = true
	items := func() *fyne.Menu {
		return fyne.NewMenu("", fyne.NewMenuItem("Query", func() { did += "query " }), fyne.NewMenuItemSeparator(), off, fyne.NewMenuItem("Delete", func() { did += "delete " }))
	}
	b := widgets.MoreButton("Actions", items)
	h.Show(widgets.HStack(8, b), 400, 300)
	h.Tap("Actions")
	h.Tap("Query")
	h.NoText("Delete")
	h.Tap("Actions")
	for range 3 { // over the one that is off, and no further than the last
		h.Key(fyne.KeyDown)
	}
	h.Key(fyne.KeyReturn)
	if did != "query delete " {
		t.Errorf("did %q", did)
	}
	if h.Focused() != fyne.Focusable(b) {
		t.Error("the focus did not come back to the button")
	}
	h.Tap("Actions")
	h.Key(fyne.KeyEscape)
	h.NoText("Delete")
}
