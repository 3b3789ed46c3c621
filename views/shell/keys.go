package shell

import (
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"servery/views/widgets"
)

// chord is a key with its modifiers.
type chord struct {
	key fyne.KeyName
	mod fyne.KeyModifier
}

// bindGlobal sets the keys that work on every page.
func (s *Shell) bindGlobal() {
	ctrl := fyne.KeyModifierShortcutDefault
	s.global = map[chord]func(){
		{fyne.KeyN, ctrl}:                         func() { s.Go(CreateRoute("", "")) },
		{fyne.Key1, ctrl}:                         func() { s.Go(ServingRoute()) },
		{fyne.Key2, ctrl}:                         func() { s.Go(ModelsRoute()) },
		{fyne.KeyLeft, fyne.KeyModifierAlt}:       s.Back,
		{fyne.KeyT, ctrl | fyne.KeyModifierShift}: s.toggleMode,
	}
	for c := range s.global {
		s.listen(c)
	}
	canvas := s.c.Window.Canvas()
	canvas.SetOnTypedKey(func(e *fyne.KeyEvent) {
		if e.Name == fyne.KeyEscape && widgets.CloseTop(canvas) {
			return
		}
		if !prints(e.Name) {
			s.press(chord{e.Name, 0})
		}
	})
	// What a key prints comes after the key itself, and goes to what has the focus by then:
	// acting on the key "/" would type it into the line that it moves to.
	canvas.SetOnTypedRune(func(r rune) { s.press(chord{fyne.KeyName(string(unicode.ToUpper(r))), 0}) })
}

// prints tells whether a key also arrives as a character.
func prints(k fyne.KeyName) bool { return utf8.RuneCountInString(string(k)) == 1 }

// listen makes the canvas report a chord, once. Keys without a modifier come through
// OnTypedKey.
func (s *Shell) listen(c chord) {
	if c.mod == 0 || s.heard[c] {
		return
	}
	s.heard[c] = true
	s.c.Window.Canvas().AddShortcut(&desktop.CustomShortcut{KeyName: c.key, Modifier: c.mod}, func(fyne.Shortcut) { s.press(c) })
}

// press runs what the shown page or the shell has for a chord, unless a dialog is open.
func (s *Shell) press(c chord) {
	if s.c.Window.Canvas().Overlays().Top() != nil {
		return
	}
	if e := s.current(); e != nil {
		if fn := e.host.keys[c]; fn != nil {
			fn()
			return
		}
	}
	if fn := s.global[c]; fn != nil {
		fn()
	}
}
