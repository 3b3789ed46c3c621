package serving

import (
	"context"
	"net/url"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/views/shell"
	"servery/views/widgets"
)

// menu is what can be done with an endpoint from the list.
func (p *Page) menu(name string) *fyne.Menu {
	i, ok := p.at[name]
	if !ok {
		return nil
	}
	e := p.rows[i].endpoint
	items := []*fyne.MenuItem{
		fyne.NewMenuItem("Query", func() { p.host.Go(shell.QueryRoute(name)) }),
		fyne.NewMenuItem("Open", func() { p.host.Go(shell.EndpointRoute(name)) }),
	}
	if address := p.engine.Address(); address != "" {
		items = append(items, fyne.NewMenuItem("Copy invocation URL", func() {
			p.host.Copy(address + "/serving-endpoints/" + url.PathEscape(name) + "/invocations")
			p.host.Toast(widgets.Success, "Copied the URL of "+name)
		}))
	}
	if e.Update == endpoint.UpdateFailed {
		items = append(items, fyne.NewMenuItem("Retry the update", func() { p.retry(name) }))
	}
	return fyne.NewMenu("", append(items, fyne.NewMenuItemSeparator(), fyne.NewMenuItem("Delete…", func() { p.askDelete(name) }))...)
}

func (p *Page) retry(name string) {
	shell.Task(p.host, func(ctx context.Context) (struct{}, error) { return struct{}{}, p.engine.RetryEndpoint(ctx, name) },
		func(_ struct{}, err error) {
			if err != nil {
				p.host.Toast(widgets.Error, "Could not retry "+name+": "+err.Error())
			}
			p.Refresh(nil)
		})
}

func (p *Page) askDelete(name string) {
	p.host.Confirm(widgets.Confirm{
		Title: "Delete " + name + "?", Verb: "Delete endpoint", Danger: true,
		Text:      "Its URL stops answering; requests that are running finish. Its configuration, figures and events are removed. The models stay.",
		Confirmed: func() { p.delete(name) },
	})
}

func (p *Page) delete(name string) {
	shell.Task(p.host, func(ctx context.Context) (struct{}, error) { return struct{}{}, p.engine.DeleteEndpoint(ctx, name) },
		func(_ struct{}, err error) {
			if err != nil {
				p.host.Toast(widgets.Error, "Could not delete "+name+": "+err.Error())
			} else {
				p.host.Toast(widgets.Success, "Deleted "+name)
			}
			p.Refresh(nil)
		})
}
