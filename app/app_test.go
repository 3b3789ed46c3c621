package app

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"servery/engine/endpoint"
	"servery/engine/registry"
	"servery/views/widgets"
)

func TestTheCommandLineNamesAFolderAndAModel(t *testing.T) {
	model := filepath.Join(t.TempDir(), "a.onnx")
	if err := os.WriteFile(model, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := parse([]string{"--data-dir", "d", "--listen", "127.0.0.1:0", model}, &bytes.Buffer{})
	if err != nil || o.engine.DataDir != "d" || o.engine.Listen != "127.0.0.1:0" || o.path != model {
		t.Errorf("%+v %v", o, err)
	}
	o, err = parse(nil, &bytes.Buffer{})
	if err != nil || o.engine.Listen != "127.0.0.1:8642" || o.path != "" {
		t.Errorf("without arguments: %+v %v", o, err)
	}
}

func TestACommandLineThatMakesNoSenseSaysWhy(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"srve"}, `"srve" is neither a command nor a model`},
		{[]string{"a", "b"}, "one model at a time"},
		{[]string{"--port", "1"}, "port"},
	} {
		if _, err := parse(c.args, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.args, err, c.says)
		}
	}
	var help bytes.Buffer
	if _, err := parse([]string{"--help"}, &help); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "data-dir") {
		t.Errorf("--help: %v %q", err, help.String())
	}
}

func TestTheLocaleCIsNotGivenToFyne(t *testing.T) {
	for value, want := range map[string]string{"": "en_US.UTF-8", "C": "en_US.UTF-8", "C.UTF-8": "en_US.UTF-8", "POSIX": "en_US.UTF-8", "ja_JP.UTF-8": "ja_JP.UTF-8"} {
		t.Setenv("LC_ALL", "")
		t.Setenv("LC_MESSAGES", "")
		t.Setenv("LANG", value)
		prepareEnvironment()
		if got := os.Getenv("LANG"); got != want {
			t.Errorf("LANG=%q became %q, want %q", value, got, want)
		}
	}
}

func TestAfterTheWindowClosedNothingIsPosted(t *testing.T) {
	ran := 0
	u := newUIThread(func(fn func()) { fn() })
	u.post(func() { ran++ })
	release := make(chan struct{})
	u.run(func() { <-release })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	u.close(ctx) // work that does not end does not hold the program
	u.post(func() { ran++ })
	close(release)
	u.close(t.Context())
	if ran != 1 {
		t.Errorf("%d functions ran, want 1", ran)
	}
}

func TestADelayedMessageCanBeTakenBack(t *testing.T) {
	said := make(chan string, 2)
	u := newUIThread(func(fn func()) { fn() })
	cancel := u.after(3600, func() { said <- "late" })
	cancel()
	u.after(0, func() { said <- "now" })
	if got := <-said; got != "now" {
		t.Errorf("heard %q", got)
	}
}

func TestAModelIsPickedOutOfWhatWasDropped(t *testing.T) {
	for _, c := range []struct {
		paths []string
		want  string
	}{
		{[]string{"/m/w.onnx.data", "/m/w.ONNX"}, "/m/w.ONNX"},
		{[]string{"/m/folder"}, "/m/folder"},
	} {
		if got := droppedModel(c.paths); got != c.want {
			t.Errorf("%v: %s, want %s", c.paths, got, c.want)
		}
	}
}

func TestAnErrorReadsAsASentence(t *testing.T) {
	for in, want := range map[string]string{"port 8642 is taken": "Port 8642 is taken.", "Done!": "Done!", "": ""} {
		if got := widgets.Sentence(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// sampleEngine remembers what serving a sample asked of it.
type sampleEngine struct {
	models   map[string]registry.Model
	existing []string
	imported []registry.Import
	created  []endpoint.Spec
	refuse   error
	status   registry.Status
}

func (e *sampleEngine) Endpoint(name string) (endpoint.Endpoint, error) {
	if slices.Contains(e.existing, name) {
		return endpoint.Endpoint{Name: name}, nil
	}
	return endpoint.Endpoint{}, &endpoint.NotFoundError{Name: name}
}

func (e *sampleEngine) Model(fullName string) (registry.Model, error) {
	if m, ok := e.models[fullName]; ok {
		return m, nil
	}
	return registry.Model{}, errors.New("no such model")
}

func (e *sampleEngine) ImportModel(_ context.Context, in registry.Import, _ func(registry.Progress)) (registry.Version, error) {
	if b, err := os.ReadFile(in.Source); err != nil || len(b) == 0 {
		return registry.Version{}, errors.Join(err, errors.New("an empty sample"))
	}
	e.imported = append(e.imported, in)
	return registry.Version{Number: 1, Status: e.status, Reason: "it is broken"}, nil
}

func (e *sampleEngine) CreateEndpoint(_ context.Context, spec endpoint.Spec) (endpoint.Endpoint, error) {
	e.created = append(e.created, spec)
	return endpoint.Endpoint{Name: spec.Name, CreatedAt: time.Now()}, e.refuse
}

func TestASampleIsImportedAndServed(t *testing.T) {
	e := &sampleEngine{status: registry.Ready}
	name, err := serveSample(t.Context(), e, "digits")
	if err != nil || name != "digits" || len(e.imported) != 1 || len(e.created) != 1 {
		t.Fatalf("%q %v %+v", name, err, e)
	}
	if in := e.imported[0]; in.Name != "samples.vision.digits" || len(in.Example) == 0 {
		t.Errorf("imported %+v", in)
	}
	if _, err := os.Stat(e.imported[0].Source); !errors.Is(err, os.ErrNotExist) {
		t.Error("the sample's copy was left behind")
	}
	entity := e.created[0].Config.Entities[0]
	if entity.ModelVersion != "1" || entity.ScaleToZero == nil {
		t.Errorf("created %+v", entity)
	}
}

func TestASampleThatServesAlreadyIsNotMadeAgain(t *testing.T) {
	e := &sampleEngine{existing: []string{"digits"}}
	if name, err := serveSample(t.Context(), e, "digits"); err != nil || name != "digits" || len(e.imported)+len(e.created) != 0 {
		t.Errorf("%q %v %+v", name, err, e)
	}
	e = &sampleEngine{models: map[string]registry.Model{"samples.vision.digits": {Versions: []registry.Version{{Number: 3, Status: registry.Ready}}}}}
	if _, err := serveSample(t.Context(), e, "digits"); err != nil || len(e.imported) != 0 || e.created[0].Config.Entities[0].ModelVersion != "3" {
		t.Errorf("%v %+v", err, e)
	}
	e.refuse = &endpoint.ExistsError{Name: "digits"}
	if _, err := serveSample(t.Context(), e, "digits"); err != nil {
		t.Errorf("a second click: %v", err)
	}
}

func TestASampleThatFailsSaysWhy(t *testing.T) {
	e := &sampleEngine{status: registry.Failed}
	if _, err := serveSample(t.Context(), e, "digits"); err == nil || err.Error() != "it is broken" {
		t.Errorf("%v", err)
	}
	if _, err := serveSample(t.Context(), e, "nothing"); err == nil {
		t.Error("a sample that does not exist was served")
	}
}
