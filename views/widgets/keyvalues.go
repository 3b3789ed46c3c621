package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// KeyValue is a line of a KeyValues.
type KeyValue struct {
	Key, Value string
	Mono       bool
	Copy       func(string)      // shows a copy button that passes Value
	Object     fyne.CanvasObject // instead of Value
}

// KeyValues lists facts: names at the left, values that wrap beside them.
type KeyValues struct {
	widget.BaseWidget
	width float32
	rows  *fyne.Container
}

// NewKeyValues makes an empty list whose names take keyWidth.
func NewKeyValues(keyWidth float32) *KeyValues {
	k := &KeyValues{width: keyWidth, rows: VStack(6)}
	k.ExtendBaseWidget(k)
	return k
}

// Set shows the facts.
func (k *KeyValues) Set(rows []KeyValue) {
	k.rows.Objects = k.rows.Objects[:0]
	for _, r := range rows {
		k.rows.Objects = append(k.rows.Objects, Columns(8, []float32{-k.width, 1}, VStack(0, Muted(r.Key).Truncate()), r.value()))
	}
	k.rows.Refresh()
	k.Refresh()
}

func (r KeyValue) value() fyne.CanvasObject {
	if r.Object != nil {
		return r.Object
	}
	text := newParagraph(r.Value, TextStyle{Mono: r.Mono})
	if r.Copy == nil {
		return text
	}
	return container.New(besideTop{}, text, newCopyButton(func() string { return r.Value }, r.Copy))
}

// CreateRenderer is for Fyne.
func (k *KeyValues) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(k.rows) }

// besideTop puts the second object right of the first, at its top line.
type besideTop struct{}

func (besideTop) Layout(o []fyne.CanvasObject, size fyne.Size) {
	m := o[1].MinSize()
	heightFor(o[0], max(0, size.Width-m.Width-2))
	o[0].Move(fyne.NewPos(0, 0))
	place(o[1], size.Width-m.Width, -3, m.Width, m.Height)
}

func (besideTop) MinSize(o []fyne.CanvasObject) fyne.Size {
	a, b := o[0].MinSize(), o[1].MinSize()
	return fyne.NewSize(a.Width+b.Width+2, a.Height)
}
