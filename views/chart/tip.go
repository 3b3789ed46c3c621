package chart

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"servery/theme"
)

// tip is the card beside the crosshair: the time and each line's value.
type tip struct {
	widget.BaseWidget
	time    *canvas.Text
	back    *canvas.Rectangle
	rows    []tipRow
	marks   []*canvas.Rectangle
	names   []*canvas.Text
	values  []*canvas.Text
	objects []fyne.CanvasObject
	size    fyne.Size
}

type tipRow struct {
	color       fyne.ThemeColorName
	name, value string
}

func newTip() *tip {
	t := &tip{time: canvas.NewText("", none), back: canvas.NewRectangle(none)}
	t.back.CornerRadius = 6
	t.Hidden = true
	t.ExtendBaseWidget(t)
	return t
}

func (t *tip) set(time string, rows []tipRow) {
	t.time.Text, t.rows = time, rows
	t.update()
}

func (t *tip) update() {
	t.back.FillColor, t.back.StrokeColor, t.back.StrokeWidth = theme.Color(theme.Card), theme.Color(theme.InputBorder), 1
	text := func(o *canvas.Text, ink fyne.ThemeColorName, bold bool) {
		o.Color, o.TextSize, o.TextStyle = theme.Color(ink), theme.Size(theme.TextSmall), fyne.TextStyle{Bold: bold}
	}
	text(t.time, theme.TextSecondary, false)
	for len(t.names) < len(t.rows) {
		t.marks = append(t.marks, canvas.NewRectangle(none))
		t.names = append(t.names, canvas.NewText("", none))
		t.values = append(t.values, canvas.NewText("", none))
	}
	names, values := float32(0), float32(0)
	for i, r := range t.rows {
		t.names[i].Text, t.values[i].Text = r.name, r.value
		text(t.names[i], theme.TextSecondary, false)
		text(t.values[i], theme.Text, true)
		t.marks[i].FillColor, t.marks[i].CornerRadius = theme.Color(r.color), 1.5
		names, values = max(names, t.names[i].MinSize().Width), max(values, t.values[i].MinSize().Width)
	}
	w := max(t.time.MinSize().Width+20, 10+16+names+12+values+10)
	t.size = fyne.NewSize(w, 26+18*float32(len(t.rows))+5)
	t.objects = append(t.objects[:0], t.back, t.time)
	t.time.Move(fyne.NewPos(10, 5))
	t.time.Resize(fyne.NewSize(w-20, 18))
	for i := range t.rows {
		y := 24 + 18*float32(i)
		t.marks[i].Move(fyne.NewPos(10, y+8))
		t.marks[i].Resize(fyne.NewSize(11, 3))
		t.names[i].Move(fyne.NewPos(26, y))
		t.names[i].Resize(fyne.NewSize(names, 18))
		t.values[i].Alignment = fyne.TextAlignTrailing
		t.values[i].Move(fyne.NewPos(w-10-values, y))
		t.values[i].Resize(fyne.NewSize(values, 18))
		t.objects = append(t.objects, t.marks[i], t.names[i], t.values[i])
	}
}

// CreateRenderer is for Fyne.
func (t *tip) CreateRenderer() fyne.WidgetRenderer {
	t.update()
	return &tipRenderer{t}
}

type tipRenderer struct{ t *tip }

func (r *tipRenderer) Layout(s fyne.Size)           { r.t.back.Resize(s) }
func (r *tipRenderer) MinSize() fyne.Size           { return r.t.size }
func (r *tipRenderer) Objects() []fyne.CanvasObject { return r.t.objects }
func (r *tipRenderer) Destroy()                     {}

func (r *tipRenderer) Refresh() {
	r.t.update()
	canvas.Refresh(r.t)
}
