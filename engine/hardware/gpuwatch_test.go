package hardware

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is the process that looks for GPUs, too.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "gpus" {
		probe(os.Args[2])
	}
	os.Exit(m.Run())
}

func probe(how string) {
	line := func(g GPUs) { json.NewEncoder(os.Stdout).Encode(g) }
	one := GPUs{Known: true, CUDA: "12.8", Cards: []GPU{{Name: "Card", Memory: 100, Now: &GPUFigures{MemoryUsed: 10, Percent: 1}}}}
	switch how {
	case "none":
		line(GPUs{Known: true, Cards: []GPU{}, None: &NoGPU{Kind: NoDriver, Reason: "no driver"}})
	case "figures":
		for i := range 3 {
			one.Cards[0].Now.Percent = float64(i)
			line(one)
		}
		io.Copy(io.Discard, os.Stdin)
	case "crash":
		syscall.Kill(os.Getpid(), syscall.SIGSEGV)
	case "die later":
		line(one)
		fmt.Fprintln(os.Stderr, "the driver is gone")
		os.Exit(3)
	case "hang":
		syscall.Pause()
	case "noise":
		fmt.Println("warming up")
	case "silence":
	case "later":
		first := one
		first.Cards = []GPU{{Name: "Card", Memory: 100}}
		line(first)
		line(one)
		io.Copy(io.Discard, os.Stdin)
	case "count": // how often it was started, in the file that it is told
		f, _ := os.OpenFile(os.Args[3], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		f.WriteString(".")
		f.Close()
		b, _ := os.ReadFile(os.Args[3])
		one.Cards[0].Memory = int64(len(b))
		line(one)
		io.Copy(io.Discard, os.Stdin)
	}
	os.Exit(0)
}

func watch(t *testing.T, patience time.Duration, how ...string) (*GPUWatch, <-chan struct{}) {
	t.Helper()
	changed := make(chan struct{}, 100)
	w := WatchGPUs(GPUOptions{Command: append([]string{os.Args[0], "gpus"}, how...), Patience: patience, Changed: func(bool) { changed <- struct{}{} }})
	t.Cleanup(w.Close)
	return w, changed
}

func TestWhatTheProcessTellsIsKnown(t *testing.T) {
	w, _ := watch(t, 0, "none")
	g := w.Wait(t.Context())
	if !g.Known || g.None == nil || g.None.Kind != NoDriver || g.Absence() != "no driver" || len(g.Fit()) != 0 {
		t.Errorf("%+v", g)
	}

	w, changed := watch(t, 0, "figures")
	w.Wait(t.Context())
	for range 3 {
		<-changed
	}
	if g = w.GPUs(); g.Absence() != "" || len(g.Fit()) != 1 || g.Cards[0].Now.Percent != 2 || g.Cards[0].Free() != 90 {
		t.Errorf("%+v", g)
	}
}

func TestAProcessThatFailsIsNoGPU(t *testing.T) {
	for how, says := range map[string]string{
		"crash": "SIGSEGV", "noise": "no inventory", "silence": "it said nothing",
	} {
		w, _ := watch(t, 0, how)
		g := w.Wait(t.Context())
		if g.None == nil || g.None.Kind != ProbeFails || !strings.Contains(g.Absence(), says) || g.None.Advice == "" {
			t.Errorf("%s: %+v %s", how, g, g.Absence())
		}
	}
	w, _ := watch(t, 100*time.Millisecond, "hang")
	if g := w.Wait(t.Context()); g.None == nil || g.None.Kind != ProbeFails || !strings.Contains(g.Absence(), "no answer in 100ms") {
		t.Errorf("%+v", g)
	}
	w = WatchGPUs(GPUOptions{Command: []string{"/no/such/program"}})
	defer w.Close()
	if g := w.Wait(t.Context()); g.None == nil || !strings.Contains(g.Absence(), "/no/such/program") {
		t.Errorf("%+v", g)
	}
}

func TestCardsStayWhereTheMeasuringEnds(t *testing.T) {
	w, changed := watch(t, 0, "die later")
	<-changed
	before := w.GPUs()
	<-changed
	g := w.GPUs()
	if g.Absence() != "" || len(g.Cards) != 1 || g.Cards[0].Now != nil || !strings.Contains(g.Unmeasured, "exit status 3: the driver is gone") {
		t.Errorf("%+v", g)
	}
	if before.Unmeasured == "" && before.Cards[0].Now == nil {
		t.Error("what was read before has changed")
	}
	if g.Cards[0].Free() != 100 {
		t.Errorf("%d bytes free of what is not measured", g.Cards[0].Free())
	}
}

func TestARefreshLooksAnew(t *testing.T) {
	w, _ := watch(t, 0, "count", t.TempDir()+"/starts")
	if g := w.Wait(t.Context()); g.Cards[0].Memory != 1 {
		t.Errorf("%+v", g)
	}
	for i := int64(2); i < 4; i++ {
		if g := w.Refresh(t.Context()); g.Cards[0].Memory != i {
			t.Errorf("refresh %d: %+v", i-1, g)
		}
	}
}

func TestARefreshWaitsForFigures(t *testing.T) {
	w, _ := watch(t, 0, "later")
	for range 5 {
		if g := w.Refresh(t.Context()); len(g.Cards) != 1 || g.Cards[0].Now == nil {
			t.Fatalf("%+v", g)
		}
	}
}

func TestAWaitEndsWithItsContextAndWithClose(t *testing.T) {
	w, _ := watch(t, time.Hour, "hang")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if g := w.Wait(ctx); g.Known || !strings.Contains(g.Absence(), "not known yet") {
		t.Errorf("%+v", g)
	}
	waited := make(chan GPUs)
	go func() { waited <- w.Wait(t.Context()) }()
	w.Close()
	if g := <-waited; g.Known {
		t.Errorf("%+v", g)
	}
}

func TestAProgramWithoutCUDAAsksNobody(t *testing.T) {
	without := GPUs{Known: true, Cards: []GPU{}, None: &NoGPU{Kind: NotBuilt, Reason: "not built"}}
	w := WatchGPUs(GPUOptions{Without: without})
	for _, g := range []GPUs{w.GPUs(), w.Wait(t.Context()), w.Refresh(t.Context())} {
		if g.Absence() != "not built" {
			t.Errorf("%+v", g)
		}
	}
	w.Close()
	w.Close()
}

func TestFitCards(t *testing.T) {
	g := GPUs{Known: true, Cards: []GPU{{Name: "old", Unfit: "too old"}, {Name: "new"}}}
	if !slices.Equal(g.Fit(), g.Cards[1:]) {
		t.Errorf("%+v", g.Fit())
	}
}
