package e2e

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"servery/engine/onnx/onnxtest"
)

// One bit of one byte is another one, in each kind of file of the data folder, after an
// orderly end and after kill -9: Servery starts and has everything it can, or it stops with
// words that say what to do. It never panics, and never begins anew in silence. DAMAGES is
// how often each file is damaged, twice by itself.
func TestOneDamagedByteIsSurvivedOrExplained(t *testing.T) {
	trials := 2
	if n, err := strconv.Atoi(os.Getenv("DAMAGES")); err == nil {
		trials = n
	}
	random := rand.New(rand.NewPCG(20261130, 4))
	for _, how := range []string{"closed", "killed"} {
		source := damageable(t, how == "killed")
		var files []string
		err := filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
			if info, failed := d.Info(); err == nil && failed == nil && d.Type().IsRegular() && info.Size() > 0 {
				files = append(files, strings.TrimPrefix(path, source+"/"))
			}
			return err
		})
		if err != nil || len(files) < 10 {
			t.Fatalf("%v, %v", files, err)
		}
		for _, name := range files {
			t.Run(how+"/"+name, func(t *testing.T) {
				for range trials {
					damageOnce(t, source, name, random)
				}
			})
		}
	}
}

// damageable is a data folder with an endpoint on each of two models, a secret, and a
// history, as an orderly end or a kill leaves it.
func damageable(t *testing.T, kill bool) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	model := filepath.Join(t.TempDir(), "m.onnx")
	if err := os.WriteFile(model, onnxtest.Add(1), 0o600); err != nil {
		t.Fatal(err)
	}
	p := serve(t, data)
	for _, name := range []string{"first", "second"} {
		p.upload(model, "main.default."+name)
		p.create(name, "main.default."+name)
		p.awaitReady(name)
	}
	p.must("POST", "/api/2.0/secrets/scopes/create", map[string]string{"scope": "s"}, nil)
	p.must("POST", "/api/2.0/secrets/put", map[string]string{"scope": "s", "key": "k", "string_value": "v"}, nil)
	if kill {
		p.kill()
		return data
	}
	p.stop() // and once more, so that there are tables
	p = serve(t, data)
	p.must("PATCH", "/api/2.0/serving-endpoints/first/tags", map[string]any{"add_tags": []any{map[string]string{"key": "a", "value": "b"}}}, nil)
	p.stop()
	return data
}

func damageOnce(t *testing.T, source, name string, random *rand.Rand) {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if out, err := exec.Command("cp", "-r", "--sparse=always", source, data).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	at, err := flip(filepath.Join(data, name), random)
	if err != nil {
		t.Fatal(err)
	}
	what := fmt.Sprintf("byte %d of %s", at, name)
	p := start(t, environment(t.TempDir()), nil, "serve", "--data-dir", data, "--listen", "127.0.0.1:0")
	defer p.kill()
	for began := time.Now(); p.url == "" && time.Since(began) < patience; <-time.After(5 * time.Millisecond) {
		for line := range strings.Lines(p.written()) {
			if m := listening.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
				p.url = m[1]
			}
		}
		select {
		case <-p.ended:
			explained(t, what, p)
			return
		default:
		}
	}
	if p.url == "" {
		t.Fatalf("%s: neither started nor ended:\n%s", what, p.written())
	}
	token, err := os.ReadFile(filepath.Join(data, "token"))
	if err != nil {
		t.Fatal(err)
	}
	p.token = strings.TrimSpace(string(token))
	serves(t, what, name, p)
}

// flip changes one bit; of a file with holes, more often than not where something stands.
func flip(path string, random *rand.Rand) (at int64, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	at = random.Int64N(int64(len(b)))
	for i := 0; b[at] == 0 && i < 1_000_000; i++ {
		at = random.Int64N(int64(len(b)))
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return 0, err
	}
	b[at] ^= 1 << random.IntN(8)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	_, err = f.WriteAt(b[at:at+1], at)
	return at, err
}

// explained holds a program that has ended to words for a person.
func explained(t *testing.T, what string, p *program) {
	t.Helper()
	<-time.After(20 * time.Millisecond) // its last line
	said := p.written()
	t.Logf("%s: %s", what, strings.TrimSpace(said))
	tells := false
	for _, advice := range []string{"servery restore", "remove the file", "Put the right one back"} {
		tells = tells || strings.Contains(said, advice)
	}
	if !tells || strings.Contains(said, "goroutine ") || p.cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%s: it ended with status %d and does not say what to do:\n%s", what, p.cmd.ProcessState.ExitCode(), said)
	}
}

// serves holds a program that has started to having everything: only what the damaged file
// itself is needed for may fail, with a reason.
func serves(t *testing.T, what, name string, p *program) {
	t.Helper()
	last := strings.HasPrefix(name, "state/") && strings.HasSuffix(name, ".mem") // the last change may be taken for a torn one
	for _, endpoint := range []string{"first", "second"} {
		status, text := 0, ""
		for began := time.Now(); time.Since(began) < patience; <-time.After(20 * time.Millisecond) {
			var err error
			if status, err = p.call("POST", "/serving-endpoints/"+endpoint+"/invocations", `{"inputs":[[1]]}`, &text); err != nil {
				t.Fatalf("%s: %v\n%s", what, err, p.written())
			}
			if status == 200 || !strings.Contains(text, "Loading again") {
				break
			}
		}
		damaged := strings.Contains(name, "models/main/default/"+endpoint+"/")
		switch {
		case status == 200 && !damaged:
		case damaged && status == 400:
			t.Logf("%s: %s", what, text)
		default:
			t.Errorf("%s: endpoint %s answers %d %s", what, endpoint, status, text)
		}
	}
	var value string
	status, err := p.call("GET", "/api/2.0/secrets/get?scope=s&key=k", nil, &value)
	if err != nil {
		t.Fatal(err)
	}
	if status != 200 {
		t.Logf("%s: the secret: %d %s", what, status, value)
		if name != "secrets.key" && !last {
			t.Errorf("%s: the secret answers %d %s", what, status, value)
		}
	}
}
