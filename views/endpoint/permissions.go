package endpoint

import (
	"context"
	"maps"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/access"
	"servery/resources"
	"servery/theme"
	"servery/views/widgets"
)

// levels are what can be granted, least first, in the words of the product's dialog.
var levels = []widgets.Option{{Value: access.CanView.String(), Label: "Can View"}, {Value: access.CanQuery.String(), Label: "Can Query"}, {Value: access.CanManage.String(), Label: "Can Manage"}}

// permissions is the dialog that says who may view, query and manage the endpoint.
type permissions struct {
	*form
	all    map[string]access.Principal // by id
	before map[string]access.Level
	now    map[string]access.Level
	order  []string // ids of now, as shown
	rows   *fyne.Container
	who    *widgets.Select
	level  *widgets.Select
	add    *widgets.Button
}

func (p *Page) editPermissions() {
	d := &permissions{all: map[string]access.Principal{}, before: map[string]access.Level{}, rows: widgets.VStack(8)}
	d.form = newForm(p, "Save", d.send)
	for _, kind := range []access.Kind{access.KindUser, access.KindGroup, access.KindServicePrincipal} {
		for _, who := range p.engine.Principals(kind) {
			d.all[who.ID] = who
		}
	}
	for _, g := range p.engine.Grants(p.now.ID) {
		d.before[g.Principal.ID] = g.Level
		d.order = append(d.order, g.Principal.ID)
	}
	d.now = maps.Clone(d.before)
	d.who = widgets.NewSelect(nil, func(string) { d.add.Enable() })
	d.who.Placeholder = "User, group or service principal"
	d.level = widgets.NewSelect(levels, func(string) {})
	d.level.SetSelected(access.CanQuery.String())
	d.add = widgets.SecondaryButton("Add", d.give).WithIcon(resources.IconPlus)
	choice := widgets.Columns(8, []float32{1, -132, -80}, d.who, d.level, d.add)
	d.show()
	note := widgets.SmallParagraph("Can View sees the endpoint with its figures and events; Can Query also sends requests; Can Manage also changes and deletes it, and grants permissions.")
	d.open("Permissions: "+p.name, 620, d.who, choice, widgets.ScrollBeyond(300, d.rows), note)
}

// give adds whom the person chose.
func (d *permissions) give() {
	id := d.who.Selected()
	level, ok := access.ParseLevel(d.level.Selected())
	if id == "" || !ok {
		return
	}
	d.now[id] = level
	d.order = append(d.order, id)
	d.show()
	d.p.host.Focus(d.who)
}

// show lists who has what, and offers those who have nothing.
func (d *permissions) show() {
	d.rows.Objects = d.rows.Objects[:0]
	d.rows.Add(d.row(resources.IconUser, d.p.now.Creator, "Owner", widgets.Muted("Can Manage"), widgets.Spacer(24, 1)))
	d.rows.Add(d.row(resources.IconUsers, access.AdminsGroup, "Group", widgets.Muted("Can Manage · inherited"), widgets.Spacer(24, 1)))
	for _, id := range d.order {
		who := d.all[id]
		level := widgets.NewSelect(levels, func(v string) { d.now[id], _ = access.ParseLevel(v) })
		level.SetSelected(d.now[id].String())
		remove := widgets.IconButton(resources.IconClose, "Remove "+named(who), func() { d.take(id) }).Small()
		d.rows.Add(d.row(iconOf(who), named(who), kindWords(who), level, remove))
	}
	var options []widgets.Option
	for _, kind := range []access.Kind{access.KindUser, access.KindGroup, access.KindServicePrincipal} {
		for _, who := range d.p.engine.Principals(kind) {
			_, has := d.now[who.ID]
			if !has && who.Name != access.AdminsGroup && who.Name != d.p.now.Creator {
				options = append(options, widgets.Option{Value: who.ID, Label: named(who) + " · " + strings.ToLower(kindWords(who))})
			}
		}
	}
	d.who.SetOptions(options)
	d.who.SetSelected("")
	d.add.Disable()
	d.rows.Refresh()
	d.resized()
}

func (d *permissions) take(id string) {
	delete(d.now, id)
	for i, o := range d.order {
		if o == id {
			d.order = append(d.order[:i:i], d.order[i+1:]...)
			break
		}
	}
	d.show()
}

func (d *permissions) row(icon fyne.Resource, name, kind string, level, remove fyne.CanvasObject) fyne.CanvasObject {
	who := widgets.NewTwoLineCell()
	who.Set(name, kind)
	return widgets.Columns(10, []float32{-20, 1, -170, -26}, widgets.NewIcon(icon, theme.TextSecondary, 16), who, widgets.Inset(level, 2, 0, 2, 0), widgets.HStack(0, remove))
}

func (d *permissions) send() {
	id, now := d.p.now.ID, maps.Clone(d.now)
	if maps.Equal(now, d.before) {
		d.modal.Hide()
		return
	}
	d.run(func(ctx context.Context) error { return d.p.engine.Grant(ctx, id, now, true) })
}

func named(p access.Principal) string {
	if p.DisplayName != "" && p.Kind == access.KindServicePrincipal {
		return p.DisplayName
	}
	return p.Name
}

func kindWords(p access.Principal) string {
	switch p.Kind {
	case access.KindUser:
		return "User"
	case access.KindServicePrincipal:
		return "Service principal"
	}
	return "Group"
}

func iconOf(p access.Principal) fyne.Resource {
	switch p.Kind {
	case access.KindUser:
		return resources.IconUser
	case access.KindServicePrincipal:
		return resources.IconCube
	}
	return resources.IconUsers
}
