package headless

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"servery/engine"
	"servery/engine/hardware"
	"servery/engine/registry"
	"servery/engine/runtime/cuda/inventory"
	"servery/engine/runtime/ortlib"
	"servery/engine/runtime/placement"
)

// findings are what doctor found, as --json writes them.
type findings struct {
	Version   string         `json:"version"`
	CUDA      bool           `json:"built_with_cuda"`
	System    string         `json:"system"`
	Platform  string         `json:"platform"` // "linux/amd64"
	Processor string         `json:"processor"`
	Cores     int            `json:"cores"`
	Memory    used           `json:"memory"`
	Folder    folderFindings `json:"data_folder"`
	Runtime   library        `json:"onnx_runtime"`
	GPUs      hardware.GPUs  `json:"gpus"`
	Models    []modelFinding `json:"models"`
}

type used struct {
	Used  int64 `json:"used_bytes"`
	Total int64 `json:"total_bytes"`
}

type folderFindings struct {
	Path    string `json:"path"`
	Exists  bool   `json:"exists"`
	Bytes   int64  `json:"bytes"`
	Free    int64  `json:"disk_free_bytes"`
	Engine  string `json:"engine"`            // where the engine that runs on it listens, or ""
	Problem string `json:"problem,omitempty"` // why it cannot be read
}

type library struct {
	Version string `json:"version"`
	Path    string `json:"path"`
	Problem string `json:"problem,omitempty"` // what is missing, and how to get it
}

// modelFinding is what one version of a model can run on. Without a Problem it runs on the CPU.
type modelFinding struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
	Problem string `json:"problem,omitempty"`
	GPU     string `json:"gpu"`        // "GPU 0, NVIDIA L4", or ""
	Reason  string `json:"gpu_reason"` // why not
}

func doctor(args []string, stdout io.Writer) error {
	flags := newFlags("doctor", "doctor [--all] [--json] [--data-dir DIR]", stdout)
	dataDir := dataDirFlag(flags)
	all := flags.Bool("all", false, "tell of all versions of each model, not of the latest only")
	asJSON := flags.Bool("json", false, "write JSON")
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return &usageError{fmt.Sprintf("doctor takes no argument, but got %q", rest[0])}
	}
	if *dataDir == "" {
		if *dataDir, err = engine.DefaultDataDir(); err != nil {
			return err
		}
	}
	if *dataDir, err = filepath.Abs(*dataDir); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	f := examine(ctx, *dataDir, *all)
	if *asJSON {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		err = out.Encode(f)
	} else {
		err = f.print(stdout)
	}
	if err == nil && f.Folder.Problem+f.Runtime.Problem != "" {
		return errShown
	}
	return err
}

// examine looks at the machine and at a data folder, which it does not make.
func examine(ctx context.Context, dataDir string, all bool) findings {
	f := findings{
		Version: Version, CUDA: inventory.Built, System: hardware.System(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Folder: folderFindings{Path: dataDir}, Runtime: library{Version: ortlib.Version}, Models: []modelFinding{},
	}
	f.Folder.look()
	machine := hardware.Read(f.Folder.above())
	f.Processor, f.Cores, f.Memory = machine.CPUModel, machine.Cores, used{machine.MemoryUsed, machine.MemoryTotal}
	f.Folder.Free = machine.DiskFree
	var err error
	if f.Runtime.Path, err = ortlib.Find("", dataDir); err != nil {
		f.Runtime.Problem = err.Error()
	}
	var models []registry.Model
	if f.Folder.Exists {
		_, err = onFolder(ctx, dataDir,
			func(r engine.Running) (struct{}, error) {
				f.Folder.Engine = r.Address
				return struct{}{}, f.ask(ctx, r, all)
			},
			func(folder *engine.Folder) (struct{}, error) {
				models = folder.Registry.Models()
				return struct{}{}, nil
			})
		if err != nil {
			f.Folder.Problem = err.Error()
		}
	}
	if !f.GPUs.Known { // no engine runs that knows them
		f.GPUs = findGPUs(ctx)
		f.Models = append(f.Models, modelFindings(models, f.GPUs, all)...)
	}
	return f
}

// look measures the folder. What cannot be read is not counted.
func (f *folderFindings) look() {
	if info, err := os.Stat(f.Path); err == nil {
		f.Exists = info.IsDir()
		if !info.IsDir() {
			f.Problem = "it is no folder"
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		f.Problem = err.Error()
	}
	_ = filepath.WalkDir(f.Path, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				f.Bytes += info.Size()
			}
		}
		return nil
	})
}

// above is the folder, or the nearest one above it that exists.
func (f *folderFindings) above() string {
	dir := f.Path
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

// findGPUs looks for GPUs in a process of its own, as the engine does.
func findGPUs(ctx context.Context) hardware.GPUs {
	options := hardware.GPUOptions{Without: inventory.NotBuilt()}
	if self, err := os.Executable(); inventory.Built && err == nil {
		options.Command = []string{self, "gpus"}
	}
	w := hardware.WatchGPUs(options)
	defer w.Close()
	return w.Wait(ctx)
}

// ask takes from a running engine what it knows better.
func (f *findings) ask(ctx context.Context, r engine.Running, all bool) error {
	var machine struct{ GPUs hardware.GPUs }
	if err := call(ctx, r, http.MethodGet, "/api/2.0/servery/hardware?refresh=true", nil, &machine); err != nil {
		return err
	}
	f.GPUs = machine.GPUs
	var state struct {
		Problem string `json:"runtime_error"`
	}
	if err := call(ctx, r, http.MethodGet, "/api/2.0/servery/status", nil, &state); err != nil {
		return err
	}
	f.Runtime.Problem = state.Problem
	var list struct{ Models []listed }
	if err := call(ctx, r, http.MethodGet, "/api/2.0/servery/models", nil, &list); err != nil {
		return err
	}
	for _, m := range list.Models {
		for i, v := range m.Versions {
			if i > 0 && !all {
				break
			}
			found := modelFinding{Name: m.Name, Version: v.Version}
			if v.Status != string(registry.Ready) {
				found.Problem = problemOf(v.Status, v.Reason)
			} else if v.RunsOn != nil {
				found.GPU, found.Reason = v.RunsOn.GPU, v.RunsOn.Reason
			}
			f.Models = append(f.Models, found)
		}
	}
	return nil
}

// modelFindings tells what models run on, the newest version first.
func modelFindings(models []registry.Model, g hardware.GPUs, all bool) []modelFinding {
	list := []modelFinding{}
	for _, m := range models {
		for i, v := range m.Versions {
			if i > 0 && !all {
				break
			}
			found := modelFinding{Name: m.FullName(), Version: v.Number}
			if v.Status != registry.Ready {
				found.Problem = problemOf(string(v.Status), v.Reason)
			} else if p := placement.OnGPU(placement.ModelOf(v), g, placement.Supported); p.OnGPU {
				found.GPU = p.String()
			} else {
				found.Reason = p.Reason
			}
			list = append(list, found)
		}
	}
	return list
}

func problemOf(status, reason string) string {
	if reason == "" {
		return status
	}
	return reason
}
