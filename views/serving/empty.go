package serving

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"servery/resources"
	"servery/theme"
	"servery/views/shell"
	"servery/views/widgets"
)

// welcome is the page of an engine without endpoints: what to do, in three steps, and
// samples for who is only looking.
func (p *Page) welcome() fyne.CanvasObject {
	const width = 760
	head := container.New(column{8},
		widgets.NewIcon(resources.IconServing, theme.Primary, 40),
		widgets.Spacer(1, 6),
		widgets.Heading("No endpoints yet"),
		widgets.Muted("Bring a model, wrap it in an endpoint, send it a request. It takes a minute and nothing leaves this machine."))
	steps := widgets.Columns(16, []float32{1, 1, 1},
		step("1 · Bring a model", "Drop an .onnx file or an MLflow model folder here, or import one.", p.importButton()),
		step("2 · Create an endpoint", "Pick version, compute and traffic. Ready in seconds, not 20 minutes.",
			widgets.SecondaryButton("Create endpoint", func() { p.host.Go(shell.CreateRoute("", "")) })),
		step("3 · Query it", "From the app, curl, the MLflow Deployments SDK or the Databricks SDK.", p.copyAddress))
	body := widgets.VStack(16, widgets.Inset(head, 0, 0, 8, 0), steps)
	if p.actions.ServeSample != nil {
		body.Add(p.samples())
	}
	return widgets.Scroll(widgets.Centered(widgets.Fixed(body, width, 0)))
}

// step is a card with its button at the bottom, so that the three stand in a line.
func step(title, text string, action fyne.CanvasObject) fyne.CanvasObject {
	words := widgets.VStack(6, widgets.Heading(title), widgets.MutedParagraph(text))
	return widgets.NewPanel(container.New(bottom{14}, widgets.Fixed(words, 0, 90), widgets.HStack(0, action)))
}

func (p *Page) importButton() fyne.CanvasObject {
	if p.actions.Import == nil {
		return widgets.Spacer(1, 1)
	}
	return widgets.SecondaryButton("Import a model", p.actions.Import)
}

// samples offers the models that come with the program.
func (p *Page) samples() fyne.CanvasObject {
	words := widgets.VStack(2, widgets.Strong("Just looking?"), widgets.SmallParagraph("Serve a bundled sample, with a request ready to send."))
	buttons := widgets.HStack(8)
	for i, s := range resources.Samples() {
		serve := func() { p.actions.ServeSample(s.Name) }
		if i == 0 {
			buttons.Add(widgets.PrimaryButton("Serve "+lowerFirst(s.Title), serve))
		} else {
			buttons.Add(widgets.SecondaryButton("Serve "+lowerFirst(s.Title), serve))
		}
	}
	left := widgets.Columns(14, []float32{-18, 1}, widgets.NewIcon(resources.IconPlay, theme.SelectedText, 18), words)
	box := widgets.NewPanel(widgets.Spread(left, buttons))
	box.SetFill(theme.InfoBackground)
	box.SetBorder("")
	return box
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return string(s[0]|0x20) + s[1:]
}

// column puts objects under each other, each in the middle.
type column struct{ gap float32 }

func (c column) Layout(o []fyne.CanvasObject, size fyne.Size) {
	y := float32(0)
	for _, x := range o {
		m := x.MinSize()
		x.Resize(m)
		x.Move(fyne.NewPos((size.Width-m.Width)/2, y))
		y += m.Height + c.gap
	}
}

func (c column) MinSize(o []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	for i, x := range o {
		m := x.MinSize()
		s.Width = max(s.Width, m.Width)
		s.Height += m.Height
		if i > 0 {
			s.Height += c.gap
		}
	}
	return s
}

// bottom puts the second object at the lower edge.
type bottom struct{ gap float32 }

func (b bottom) Layout(o []fyne.CanvasObject, size fyne.Size) {
	h := o[1].MinSize().Height
	o[0].Move(fyne.NewPos(0, 0))
	o[0].Resize(fyne.NewSize(size.Width, max(0, size.Height-h-b.gap)))
	o[1].Move(fyne.NewPos(0, size.Height-h))
	o[1].Resize(fyne.NewSize(size.Width, h))
}

func (b bottom) MinSize(o []fyne.CanvasObject) fyne.Size {
	x, y := o[0].MinSize(), o[1].MinSize()
	return fyne.NewSize(max(x.Width, y.Width), x.Height+b.gap+y.Height)
}
