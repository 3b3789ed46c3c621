package endpoint

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
	"servery/theme"
	"servery/views/widgets"
)

// notice tells above everything else what is going on: an update with its stages, why the
// last one did not come into effect, or that the endpoint is stopped.
type notice struct {
	p       *Page
	content *fyne.Container

	update  *widgets.Panel
	title   *widgets.Text
	text    *widgets.Text
	cancel  *widgets.Button
	elapsed *widgets.Text
	bar     *widgets.Meter
	steps   *widgets.Steps
	line    *fyne.Container
	way     *fyne.Container // the bar with the time

	said  *widgets.Banner
	words [4]string // what it says, so that figures that change do not draw it again
}

func newNotice(p *Page) *notice {
	n := &notice{p: p, title: widgets.NewText("", widgets.TextStyle{Bold: true}), text: widgets.Muted("").Truncate(),
		cancel: widgets.DangerLineButton("Cancel update", p.cancel).Small(), elapsed: widgets.Muted(""),
		bar: widgets.NewMeter(theme.Primary), steps: widgets.NewSteps(), said: widgets.NewBanner(widgets.Error, "", "")}
	n.line = widgets.Spread(widgets.Columns(12, []float32{-128, 1}, n.title, n.text), n.cancel)
	n.way = widgets.Spread(n.bar, n.elapsed)
	n.update = widgets.NewPanel(widgets.VStack(10, n.line, n.way, n.steps))
	n.update.SetBorder(theme.Primary)
	n.update.Hide()
	n.said.Hide()
	n.content = widgets.VStack(16, n.update, n.said)
	n.content.Hide()
	return n
}

func (n *notice) set(e endpoint.Endpoint) {
	updating := e.Update == endpoint.InProgress
	saying := true
	switch {
	case updating:
		n.showUpdate(e)
		saying = false
	case e.Update == endpoint.UpdateFailed:
		n.say(widgets.Error, n.failureTitle(e), failureOf(e), "Try again", n.p.retry)
	case e.Update == endpoint.UpdateCanceled:
		n.say(widgets.Info, "The update was canceled"+serving(e), "Its configuration is kept below: deploy it after all, or edit the endpoint.", "Deploy it", n.p.retry)
	case e.Suspended && e.Active != nil:
		n.say(widgets.Info, "This endpoint is stopped", fmt.Sprintf("None of its models is in memory, and requests to it are answered with status 400. Starting it deploys configuration %d again.", e.Active.Version), "Start", n.p.start)
	default:
		text := onCPU(e)
		n.say(widgets.Info, "A GPU type runs on the CPU here", text, "", nil)
		saying = text != ""
	}
	if n.update.Visible() != updating || n.said.Visible() != saying {
		n.update.Hidden, n.said.Hidden = !updating, !saying
		n.content.Hidden = !updating && !saying
		n.p.scroll.Refresh()
	}
}

func (n *notice) say(k widgets.Kind, title, text, action string, do func()) {
	words := [4]string{fmt.Sprint(k), title, text, action}
	if words == n.words {
		return
	}
	n.words = words
	n.said.SetKind(k)
	n.said.SetText(title, text)
	n.said.SetAction(action, do)
}

// setBusy keeps the actions from being taken again while one runs.
func (n *notice) setBusy(on bool) {
	n.cancel.SetBusy(on)
	n.said.SetBusy(on)
}

func (n *notice) showUpdate(e endpoint.Endpoint) {
	title, text := updateWords(e)
	n.title.SetText(title)
	p := e.Progress
	if p == nil {
		p = &endpoint.Progress{Stage: endpoint.StageValidate}
	}
	if p.Detail != "" {
		text = p.Detail
	}
	n.text.SetText(text)
	began := p.StartedAt // of the stage
	if e.Pending != nil && !e.Pending.StartedAt.IsZero() {
		began = e.Pending.StartedAt
	}
	if !began.IsZero() {
		n.elapsed.SetText(widgets.Duration(n.p.host.Now().Sub(began)))
		n.way.Refresh()
	}
	steps, share := stepsOf(p)
	n.bar.Set(share)
	n.steps.Set(steps)
}

// updateWords says what the running update is.
func updateWords(e endpoint.Endpoint) (title, text string) {
	switch {
	case e.Active == nil:
		return "Starting", "the first configuration is being deployed"
	case e.Pending == nil:
		return "Update in progress", "the models are being loaded again after a restart"
	case e.Suspended:
		return "Starting", fmt.Sprintf("configuration %d · requests are refused until it is ready", e.Pending.Version)
	default:
		return "Update in progress", fmt.Sprintf("configuration %d → %d · the active configuration keeps serving until this one is ready", e.Active.Version, e.Pending.Version)
	}
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

func (n *notice) failureTitle(e endpoint.Endpoint) string {
	if e.Active == nil {
		return "The deployment failed"
	}
	return "The update failed" + serving(e)
}

// serving says what answers beside an update that did not come into effect.
func serving(e endpoint.Endpoint) string {
	switch {
	case e.Active == nil:
		return ""
	case e.Suspended:
		return ". The endpoint is stopped"
	case e.Ready != endpoint.Ready:
		return fmt.Sprintf(". Configuration %d does not serve either", e.Active.Version)
	default:
		return fmt.Sprintf(". Configuration %d keeps serving", e.Active.Version)
	}
}

// onCPU says why served entities with GPU types run on the CPU; "" where none does.
func onCPU(e endpoint.Endpoint) string {
	if e.Active == nil {
		return ""
	}
	var reasons []string
	names := map[string][]string{}
	for _, s := range e.Active.Entities {
		p := s.Live.Placement
		if s.Deployment != endpoint.DeploymentReady || p.OnGPU || p.Reason == "" {
			continue
		}
		if names[p.Reason] == nil {
			reasons = append(reasons, p.Reason)
		}
		names[p.Reason] = append(names[p.Reason], s.Name)
	}
	for i, r := range reasons {
		reasons[i] = strings.Join(names[r], ", ") + ": " + r + "."
	}
	return strings.Join(reasons, " ")
}

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
