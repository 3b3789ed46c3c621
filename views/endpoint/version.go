package endpoint

import (
	"context"
	"fmt"
	"strconv"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/views/config"
	"servery/views/widgets"
)

// version is the dialog of one configuration: what it is, how it ended, what differs from
// another, and the way back to it.
type version struct {
	*form
	all     []endpoint.ConfigVersion
	shown   endpoint.ConfigVersion
	changes *config.ChangeList
}

func (p *Page) openVersion(all []endpoint.ConfigVersion, row int) {
	v := &version{all: all, shown: all[row], changes: config.NewChangeList("They ask for the same.")}
	number := v.shown.Config.Version
	v.form = newForm(p, fmt.Sprintf("Restore configuration %d", number), v.restore)
	with := widgets.NewSelect(v.others(), v.compare)
	other := v.against(row)
	with.SetSelected(other)
	v.compare(other)
	right := widgets.VStack(12, widgets.NewField("What it changes against", "", with), widgets.ScrollBeyond(300, v.changes))
	if other == "" {
		right = widgets.VStack(0, widgets.MutedParagraph("It is the only configuration that is kept."))
	}
	note := widgets.SmallParagraph(v.whyNot())
	note.Hidden = note.Text() == ""
	if !note.Hidden {
		v.save.Disable()
	}
	v.open(fmt.Sprintf("Configuration %d", number), 860, nil, widgets.Columns(32, []float32{1, 1}, v.facts(), right), note)
}

// others are the configurations to compare with.
func (v *version) others() (options []widgets.Option) {
	for _, o := range v.all {
		if o.Config.Version == v.shown.Config.Version || o.State == endpoint.VersionUnreadable {
			continue
		}
		_, state := versionBadge(o.State)
		options = append(options, widgets.Option{Value: strconv.Itoa(o.Config.Version), Label: fmt.Sprintf("Configuration %d · %s", o.Config.Version, state)})
	}
	return options
}

// against is what a configuration is compared with at first: the active one, or for that
// the one before it; "" where there is no other.
func (v *version) against(row int) string {
	if active := v.p.now.Active; active != nil && active.Version != v.shown.Config.Version {
		return strconv.Itoa(active.Version)
	}
	for _, o := range v.all[row+1:] {
		if o.State != endpoint.VersionUnreadable {
			return strconv.Itoa(o.Config.Version)
		}
	}
	if options := v.others(); len(options) > 0 {
		return options[0].Value
	}
	return ""
}

func (v *version) compare(number string) {
	for _, o := range v.all {
		if strconv.Itoa(o.Config.Version) == number {
			v.changes.Set(config.Changes(&o.Config, &v.shown.Config))
			v.resized()
		}
	}
}

// whyNot is why the configuration cannot be restored now, "" where it can.
func (v *version) whyNot() string {
	switch {
	case v.shown.State == endpoint.VersionUnreadable:
		return "It cannot be restored: its record is damaged."
	case v.p.now.Update == endpoint.InProgress:
		return "It can be restored once the update that runs has ended."
	case v.shown.State == endpoint.VersionActive:
		return "It is the active configuration."
	default:
		return ""
	}
}

func (v *version) facts() fyne.CanvasObject {
	c := &v.shown.Config
	state, word := versionBadge(v.shown.State)
	rows := []widgets.KeyValue{{Key: "State", Object: widgets.HStack(0, widgets.NewBadge(state, word))}}
	add := func(key, value string) {
		if value != "" && value != "—" {
			rows = append(rows, widgets.KeyValue{Key: key, Value: value})
		}
	}
	add("Why", widgets.Sentence(v.shown.Reason))
	add("How", originWords(c))
	add("By", c.Creator)
	if !c.AcceptedAt.IsZero() {
		add("Accepted", v.p.local(c.AcceptedAt).Format("2 January 2006, 15:04:05"))
	}
	if !c.ActiveFrom.IsZero() {
		add("Served from", v.p.local(c.ActiveFrom).Format("2 January 2006, 15:04:05"))
	}
	if !c.EndedAt.IsZero() {
		add("Ended", v.p.local(c.EndedAt).Format("2 January 2006, 15:04:05"))
	}
	add("Served for", v.p.servedFor(c))
	for i := range c.Entities {
		s := &c.Entities[i]
		add(s.Name, fmt.Sprintf("%s version %d\n%s · %s · %s", s.ModelName, s.ModelVersion, s.WorkloadType, scaleOut(*s), shareOf(c, s.Name)))
	}
	facts := widgets.NewKeyValues(104)
	facts.Set(rows)
	return widgets.ScrollBeyond(400, facts)
}

func shareOf(c *endpoint.Config, name string) string {
	for _, r := range c.Routes {
		if r.EntityName == name {
			return fmt.Sprintf("%d %%", r.Percent)
		}
	}
	return "0 %"
}

func (v *version) restore() {
	number := v.shown.Config.Version
	v.run(func(ctx context.Context) error {
		_, err := v.p.engine.RestoreConfig(ctx, v.p.name, number)
		return err
	})
}
