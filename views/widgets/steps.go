package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"servery/resources"
	"servery/theme"
)

// StepState is how far a step is.
type StepState int

// The states of a step.
const (
	StepPending StepState = iota
	StepActive
	StepDone
	StepFailed
)

// Step is a stage of something that goes on, with a detail such as the time it took.
type Step struct {
	Title, Detail string
	State         StepState
}

func (s Step) look() (icon fyne.Resource, ink fyne.ThemeColorName) {
	switch s.State {
	case StepDone:
		return resources.IconCheck, theme.Success
	case StepActive:
		return resources.IconProgress, theme.SelectedText
	case StepFailed:
		return resources.IconClose, theme.Danger
	default:
		return nil, theme.TextSecondary
	}
}

// Steps is a strip of stages from left to right.
type Steps struct {
	widget.BaseWidget
	steps []Step
	row   *fyne.Container
}

// NewSteps makes an empty strip.
func NewSteps() *Steps {
	s := &Steps{row: Flow(20)}
	s.ExtendBaseWidget(s)
	return s
}

// Set shows the stages.
func (s *Steps) Set(steps []Step) {
	same := len(steps) == len(s.steps)
	for i := 0; same && i < len(steps); i++ {
		same = steps[i] == s.steps[i]
	}
	if same {
		return
	}
	s.steps = append(s.steps[:0], steps...)
	s.row.Objects = s.row.Objects[:0]
	for _, st := range s.steps {
		icon, ink := st.look()
		text := st.Title
		if st.Detail != "" {
			text += " (" + st.Detail + ")"
		}
		label := NewText(text, TextStyle{Color: ink, Size: theme.TextSmall, Bold: st.State == StepActive, Medium: st.State != StepPending})
		if icon == nil {
			s.row.Objects = append(s.row.Objects, label)
			continue
		}
		s.row.Objects = append(s.row.Objects, HStack(5, NewIcon(icon, ink, 14), label))
	}
	s.row.Refresh()
	s.Refresh()
}

// CreateRenderer is for Fyne.
func (s *Steps) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(s.row) }
