package shell

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"servery/resources"
	"servery/theme"
	"servery/views/widgets"
)

// Status is what sidebar and engine card tell.
type Status struct {
	Endpoints, Models           int
	Running                     bool
	Problem                     string // why it does not run
	Address                     string // "http://127.0.0.1:8642"
	CPUName                     string
	Cores                       int
	CPUFraction, MemoryFraction float64 // 0 to 1
	GPUName                     string  // "NVIDIA L4 · 22 GiB"; "" where there is none
	GPUFraction                 float64 // below 0 where it is not measured
}

const (
	sidebarWidth = 208
	topHeight    = 48
)

// frame is the window's standing parts.
type frame struct {
	root    *fyne.Container
	page    *fyne.Container
	crumbs  *widgets.Breadcrumb
	serving *navItem
	models  *navItem
	engine  *engineCard
	imports *widgets.Button // nil: the program imports nothing
	mode    *widgets.Button
	bar     *fyne.Container
}

func newFrame(s *Shell) *frame {
	f := &frame{crumbs: widgets.NewBreadcrumb(), page: container.NewStack()}
	f.serving = newNavItem(resources.IconServing, "Serving", func() { s.Go(ServingRoute()) })
	f.models = newNavItem(resources.IconModels, "Models", func() { s.Go(ModelsRoute()) })
	f.engine = newEngineCard(s.copy, s.c.Listen)
	f.root = container.New(frameLayout{},
		widgets.Fill(theme.Surface), f.sidebar(s), widgets.Fill(theme.Border),
		f.top(s), widgets.Fill(theme.Border), f.page, s.toasts.box)
	f.showMode(s.mode)
	return f
}

func (f *frame) sidebar(s *Shell) fyne.CanvasObject {
	name := widgets.NewText("Servery", widgets.TextStyle{Size: theme.TextHeading, Bold: true})
	create := widgets.SecondaryButton("New", func() { s.Go(CreateRoute("", "")) }).WithIcon(resources.IconPlus).WithHint("Ctrl N").Wide()
	top := widgets.VStack(0,
		widgets.Inset(widgets.HStack(10, newTile(), name), 4, 8, 12, 8),
		create, widgets.Spacer(1, 10), f.serving, widgets.Spacer(1, 2), f.models)
	return container.New(sidebarLayout{}, top, f.engine)
}

func (f *frame) top(s *Shell) fyne.CanvasObject {
	right := widgets.HStack(8)
	if s.c.Import != nil {
		f.imports = widgets.SecondaryButton("Import a model", s.c.Import).WithIcon(resources.IconUpload)
		right.Add(f.imports)
	}
	f.mode = widgets.IconButton(resources.IconSystem, "Theme", nil)
	f.mode.OnTapped = func() {
		items := make([]*fyne.MenuItem, 0, 3)
		for _, m := range []struct {
			mode theme.Mode
			name string
		}{{theme.Light, "Light"}, {theme.Dark, "Dark"}, {theme.System, "Like the system"}} {
			it := fyne.NewMenuItem(m.name, func() { s.setMode(m.mode) })
			it.Checked = s.mode == m.mode
			items = append(items, it)
		}
		widgets.ShowMenu(f.mode, fyne.NewMenu("", items...))
	}
	right.Add(f.mode)
	f.bar = widgets.Spread(f.crumbs, right)
	return widgets.Inset(f.bar, 0, 16, 0, 24)
}

func (f *frame) showMode(m theme.Mode) {
	icon := map[theme.Mode]fyne.Resource{theme.Light: resources.IconSun, theme.Dark: resources.IconMoon, theme.System: resources.IconSystem}[m]
	f.mode.SetIcon(icon)
}

func (f *frame) setPage(o fyne.CanvasObject) {
	f.page.Objects = []fyne.CanvasObject{o}
	f.page.Refresh()
}

func (f *frame) selectNav(page string) {
	f.serving.setSelected(page == PageServing)
	f.models.setSelected(page == PageModels)
	// The page of models has the button in its own head.
	if f.imports != nil && f.imports.Visible() == (page == PageModels) {
		if page == PageModels {
			f.imports.Hide()
		} else {
			f.imports.Show()
		}
		f.bar.Refresh()
	}
}

// SetStatus shows the engine's state and the counts in the sidebar.
func (s *Shell) SetStatus(st Status) {
	s.frame.serving.setCount(st.Endpoints)
	s.frame.models.setCount(st.Models)
	s.frame.engine.set(st)
}

// frameLayout places sidebar ground, sidebar, its edge, top bar, its edge, page and
// messages. The page's ground is what Fyne clears the window with: a rectangle of the
// same colour over it all would take half the time of a frame where there is no GPU.
type frameLayout struct{}

func (frameLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	put := func(i int, x, y, w, h float32) {
		o[i].Move(fyne.NewPos(x, y))
		o[i].Resize(fyne.NewSize(max(0, w), max(0, h)))
	}
	w := size.Width - sidebarWidth
	put(0, 0, 0, sidebarWidth, size.Height)
	put(1, 0, 0, sidebarWidth-1, size.Height)
	put(2, sidebarWidth-1, 0, 1, size.Height)
	put(3, sidebarWidth, 0, w, topHeight-1)
	put(4, sidebarWidth, topHeight-1, w, 1)
	put(5, sidebarWidth, topHeight, w, size.Height-topHeight)
	put(6, sidebarWidth, topHeight, w, size.Height-topHeight)
}

func (frameLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(1024, 640) }

// sidebarLayout puts the first object at the top and the second at the bottom.
type sidebarLayout struct{}

func (sidebarLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	const edge = 10
	w := size.Width - 2*edge
	top := o[0].MinSize().Height
	o[0].Move(fyne.NewPos(edge, 10))
	o[0].Resize(fyne.NewSize(w, top))
	o[1].Resize(fyne.NewSize(w, o[1].MinSize().Height))
	h := o[1].MinSize().Height
	o[1].Resize(fyne.NewSize(w, h))
	o[1].Move(fyne.NewPos(edge, size.Height-h-14))
}

func (sidebarLayout) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(sidebarWidth, o[0].MinSize().Height+o[1].MinSize().Height+24)
}
