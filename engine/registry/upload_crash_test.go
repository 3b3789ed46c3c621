package registry

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"servery/engine/onnx/onnxtest"
)

// uploadCrashVariable holds the folder that a child process uploads into until it is killed.
const uploadCrashVariable = "SERVERY_REGISTRY_UPLOAD_CRASH"

// uploaded are the files of each version that is uploaded; the largest takes some writes.
func uploaded() map[string]string {
	return map[string]string{"MLmodel": plainDescription, "model.onnx": string(onnxtest.Add(3)), "data/7": strings.Repeat("weights", 1<<17)}
}

// uploadNote is what the child says once something is acknowledged.
type uploadNote struct {
	Do      string // "open", "register", "file", "finalize"
	Version int
	Path    string
}

func uploadUntilKilled(dir string) error {
	r, err := Open(fileTable{filepath.Join(dir, "table")}, filepath.Join(dir, "models"))
	if err != nil {
		return err
	}
	say := func(n uploadNote) {
		b, _ := json.Marshal(n)
		os.Stdout.Write(append(b, '\n'))
	}
	say(uploadNote{Do: "open"})
	ctx := context.Background()
	if _, err := r.Model("main.default.m"); err != nil {
		if _, err := r.CreateModel(ctx, NewModel{Name: "main.default.m"}); err != nil {
			return err
		}
	}
	for {
		v, err := r.Register(ctx, Registration{Name: "main.default.m"})
		if err != nil {
			return err
		}
		say(uploadNote{"register", v.Number, ""})
		for path, content := range uploaded() {
			if err := r.WriteFile(ctx, File{"main.default.m", v.Number, path}, -1, true, strings.NewReader(content)); err != nil {
				return err
			}
			say(uploadNote{"file", v.Number, path})
		}
		if _, err := r.Finalize(ctx, "main.default.m", v.Number, nil); err != nil {
			return err
		}
		say(uploadNote{"finalize", v.Number, ""})
	}
}

// A process that is killed anywhere between the registration of a version and its end has
// lost nothing that it acknowledged, shows no half of a file, and its client can go on.
func TestNothingUploadedIsLostWhereverAProcessIsKilled(t *testing.T) {
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(3, 5))
	registered, files, finalized := map[int]bool{}, map[int]map[string]bool{}, map[int]bool{}
	cut := 0
	for round := range 20 {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), uploadCrashVariable+"="+dir)
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// It is killed up to 15 ms after one of its first notes: a version takes about 20.
		notes, last, delay := 0, random.IntN(8), time.Duration(random.IntN(15_000))*time.Microsecond
		for lines := bufio.NewScanner(out); lines.Scan(); notes++ {
			var n uploadNote
			if err := json.Unmarshal(lines.Bytes(), &n); err != nil {
				t.Fatalf("%q: %v", lines.Text(), err)
			}
			if notes == last {
				time.AfterFunc(delay, func() { cmd.Process.Kill() })
			}
			switch n.Do {
			case "register":
				registered[n.Version], files[n.Version] = true, map[string]bool{}
			case "file":
				files[n.Version][n.Path] = true
			case "finalize":
				finalized[n.Version] = true
			}
		}
		if err := cmd.Wait(); err == nil || said.Len() > 0 {
			t.Fatalf("round %d: the process was to be killed: %v %s", round, err, said.String())
		}
		f := &fixture{dir: filepath.Join(dir, "models")}
		if f.Registry, err = Open(fileTable{filepath.Join(dir, "table")}, f.dir); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		f.checkFiles(t)
		m, _ := f.Model("main.default.m")
		for number := range registered {
			v, ok := m.Version(number)
			if !ok || finalized[number] && v.Status != Ready || !finalized[number] && v.Status != Ready && !v.Uploading {
				t.Errorf("round %d: version %d is %s (%s)", round, number, v.Status, v.Reason)
			}
		}
		for _, v := range m.Versions {
			if v.Status == Ready {
				continue
			}
			cut++
			at := File{Model: "main.default.m", Version: v.Number}
			for path, content := range uploaded() {
				got := f.read(at.at(path))
				if there := got == content; !there && (files[v.Number][path] || !strings.Contains(got, "has no file")) {
					t.Errorf("round %d: version %d has lost %s, or half of it: %d bytes", round, v.Number, path, len(got))
				}
				f.upload(t, at.at(path), content)
			}
			if v, err := f.Finalize(context.Background(), at.Model, at.Version, nil); err != nil || v.Status != Ready {
				t.Errorf("round %d: %+v %v", round, v, err)
			}
		}
		f.checkFiles(t)
		if t.Failed() {
			t.FailNow()
		}
	}
	if cut < 5 || len(finalized) == 0 {
		t.Errorf("%d uploads were cut off and %d came to their end, so that nothing was tested", cut, len(finalized))
	}
	t.Logf("%d versions registered, %d uploads cut off", len(registered), cut)
}
