package viewtest

import (
	"context"
	"image"
	"image/color"
	"testing"

	"fyne.io/fyne/v2"

	"servery/theme"
	"servery/views/shell"
	"servery/views/widgets"
)

func TestOnlyWhatCanBeSeenIsFound(t *testing.T) {
	h := New(t, theme.Light)
	hidden := widgets.Body("hidden")
	hidden.Hide()
	h.Show(widgets.VStack(0, hidden, widgets.Body("seen")), 200, 100)
	h.MustText("seen")
	if h.HasText("hidden") {
		t.Error("a hidden text is found")
	}
	h.Host().Modal(widgets.ModalConfig{Title: "Dialog", Content: widgets.Body("inside")})
	h.MustText("Dialog", "inside")
	if h.HasText("seen") {
		t.Error("the page is found behind a dialog")
	}
}

func TestHeldTasksRunWhenToldAndNotAfterClosing(t *testing.T) {
	h := New(t, theme.Light)
	h.Show(widgets.Body(""), 100, 50)
	got := 0
	task := func() {
		shell.Task(h.Host(), func(context.Context) (int, error) { return 1, nil }, func(n int, _ error) { got += n })
	}
	task()
	h.Host().Hold = true
	task()
	if got != 1 || h.Host().Held() != 1 {
		t.Fatalf("got %d with %d held", got, h.Host().Held())
	}
	h.Host().CloseTasks()
	h.Host().RunHeld()
	if got != 1 {
		t.Error("done ran after the page closed")
	}
}

func TestPicturesThatDifferAreToldApart(t *testing.T) {
	a, b := image.NewRGBA(image.Rect(0, 0, 10, 10)), image.NewRGBA(image.Rect(0, 0, 10, 10))
	b.Set(3, 3, color.Gray{5})
	a.Set(3, 3, color.Gray{1})
	b.Set(5, 5, color.White)
	if n := differing(a, b); n != 1 {
		t.Errorf("%d pixels differ, want 1", n)
	}
}

func TestTypingReplacesAndKeysGoToTheFocus(t *testing.T) {
	h := New(t, theme.Light)
	e := widgets.NewEntry("")
	e.SetText("before")
	sent := ""
	e.OnSubmitted = func(s string) { sent = s }
	h.Show(widgets.NewField("Name", "", e), 200, 100)
	h.Type("Name", "after")
	h.Key(fyne.KeyReturn)
	if sent != "after" {
		t.Errorf("submitted %q", sent)
	}
}
