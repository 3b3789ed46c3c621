package shell

import (
	"path/filepath"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"
)

// FilePicker asks for a file or a folder. chosen is not called when the person cancels.
type FilePicker interface {
	OpenFile(title string, extensions []string, chosen func(path string))
	OpenFolder(title string, chosen func(path string))
	SaveFile(title, name string, chosen func(path string))
}

// fyneFiles uses Fyne's own dialogs inside the window, each in the folder that was chosen
// from last.
type fyneFiles struct {
	window fyne.Window
	last   string // "" is where Fyne begins: the person's home
}

// begin takes a dialog to the last folder and shows it.
func (f *fyneFiles) begin(d *dialog.FileDialog, title string) {
	if at, err := storage.ListerForURI(storage.NewFileURI(f.last)); f.last != "" && err == nil {
		d.SetLocation(at)
	}
	d.SetTitleText(title)
	d.Show()
	d.Resize(fyne.NewSize(900, 620)) // before Show it would panic in Fyne 2.8
	f.window.Canvas().Unfocus()      // Fyne's list of files keeps Escape to itself
}

func (f *fyneFiles) OpenFile(title string, extensions []string, chosen func(string)) {
	d := dialog.NewFileOpen(func(r fyne.URIReadCloser, err error) {
		if err != nil || r == nil {
			return
		}
		path := r.URI().Path()
		r.Close()
		f.last = filepath.Dir(path)
		chosen(path)
	}, f.window)
	if len(extensions) > 0 {
		d.SetFilter(storage.NewExtensionFileFilter(extensions))
	}
	f.begin(d, title)
}

func (f *fyneFiles) OpenFolder(title string, chosen func(string)) {
	d := dialog.NewFolderOpen(func(u fyne.ListableURI, err error) {
		if err == nil && u != nil {
			f.last = filepath.Dir(u.Path()) // where its neighbours are
			chosen(u.Path())
		}
	}, f.window)
	f.begin(d, title)
}

func (f *fyneFiles) SaveFile(title, name string, chosen func(string)) {
	d := dialog.NewFileSave(func(w fyne.URIWriteCloser, err error) {
		if err != nil || w == nil {
			return
		}
		path := w.URI().Path()
		w.Close()
		f.last = filepath.Dir(path)
		chosen(path)
	}, f.window)
	d.SetFileName(name)
	f.begin(d, title)
}
