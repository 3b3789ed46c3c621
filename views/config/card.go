package config

import (
	"fmt"
	"strconv"

	"fyne.io/fyne/v2"

	"servery/resources"
	"servery/theme"
	"servery/views/widgets"
)

// Card is the panel of one served entity. It writes what is typed into the form and
// knows its place there.
type Card struct {
	editor *Editor
	index  int

	// The controls that a page may want to reach.
	Traffic  *widgets.Entry
	Name     *widgets.Entry
	Compute  *widgets.Select
	Scale    *widgets.Segmented
	Advanced *widgets.Disclosure
	Env      *widgets.CodeEditor

	title      *widgets.Text
	version    *widgets.Chip
	trafficBox *fyne.Container
	entity     *widgets.Picker
	low, high  *widgets.Entry
	custom     *fyne.Container
	zero       *widgets.Check

	entityField, nameField, computeField, scaleField *widgets.Field
	lowField, highField, envField                    *widgets.Field
	body                                             *fyne.Container
	content                                          fyne.CanvasObject
}

func newCard(e *Editor, index int) *Card {
	c := &Card{editor: e, index: index}
	c.inputs(*c.value())
	c.fields()
	c.title, c.version = widgets.Strong(""), widgets.NewChip("")
	percent := widgets.HStack(6, widgets.Muted("Traffic"), widgets.Fixed(c.Traffic, 64, 0), widgets.Muted("%"))
	c.trafficBox = percent
	remove := widgets.IconButton(resources.IconClose, "Remove", c.remove).Small()
	head := widgets.Spread(widgets.HStack(8, widgets.NewIcon(resources.IconCube, theme.TextSecondary, 16), c.title, c.version), widgets.HStack(10, percent, remove))
	half := []float32{1, 1}
	c.custom = widgets.Columns(8, half, c.lowField, c.highField)
	c.body = widgets.VStack(14,
		widgets.StackUnder(narrow, 16, half, c.entityField, c.nameField),
		widgets.StackUnder(narrow, 16, half, c.computeField, widgets.VStack(10, c.scaleField, c.custom)),
		widgets.StackUnder(narrow, 16, half, c.zero, widgets.VStack(0, widgets.HStack(0, c.Advanced))),
		c.envField)
	c.content = widgets.NewSectionPanel(widgets.Fixed(head, 0, 32), c.body)
	return c
}

// value is the entity that the card shows.
func (c *Card) value() *Entity { return &c.editor.Form.Entities[c.index] }

// inputs makes the controls with what the form holds.
func (c *Card) inputs(e Entity) {
	line := func(text string, set func(*Entity, string)) *widgets.Entry {
		w := widgets.NewEntry("")
		w.Text = text
		w.OnChanged = func(s string) {
			set(c.value(), s)
			c.editor.changed()
		}
		return w
	}
	c.Traffic = line(e.Traffic, func(e *Entity, s string) { e.Traffic = s })
	c.Name = line(e.Name, func(e *Entity, s string) { e.Name = s })
	c.low = line(e.Low, func(e *Entity, s string) { e.Low = s })
	c.high = line(e.High, func(e *Entity, s string) { e.High = s })
	c.entity = widgets.NewPicker("Select a model", func() { c.editor.selectFor(c) })
	c.Compute = widgets.NewSelect(computes(c.editor.engine.Hardware()), func(v string) { c.value().Compute = v; c.editor.changed() })
	c.Compute.SetSelected(e.Compute)
	var sizes []widgets.Option
	for _, s := range scaleOuts {
		sizes = append(sizes, widgets.Option{Value: s.size, Label: s.title})
	}
	c.Scale = widgets.NewSegmented(sizes, func(v string) { c.value().Size = v; c.editor.changed() })
	c.Scale.SetSelected(e.Size)
	c.zero = widgets.NewCheck("Scale to zero", "After 30 min without requests the model leaves memory. The next request waits for it to load again.",
		func(on bool) { c.value().Zero = on; c.editor.changed() })
	c.zero.SetChecked(e.Zero)
	c.Env = widgets.NewCodeEditor()
	c.Env.SetMinRows(3)
	c.Env.Text, c.Env.OnSend = e.Env, c.editor.c.Send
	c.Env.OnChanged = func(s string) { c.value().Env = s; c.editor.changed() }
	c.Advanced = widgets.NewDisclosure("", func(open bool) {
		c.envField.Hidden = !open
		c.editor.c.Resized()
		if open {
			c.editor.host.Focus(c.Env)
		}
	})
	c.Advanced.SetOpen(e.Env != "")
}

func (c *Card) fields() {
	c.entityField = widgets.NewField("Entity", "", c.entity)
	c.nameField = widgets.NewField("Served entity name", "", c.Name)
	c.computeField = widgets.NewField("Compute type", "", c.Compute)
	c.scaleField = widgets.NewField("Compute scale-out", "", c.Scale)
	c.lowField = widgets.NewField("At least", "", c.low)
	c.highField = widgets.NewField("At most", "", c.high)
	c.envField = widgets.NewField("Environment variables", "One KEY=VALUE a line, at most 50. Set in the process that runs the model.", c.Env)
	c.envField.Hidden = !c.Advanced.Open()
}

// show sets what follows from the form and the machine.
func (c *Card) show() {
	e := c.value()
	c.title.SetText(e.Model)
	c.version.SetText("Version " + strconv.Itoa(e.Version))
	c.entity.SetText(fmt.Sprintf("%s · version %d", e.Model, e.Version))
	if c.Name.PlaceHolder != e.defaultName() {
		c.Name.PlaceHolder = e.defaultName()
		c.Name.Refresh()
	}
	c.trafficBox.Hidden = len(c.editor.Form.Entities) < 2
	h := c.editor.engine.Hardware()
	c.Compute.SetOptions(computes(h))
	c.computeField.SetHelp(c.computeHelp(h))
	c.custom.Hidden = e.Size != ""
	help := "Requests at once ≈ requests per second × seconds per request."
	if e.Size == "" {
		help = "Requests at once, in multiples of 4."
	}
	c.scaleField.SetHelp(help)
	c.Advanced.SetText("Advanced: environment variables" + counted(e.Env))
	c.body.Refresh()
}

// counted is how many variables there are, in brackets, or "".
func counted(env string) string {
	vars, err := readEnv(env)
	if err != nil || len(vars) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d)", len(vars))
}

func (c *Card) remove() {
	c.editor.Form.Remove(c.index)
	c.editor.Rebuild()
	c.editor.changed()
}

// places are where errors of the card's entity go.
func (c *Card) places(i int) []Place {
	path := fmt.Sprintf("config.served_entities[%d]", i)
	custom := c.value().Size == ""
	env := func(text string) {
		c.envField.SetError(text)
		if text != "" && !c.Advanced.Open() {
			c.Advanced.SetOpen(true)
			c.envField.Hidden = false
		}
	}
	all := []Place{
		{fmt.Sprintf("config.traffic_config.routes[%d]", i), c.setTrafficError, c.Traffic, c.content, true},
		{path, c.entityField.SetError, c.entity, c.entityField, true},
		{path + ".name", c.nameField.SetError, c.Name, c.nameField, true},
		{path + ".workload_type", c.computeField.SetError, c.Compute, c.computeField, true},
		{path + ".workload_size", c.scaleField.SetError, c.Scale, c.scaleField, true},
	}
	if custom {
		all = append(all, Place{path + ".min_provisioned_concurrency", c.lowField.SetError, c.low, c.lowField, true},
			Place{path + ".max_provisioned_concurrency", c.highField.SetError, c.high, c.highField, true})
	}
	return append(all, Place{path + ".environment_vars", env, c.Env, c.envField, true})
}

// setTrafficError tells under the section's title: beside the number is no room.
func (c *Card) setTrafficError(text string) {
	if text != "" {
		text = "Traffic of " + c.value().servedName() + ": " + text
	}
	c.editor.setNote(text)
}
