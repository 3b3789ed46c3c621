package registry

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tabletest"
)

// crashVariable holds the folder that a child process works on until it is killed.
const crashVariable = "SERVERY_REGISTRY_CRASH"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashVariable); dir != "" {
		fmt.Fprintln(os.Stderr, workUntilKilled(dir))
		os.Exit(1)
	}
	if dir := os.Getenv(uploadCrashVariable); dir != "" {
		fmt.Fprintln(os.Stderr, uploadUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// fileTable is a Table in one file, which each change replaces as a whole.
type fileTable struct{ path string }

func (t fileTable) rows() (rows map[string][]byte, err error) {
	b, err := os.ReadFile(t.path)
	if errors.Is(err, os.ErrNotExist) {
		return map[string][]byte{}, nil
	}
	if err != nil {
		return nil, err
	}
	return rows, json.Unmarshal(b, &rows)
}

func (t fileTable) Each(prefix string, fn func(string, []byte) error) error {
	rows, err := t.rows()
	if err != nil {
		return err
	}
	return (&tabletest.Memory{Rows: rows}).Each(prefix, fn)
}

func (t fileTable) Apply(changes map[string][]byte) error {
	rows, err := t.rows()
	if err != nil {
		return err
	}
	if err := (&tabletest.Memory{Rows: rows}).Apply(changes); err != nil {
		return err
	}
	b, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	f, err := os.Create(t.path + ".next")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(t.path+".next", t.path)
}

// note is what the child says before (try) and after (done) each change.
type note struct {
	Do      string // "open", "import", "delete", "delete model", "alias"
	Done    bool
	Name    string
	Version int
	Status  Status
	SHA256  string
}

// workUntilKilled changes the registry without end. It writes a note when a change is
// acknowledged, and before those that take something away.
func workUntilKilled(dir string) error {
	r, err := Open(fileTable{filepath.Join(dir, "table")}, filepath.Join(dir, "models"))
	if err != nil {
		return err
	}
	say := func(n note) {
		b, _ := json.Marshal(n)
		os.Stdout.Write(append(b, '\n')) // one write, so that a note is whole or not there
	}
	say(note{Do: "open", Done: true})
	ctx := context.Background()
	random := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
	sources := []string{"small.onnx", "weights.onnx", "folder", "broken.onnx"}
	for {
		name := []string{"a.b.c", "a.b.d", "x.y.z"}[random.IntN(3)]
		v, err := r.Import(ctx, Import{Source: filepath.Join(dir, sources[random.IntN(len(sources))]), Name: name, Alias: "last"}, nil)
		if err != nil {
			return err
		}
		say(note{"import", true, name, v.Number, v.Status, v.SHA256})
		m, err := r.Model(name)
		if err != nil {
			return err
		}
		switch random.IntN(4) {
		case 0:
			n := note{Do: "delete", Name: name, Version: m.Versions[random.IntN(len(m.Versions))].Number}
			say(n)
			if err := r.DeleteVersion(ctx, name, n.Version); err != nil {
				return err
			}
			n.Done = true
			say(n)
		case 1:
			n := note{Do: "alias", Done: true, Name: name, Version: v.Number}
			if err := r.SetAlias(ctx, name, fmt.Sprintf("only-%d", v.Number), v.Number); err != nil {
				return err
			}
			say(n)
		case 2:
			if name == "x.y.z" && len(m.Versions) > 3 {
				n := note{Do: "delete model", Name: name}
				say(n)
				if err := r.DeleteModel(ctx, name); err != nil {
					return err
				}
				n.Done = true
				say(n)
			}
		}
	}
}

// ledger is what the children were told that is stored.
type ledger struct {
	versions map[string]map[int]note // by model
	aliases  map[string]map[int]bool // versions with an alias "only-n"
	doubtful map[string]map[int]bool // deletes that were not acknowledged: there or not
	highest  map[string]int          // the highest number acknowledged
}

func (l *ledger) read(t *testing.T, n note) {
	if l.versions[n.Name] == nil {
		l.versions[n.Name], l.aliases[n.Name], l.doubtful[n.Name] = map[int]note{}, map[int]bool{}, map[int]bool{}
	}
	switch {
	case n.Do == "import":
		if n.Version <= l.highest[n.Name] {
			t.Errorf("%s: the number %d was given again after %d", n.Name, n.Version, l.highest[n.Name])
		}
		l.versions[n.Name][n.Version], l.highest[n.Name] = n, n.Version
	case n.Do == "alias":
		l.aliases[n.Name][n.Version] = true
	case n.Do == "delete" && !n.Done:
		l.doubtful[n.Name][n.Version] = true
	case n.Do == "delete":
		delete(l.versions[n.Name], n.Version)
		delete(l.doubtful[n.Name], n.Version)
		delete(l.aliases[n.Name], n.Version)
	case n.Do == "delete model" && !n.Done:
		for version := range l.versions[n.Name] {
			l.doubtful[n.Name][version] = true
		}
		l.highest[n.Name] = 0 // it may begin anew
	case n.Do == "delete model":
		clear(l.versions[n.Name])
		clear(l.aliases[n.Name])
		clear(l.doubtful[n.Name])
	}
}

// check compares what a start finds with what was acknowledged.
func (l *ledger) check(t *testing.T, f *fixture) (versions, interrupted int) {
	f.checkFiles(t)
	for _, name := range slices.Sorted(maps.Keys(l.versions)) {
		m, err := f.Model(name)
		for number, want := range l.versions[name] {
			v, ok := m.Version(number)
			switch {
			case !ok && l.doubtful[name][number]:
				delete(l.versions[name], number)
				delete(l.aliases[name], number) // a new model may have the number again
			case !ok:
				t.Errorf("%s version %d is lost (%v)", name, number, err)
			case v.Status != want.Status || v.SHA256 != want.SHA256:
				t.Errorf("%s version %d is %s (%s), it was %s", name, number, v.Status, v.Reason, want.Status)
			case l.aliases[name][number] && !slices.Contains(m.AliasesOf(number), fmt.Sprintf("only-%d", number)):
				t.Errorf("%s version %d has lost its alias", name, number)
			}
		}
		clear(l.doubtful[name])
		for _, v := range m.Versions {
			versions++
			_, known := l.versions[name][v.Number]
			switch {
			case v.Status == Pending:
				t.Errorf("%s version %d is Pending, and nobody imports it", name, v.Number)
			case v.Reason == reasonGone:
				t.Errorf("%s version %d has lost its files", name, v.Number)
			case v.Reason == reasonInterrupted:
				if interrupted++; known || v.Dir != "" {
					t.Errorf("%s version %d was acknowledged, or keeps files: %+v", name, v.Number, v)
				}
			}
			l.highest[name] = max(l.highest[name], v.Number)
		}
	}
	return versions, interrupted
}

func TestNothingAcknowledgedIsLostWhereverAProcessIsKilled(t *testing.T) {
	dir := folder(t, map[string]string{"small.onnx": string(onnxtest.Add(1)), "weights.onnx": string(onnxtest.WithExternal(1<<17, "w.bin")),
		"w.bin": strings.Repeat("w", 1<<19), "folder/MLmodel": plainDescription, "folder/model.onnx": string(onnxtest.Add(2)),
		"folder/a/b": "1", "broken.onnx": "broken"})
	random := rand.New(rand.NewPCG(7, 11))
	l := &ledger{map[string]map[int]note{}, map[string]map[int]bool{}, map[string]map[int]bool{}, map[string]int{}}
	acknowledged, interrupted := 0, 0
	for round := range 25 {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), crashVariable+"="+dir)
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		// It is killed up to 20 ms after one of its first notes: an import takes about 10.
		notes, last, delay := 0, random.IntN(6), time.Duration(random.IntN(20_000))*time.Microsecond
		for lines.Scan() {
			var n note
			if err := json.Unmarshal(lines.Bytes(), &n); err != nil {
				t.Fatalf("%q: %v", lines.Text(), err)
			}
			if notes == last {
				time.AfterFunc(delay, func() { cmd.Process.Kill() })
			}
			notes++
			if n.Do == "import" {
				acknowledged++
			}
			if n.Do != "open" {
				l.read(t, n)
			}
		}
		if err := cmd.Wait(); err == nil || said.Len() > 0 {
			t.Fatalf("round %d: the process was to be killed: %v %s", round, err, said.String())
		}
		f := &fixture{dir: filepath.Join(dir, "models")}
		if f.Registry, err = Open(fileTable{filepath.Join(dir, "table")}, f.dir); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		versions := 0
		versions, interrupted = l.check(t, f)
		if t.Failed() {
			t.Fatalf("round %d, %d versions", round, versions)
		}
		// A second start finds nothing to do.
		before, err := fileTable{filepath.Join(dir, "table")}.rows()
		if err != nil {
			t.Fatal(err)
		}
		if _, err = Open(fileTable{filepath.Join(dir, "table")}, f.dir); err != nil {
			t.Fatal(err)
		}
		if after, err := (fileTable{filepath.Join(dir, "table")}).rows(); err != nil || !maps.EqualFunc(before, after, bytes.Equal) {
			t.Errorf("round %d: a second start changed records (%v)", round, err)
		}
	}
	if acknowledged < 10 || interrupted == 0 {
		t.Errorf("%d versions acknowledged and %d interrupted, so that nothing was tested", acknowledged, interrupted)
	}
	t.Logf("%d versions acknowledged, %d imports interrupted", acknowledged, interrupted)
}
