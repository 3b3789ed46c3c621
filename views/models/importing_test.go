package models

import (
	"errors"
	"testing"

	"fyne.io/fyne/v2"

	"servery/engine/registry"
	"servery/theme"
	"servery/views/shell"
	"servery/views/viewtest"
	"servery/views/widgets"
)

func TestLookOfTheImport(t *testing.T) {
	looks(t, "import", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		h, p, _ := recognizer(t, m)
		p.Dropped([]string{"/home/ann/models/Silero VAD v5.onnx"})
		return h
	})
}

func TestLookOfARunningImport(t *testing.T) {
	looks(t, "importing", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		h, p, _ := recognizer(t, m)
		d := showImport(p.host, p.engine, "/home/ann/models/large.onnx", "", p.reveal)
		h.Host().Hold = true
		h.Tap("Import")
		d.tell(registry.Progress{Stage: registry.StageCopy, Done: 412_000_000, Total: 1_340_000_000})
		return h
	})
}

func TestLookOfAFailedImport(t *testing.T) {
	looks(t, "import-failed", func(t *testing.T, m theme.Mode) *viewtest.Harness {
		h, p, e := recognizer(t, m)
		e.outcome = registry.Version{Number: 1, Status: registry.Failed, Reason: "The file ends in the middle of a tensor: 1,048,576 of 4,194,304 bytes are there. Copy or export it again."}
		p.Dropped([]string{"/home/ann/models/broken.onnx"})
		h.Tap("Import")
		return h
	})
}

func TestAFileBecomesAModel(t *testing.T) {
	h, p, e := recognizer(t, theme.Light)
	h.Tap("Import a model")
	h.Host().NextPath = "/tmp/Silero VAD v5.onnx"
	h.Tap("File")
	h.MustText("main.default.silero_vad_v5", "A new model")
	h.Type("Alias", "champion")
	h.Type("Comment", "first")
	h.Tap("Import")
	want := registry.Import{Source: "/tmp/Silero VAD v5.onnx", Name: "main.default.silero_vad_v5", Alias: "champion", Comment: "first"}
	if len(e.imports) != 1 || e.imports[0].Source != want.Source || e.imports[0].Name != want.Name || e.imports[0].Alias != want.Alias || e.imports[0].Comment != want.Comment {
		t.Fatalf("imported %+v", e.imports)
	}
	if p.chosen != want.Name || p.version != 1 {
		t.Errorf("%s version %d is chosen", p.chosen, p.version)
	}
	h.MustText("Serve version 1")
}

func TestATypedNameStaysWhenThePathChanges(t *testing.T) {
	h, p, _ := recognizer(t, theme.Light)
	p.importModel("", "")
	h.Type("File or folder", "/tmp/a.onnx")
	h.Type("Register as", "main.default.mine")
	h.Type("File or folder", "/tmp/b.onnx")
	h.MustText("main.default.mine")
	h.NoText("main.default.b")
}

func TestANewVersionKeepsTheModelsName(t *testing.T) {
	h, _, e := recognizer(t, theme.Light)
	h.Tap("New version")
	h.MustText("Import a new version", "A new version of a model that has 3 versions.")
	h.Type("File or folder", "/tmp/other.onnx")
	h.Tap("Import")
	if len(e.imports) != 1 || e.imports[0].Name != "main.vision.ppocr_rec" {
		t.Errorf("imported %+v", e.imports)
	}
}

func TestWhatIsMissingIsToldAtItsField(t *testing.T) {
	h, p, e := recognizer(t, theme.Light)
	p.importModel("", "")
	h.Tap("Import")
	h.MustText("Choose a file or a folder.")
	h.Type("File or folder", "models/a.onnx")
	h.Tap("Import")
	h.MustText("Give the whole path")
	h.Type("File or folder", "/tmp/a.onnx")
	h.Type("Register as", "digits")
	h.MustText("three names with dots between them")
	h.Tap("Import")
	h.Type("Register as", "")
	h.Tap("Import")
	h.MustText("Give the model a name.")
	h.Type("Register as", "main.default.digits")
	h.Type("Alias", "latest")
	h.MustText("neither a number")
	h.Tap("Import")
	if len(e.imports) != 0 {
		t.Errorf("imported %+v", e.imports)
	}
}

func TestAnUnreadableSourceIsToldAtItsField(t *testing.T) {
	h, p, e := recognizer(t, theme.Light)
	e.err = &registry.SourceError{Path: "/tmp/none.onnx", Message: "does not exist"}
	p.importModel("/tmp/none.onnx", "")
	h.Tap("Import")
	if got := h.Field("File or folder").Error(); got != e.err.Error() {
		t.Errorf("the field says %q", got)
	}
	e.err = errors.New("no space left on device")
	h.Tap("Import")
	h.MustText("The model was not imported", "no space left on device")
	e.err = nil
	h.Tap("Import")
	h.NoText("Import a new")
}

func TestProgressIsShownAndNothingStartsTwice(t *testing.T) {
	h, p, e := recognizer(t, theme.Light)
	h.Host().Hold = true
	d := showImport(p.host, p.engine, "/tmp/large.onnx", "", nil)
	h.Tap("Import")
	h.MustText("Starting", "Importing")
	d.tell(registry.Progress{Stage: registry.StageCopy, Done: 500_000, Total: 1_000_000})
	h.Settle()
	h.MustText("Copying", "500 kB of 1.0 MB")
	d.run()
	h.Host().RunHeld()
	if len(e.imports) != 1 {
		t.Errorf("%d imports", len(e.imports))
	}
}

func TestARunningImportIsCancelled(t *testing.T) {
	for how, cancel := range map[string]func(h *viewtest.Harness){
		"button": func(h *viewtest.Harness) { h.Tap("Cancel") },
		"escape": func(h *viewtest.Harness) { h.Key(fyne.KeyEscape) },
	} {
		t.Run(how, func(t *testing.T) {
			h, p, e := recognizer(t, theme.Light)
			h.Host().Hold = true
			p.importModel("/tmp/large.onnx", "")
			h.Tap("Import")
			cancel(h)
			h.Host().RunHeld()
			h.MustText("main.vision.ppocr_rec")
			h.NoText("Register as")
			if len(e.models) != 4 || len(h.Host().Toasts) != 0 {
				t.Errorf("%d models, told %q", len(e.models), h.Host().Toasts)
			}
		})
	}
}

func TestAFailedVersionIsToldAndShown(t *testing.T) {
	h, p, e := recognizer(t, theme.Light)
	e.outcome = registry.Version{Number: 7, Status: registry.Failed, Reason: "The file is no ONNX model."}
	p.importModel("/tmp/x.onnx", "")
	h.Tap("Import")
	h.MustText("Version 7 was registered, but it cannot be served", "The file is no ONNX model.")
	h.Tap("Close")
	if p.chosen != "main.default.x" || p.version != 7 {
		t.Errorf("%s version %d is chosen", p.chosen, p.version)
	}
}

func TestDroppedFilesAreImportedOneAfterTheOther(t *testing.T) {
	h, p, e := recognizer(t, theme.Light)
	p.Dropped([]string{"/tmp/a.onnx.data", "/tmp/a.onnx", "/tmp/b.ONNX"})
	h.Tap("Import")
	h.MustText("main.default.b")
	h.Tap("Import")
	if len(e.imports) != 2 || p.chosen != "main.default.b" {
		t.Errorf("%d imports, %s is chosen", len(e.imports), p.chosen)
	}
}

func TestTheDialogOpensWithoutThePage(t *testing.T) {
	h := viewtest.New(t, theme.Light)
	h.Show(widgets.Body("page"), width, height)
	e := newFake()
	got := ""
	ShowImport(h.Host(), e, "/tmp/a.onnx", func(full string, n int) { got = shell.ModelRoute(full).Name })
	h.Key(fyne.KeyReturn) // the focus is in the name
	if got != "main.default.a" {
		t.Errorf("told %q", got)
	}
}
