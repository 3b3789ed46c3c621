package shell

import (
	"image/color"

	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"servery/resources"
	"servery/theme"
	"servery/views/widgets"
)

// none is no colour: Fyne's painters do not take nil.
var none = color.Transparent

// newTile is the logo.
func newTile() fyne.CanvasObject {
	return widgets.Fixed(container.NewStack(widgets.RoundFill(theme.PrimaryFill, 5),
		widgets.Centered(widgets.NewIcon(resources.IconLogo, theme.OnPrimary, 16))), 24, 24)
}

// navItem is an entry of the sidebar.
type navItem struct {
	widget.BaseWidget
	tapped                     func()
	text                       string
	selected, hovered, focused bool
	back                       *canvas.Rectangle
	icon                       *widgets.Icon
	resource                   fyne.Resource
	label, count               *widgets.Text
}

func newNavItem(icon fyne.Resource, text string, tapped func()) *navItem {
	n := &navItem{tapped: tapped, text: text, back: canvas.NewRectangle(none), resource: icon,
		icon:  widgets.NewIcon(icon, theme.TextSecondary, 16),
		label: widgets.NewText(text, widgets.TextStyle{Medium: true}), count: widgets.Small("")}
	n.back.CornerRadius = 4
	n.ExtendBaseWidget(n)
	return n
}

// Text is the entry's name.
func (n *navItem) Text() string { return n.text }

func (n *navItem) setSelected(on bool) {
	if n.selected != on {
		n.selected = on
		n.Refresh()
	}
}

func (n *navItem) setCount(c int) {
	if t := strconv.Itoa(c); t != n.count.Text() {
		n.count.SetText(t)
		n.Refresh()
	}
}

// Tapped is for Fyne.
func (n *navItem) Tapped(*fyne.PointEvent) { n.tapped() }

// MouseIn is for Fyne.
func (n *navItem) MouseIn(*desktop.MouseEvent) { n.hovered = true; n.Refresh() }

// MouseMoved is for Fyne.
func (n *navItem) MouseMoved(*desktop.MouseEvent) {}

// MouseOut is for Fyne.
func (n *navItem) MouseOut() { n.hovered = false; n.Refresh() }

// FocusGained is for Fyne.
func (n *navItem) FocusGained() { n.focused = true; n.Refresh() }

// FocusLost is for Fyne.
func (n *navItem) FocusLost() { n.focused = false; n.Refresh() }

// TypedRune is for Fyne.
func (n *navItem) TypedRune(r rune) { widgets.PassRune(r) }

// TypedKey is for Fyne.
func (n *navItem) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter || e.Name == fyne.KeySpace {
		n.tapped()
	}
}

// Cursor is for Fyne.
func (n *navItem) Cursor() desktop.Cursor { return desktop.PointerCursor }

// CreateRenderer is for Fyne.
func (n *navItem) CreateRenderer() fyne.WidgetRenderer {
	r := &navRenderer{n}
	r.apply()
	return r
}

type navRenderer struct{ n *navItem }

func (r *navRenderer) Layout(s fyne.Size) {
	n := r.n
	n.back.Resize(s)
	n.icon.Move(fyne.NewPos(10, 0))
	n.icon.Resize(fyne.NewSize(16, s.Height))
	n.label.Move(fyne.NewPos(36, 0))
	n.label.Resize(fyne.NewSize(s.Width-80, s.Height))
	w := n.count.MinSize().Width
	n.count.Move(fyne.NewPos(s.Width-10-w, 0))
	n.count.Resize(fyne.NewSize(w, s.Height))
}

func (r *navRenderer) MinSize() fyne.Size { return fyne.NewSize(120, 32) }
func (r *navRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.n.back, r.n.icon, r.n.label, r.n.count}
}
func (r *navRenderer) Destroy() {}

func (r *navRenderer) apply() {
	n := r.n
	ink, tone := theme.Text, theme.TextSecondary
	n.back.FillColor, n.back.StrokeWidth = none, 0
	switch {
	case n.selected:
		n.back.FillColor = theme.Color(theme.PressWash)
		ink, tone = theme.SelectedText, theme.SelectedText
	case n.hovered:
		n.back.FillColor = theme.Color(theme.HoverWash)
	}
	if n.focused {
		n.back.StrokeColor, n.back.StrokeWidth = theme.Color(theme.Primary), 2
	}
	n.label.SetColor(ink)
	n.count.SetColor(tone)
	n.icon.Set(n.resource, tone)
}

func (r *navRenderer) Refresh() {
	r.apply()
	r.Layout(r.n.Size())
	canvas.Refresh(r.n)
}

// engineCard tells at the sidebar's foot where the engine listens and how busy the
// machine is.
type engineCard struct {
	widget.BaseWidget
	dot     *widgets.Dot
	state   *widgets.Text
	address *widgets.CopyText
	problem *widgets.Paragraph
	retry   *fyne.Container
	machine *widgets.Text
	cpu     *widgets.Meter
	memory  *widgets.Meter
	gpu     *widgets.Meter
	gpuRow  fyne.CanvasObject
	panel   *widgets.Panel
	full    string // address with its scheme
}

func newEngineCard(copy func(string), listen func(free bool)) *engineCard {
	e := &engineCard{dot: widgets.NewDot(theme.TextDisabled),
		state:   widgets.NewText("Engine starting", widgets.TextStyle{Size: theme.TextSmall, Bold: true}),
		problem: widgets.SmallParagraph(""), machine: widgets.Small("").Truncate(),
		cpu: widgets.NewMeter(theme.ChartBlue), memory: widgets.NewMeter(theme.ChartBlue), gpu: widgets.NewMeter(theme.ChartPurple)}
	// The card shows host and port; what is copied is the whole address.
	e.address = widgets.NewCopyText("", func(string) { copy(e.full) })
	e.address.Hide()
	e.problem.Hide()
	e.retry = widgets.HStack(12)
	e.retry.Hide()
	if listen != nil {
		e.retry.Add(widgets.NewLink("Try again", func() { listen(false) }))
		e.retry.Add(widgets.NewLink("Use a free port", func() { listen(true) }))
	}
	meter := func(name string, m *widgets.Meter) fyne.CanvasObject {
		return widgets.Columns(6, []float32{-32, 1}, widgets.Small(name), m)
	}
	e.gpuRow = meter("GPU", e.gpu)
	e.gpuRow.Hide()
	e.panel = widgets.NewPanel(widgets.VStack(3, widgets.HStack(8, e.dot, e.state), e.address, e.problem, e.retry, e.machine,
		widgets.Spacer(1, 2), meter("CPU", e.cpu), meter("Mem", e.memory), e.gpuRow))
	e.panel.SetPadding(11)
	e.ExtendBaseWidget(e)
	return e
}

func (e *engineCard) set(s Status) {
	state, dot := "Engine running", theme.Success
	if !s.Running {
		state, dot = "Not listening", theme.Danger
	}
	measured := s.GPUName != "" && s.GPUFraction >= 0
	again := e.state.Text() != state || e.full != s.Address || e.problem.Text() != s.Problem || e.gpuRow.Visible() != measured
	e.state.SetText(state)
	e.dot.SetColor(dot)
	e.full = s.Address
	e.address.SetText(strings.TrimPrefix(s.Address, "http://"))
	e.address.Hidden = s.Address == ""
	e.problem.SetText(s.Problem)
	e.problem.Hidden = s.Problem == ""
	e.retry.Hidden = s.Running || s.Problem == "" || len(e.retry.Objects) == 0
	machine := s.CPUName
	if s.GPUName != "" {
		machine = s.GPUName
	} else if s.Cores > 0 {
		machine = strings.TrimPrefix(machine+" · ", " · ") + widgets.Count(s.Cores, "core", "cores")
	}
	e.machine.SetText(machine)
	e.cpu.Set(s.CPUFraction)
	e.memory.Set(s.MemoryFraction)
	e.gpu.Set(s.GPUFraction)
	e.gpuRow.(*fyne.Container).Hidden = !measured
	if again {
		e.panel.Refresh()
		e.Refresh()
	}
}

// CreateRenderer is for Fyne.
func (e *engineCard) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(e.panel) }
