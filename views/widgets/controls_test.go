package widgets_test

import (
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"servery/engine/endpoint"
	"servery/resources"
	"servery/theme"
	"servery/views/viewtest"
	"servery/views/widgets"
)

func TestAButtonIsPressedByPointerAndKeyboardUnlessDisabled(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	n := 0
	b := widgets.PrimaryButton("Create", func() { n++ })
	h.Show(widgets.HStack(8, b), 300, 80)
	h.Tap("Create")
	h.Key(fyne.KeyReturn)
	h.Key(fyne.KeySpace)
	if n != 3 {
		t.Errorf("pressed %d times, want 3", n)
	}
	b.SetBusy(true)
	h.MustText("Create")
	h.Key(fyne.KeyReturn)
	b.Tapped(nil)
	if n != 3 {
		t.Error("a busy button was pressed")
	}
	b.SetBusy(false)
	b.Tapped(nil)
	if n != 4 {
		t.Error("the button stayed busy")
	}
}

func TestTheRingIsForTheKeyboardAndDisabledControlsAreSkipped(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	a, off, c := widgets.SecondaryButton("a", nil), widgets.SecondaryButton("off", nil), widgets.SecondaryButton("c", nil)
	off.Disable()
	h.Show(widgets.HStack(8, a, off, c), 300, 80)
	h.Tab()
	h.Tab()
	if h.Focused() != fyne.Focusable(c) {
		t.Errorf("the focus went to %v", h.Focused())
	}
}

func TestAnIconButtonHasItsNameButNoText(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	n := 0
	h.Show(widgets.HStack(8, widgets.IconButton(resources.IconTrash, "Delete", func() { n++ })), 100, 60)
	h.Tap("Delete")
	if n != 1 {
		t.Error("not found by its name")
	}
}

func TestSegmentsAreChosenByClickAndArrows(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	var heard []string
	s := widgets.NewSegmented([]widgets.Option{{Value: "5m", Label: "5 m"}, {Value: "1h", Label: "1 h"}, {Value: "24h", Label: "24 h"}}, func(v string) { heard = append(heard, v) })
	h.Show(widgets.HStack(8, s), 300, 80)
	h.Tap("24 h")
	h.Key(fyne.KeyLeft)
	h.Key(fyne.KeyLeft)
	h.Key(fyne.KeyLeft)
	s.SetSelected("24h")
	if want := []string{"24h", "1h", "5m"}; !slices.Equal(heard, want) || s.Selected() != "24h" {
		t.Errorf("heard %q, selected %q; want %q", heard, s.Selected(), want)
	}
}

func TestASelectOpensAMenuAndStepsByArrows(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	var heard []string
	s := widgets.NewSelect([]widgets.Option{{Value: "", Label: "Any"}, {Value: "READY", Label: "Ready"}}, func(v string) { heard = append(heard, v) })
	s.Prefix = "State: "
	h.Show(widgets.VStack(8, s), 300, 200)
	h.MustText("State: Any")
	h.Tap("State: Any")
	h.Tap("Ready")
	h.MustText("State: Ready")
	h.Key(fyne.KeyUp)
	h.MustText("State: Any")
	if want := []string{"READY", ""}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}

func TestTabsShowOneContentAndMoveByArrows(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	var heard []int
	tabs := widgets.NewTabs([]widgets.TabItem{{"Metrics", widgets.Body("charts")}, {"Events", widgets.Body("log")}}, func(i int) { heard = append(heard, i) })
	h.Show(tabs, 300, 200)
	h.MustText("charts")
	h.NoText("log")
	h.Tap("Events")
	h.MustText("log")
	h.NoText("charts")
	h.Key(fyne.KeyLeft)
	h.MustText("charts")
	if !slices.Equal(heard, []int{1, 0}) {
		t.Errorf("heard %v", heard)
	}
}

func TestChecksTellAPersonsClicksOnly(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	var heard []bool
	c := widgets.NewCheck("Scale to zero", "After 30 min.", func(on bool) { heard = append(heard, on) })
	s := widgets.NewSwitch("Route optimization", "", func(on bool) { heard = append(heard, on) })
	h.Show(widgets.VStack(8, c, s), 300, 200)
	c.SetChecked(true)
	h.Tap("Scale to zero")
	h.Tap("Route optimization")
	h.Key(fyne.KeySpace)
	if !slices.Equal(heard, []bool{false, true, false}) {
		t.Errorf("heard %v", heard)
	}
}

func TestAFieldShowsItsErrorInPlaceOfItsHelp(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	f := widgets.NewField("Name", "Letters and digits.", widgets.NewEntry("")).Required()
	h.Show(widgets.VStack(8, f, widgets.Body("below")), 300, 200)
	h.MustText("Letters and digits.", "*")
	f.SetError("This name is taken; choose another one that no endpoint on this machine has, or delete that endpoint first.")
	h.MustText("This name is taken")
	h.NoText("Letters and digits.")
	tall := f.MinSize().Height
	f.SetError("")
	h.MustText("Letters and digits.")
	if f.MinSize().Height >= tall {
		t.Error("a wrapped error takes no more room than a line of help")
	}
}

func TestTypingIntoAFieldTellsTheEntry(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	e := widgets.NewEntry("")
	heard := ""
	e.OnChanged = func(s string) { heard = s }
	h.Show(widgets.VStack(8, widgets.NewField("Name", "", e)), 300, 100)
	h.Type("Name", "fraud")
	if heard != "fraud" {
		t.Errorf("heard %q", heard)
	}
}

func TestTheEditorSendsOnControlEnter(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	e := widgets.NewCodeEditor()
	sent := 0
	e.OnSend = func() { sent++ }
	h.Show(e, 300, 200)
	e.TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyReturn, Modifier: fyne.KeyModifierShortcutDefault})
	if sent != 1 || e.Text != "" {
		t.Errorf("sent %d, text %q", sent, e.Text)
	}
}

func TestCopySaysSoUntilThePointerLeaves(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	copied := ""
	c := widgets.NewCodeBox("curl …", func(s string) { copied = s })
	h.Show(c, 300, 120)
	h.Tap("Copy")
	h.MustText("Copied")
	if copied != "curl …" {
		t.Errorf("copied %q", copied)
	}
	h.Button("Copied").MouseOut()
	h.MustText("Copy")
	h.NoText("Copied")
}

func TestEscapeClearsTheSearch(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	var heard []string
	s := widgets.NewSearchEntry("Filter", func(t string) { heard = append(heard, t) })
	h.Show(s, 300, 60)
	h.Type("Filter", "ads")
	h.Window().Canvas().Focus(s.Line())
	h.Key(fyne.KeyEscape)
	if !slices.Equal(heard, []string{"ads", ""}) {
		t.Errorf("heard %q", heard)
	}
}

func TestDangerAsksForTheName(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	h.Show(widgets.Body("page"), 800, 600)
	done := 0
	ask := func() {
		widgets.ShowConfirm(h.Window().Canvas(), widgets.Confirm{Title: "Delete ads?", Text: "It cannot be undone.", Verb: "Delete endpoint", Danger: true, TypedName: "ads", Confirmed: func() { done++ }})
	}
	ask()
	h.Type("Type ads to confirm", "ad")
	if !h.Button("Delete endpoint").Disabled() {
		t.Error("the button works for another name")
	}
	h.Key(fyne.KeyEscape)
	h.NoText("Delete ads?")
	ask()
	h.Type("Type ads to confirm", "ads")
	h.Tap("Delete endpoint")
	h.NoText("Delete ads?")
	if done != 1 {
		t.Errorf("confirmed %d times", done)
	}
}

func TestEndpointsHaveTheSameWordsEverywhere(t *testing.T) {
	running := &endpoint.Config{Version: 1, Entities: []endpoint.ServedEntity{{Live: endpoint.Live{PID: 7, Provisioned: 4}}}}
	idle := &endpoint.Config{Version: 1, Entities: []endpoint.ServedEntity{{ScaleToZero: true}}}
	for _, c := range []struct {
		short, whole string
		e            endpoint.Endpoint
	}{
		{"Ready", "Ready", endpoint.Endpoint{Ready: endpoint.Ready, Update: endpoint.NotUpdating, Active: running}},
		{"Scaled to zero", "Scaled to zero", endpoint.Endpoint{Ready: endpoint.Ready, Update: endpoint.NotUpdating, Active: idle}},
		{"Updating", "Ready (Updating)", endpoint.Endpoint{Ready: endpoint.Ready, Update: endpoint.InProgress, Active: running, Pending: running}},
		{"Starting", "Not ready (Updating)", endpoint.Endpoint{Ready: endpoint.NotReady, Update: endpoint.InProgress, Pending: running}},
		{"Update failed", "Ready (Update failed)", endpoint.Endpoint{Ready: endpoint.Ready, Update: endpoint.UpdateFailed, Active: running, Pending: running}},
		{"Update failed", "Not ready (Update failed)", endpoint.Endpoint{Ready: endpoint.NotReady, Update: endpoint.UpdateFailed, Pending: running}},
		{"Update canceled", "Ready (Update canceled)", endpoint.Endpoint{Ready: endpoint.Ready, Update: endpoint.UpdateCanceled, Active: running, Pending: running}},
		{"Update canceled", "Not ready (Update canceled)", endpoint.Endpoint{Ready: endpoint.NotReady, Update: endpoint.UpdateCanceled, Pending: running}},
		{"Not ready", "Not ready", endpoint.Endpoint{Ready: endpoint.NotReady, Update: endpoint.NotUpdating, Active: running}},
		{"Stopped", "Not ready (Stopped)", endpoint.Endpoint{Ready: endpoint.NotReady, Update: endpoint.NotUpdating, Active: idle, Suspended: true}},
		{"Updating", "Not ready (Updating)", endpoint.Endpoint{Ready: endpoint.NotReady, Update: endpoint.InProgress, Active: idle, Pending: idle, Suspended: true}},
		{"No configuration", "Not ready (No configuration)", endpoint.Endpoint{Ready: endpoint.NotReady, Update: endpoint.NotUpdating}},
	} {
		if _, got := widgets.EndpointBadge(c.e); got != c.short {
			t.Errorf("got %q, want %q", got, c.short)
		}
		if _, got := widgets.EndpointStateBadge(c.e); got != c.whole {
			t.Errorf("got %q, want %q", got, c.whole)
		}
	}
}
