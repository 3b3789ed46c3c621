package shell

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"servery/views/widgets"
)

// toasts are the messages over the page, newest at the bottom.
type toasts struct {
	d     Dispatcher
	box   *fyne.Container
	shown []*shownToast
}

type shownToast struct {
	object *widgets.Toast
	cancel func()
}

const (
	toastWidth   = 420
	mostToasts   = 4
	toastSeconds = 6 // errors and those with an action stay until they are closed
)

func newToasts(d Dispatcher) *toasts {
	t := &toasts{d: d}
	t.box = container.New(corner{})
	return t
}

func (t *toasts) add(k widgets.Kind, text, action string, tapped func()) {
	e := &shownToast{}
	run := func() {
		t.remove(e)
		if tapped != nil {
			tapped()
		}
	}
	e.object = widgets.NewToast(k, text, action, run, func() { t.remove(e) })
	t.shown = append(t.shown, e)
	if len(t.shown) > mostToasts {
		t.remove(t.shown[0])
	}
	if t.d.After != nil && k != widgets.Error && action == "" {
		e.cancel = t.d.After(toastSeconds, func() { t.remove(e) })
	}
	t.show()
}

func (t *toasts) remove(e *shownToast) {
	for i, s := range t.shown {
		if s == e {
			if e.cancel != nil {
				e.cancel()
			}
			t.shown = append(t.shown[:i:i], t.shown[i+1:]...)
			t.show()
			return
		}
	}
}

func (t *toasts) show() {
	t.box.Objects = t.box.Objects[:0]
	for _, e := range t.shown {
		t.box.Objects = append(t.box.Objects, e.object)
	}
	t.box.Refresh()
}

// corner stacks objects upwards from the lower right corner.
type corner struct{}

func (corner) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	y := size.Height - 24
	for i := len(objects) - 1; i >= 0; i-- {
		o := objects[i]
		w := min(toastWidth, size.Width-48)
		o.Resize(fyne.NewSize(w, o.MinSize().Height))
		h := max(44, o.MinSize().Height)
		o.Resize(fyne.NewSize(w, h))
		y -= h
		o.Move(fyne.NewPos(size.Width-24-w, y))
		y -= 10
	}
}

func (corner) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(0, 0) }
