package shell_test

import (
	"testing"

	"fyne.io/fyne/v2"

	"servery/theme"
	"servery/views/shell"
)

func TestEscapeClosesTheDialogToChooseAFile(t *testing.T) {
	w := newWorld(t, theme.Light)
	w.shell.Go(shell.ServingRoute())
	w.shell.Host().OpenFile("Choose a file", []string{".onnx"}, func(string) { t.Error("something was chosen") })
	w.MustText("Choose a file")
	canvas := w.Window().Canvas()
	if canvas.Focused() != nil {
		t.Fatalf("%T has the focus and gets Escape", canvas.Focused())
	}
	canvas.OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if canvas.Overlays().Top() != nil {
		t.Error("the dialog is still open")
	}
}
