package headless

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"servery/engine/hardware"
	"servery/engine/registry"
	"servery/engine/runtime/ortlib"
	"servery/engine/runtime/placement"
)

// A machine of each kind.
var examined = map[string]findings{
	"nogpu": {
		Version: "0.1.0", CUDA: true, System: "debian 12.11, kernel 6.1.0", Platform: "linux/amd64", Processor: "AMD EPYC 7B13", Cores: 16,
		Memory:  used{13_000_000_000, 64_000_000_000},
		Folder:  folderFindings{Path: "/home/ada/.local/share/servery", Exists: true, Bytes: 1_580_000, Free: 64_700_000_000, Engine: "http://127.0.0.1:8642"},
		Runtime: library{Version: "1.30.0", Path: "/opt/servery/libonnxruntime.so.1"},
		GPUs: hardware.GPUs{Known: true, Cards: []hardware.GPU{}, None: &hardware.NoGPU{Kind: hardware.NoDriver, Reason: "no NVIDIA driver is installed on this machine",
			Advice: "Where it has an NVIDIA GPU, install its driver (on Debian: nvidia-driver and libcuda1). In a container, start it with the GPUs: docker run --gpus all."}},
		Models: []modelFinding{
			{Name: "main.default.digits", Version: 3, Reason: "no NVIDIA driver is installed on this machine"},
			{Name: "main.default.broken", Version: 1, Problem: "The file is no ONNX model."},
		},
	},
	"gpus": {
		Version: "0.1.0", CUDA: true, System: "ubuntu 24.04", Platform: "linux/arm64", Processor: "arm64", Cores: 1,
		Memory:  used{900_000_000, 1_000_000_000_000},
		Folder:  folderFindings{Path: "/data", Exists: true, Bytes: 12, Free: 999},
		Runtime: library{Version: "1.30.0", Path: "/data/lib/libonnxruntime.so.1"},
		GPUs: hardware.GPUs{Known: true, Driver: "570.133.07", CUDA: "12.8", Cards: []hardware.GPU{
			{Index: 0, Name: "NVIDIA H100 80GB HBM3", Memory: 85_520_809_984, Capability: "9.0", Now: &hardware.GPUFigures{MemoryUsed: 9 << 30, Percent: 57, Celsius: 51, Watts: 71.5}},
			{Index: 1, Name: "NVIDIA L4", Memory: 24_152_899_584, Capability: "8.9", Now: &hardware.GPUFigures{MemoryUsed: 1 << 28, Percent: -1, Celsius: -1, Watts: -1}},
			{Index: 2, Name: "Tesla M60", Memory: 8 << 30, Capability: "5.2", Unfit: "its compute capability is 5.2, and 6.0 is needed", Now: &hardware.GPUFigures{MemoryUsed: -1, Percent: -1, Celsius: -1, Watts: -1}},
		}},
		Models: []modelFinding{
			{Name: "main.default.digits", Version: 3, GPU: "GPU 1, NVIDIA L4"},
			{Name: "main.default.trees", Version: 1, Reason: "the operator ai.onnx.ml.TreeEnsembleClassifier is not on the GPU"},
		},
	},
	"nothing": {
		Version: "0.1.0", System: "linux", Platform: "linux/riscv64", Processor: "riscv64", Cores: 4, Memory: used{1, 2},
		Folder:  folderFindings{Path: "/home/ada/.local/share/servery", Problem: "it is no folder"},
		Runtime: library{Version: "1.30.0", Problem: "ONNX Runtime's library libonnxruntime.so.1 is in none of: /usr/bin. Run `make onnxruntime` in Servery's source folder."},
		GPUs:    hardware.GPUs{Known: true, Cards: []hardware.GPU{}, None: &hardware.NoGPU{Kind: hardware.NotBuilt, Reason: "this program is built without CUDA", Advice: "Build it with make."}},
		Models:  []modelFinding{},
	},
	"unmeasured": {
		Version: "0.1.0", CUDA: true, System: "debian 12.11", Platform: "linux/amd64", Processor: "Intel", Cores: 8, Memory: used{1e9, 8e9},
		Folder:  folderFindings{Path: "/new", Free: 1e12},
		Runtime: library{Version: "1.30.0"},
		GPUs: hardware.GPUs{Known: true, CUDA: "12.2", Cards: []hardware.GPU{{Name: "Tesla M60", Memory: 8 << 30, Capability: "5.2", Unfit: "its compute capability is 5.2, and 6.0 is needed"}},
			None:       &hardware.NoGPU{Kind: hardware.OldCard, Reason: "the GPU Tesla M60 is too old: its compute capability is 5.2, and 6.0 is needed", Advice: "Cards from Pascal on can run models."},
			Unmeasured: "NVML, which comes with NVIDIA's driver, cannot be used: libnvidia-ml.so.1 is not there"},
	},
}

func TestWhatDoctorPrints(t *testing.T) {
	for name, f := range examined {
		var b strings.Builder
		if err := f.print(&b); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "doctor-"+name+".txt")
		if os.Getenv("SERVERY_UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || b.String() != string(want) {
			t.Errorf("%s, %v:\n%s\nwant:\n%s", name, err, b.String(), want)
		}
	}
}

// doctorJSON runs doctor --json and reads what it writes.
func doctorJSON(t *testing.T, wantStatus int, args ...string) findings {
	t.Helper()
	out, errs, status := servery(append([]string{"doctor", "--json"}, args...)...)
	var f findings
	if err := json.Unmarshal([]byte(out), &f); err != nil || status != wantStatus {
		t.Fatalf("status %d, %v: %s %s", status, err, out, errs)
	}
	return f
}

func TestDoctorOnAFolderThatIsNotThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there")
	t.Setenv(ortlib.Variable, filepath.Join(dir, "absent"))
	f := doctorJSON(t, 1, "--data-dir", dir)
	if f.Folder.Exists || f.Folder.Path != dir || f.Folder.Free <= 0 || len(f.Models) != 0 || f.Folder.Problem != "" {
		t.Errorf("%+v", f.Folder)
	}
	if !strings.Contains(f.Runtime.Problem, ortlib.Variable) || f.Version != Version || f.Cores < 1 || f.Memory.Total <= 0 || f.System == "" || !f.GPUs.Known {
		t.Errorf("%+v", f)
	}
	if _, err := os.Stat(filepath.Dir(dir)); err == nil {
		t.Error("doctor has made the folder")
	}
}

func TestDoctorTellsOfModels(t *testing.T) {
	dir := t.TempDir()
	library := filepath.Join(t.TempDir(), ortlib.FileName())
	if err := os.WriteFile(library, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(ortlib.Variable, library)
	for range 2 {
		if out, errs, status := servery("models", "import", "../../resources/samples/digits.onnx", "--name", "main.default.digits", "--data-dir", dir); status != 0 {
			t.Fatalf("%d %s %s", status, out, errs)
		}
	}
	f := doctorJSON(t, 0, "--data-dir", dir)
	if len(f.Models) != 1 || f.Models[0].Name != "main.default.digits" || f.Models[0].Version != 2 || f.Models[0].Problem != "" || f.Models[0].GPU == "" && f.Models[0].Reason == "" {
		t.Errorf("%+v", f.Models)
	}
	if f.Runtime.Path != library || f.Folder.Bytes == 0 || f.Folder.Engine != "" {
		t.Errorf("%+v %+v", f.Runtime, f.Folder)
	}
	if f = doctorJSON(t, 0, "--data-dir", dir, "--all"); len(f.Models) != 2 || f.Models[1].Version != 1 {
		t.Errorf("all: %+v", f.Models)
	}
	out, _, status := servery("doctor", "--data-dir", dir)
	if status != 0 || !strings.Contains(out, "main.default.digits  2        yes") {
		t.Errorf("%d\n%s", status, out)
	}
}

func TestDoctorOnAFolderThatIsAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f := doctorJSON(t, 1, "--data-dir", file); f.Folder.Problem != "it is no folder" {
		t.Errorf("%+v", f.Folder)
	}
}

func TestModelFindings(t *testing.T) {
	graph := &registry.Graph{Operators: []registry.OperatorCount{{Name: "Loop", Count: 1}}}
	before := placement.Supported
	placement.Supported = map[string]bool{"Conv": true}
	defer func() { placement.Supported = before }()
	got := modelFindings([]registry.Model{{Catalog: "main", Schema: "default", Name: "m", Versions: []registry.Version{
		{Number: 4, Status: registry.Ready, Graph: graph},
		{Number: 3, Status: registry.Ready, Graph: &registry.Graph{Operators: []registry.OperatorCount{{Name: "Conv", Count: 1}}}},
		{Number: 2, Status: registry.Failed, Reason: "It is broken."},
		{Number: 1, Status: registry.Pending},
	}}}, hardware.GPUs{Known: true, Cards: []hardware.GPU{{Name: "NVIDIA L4", Memory: 24 << 30}}}, true)
	want := []modelFinding{
		{Name: "main.default.m", Version: 4, Reason: "the operator Loop is not on the GPU"},
		{Name: "main.default.m", Version: 3, GPU: "GPU 0, NVIDIA L4"},
		{Name: "main.default.m", Version: 2, Problem: "It is broken."},
		{Name: "main.default.m", Version: 1, Problem: string(registry.Pending)},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}
