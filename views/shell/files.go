package shell

import (
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

// fyneFiles uses Fyne's own dialogs inside the window.
type fyneFiles struct{ window fyne.Window }

func (f fyneFiles) OpenFile(title string, extensions []string, chosen func(string)) {
	d := dialog.NewFileOpen(func(r fyne.URIReadCloser, err error) {
		if err != nil || r == nil {
			return
		}
		path := r.URI().Path()
		r.Close()
		chosen(path)
	}, f.window)
	if len(extensions) > 0 {
		d.SetFilter(storage.NewExtensionFileFilter(extensions))
	}
	d.SetTitleText(title)
	d.Show()
	d.Resize(fyne.NewSize(900, 620)) // before Show it would panic in Fyne 2.8
}

func (f fyneFiles) OpenFolder(title string, chosen func(string)) {
	d := dialog.NewFolderOpen(func(u fyne.ListableURI, err error) {
		if err == nil && u != nil {
			chosen(u.Path())
		}
	}, f.window)
	d.SetTitleText(title)
	d.Show()
	d.Resize(fyne.NewSize(900, 620))
}

func (f fyneFiles) SaveFile(title, name string, chosen func(string)) {
	d := dialog.NewFileSave(func(w fyne.URIWriteCloser, err error) {
		if err != nil || w == nil {
			return
		}
		path := w.URI().Path()
		w.Close()
		chosen(path)
	}, f.window)
	d.SetFileName(name)
	d.SetTitleText(title)
	d.Show()
	d.Resize(fyne.NewSize(900, 620))
}
