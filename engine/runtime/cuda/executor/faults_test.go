//go:build cuda && linux && (amd64 || arm64)

package executor

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"servery/engine/runtime/cuda/driver"
)

// served opens a device, loads a model, runs it and closes all.
func served() (err error) {
	d, err := Open(Options{Find: find})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	m, err := d.NewModel(&weighing{growing: true}, Limits{Graphs: 2})
	if err != nil {
		return err
	}
	for _, n := range []int{3, 4, 3, 20000, 5, 3} {
		if err := check(m, 1, n); err != nil {
			return err
		}
	}
	return nil
}

func TestEveryCallFails(t *testing.T) {
	lib := bind(t)
	lib.EachFails(2, served, func(call string, nth int, err error) {
		// Where memory can be given up for it, a run is tried again.
		var full *MemoryError
		if err != nil && !errors.As(err, &full) && !errors.Is(err, driver.ErrOutOfMemory) {
			t.Errorf("%s fails at %d: %v", call, nth, err)
		}
	}, "cuDriverGetVersion")
	lib.EachFails(999, served, func(call string, nth int, err error) {
		if !errors.Is(err, &driver.Error{Code: 999}) {
			t.Errorf("%s fails at %d: %v", call, nth, err)
		}
	}, "cuDriverGetVersion")
}

// A run that fails for a reason of its own leaves the model as it was.
func TestTheNextRunIsRight(t *testing.T) {
	lib := bind(t)
	lib.EachFails(1, func() error {
		d, err := Open(Options{Find: find})
		if err != nil {
			return nil
		}
		defer d.Close()
		m, err := d.NewModel(&weighing{growing: true}, Limits{Graphs: 2})
		if err != nil {
			return nil
		}
		var lost *LostError
		if errors.As(errors.Join(check(m, 1, 3), check(m, 1, 4), check(m, 1, 20000)), &lost) {
			return nil
		}
		return errors.Join(check(m, 2, 3), check(m, 2, 4), check(m, 2, 5), check(m, 2, 20000))
	}, func(call string, nth int, err error) {
		if err != nil && !errors.Is(err, driver.ErrInvalidValue) {
			t.Errorf("%s fails at %d: %v", call, nth, err)
		}
	}, "cuDriverGetVersion", "cuFuncGetParamInfo") // there the code says that a kernel has no parameters
}

func TestAModelThatIsTooLarge(t *testing.T) {
	lib := bind(t)
	lib.Set("memory", 3<<20)
	d := open(t, 2)
	small := load(t, d, &weighing{}, Limits{})
	m, err := d.NewModel(&weighing{weights: 8192}, Limits{})
	var full *MemoryError
	if !errors.As(err, &full) || full.Needed != 2<<20 || full.Free != 1<<20 || full.Total != 3<<20 || m != nil {
		t.Fatalf("%+v", err)
	}
	if text := err.Error(); !strings.Contains(text, "loading the weights needs 2.0 MiB, 1.0 MiB of 3.0 MiB are free") {
		t.Error(text)
	}
	if err := check(small, 1, 5); err != nil {
		t.Error(err)
	}
}

func TestARunThatIsTooLarge(t *testing.T) {
	lib := bind(t)
	lib.Set("memory", 8<<20)
	m := load(t, open(t, 1), &weighing{}, Limits{})
	if err := check(m, 1, 10); err != nil {
		t.Fatal(err)
	}
	captured := lib.Calls()["cuGraphInstantiateWithFlags"]
	for range 3 {
		var full *MemoryError
		if err := check(m, 1, 1<<20); !errors.As(err, &full) || full.Needed < 8<<20 || full.Free > 6<<20 || !errors.Is(err, driver.ErrOutOfMemory) {
			t.Fatalf("%v", err)
		}
		if err := check(m, 1, 10); err != nil {
			t.Fatal(err)
		}
	}
	if n := lib.Calls()["cuGraphInstantiateWithFlags"]; n != captured {
		t.Errorf("a run that cannot be takes the graphs of others away: %d more", n-captured)
	}
	if len(m.programs) != 1 {
		t.Errorf("%d programs are kept", len(m.programs))
	}
}

func TestLanesGiveMemoryUpForEachOther(t *testing.T) {
	lib := bind(t)
	lib.Set("memory", 8<<20)
	d := open(t, 2)
	m := load(t, d, &weighing{}, Limits{})
	const n = 400000 // 3.2 MB in the arena
	for range 2 * len(d.lanes) {
		if err := check(m, 1, n); err != nil {
			t.Fatal(err)
		}
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 3 {
				if err := check(m, 1, n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	// A run that needs what the other lane has.
	if err := check(m, 1, 700000); err != nil {
		t.Error(err)
	}
}

func TestMemoryOfTheMachineIsFull(t *testing.T) {
	lib := bind(t)
	m := load(t, open(t, 1), &weighing{}, Limits{})
	lib.Fail("cuMemAllocHost_v2", 1, 2)
	var full *MemoryError
	if err := check(m, 1, 10); !errors.As(err, &full) || !full.Host || !strings.Contains(err.Error(), "page-locked") {
		t.Errorf("%v", err)
	}
	if err := check(m, 1, 10); err != nil {
		t.Error(err)
	}
}

func TestAKernelThatFails(t *testing.T) {
	for lanes := 1; lanes <= 2; lanes++ {
		lib := bind(t)
		d, err := Open(Options{Find: find, Lanes: lanes})
		if err != nil {
			t.Fatal(err)
		}
		good, bad := load(t, d, &weighing{}, Limits{}), load(t, d, &weighing{beyond: 100000}, Limits{})
		if err := check(good, 1, 10); err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		for i := range 6 {
			wait.Go(func() {
				m := good
				if i == 3 {
					m = bad
				}
				for range 10 {
					var lost *LostError
					if _, err := m.Run(context.Background(), request(1, 10)); err != nil && !errors.As(err, &lost) {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		var lost *LostError
		if err := check(good, 1, 10); !errors.As(err, &lost) || !errors.Is(err, driver.ErrIllegalAddress) {
			t.Errorf("after it: %v", err)
		}
		if _, err := d.NewModel(&weighing{}, Limits{}); !errors.As(err, &lost) {
			t.Errorf("a load after it: %v", err)
		}
		if err := d.Close(); !errors.Is(err, driver.ErrIllegalAddress) {
			t.Errorf("Close: %v", err)
		}
		if live := lib.Live(); len(live) > 0 {
			t.Errorf("left: %v", live)
		}
	}
}
