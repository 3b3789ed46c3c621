package endpoint

import (
	"fmt"
	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/theme"
	"servery/views/widgets"
)

// notice tells above everything else what is going on: an update with its stages, or why
// the last one failed.
type notice struct {
	p       *Page
	content *fyne.Container

	update  *widgets.Panel
	title   *widgets.Text
	text    *widgets.Text
	elapsed *widgets.Text
	bar     *widgets.Meter
	steps   *widgets.Steps
	line    *fyne.Container

	failed *widgets.Banner
}

func newNotice(p *Page) *notice {
	n := &notice{p: p, title: widgets.NewText("", widgets.TextStyle{Bold: true}), text: widgets.Muted("").Truncate(),
		elapsed: widgets.Muted(""), bar: widgets.NewMeter(theme.Primary), steps: widgets.NewSteps(),
		failed: widgets.NewBanner(widgets.Error, "", "")}
	n.line = widgets.Spread(widgets.Columns(12, []float32{-128, 1}, n.title, n.text), n.elapsed)
	n.update = widgets.NewPanel(widgets.VStack(10, n.line, n.bar, n.steps))
	n.update.SetBorder(theme.Primary)
	n.update.Hide()
	n.failed.Hide()
	n.content = widgets.VStack(16, n.update, n.failed)
	n.content.Hide()
	return n
}

func (n *notice) set(e endpoint.Endpoint) {
	updating := e.Update == endpoint.InProgress
	failed := e.Update == endpoint.UpdateFailed
	if updating {
		n.showUpdate(e)
	}
	if failed {
		n.showFailure(e)
	}
	if n.update.Visible() != updating || n.failed.Visible() != failed || n.content.Visible() != (updating || failed) {
		n.update.Hidden, n.failed.Hidden = !updating, !failed
		n.content.Hidden = !updating && !failed
		n.p.scroll.Refresh()
	}
}

func (n *notice) showUpdate(e endpoint.Endpoint) {
	title, text := "Starting", "the first configuration is being deployed"
	if e.Active != nil {
		title = "Update in progress"
		if e.Pending != nil {
			text = fmt.Sprintf("configuration %d → %d · the active configuration keeps serving until this one is ready", e.Active.Version, e.Pending.Version)
		} else {
			text = "the models are being loaded again after a restart"
		}
	}
	n.title.SetText(title)
	p := e.Progress
	if p == nil {
		p = &endpoint.Progress{Stage: endpoint.StageValidate}
	}
	if p.Detail != "" {
		text = p.Detail
	}
	n.text.SetText(text)
	if !p.StartedAt.IsZero() {
		n.elapsed.SetText(widgets.Duration(n.p.host.Now().Sub(p.StartedAt)))
		n.line.Refresh()
	}
	steps, share := stepsOf(p)
	n.bar.Set(share)
	n.steps.Set(steps)
}

// stepsOf gives the stages of an update as steps, and how much of the way is done: each
// stage counts alike, the running one half.
func stepsOf(p *endpoint.Progress) (steps []widgets.Step, share float64) {
	done := map[endpoint.Stage]endpoint.StageDone{}
	for _, d := range p.Done {
		done[d.Stage] = d
	}
	for _, s := range endpoint.Stages {
		step := widgets.Step{Title: string(s)}
		d, over := done[s]
		switch {
		case over:
			step.State = widgets.StepDone
			step.Detail = widgets.Duration(d.Took)
			if d.Detail != "" {
				step.Detail = d.Detail + ", " + step.Detail
			}
			share++
		case s == p.Stage:
			step.State = widgets.StepActive
			share += 0.5
		}
		steps = append(steps, step)
	}
	return steps, share / float64(len(endpoint.Stages))
}

func (n *notice) showFailure(e endpoint.Endpoint) {
	title := "The deployment failed"
	if e.Active != nil {
		title = fmt.Sprintf("The update failed. Configuration %d keeps serving", e.Active.Version)
	}
	n.failed.SetText(title, failureOf(e))
	n.failed.SetAction("Try again", func() { n.p.retry() })
}

// settled is called when a retry was accepted or refused.
func (n *notice) settled() { n.p.Refresh(nil) }

// failureOf is the message of the first served entity that failed.
func failureOf(e endpoint.Endpoint) string {
	if e.Pending == nil {
		return "The events tell why."
	}
	for _, s := range e.Pending.Entities {
		if s.Deployment == endpoint.DeploymentFailed && s.Message != "" {
			return s.Name + ": " + s.Message
		}
	}
	for _, s := range e.Pending.Entities {
		if s.Message != "" {
			return s.Name + ": " + s.Message
		}
	}
	return "The events tell why."
}
