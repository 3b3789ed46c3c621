package create

import (
	"fmt"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"

	"servery/resources"
	"servery/theme"
	"servery/views/widgets"
)

// card is the panel of one served entity. It writes what is typed into the form and
// knows its place there.
type card struct {
	p     *Page
	index int

	title      *widgets.Text
	version    *widgets.Chip
	traffic    *widgets.Entry
	trafficBox *fyne.Container
	entity     *widgets.Picker
	name       *widgets.Entry
	compute    *widgets.Select
	scale      *widgets.Segmented
	low, high  *widgets.Entry
	custom     *fyne.Container
	zero       *widgets.Check
	advanced   *widgets.Disclosure
	env        *widgets.CodeEditor

	entityField, nameField, computeField, scaleField *widgets.Field
	lowField, highField, envField                    *widgets.Field
	body                                             *fyne.Container
	content                                          fyne.CanvasObject
}

func newCard(p *Page, index int) *card {
	c := &card{p: p, index: index}
	e := c.value()
	c.inputs(*e)
	c.fields()
	c.title, c.version = widgets.Strong(""), widgets.NewChip("")
	percent := widgets.HStack(6, widgets.Muted("Traffic"), widgets.Fixed(c.traffic, 64, 0), widgets.Muted("%"))
	c.trafficBox = percent
	remove := widgets.IconButton(resources.IconClose, "Remove", c.remove).Small()
	head := widgets.Spread(widgets.HStack(8, widgets.NewIcon(resources.IconCube, theme.TextSecondary, 16), c.title, c.version), widgets.HStack(10, percent, remove))
	half := []float32{1, 1}
	c.custom = widgets.Columns(8, half, c.lowField, c.highField)
	c.body = widgets.VStack(14,
		widgets.StackUnder(narrow, 16, half, c.entityField, c.nameField),
		widgets.StackUnder(narrow, 16, half, c.computeField, widgets.VStack(10, c.scaleField, c.custom)),
		widgets.StackUnder(narrow, 16, half, c.zero, widgets.VStack(0, widgets.HStack(0, c.advanced))),
		c.envField)
	c.content = widgets.NewSectionPanel(widgets.Fixed(head, 0, 32), c.body)
	return c
}

// value is the entity that the card shows.
func (c *card) value() *entity { return &c.p.form.entities[c.index] }

// inputs makes the controls with what the form holds.
func (c *card) inputs(e entity) {
	line := func(text string, set func(*entity, string)) *widgets.Entry {
		w := widgets.NewEntry("")
		w.Text = text
		w.OnChanged = func(s string) {
			set(c.value(), s)
			c.p.changed()
		}
		return w
	}
	c.traffic = line(e.traffic, func(e *entity, s string) { e.traffic = s })
	c.name = line(e.name, func(e *entity, s string) { e.name = s })
	c.low = line(e.low, func(e *entity, s string) { e.low = s })
	c.high = line(e.high, func(e *entity, s string) { e.high = s })
	c.entity = widgets.NewPicker("Select a model", func() { c.p.selectFor(c) })
	c.compute = widgets.NewSelect([]widgets.Option{{Value: "CPU", Label: strings.TrimSuffix("CPU · "+c.p.engine.Hardware().CPUModel, " · ")}}, nil)
	c.compute.SetSelected("CPU")
	var sizes []widgets.Option
	for _, s := range scaleOuts {
		sizes = append(sizes, widgets.Option{Value: s.size, Label: s.title})
	}
	c.scale = widgets.NewSegmented(sizes, func(v string) { c.value().size = v; c.p.changed() })
	c.scale.SetSelected(e.size)
	c.zero = widgets.NewCheck("Scale to zero", "After 30 min without requests the model leaves memory. The next request waits for it to load again.",
		func(on bool) { c.value().zero = on; c.p.changed() })
	c.zero.SetChecked(e.zero)
	c.env = widgets.NewCodeEditor()
	c.env.SetMinRows(3)
	c.env.Text, c.env.OnSend = e.env, c.p.create
	c.env.OnChanged = func(s string) { c.value().env = s; c.p.changed() }
	c.advanced = widgets.NewDisclosure("", func(open bool) {
		c.envField.Hidden = !open
		c.p.column.Refresh()
		if open {
			c.p.host.Focus(c.env)
		}
	})
	c.advanced.SetOpen(e.env != "")
}

func (c *card) fields() {
	c.entityField = widgets.NewField("Entity", "", c.entity)
	c.nameField = widgets.NewField("Served entity name", "", c.name)
	c.computeField = widgets.NewField("Compute type", "", c.compute)
	c.scaleField = widgets.NewField("Compute scale-out", "", c.scale)
	c.lowField = widgets.NewField("At least", "", c.low)
	c.highField = widgets.NewField("At most", "", c.high)
	c.envField = widgets.NewField("Environment variables", "One KEY=VALUE a line, at most 50. Set in the process that runs the model.", c.env)
	c.envField.Hidden = !c.advanced.Open()
}

// show sets what follows from the form and the machine.
func (c *card) show() {
	e := c.value()
	c.title.SetText(e.model)
	c.version.SetText("Version " + strconv.Itoa(e.version))
	c.entity.SetText(fmt.Sprintf("%s · version %d", e.model, e.version))
	if c.name.PlaceHolder != e.defaultName() {
		c.name.PlaceHolder = e.defaultName()
		c.name.Refresh()
	}
	c.trafficBox.Hidden = len(c.p.form.entities) < 2
	h := c.p.engine.Hardware()
	c.computeField.SetHelp(fmt.Sprintf("This machine: %s, %s of memory free.",
		widgets.Count(h.Cores, "core", "cores"), widgets.Bytes(max(0, h.MemoryTotal-h.MemoryUsed))))
	c.custom.Hidden = e.size != ""
	help := "Requests at once ≈ requests per second × seconds per request."
	if e.size == "" {
		help = "Requests at once, in multiples of 4."
	}
	c.scaleField.SetHelp(help)
	c.advanced.SetText("Advanced: environment variables" + counted(e.env))
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

func (c *card) remove() {
	c.p.form.remove(c.index)
	c.p.entities.rebuild()
	c.p.suggest()
	c.p.changed()
}

// places are where errors of the card's entity go.
func (c *card) places(i int) []place {
	path := fmt.Sprintf("config.served_entities[%d]", i)
	custom := c.value().size == ""
	env := func(text string) {
		c.envField.SetError(text)
		if text != "" && !c.advanced.Open() {
			c.advanced.SetOpen(true)
			c.envField.Hidden = false
		}
	}
	all := []place{
		{fmt.Sprintf("config.traffic_config.routes[%d]", i), c.setTrafficError, c.traffic, c.content, true},
		{path, c.entityField.SetError, c.entity, c.entityField, true},
		{path + ".name", c.nameField.SetError, c.name, c.nameField, true},
		{path + ".workload_type", c.computeField.SetError, c.compute, c.computeField, true},
		{path + ".workload_size", c.scaleField.SetError, c.scale, c.scaleField, true},
	}
	if custom {
		all = append(all, place{path + ".min_provisioned_concurrency", c.lowField.SetError, c.low, c.lowField, true},
			place{path + ".max_provisioned_concurrency", c.highField.SetError, c.high, c.highField, true})
	}
	return append(all, place{path + ".environment_vars", env, c.env, c.envField, true})
}

// setTrafficError tells under the section's title: beside the number is no room.
func (c *card) setTrafficError(text string) {
	if text != "" {
		text = "Traffic of " + c.value().servedName() + ": " + text
	}
	c.p.entities.setNote(text)
}
