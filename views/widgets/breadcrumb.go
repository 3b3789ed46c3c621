package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// Crumb is a part of a Breadcrumb; without Tapped it is the current page.
type Crumb struct {
	Title  string
	Tapped func()
}

// Breadcrumb shows where the page stands.
type Breadcrumb struct {
	widget.BaseWidget
	row *fyne.Container
}

// NewBreadcrumb makes an empty one.
func NewBreadcrumb() *Breadcrumb {
	b := &Breadcrumb{row: HStack(6)}
	b.ExtendBaseWidget(b)
	return b
}

// Set shows the parts.
func (b *Breadcrumb) Set(crumbs []Crumb) {
	b.row.Objects = b.row.Objects[:0]
	for i, c := range crumbs {
		if i > 0 {
			b.row.Objects = append(b.row.Objects, Muted("/"))
		}
		if c.Tapped != nil {
			b.row.Objects = append(b.row.Objects, NewLink(c.Title, c.Tapped))
		} else {
			b.row.Objects = append(b.row.Objects, Strong(c.Title))
		}
	}
	b.row.Refresh()
	b.Refresh()
}

// CreateRenderer is for Fyne.
func (b *Breadcrumb) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(b.row) }
