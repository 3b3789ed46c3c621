package widgets_test

import (
	"testing"

	"servery/theme"
	"servery/views/viewtest"
	"servery/views/widgets"
)

func TestColumnsGoUnderEachOtherWhereItIsNarrow(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	a, b, below := widgets.Body("left"), widgets.Body("right"), widgets.Body("below")
	row := widgets.StackUnder(300, 8, []float32{1, 1}, a, b)
	h.Show(widgets.VStack(8, row, below), 400, 200)
	if a.Position().Y != b.Position().Y || b.Position().X <= a.Position().X {
		t.Errorf("wide: at %v and %v", a.Position(), b.Position())
	}
	h.Show(widgets.VStack(8, row, below), 200, 200)
	if b.Position().X != 0 || b.Position().Y != 28 || below.Position().Y != 56 {
		t.Errorf("narrow: at %v and %v, what follows at %v", a.Position(), b.Position(), below.Position())
	}
}
