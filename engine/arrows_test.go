package engine_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// The house of docs/architecture.md: who may depend on whom. A rule speaks of packages
// by pattern ("servery/views/..." is the folder and everything below it) and looks at
// all dependencies, not only direct imports, unless it says direct.
var arrows = []struct {
	from   string
	except []string // packages of from that the rule does not bind
	never  []string
	spared []string // packages of never that from may import all the same
	direct bool
	why    string
}{
	{
		from:  "servery/engine/...",
		never: []string{"fyne.io/...", "servery/app/...", "servery/views/...", "servery/theme"},
		why:   "the engine is a complete product without the window: servery serve must build and run where there is no screen",
	},
	{
		from:   "servery/engine/...",
		except: []string{"servery/engine"},
		never:  []string{"servery/engine"},
		why:    "package engine wires the parts; a part that needs another takes it as an interface or imports that part",
	},
	{
		from:  "servery/engine/tensor",
		never: []string{"servery/..."},
		why:   "tensors are the common language of scoring and runtimes; they stand on nothing",
	},
	{
		from:  "servery/engine/atomicfile",
		never: []string{"servery/..."},
		why:   "writing a file whole is the same for a seal, a token and an address; it stands on nothing",
	},
	{
		from:  "servery/engine/crashpoint",
		never: []string{"servery/..."},
		why:   "every part may name a moment at which a crash is tried; in the product the names lead nowhere",
	},
	{
		from:  "servery/engine/backup",
		never: []string{"servery/engine/store", "servery/engine/registry", "servery/engine/endpoint", "net/http", "github.com/dgraph-io/..."},
		why:   "a backup is records and files: it must be readable whatever database and whatever records there are one day",
	},
	{
		from:  "servery/engine/secret",
		never: []string{"servery/engine/access", "servery/engine/endpoint", "servery/engine/store", "net/http", "github.com/dgraph-io/..."},
		why:   "what keeps secrets knows principals by their ids and nothing of who asks for what: the less it stands on, the less can see a value",
	},
	{
		from:   "servery/engine/...",
		except: []string{"servery/engine/secret"},
		never:  []string{"github.com/zalando/go-keyring"},
		direct: true,
		why:    "the operating system's keyring is reached in one place only",
	},
	{
		from:  "servery/engine/autoscale",
		never: []string{"servery/engine/endpoint", "servery/engine/store", "net/http", "github.com/dgraph-io/..."},
		why:   "a scaling decision is a pure function of what was observed: it is simulated and property-tested without a server",
	},
	{
		from:  "servery/engine/gateway/ratelimit",
		never: []string{"servery/engine/endpoint", "servery/engine/access", "servery/engine/store", "net/http", "github.com/dgraph-io/..."},
		why:   "whether a call may pass is a pure function of what was counted: it is property-tested without an endpoint or a clock",
	},
	{
		from:   "servery/engine/batch",
		never:  []string{"servery/..."},
		spared: []string{"servery/engine/batch", "servery/engine/tensor"},
		why:    "which requests share a run is a pure function of tensors and figures: it is simulated and property-tested without a runtime",
	},
	{
		from:  "servery/engine/scoring",
		never: []string{"servery/engine/endpoint", "servery/engine/runtime/...", "servery/engine/store", "net/http", "github.com/dgraph-io/..."},
		why:   "the scoring protocol runs inside worker processes, which know no endpoint and no HTTP",
	},
	{
		from:  "servery/engine/onnx",
		never: []string{"servery/engine/endpoint", "servery/engine/runtime/...", "servery/engine/store", "net/http", "github.com/dgraph-io/..."},
		why:   "reading a file must be safe before any runtime has seen it",
	},
	{
		from:  "servery/engine/mlmodel",
		never: []string{"servery/engine/endpoint", "servery/engine/runtime/...", "servery/engine/store", "net/http", "github.com/dgraph-io/..."},
		why:   "the model format is read by the registry and by workers alike",
	},
	{
		from:   "servery/engine/...",
		except: []string{"servery/engine", "servery/engine/store"},
		never:  []string{"github.com/dgraph-io/..."},
		why:    "only package store knows Badger: the database can be changed behind it",
	},
	{
		from:   "servery/engine/...",
		except: []string{"servery/engine/runtime/ort", "servery/engine/runtime/worker", "servery/engine"},
		never:  []string{"servery/engine/runtime/ort"},
		why:    "the engine process holds no model: ONNX Runtime runs in worker processes only",
	},
	{
		from:   "servery/engine/...",
		except: []string{"servery/engine/runtime/cuda/executor", "servery/engine/runtime/worker", "servery/engine"},
		never:  []string{"servery/engine/runtime/cuda/executor"},
		why:    "a kernel that fails takes the GPU from its whole process: models run on it in worker processes only",
	},
	{
		from:   "servery/...",
		except: []string{"servery/engine/runtime/cuda/driver"},
		never:  []string{"gorgonia.org/cu/..."},
		direct: true,
		why:    "cu ends the program where a driver is missing unless package driver is linked with it",
	},
	{
		from:  "servery/engine/runtime/cuda/driver",
		never: []string{"servery/..."},
		why:   "the binding of NVIDIA's driver stands on nothing",
	},
	{
		from:   "servery/engine/runtime/cuda/graph",
		never:  []string{"servery/..."},
		spared: []string{"servery/engine/runtime/cuda/graph", "servery/engine/onnx", "servery/engine/tensor"},
		why:    "shapes and constants are a pure function of the file and the inputs' shapes: they are tested without a driver",
	},
	{
		from:   "servery/engine/runtime/cuda/plan",
		never:  []string{"servery/..."},
		spared: []string{"servery/engine/runtime/cuda/plan", "servery/engine/runtime/cuda/graph", "servery/engine/runtime/cuda/kernels", "servery/engine/onnx", "servery/engine/tensor"},
		why:    "what a device does is planned without one, and tested so",
	},
	{
		from:   "servery/engine/runtime/cuda/kernels",
		never:  []string{"servery/..."},
		spared: []string{"servery/engine/runtime/cuda/kernels"},
		why:    "the device code stands on nothing",
	},
	{
		from:  "servery/engine/runtime/cuda/nvml",
		never: []string{"servery/..."},
		why:   "the binding of NVML stands on nothing",
	},
	{
		from:  "servery/engine/runtime/placement",
		never: []string{"servery/engine/endpoint", "servery/engine/store", "servery/engine/runtime/worker", "servery/engine/runtime/cuda/driver", "net/http", "github.com/dgraph-io/..."},
		why:   "what a model runs on is a pure function of the model and the machine: the engine, the window and doctor ask the same one",
	},
	{
		from:  "servery/engine/hardware",
		never: []string{"servery/..."},
		why:   "GPUs are looked for by a process of their own: a driver that crashes takes no engine with it",
	},
	{
		from:   "servery/views/...",
		never:  []string{"servery/engine", "servery/engine/store", "servery/engine/api", "servery/app/...", "github.com/dgraph-io/..."},
		spared: nil,
		why:    "the window is one more client of the engine, through the interfaces its pages declare",
	},
	{
		from:   "servery/views/...",
		never:  []string{"net/http"},
		direct: true, // Fyne itself imports net/http, for canvas.NewImageFromURI
		why:    "a page asks the engine by Go calls; only the REST server speaks HTTP",
	},
	{
		from:   "servery/theme",
		never:  []string{"servery/engine/...", "servery/views/...", "servery/app/..."},
		spared: nil,
		why:    "colours and sizes depend on nothing",
	},
	{
		from:  "servery/resources/...",
		never: []string{"servery/engine/...", "servery/views/...", "servery/app/...", "servery/theme"},
		why:   "resources are bytes",
	},
	{
		from:   "servery/...",
		except: []string{"servery/app", "servery"},
		never:  []string{"fyne.io/fyne/v2/app"},
		why:    "that import links OpenGL: everything but package app must be testable without a screen and under the race detector",
	},
	{
		from:   "servery",
		never:  []string{"servery/engine/...", "servery/views/...", "servery/theme", "servery/resources/..."},
		spared: nil,
		direct: true,
		why:    "main parses flags and calls app; wiring belongs to app and engine",
	},
	{
		from:  "servery",
		never: []string{"servery/engine/tabletest", "servery/engine/onnx/onnxtest", "servery/engine/onnx/conformance", "servery/engine/runtime/cuda/driver/standin", "servery/engine/runtime/cuda/ptx", "servery/views/viewtest"},
		why:   "what tests are made of is not in the product",
	},
	{
		from:  "servery/app/headless",
		never: []string{"fyne.io/...", "servery/views/..."},
		why:   "servery serve runs where there is no screen",
	},
}

// pages are the folders under views that are shared; every other one is a page.
var sharedViews = []string{"shell", "widgets", "chart", "config", "viewtest"}

type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func TestArrows(t *testing.T) {
	packages := list(t)
	if len(packages) < 15 {
		t.Fatalf("only %d packages found: the test looks in the wrong place", len(packages))
	}
	for _, rule := range arrows {
		bound := 0
		for _, p := range packages {
			if !match(rule.from, p.ImportPath) || matchAny(rule.except, p.ImportPath) {
				continue
			}
			bound++
			deps := p.Deps
			if rule.direct {
				deps = p.Imports
			}
			for _, d := range deps {
				if matchAny(rule.never, d) && !matchAny(rule.spared, d) && d != p.ImportPath {
					t.Errorf("%s depends on %s, which it must never do: %s", p.ImportPath, d, rule.why)
				}
			}
		}
		if bound == 0 {
			t.Errorf("the rule about %s binds no package: it has moved or gone", rule.from)
		}
	}
}

func TestPagesImportNoOtherPage(t *testing.T) {
	seen := 0
	for _, p := range list(t) {
		if path.Dir(p.ImportPath) != "servery/views" || slices.Contains(sharedViews, path.Base(p.ImportPath)) {
			continue
		}
		seen++
		for _, d := range p.Deps {
			if path.Dir(d) == "servery/views" && d != p.ImportPath && !slices.Contains(sharedViews, path.Base(d)) {
				t.Errorf("page %s depends on page %s: pages meet in the shell's routes only, so that each can be tested and replaced alone", p.ImportPath, d)
			}
			if d == "servery/views/viewtest" {
				t.Errorf("page %s links the test harness into the product", p.ImportPath)
			}
		}
	}
	if seen == 0 {
		t.Error("no page found under views")
	}
}

func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-tags", "cuda", "-json=ImportPath,Imports,Deps", "servery/...")
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []listed
	dec := json.NewDecoder(&out)
	for {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func matchAny(patterns []string, p string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return match(pattern, p) })
}

func match(pattern, p string) bool {
	if root, ok := strings.CutSuffix(pattern, "/..."); ok {
		return p == root || strings.HasPrefix(p, root+"/")
	}
	return p == pattern
}
