package endpoint

import (
	"context"
	"errors"
	"fmt"

	"servery/engine/endpoint"
	"servery/views/shell"
	"servery/views/widgets"
)

// command runs one command of the endpoint off the UI goroutine, at most one at a time.
// What it changed comes by the engine's changes; what kept it from that is told in a
// message that begins with failed.
func (p *Page) command(failed string, run func(ctx context.Context) error, done func()) {
	if p.busy {
		return
	}
	p.setBusy(true)
	shell.Task(p.host, func(ctx context.Context) (struct{}, error) { return struct{}{}, run(ctx) },
		func(_ struct{}, err error) {
			p.setBusy(false)
			p.Refresh(nil)
			if err != nil {
				p.host.Toast(widgets.Error, failed+": "+err.Error())
				return
			}
			if done != nil {
				done()
			}
		})
}

func (p *Page) setBusy(on bool) {
	p.busy = on
	p.notice.setBusy(on)
}

func (p *Page) query() { p.host.Go(shell.QueryRoute(p.name)) }

func (p *Page) edit() {
	if p.now.Update != endpoint.InProgress {
		p.host.Go(shell.EditRoute(p.name))
	}
}

// retry deploys a configuration that failed or was canceled once more.
func (p *Page) retry() {
	p.command("The deployment was not started", func(ctx context.Context) error { return p.engine.RetryEndpoint(ctx, p.name) }, nil)
}

// start deploys the configuration of the stopped endpoint again.
func (p *Page) start() {
	p.command("The endpoint was not started", func(ctx context.Context) error {
		_, err := p.engine.StartEndpoint(ctx, p.name)
		return err
	}, nil)
}

// cancel gives the running update up. It asks nothing: what serves goes on, and the
// configuration is kept to be tried again.
func (p *Page) cancel() {
	p.command("The update was not canceled", func(ctx context.Context) error {
		_, err := p.engine.CancelUpdate(ctx, p.name)
		return err
	}, nil)
}

// stop asks, then ends what serves.
func (p *Page) stop() {
	text := "Its models leave memory and requests to it are refused until it is started again. Requests in flight finish. Its configuration, figures and events stay."
	if c := p.now.Pending; c != nil {
		text += fmt.Sprintf(" Configuration %d, which did not come into effect, is dropped.", c.Version)
	}
	p.host.Confirm(widgets.Confirm{Title: "Stop " + p.name + "?", Text: text, Verb: "Stop endpoint", Danger: true, Confirmed: func() {
		p.command("The endpoint was not stopped", func(ctx context.Context) error {
			_, err := p.engine.StopEndpoint(ctx, p.name)
			return err
		}, nil)
	}})
}

// remove asks, then deletes the endpoint and goes to the list.
func (p *Page) remove() {
	p.host.Confirm(widgets.Confirm{
		Title: "Delete " + p.name + "?",
		Text:  "Its configuration, figures and events go for good, and requests to it are refused. Requests in flight finish. The models stay.",
		Verb:  "Delete endpoint", Danger: true,
		Confirmed: func() {
			p.command("The endpoint was not deleted", func(ctx context.Context) error {
				err := p.engine.DeleteEndpoint(ctx, p.name)
				var missing *endpoint.NotFoundError
				if errors.As(err, &missing) {
					return nil // deleted elsewhere meanwhile
				}
				return err
			}, func() {
				p.host.Toast(widgets.Success, "Deleted "+p.name+".")
				p.host.Go(shell.ServingRoute())
			})
		},
	})
}
