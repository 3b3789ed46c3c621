//go:build unix

package engine

import (
	"context"
	"path/filepath"
	"testing"

	"servery/engine/telemetry"
)

// The engine takes what the process tells, says that it changed, and asks anew on demand.
func TestTheEngineTellsOfGPUs(t *testing.T) {
	more := filepath.Join(t.TempDir(), "more")
	const script = `if [ -e "$0" ]; then n=2; else n=1; touch "$0"; fi
echo '{"known":true,"cards":[{"index":0,"name":"Card '$n'","memory_bytes":7}],"unmeasured":"no NVML"}'
cat >/dev/null`
	e, err := Open(t.Context(), Options{DataDir: t.TempDir(), Keyring: &ring{}, Worker: []string{"false"}, GPUs: []string{"sh", "-c", script, more}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	changes := e.Changes().Subscribe()
	defer changes.Close()
	e.gpus.Wait(t.Context())
	if g := e.Hardware().GPUs; !g.Known || len(g.Cards) != 1 || g.Cards[0].Name != "Card 1" || g.Cards[0].Memory != 7 {
		t.Errorf("%+v", g)
	}
	if s := e.RefreshHardware(t.Context()); len(s.GPUs.Cards) != 1 || s.GPUs.Cards[0].Name != "Card 2" || s.Cores < 1 {
		t.Errorf("%+v", s)
	}
	for told := false; !told; {
		select {
		case <-changes.Wake():
		case <-t.Context().Done():
			t.Fatal("nobody was told")
		}
		for _, c := range changes.Take() {
			told = told || c.Kind == telemetry.EngineChanged
		}
	}
}

func TestAnEngineThatAsksNobodyHasNoGPU(t *testing.T) {
	f := newFolder(t)
	if g := f.RefreshHardware(t.Context()).GPUs; !g.Known || g.None == nil || g.Absence() != "this program is built without CUDA" {
		t.Errorf("%+v", g)
	}
}
