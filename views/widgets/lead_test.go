package widgets_test

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"servery/theme"
	"servery/views/viewtest"
	"servery/views/widgets"
)

func TestALongNameLeavesRoomForWhatFollows(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	for name, cut := range map[string]bool{"digits": false, strings.Repeat("x", 120): true} {
		title, badge := widgets.Title(name), widgets.NewBadge(widgets.StateReady, "Ready")
		row := widgets.Lead(10, title, badge)
		if w := row.MinSize().Width; w > 150 {
			t.Errorf("%s: needs %v", name, w)
		}
		h.Show(row, 400, 40)
		right := badge.Position().X + badge.Size().Width
		if gap := badge.Position().X - title.Size().Width; gap != 10 || right > 400 || cut != (right > 399) {
			t.Errorf("%s: the badge ends at %v of 400, %v after the name", name, right, gap)
		}
		if min := fyne.MeasureText(name, 10, fyne.TextStyle{}).Width; !cut && title.Size().Width < min {
			t.Errorf("%s is cut to %v", name, title.Size().Width)
		}
	}
}
