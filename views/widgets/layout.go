package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
)

// VStack puts objects under each other, each as wide as the container. Unlike Fyne's
// VBox it asks an object for its height again after it got its width, so wrapped text
// gets the room it needs.
func VStack(gap float32, o ...fyne.CanvasObject) *fyne.Container {
	return container.New(vstack{gap}, o...)
}

type vstack struct{ gap float32 }

func (v vstack) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	y := float32(0)
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		h := heightFor(o, size.Width)
		o.Move(fyne.NewPos(0, y))
		y += h + v.gap
	}
}

// heightFor resizes o to a width and gives the height it took.
func heightFor(o fyne.CanvasObject, width float32) float32 {
	h := o.MinSize().Height
	o.Resize(fyne.NewSize(width, h))
	if again := o.MinSize().Height; again != h {
		h = again
		o.Resize(fyne.NewSize(width, h))
	}
	return h
}

func (v vstack) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	n := 0
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		m := o.MinSize()
		s.Width = max(s.Width, m.Width)
		s.Height += m.Height
		n++
	}
	s.Height += v.gap * float32(max(0, n-1))
	return s
}

// HStack puts objects beside each other at their least width, centred upright.
func HStack(gap float32, o ...fyne.CanvasObject) *fyne.Container {
	return container.New(hstack{gap}, o...)
}

type hstack struct{ gap float32 }

func (h hstack) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	x := float32(0)
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		m := o.MinSize()
		w := min(m.Width, max(0, size.Width-x))
		place(o, x, (size.Height-m.Height)/2, w, m.Height)
		x += m.Width + h.gap
	}
}

func (h hstack) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	n := 0
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		m := o.MinSize()
		s.Height = max(s.Height, m.Height)
		s.Width += m.Width
		n++
	}
	s.Width += h.gap * float32(max(0, n-1))
	return s
}

// Spread gives left what room right leaves, and puts right at the right edge.
func Spread(left, right fyne.CanvasObject) *fyne.Container {
	return container.New(spread{}, left, right)
}

type spread struct{}

func (spread) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	left, right := objects[0], objects[1]
	w := float32(0)
	if right.Visible() {
		m := right.MinSize()
		w = m.Width + 12
		place(right, size.Width-m.Width, (size.Height-m.Height)/2, m.Width, m.Height)
	}
	h := heightFor(left, max(0, size.Width-w))
	left.Move(fyne.NewPos(0, (size.Height-h)/2))
}

func (spread) MinSize(objects []fyne.CanvasObject) fyne.Size {
	l, r := objects[0].MinSize(), objects[1].MinSize()
	if !objects[1].Visible() {
		return l
	}
	return fyne.NewSize(l.Width+12+r.Width, max(l.Height, r.Height))
}

// Columns shares the width by weights; a weight below zero is a fixed width of that many
// units. All get the height of the highest.
func Columns(gap float32, weights []float32, o ...fyne.CanvasObject) *fyne.Container {
	return container.New(columns{gap, weights}, o...)
}

type columns struct {
	gap     float32
	weights []float32
}

func (c columns) weight(i int) float32 {
	if i < len(c.weights) {
		return c.weights[i]
	}
	return 1
}

// widths shares a width among the visible objects; hidden ones get 0.
func (c columns) widths(objects []fyne.CanvasObject, width float32) []float32 {
	out := make([]float32, len(objects))
	sum, n := float32(0), 0
	for i, o := range objects {
		if !o.Visible() {
			continue
		}
		n++
		if w := c.weight(i); w < 0 {
			width += w
		} else {
			sum += w
		}
	}
	width = max(0, width-c.gap*float32(max(0, n-1)))
	for i, o := range objects {
		w := c.weight(i)
		switch {
		case !o.Visible():
		case w < 0:
			out[i] = -w
		case sum > 0:
			out[i] = width * w / sum
		}
	}
	return out
}

func (c columns) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	x := float32(0)
	for i, w := range c.widths(objects, size.Width) {
		o := objects[i]
		if !o.Visible() {
			continue
		}
		o.Resize(fyne.NewSize(w, max(o.MinSize().Height, size.Height)))
		if h := max(o.MinSize().Height, size.Height); h != o.Size().Height {
			o.Resize(fyne.NewSize(w, h))
		}
		o.Move(fyne.NewPos(x, 0))
		x += w + c.gap
	}
}

func (c columns) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	n := 0
	for i, o := range objects {
		if !o.Visible() {
			continue
		}
		m := o.MinSize()
		if w := c.weight(i); w < 0 {
			m.Width = -w
		}
		s.Width += m.Width
		s.Height = max(s.Height, m.Height)
		n++
	}
	s.Width += c.gap * float32(max(0, n-1))
	return s
}

// Flow puts objects beside each other and goes on in the next line where the width ends.
func Flow(gap float32, o ...fyne.CanvasObject) *fyne.Container {
	return container.New(&flow{gap: gap}, o...)
}

type flow struct{ gap, height float32 }

func (f *flow) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	x, y, high := float32(0), float32(0), float32(0)
	var row []fyne.CanvasObject
	end := func() { // puts the row's objects to its middle
		for _, o := range row {
			o.Move(fyne.NewPos(o.Position().X, y+(high-o.Size().Height)/2))
		}
		row = row[:0]
	}
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		m := o.MinSize()
		if x > 0 && x+m.Width > size.Width {
			end()
			x, y, high = 0, y+high+f.gap, 0
		}
		place(o, x, y, min(m.Width, size.Width), m.Height)
		row = append(row, o)
		x += m.Width + f.gap
		high = max(high, m.Height)
	}
	end()
	f.height = y + high
}

func (f *flow) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	for _, o := range objects {
		if o.Visible() {
			m := o.MinSize()
			s.Width, s.Height = max(s.Width, m.Width), max(s.Height, m.Height)
		}
	}
	s.Height = max(s.Height, f.height)
	return s
}

// Inset leaves room around an object.
func Inset(o fyne.CanvasObject, top, right, bottom, left float32) *fyne.Container {
	return container.New(inset{top, right, bottom, left}, o)
}

type inset struct{ top, right, bottom, left float32 }

func (i inset) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		place(o, i.left, i.top, max(0, size.Width-i.left-i.right), max(0, size.Height-i.top-i.bottom))
	}
}

func (i inset) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	for _, o := range objects {
		s = s.Max(o.MinSize())
	}
	return s.AddWidthHeight(i.left+i.right, i.top+i.bottom)
}

// MaxWidth keeps an object at the left and at most w wide.
func MaxWidth(o fyne.CanvasObject, w float32) *fyne.Container {
	return container.New(maxWidth{w}, o)
}

type maxWidth struct{ w float32 }

func (m maxWidth) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		place(o, 0, 0, min(m.w, size.Width), size.Height)
	}
}

func (m maxWidth) MinSize(objects []fyne.CanvasObject) fyne.Size {
	s := objects[0].MinSize()
	return fyne.NewSize(min(s.Width, m.w), s.Height)
}

// Fixed gives an object a least size; 0 leaves that side to the object.
func Fixed(o fyne.CanvasObject, w, h float32) *fyne.Container {
	return container.New(fixed{w, h}, o)
}

type fixed struct{ w, h float32 }

func (f fixed) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		place(o, 0, 0, size.Width, size.Height)
	}
}

func (f fixed) MinSize(objects []fyne.CanvasObject) fyne.Size {
	s := objects[0].MinSize()
	if f.w > 0 {
		s.Width = f.w
	}
	if f.h > 0 {
		s.Height = f.h
	}
	return s
}

// Centered puts an object in the middle of its place.
func Centered(o fyne.CanvasObject) *fyne.Container {
	return container.New(layout.NewCenterLayout(), o)
}
