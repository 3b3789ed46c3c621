package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"servery/resources"
	"servery/theme"
)

// Entry is a line to type into.
type Entry struct {
	widget.Entry
}

// NewEntry makes an empty line.
func NewEntry(placeholder string) *Entry {
	e := &Entry{}
	e.PlaceHolder = placeholder
	e.ExtendBaseWidget(e)
	return e
}

// SelectAll marks the whole text, so that typing replaces it.
func (e *Entry) SelectAll() { e.Entry.TypedShortcut(&fyne.ShortcutSelectAll{}) }

// TypedKey is for Fyne; Escape closes the dialog the entry stands in.
func (e *Entry) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		escape(e)
		return
	}
	e.Entry.TypedKey(k)
}

// TypedShortcut is for Fyne.
func (e *Entry) TypedShortcut(s fyne.Shortcut) {
	if !passOn(e, s) {
		e.Entry.TypedShortcut(s)
	}
}

// passOn gives a shortcut of the window to its canvas and tells whether it did: Fyne
// sends it to the focused object only. Those that move or delete in the text stay.
func passOn(o fyne.CanvasObject, s fyne.Shortcut) bool {
	c, ok := s.(*desktop.CustomShortcut)
	if !ok {
		return false
	}
	if c.Modifier != fyne.KeyModifierAlt {
		switch c.KeyName {
		case fyne.KeyLeft, fyne.KeyRight, fyne.KeyBackspace, fyne.KeyDelete, fyne.KeyHome, fyne.KeyEnd:
			return false
		}
	}
	if canvas, ok := fyne.CurrentApp().Driver().CanvasForObject(o).(fyne.Shortcutable); ok {
		canvas.TypedShortcut(s)
		return true
	}
	return false
}

// CodeEditor is for many lines in the monospace font.
type CodeEditor struct {
	widget.Entry
	OnSend func() // Ctrl+Enter
}

// NewCodeEditor makes an empty editor.
func NewCodeEditor() *CodeEditor {
	e := &CodeEditor{}
	e.MultiLine = true
	e.Wrapping = fyne.TextWrapOff
	e.TextStyle = fyne.TextStyle{Monospace: true}
	e.ExtendBaseWidget(e)
	return e
}

// SetMinRows makes the editor at least that many lines high.
func (e *CodeEditor) SetMinRows(n int) { e.SetMinRowsVisible(n) }

// TypedShortcut is for Fyne.
func (e *CodeEditor) TypedShortcut(s fyne.Shortcut) {
	if c, ok := s.(*desktop.CustomShortcut); ok && c.Modifier&fyne.KeyModifierShortcutDefault != 0 &&
		(c.KeyName == fyne.KeyReturn || c.KeyName == fyne.KeyEnter) {
		if e.OnSend != nil {
			e.OnSend()
		}
		return
	}
	if !passOn(e, s) {
		e.Entry.TypedShortcut(s)
	}
}

// TypedKey is for Fyne.
func (e *CodeEditor) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		escape(e)
		return
	}
	e.Entry.TypedKey(k)
}

// SearchEntry filters: a magnifier, a line, and Escape clears it.
type SearchEntry struct {
	widget.BaseWidget
	OnLeave func() // Down or Enter: on to what was found; may be nil

	entry *searchLine
	icon  *Icon
}

type searchLine struct {
	widget.Entry
	owner *SearchEntry
}

// TypedShortcut is for Fyne.
func (s *searchLine) TypedShortcut(sc fyne.Shortcut) {
	if !passOn(s, sc) {
		s.Entry.TypedShortcut(sc)
	}
}

// TypedKey is for Fyne.
func (s *searchLine) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		if s.Text == "" {
			escape(s)
			return
		}
		s.SetText("")
		return
	}
	if leave := s.owner.OnLeave; leave != nil && (k.Name == fyne.KeyDown || k.Name == fyne.KeyReturn || k.Name == fyne.KeyEnter) {
		leave()
		return
	}
	s.Entry.TypedKey(k)
}

// NewSearchEntry makes an empty filter line; changed hears every change.
func NewSearchEntry(placeholder string, changed func(string)) *SearchEntry {
	s := &SearchEntry{entry: &searchLine{}, icon: NewIcon(resources.IconSearch, theme.TextSecondary, 16)}
	s.entry.owner = s
	s.entry.ExtendBaseWidget(s.entry)
	s.entry.PlaceHolder = placeholder
	s.entry.OnChanged = changed
	s.entry.Icon = blank
	s.ExtendBaseWidget(s)
	return s
}

// blank keeps the room that Fyne's entry gives an icon; ours is drawn over it, in the
// theme's colour.
var blank = &fyne.StaticResource{StaticName: "blank.svg",
	StaticContent: []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24"></svg>`)}

// Text is what is typed.
func (s *SearchEntry) Text() string { return s.entry.Text }

// SetText changes it and tells changed.
func (s *SearchEntry) SetText(t string) { s.entry.SetText(t) }

// Line is what takes the focus, for Canvas.Focus.
func (s *SearchEntry) Line() fyne.Focusable { return s.entry }

// PlaceHolder is the grey text of the empty line.
func (s *SearchEntry) PlaceHolder() string { return s.entry.PlaceHolder }

// CreateRenderer is for Fyne.
func (s *SearchEntry) CreateRenderer() fyne.WidgetRenderer {
	return newRenderer(
		func(size fyne.Size) {
			h := s.entry.MinSize().Height
			place(s.entry, 0, (size.Height-h)/2, size.Width, h)
			place(s.icon, 9, 0, 16, size.Height)
		},
		func() fyne.Size { return fyne.NewSize(180, s.entry.MinSize().Height) },
		func() {},
		s.entry, s.icon)
}
