package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"servery/theme"
)

// ScrollArea scrolls its content up and down.
type ScrollArea struct {
	widget.BaseWidget
	scroll *container.Scroll
	most   float32 // of its least height; 0: it takes what it gets
}

// Scroll makes a scrolling area. Its content gets the area's width and the height it
// asks for at that width.
func Scroll(content fyne.CanvasObject) *ScrollArea {
	a := &ScrollArea{scroll: container.NewVScroll(content)}
	a.ExtendBaseWidget(a)
	return a
}

// ScrollBeyond makes a scrolling area that is as high as its content up to a height.
func ScrollBeyond(height float32, content fyne.CanvasObject) *ScrollArea {
	a := Scroll(content)
	a.most = height
	return a
}

// ScrollTo puts the line y of the content at the top.
func (a *ScrollArea) ScrollTo(y float32) { a.scroll.ScrollToOffset(fyne.NewPos(0, max(0, y))) }

// ScrollToTop goes to the beginning.
func (a *ScrollArea) ScrollToTop() { a.scroll.ScrollToTop() }

// Reveal scrolls so that o, somewhere in the content, can be seen.
func (a *ScrollArea) Reveal(o fyne.CanvasObject) {
	d := fyne.CurrentApp().Driver()
	y := d.AbsolutePositionForObject(o).Y - d.AbsolutePositionForObject(a.scroll.Content).Y
	top, height := a.scroll.Offset.Y, a.scroll.Size().Height
	if y < top || y+o.Size().Height > top+height {
		a.ScrollTo(y - 24)
	}
}

// CreateRenderer is for Fyne.
func (a *ScrollArea) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(
		func(s fyne.Size) {
			a.scroll.Resize(s)
			c := a.scroll.Content
			if h := max(c.MinSize().Height, s.Height); c.Size().Height != h {
				a.scroll.Refresh() // the width changed the height
			}
		},
		func() fyne.Size {
			s := a.scroll.Content.MinSize()
			if a.most == 0 {
				return fyne.NewSize(s.Width, 64)
			}
			return fyne.NewSize(s.Width, min(s.Height, a.most))
		},
		func() {},
		a.scroll,
	)
}

// Page is a page whose parts stand under each other and scroll together.
func Page(content ...fyne.CanvasObject) fyne.CanvasObject {
	g := theme.Size(theme.PageGap)
	return Scroll(Inset(VStack(16, content...), 20, g, g, g))
}

// PageHeader is a page's title with a line under it and buttons at the right.
func PageHeader(title, subtitle string, actions ...fyne.CanvasObject) *fyne.Container {
	left := VStack(2, Title(title))
	if subtitle != "" {
		left.Add(MutedParagraph(subtitle))
	}
	return Spread(left, HStack(8, actions...))
}

// FillPage is a page whose body takes the height that the header leaves and scrolls by
// itself, such as a table.
func FillPage(header, body fyne.CanvasObject) fyne.CanvasObject {
	g := theme.Size(theme.PageGap)
	return Inset(container.New(fill{16}, header, body), 20, g, g, g)
}

type fill struct{ gap float32 }

func (f fill) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	h := heightFor(objects[0], size.Width)
	objects[0].Move(fyne.NewPos(0, 0))
	place(objects[1], 0, h+f.gap, size.Width, max(0, size.Height-h-f.gap))
}

func (f fill) MinSize(objects []fyne.CanvasObject) fyne.Size {
	a, b := objects[0].MinSize(), objects[1].MinSize()
	return fyne.NewSize(max(a.Width, b.Width), a.Height+f.gap+b.Height)
}
