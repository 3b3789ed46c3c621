package headless

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"servery/engine"
	"servery/engine/registry"
	"servery/engine/store"
)

func models(args []string, stdout, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) > 0 {
		switch args[0] {
		case "import":
			return importModel(ctx, args[1:], stdout)
		case "list":
			return listModels(ctx, args[1:], stdout)
		}
	}
	return &usageError{"say what to do with models: servery models import PATH, or servery models list"}
}

func importModel(ctx context.Context, args []string, stdout io.Writer) error {
	flags := newFlags("models import", "models import PATH [--name CATALOG.SCHEMA.MODEL] [--alias ALIAS] [--data-dir DIR]", stdout)
	dataDir := dataDirFlag(flags)
	name := flags.String("name", "", "full name of the model (default: main.default and the file's name)")
	alias := flags.String("alias", "", "alias that is to point at the new version, such as champion")
	comment := flags.String("comment", "", "comment of the new version")
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return &usageError{"models import takes one PATH: an .onnx file or an MLflow model folder"}
	}
	path, err := filepath.Abs(rest[0])
	if err != nil {
		return err
	}
	if *name == "" {
		*name = registry.SuggestName(path)
	}
	in := registry.Import{Source: path, Name: *name, Alias: *alias, Comment: *comment}
	got, err := onFolder(ctx, *dataDir,
		func(r engine.Running) (imported, error) { return importThrough(ctx, r, in) },
		func(f *engine.Folder) (imported, error) {
			in.CreatedBy = f.Owner().Name
			v, err := f.Registry.Import(ctx, in, nil)
			return imported{Version: v.Number, Status: string(v.Status), Reason: v.Reason}, err
		})
	if err != nil {
		return err
	}
	if got.Status != string(registry.Ready) {
		fmt.Fprintf(stdout, "%s version %d is %s: %s\n", *name, got.Version, got.Status, got.Reason)
		return errShown
	}
	fmt.Fprintf(stdout, "%s version %d is %s\n", *name, got.Version, got.Status)
	return nil
}

// imported is the answer of POST /api/2.0/servery/models/import.
type imported struct {
	Version int    `json:"version"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
}

func importThrough(ctx context.Context, r engine.Running, in registry.Import) (imported, error) {
	var got imported
	err := call(ctx, r, http.MethodPost, "/api/2.0/servery/models/import",
		map[string]string{"path": in.Source, "name": in.Name, "alias": in.Alias, "comment": in.Comment}, &got)
	return got, err
}

func listModels(ctx context.Context, args []string, stdout io.Writer) error {
	flags := newFlags("models list", "models list [--data-dir DIR]", stdout)
	dataDir := dataDirFlag(flags)
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return &usageError{fmt.Sprintf("models list takes no argument, but got %q", rest[0])}
	}
	rows, err := onFolder(ctx, *dataDir,
		func(r engine.Running) ([]listed, error) {
			var got struct{ Models []listed }
			err := call(ctx, r, http.MethodGet, "/api/2.0/servery/models", nil, &got)
			return got.Models, err
		},
		func(f *engine.Folder) ([]listed, error) { return listOf(f.Registry.Models()), nil })
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		fmt.Fprintln(stdout, "There is no model yet. Add one with: servery models import PATH")
		return nil
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MODEL\tVERSION\tSTATUS\tALIASES\tREASON")
	for _, m := range rows {
		for _, v := range m.Versions {
			var aliases []string
			for _, a := range m.Aliases {
				if a.Version == v.Version {
					aliases = append(aliases, a.Alias)
				}
			}
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", m.Name, v.Version, v.Status, strings.Join(aliases, ","), v.Reason)
		}
	}
	return w.Flush()
}

// listed is what the list shows of a model, in the words of GET /api/2.0/servery/models.
type listed struct {
	Name    string `json:"name"`
	Aliases []struct {
		Alias   string `json:"alias"`
		Version int    `json:"version"`
	} `json:"aliases"`
	Versions []listedVersion `json:"versions"`
}

type listedVersion struct {
	imported
	RunsOn *runsOn `json:"runs_on"`
}

// runsOn is what a version can run on besides the CPU.
type runsOn struct {
	GPU    string `json:"gpu"`
	Reason string `json:"reason"`
}

func listOf(all []registry.Model) []listed {
	rows := make([]listed, len(all))
	for i, m := range all {
		rows[i].Name = m.FullName()
		for _, a := range m.Aliases {
			rows[i].Aliases = append(rows[i].Aliases, struct {
				Alias   string `json:"alias"`
				Version int    `json:"version"`
			}{a.Name, a.Version})
		}
		for _, v := range m.Versions {
			rows[i].Versions = append(rows[i].Versions, listedVersion{imported: imported{v.Number, string(v.Status), v.Reason}})
		}
	}
	return rows
}

// settle is how long an engine that is just starting or stopping on a data folder is
// waited for.
const settle = 10 * time.Second

// onFolder asks the engine that runs on a data folder, where one does, and opens the
// folder itself where none does. In between, while an engine starts or stops, the folder
// is taken but nobody answers: then it tries again for a while.
func onFolder[T any](ctx context.Context, dataDir string, ask func(engine.Running) (T, error), open func(*engine.Folder) (T, error)) (T, error) {
	var none T
	if dataDir == "" {
		var err error
		if dataDir, err = engine.DefaultDataDir(); err != nil {
			return none, err
		}
	}
	deadline := time.Now().Add(settle)
	for {
		if r, ok := engine.ReadRunning(dataDir); ok && answers(ctx, r) {
			return ask(r)
		}
		f, err := engine.OpenFolder(ctx, dataDir)
		if err == nil {
			got, err := open(f)
			return got, errors.Join(err, f.Close())
		}
		var taken *store.InUseError
		if !errors.As(err, &taken) || time.Now().After(deadline) {
			return none, err
		}
		select {
		case <-ctx.Done():
			return none, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// answers tells whether the engine that wrote engine.json is still there.
func answers(ctx context.Context, r engine.Running) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return call(ctx, r, http.MethodGet, "/api/2.0/servery/status", nil, nil) == nil
}

// call sends one request to a running engine, and reads its answer in JSON.
func call(ctx context.Context, r engine.Running, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	answer, err := send(ctx, r, method, path, body)
	if err != nil {
		return err
	}
	defer answer.Close()
	b, err := io.ReadAll(answer)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(b, out)
}

// send sends one request to a running engine. The answer is the caller's to close; one other
// than 200 is an error with the message that the engine gave.
func send(ctx context.Context, r engine.Running, method, path string, body io.Reader) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.Address+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+r.Token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		return nil, failure(res)
	}
	return res.Body, nil
}

// failure is the error that an engine answered with.
func failure(res *http.Response) error {
	var said struct{ Message string }
	if b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20)); err == nil && json.Unmarshal(b, &said) == nil && said.Message != "" {
		return errors.New(said.Message)
	}
	return fmt.Errorf("the engine answered with status %d", res.StatusCode)
}
