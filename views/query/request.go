package query

import (
	"encoding/json"
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"servery/engine/endpoint"
	"servery/engine/mlmodel"
	"servery/theme"
	"servery/views/widgets"
)

const (
	// editable is the largest request that can be typed in, in bytes: the editor lays out
	// all its lines at each keystroke.
	editable = 200_000
	// readable is how much of a longer text is shown.
	readable = 16_000
)

// requestPane is the left side: the request as text and as code.
type requestPane struct {
	page    *Page
	panel   *widgets.Panel
	form    *widgets.Select
	example *widgets.Button
	head    *fyne.Container
	editor  *widgets.CodeEditor
	picture *pictureRow
	app     *fyne.Container
	verdict *widgets.Text
	size    *widgets.Text
	tabs    *widgets.Tabs
	codes   []*codePane

	offered string // the example that was put in last
	source  string // the model version it comes from
	large   string // a request too large to edit, "" where the editor holds it
	broken  bool   // the text is no JSON
}

// codePane is the request in one language; the box shows the beginning of a long one.
type codePane struct {
	box  *widgets.CodeBox
	note *widgets.Text
	text string
}

func newRequestPane(p *Page) *requestPane {
	r := &requestPane{page: p, editor: widgets.NewCodeEditor(), picture: newPictureRow(),
		verdict: widgets.NewText("", widgets.TextStyle{Size: theme.TextSmall, Color: theme.TextSecondary}).Truncate(), size: widgets.Small("")}
	r.editor.OnChanged = func(string) { r.check() }
	r.editor.OnSend = p.send
	r.form = widgets.NewSelect(nil, r.convert)
	r.form.Placeholder = "No format"
	r.example = widgets.SecondaryButton("Use input example", func() { r.set(r.offered) })
	r.head = widgets.Spread(widgets.Heading("Request"), widgets.HStack(8, r.form, r.example))
	r.app = container.New(stretch{gap: 10, at: 1}, r.picture.row, r.editor, widgets.Spread(r.verdict, r.size))
	items := []widgets.TabItem{{Title: "App", Content: r.app}}
	for _, s := range snippets("", "", "", "{}") {
		c := &codePane{box: widgets.NewCodeBox("", nil).Wrap(), note: widgets.Small("").Truncate()}
		foot := widgets.Spread(c.note, widgets.CopyButton(func() string { return c.text }, p.host.Copy))
		r.codes = append(r.codes, c)
		items = append(items, widgets.TabItem{Title: s.title, Content: container.New(stretch{gap: 10, at: 0}, c.box, foot)})
	}
	r.tabs = widgets.NewTabs(items, func(int) { r.showCode() })
	r.panel = widgets.NewPanel(container.New(stretch{gap: 4, at: 1}, r.head, r.tabs))
	return r
}

// follow puts in the example of the served entity, unless the person has typed something.
func (r *requestPane) follow() {
	untouched := r.body() == "" || r.body() == r.offered
	if s, ok := r.page.entity(); ok {
		if source := fmt.Sprint(s.ModelName, "/", s.ModelVersion); source != r.source {
			if example := r.page.example(s); example != "" {
				r.offered, r.source = example, source
			}
		}
	}
	show(r.example, r.offered != "")
	if untouched && r.body() != r.offered {
		r.set(r.offered)
	}
}

// example is the request that the model's version comes with, else one of zeros that its
// signature takes; "" where there is neither.
func (p *Page) example(s endpoint.ServedEntity) string {
	v, ok := p.version(s)
	switch {
	case !ok:
		return ""
	case len(v.InputExample) > 0:
		return pretty(v.InputExample)
	case v.Graph != nil:
		return pretty(mlmodel.ExampleFor(v.Signature, v.Graph.Inputs))
	}
	return ""
}

// body is the request as it would be sent.
func (r *requestPane) body() string {
	if r.large != "" {
		return r.large
	}
	return r.editor.Text
}

// set puts a request into the editor; one that is too large is shown in part and sent
// whole.
func (r *requestPane) set(body string) {
	r.large = ""
	if len(body) > editable {
		r.large = body
		r.editor.SetText(beginning(body))
		r.editor.Disable()
	} else {
		r.editor.Enable()
		r.editor.SetText(body)
	}
	r.check()
}

// beginning is the start of a text that is too long to show.
func beginning(s string) string {
	if len(s) <= readable {
		return s
	}
	return s[:readable] + "…"
}

// check says under the editor what the request is, or where it breaks.
func (r *requestPane) check() {
	body := r.body()
	form, err := check(body)
	r.broken = !json.Valid([]byte(body))
	switch {
	case err != nil && r.broken:
		r.say(theme.Danger, err.Error())
	case err != nil:
		r.say(theme.Warning, err.Error())
	case r.large != "":
		r.say(theme.TextSecondary, "Too large to edit here. It is sent whole.")
	case body == r.offered:
		r.say(theme.Success, "✓ The model's example")
	default:
		r.say(theme.Success, "✓ Valid JSON")
	}
	r.size.SetText(widgets.Bytes(int64(len(body))))
	r.showForms(form)
	r.picture.show(body)
	r.app.Refresh()
	r.showCode()
	r.page.showSend()
}

func (r *requestPane) say(c fyne.ThemeColorName, text string) {
	r.verdict.SetColor(c)
	r.verdict.SetText(text)
}

// showForms offers the forms the request can be turned into.
func (r *requestPane) showForms(form string) {
	var options []widgets.Option
	if r.large != "" {
		options = append(options, widgets.Option{Value: form, Label: form})
	} else {
		for _, f := range convertible(r.body()) {
			options = append(options, widgets.Option{Value: f, Label: f})
		}
	}
	r.form.SetOptions(options)
	r.form.SetSelected(form)
	show(r.form, form != "")
	r.head.Refresh()
}

// convert writes the request in another form.
func (r *requestPane) convert(to string) {
	if out, ok := convert(r.body(), to); ok {
		r.set(out)
	}
}

// showCode writes the request in the language of the chosen tab.
func (r *requestPane) showCode() {
	i := r.tabs.Selected() - 1
	if i < 0 {
		return
	}
	c := r.codes[i]
	c.text = r.page.snippets(r.page.route.Selected(), r.body())[i].text
	c.box.SetText(beginning(c.text))
	c.note.SetText(widgets.Bytes(int64(len(c.text))))
	if len(c.text) > readable {
		c.note.SetText(fmt.Sprintf("The first %s of %s are shown. Copy takes all.", widgets.Bytes(readable), widgets.Bytes(int64(len(c.text)))))
	}
}

// snippets are the ways to send a request from elsewhere. Where the server does not
// listen, a variable stands for its address.
func (p *Page) snippets(entity, body string) []snippet {
	address := p.engine.Address()
	if address == "" {
		address = "$DATABRICKS_HOST"
	}
	return snippets(address, p.name, entity, body)
}
