package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"servery/engine/onnx/onnxtest"
)

func TestParallelImportsGetNumbersOfTheirOwn(t *testing.T) {
	f := newFixture(t)
	const n = 16
	numbers := make([]int, n)
	started := make(chan struct{}, n)
	all := make(chan struct{})
	var work sync.WaitGroup
	for i := range n {
		source := file(t, "m.onnx", onnxtest.Add(i+1))
		work.Go(func() {
			first := true
			v, err := f.Import(context.Background(), Import{Source: source, Name: "a.b.c", Alias: fmt.Sprintf("alias-%d", i)}, func(Progress) {
				if first { // all copy at the same time, or this waits for ever
					first = false
					started <- struct{}{}
					<-all
				}
			})
			if err != nil || v.Status != Ready || v.Graph.Inputs[0].Shape[1] != int64(i+1) {
				t.Errorf("import %d: %+v, %v", i, v, err)
			}
			numbers[i] = v.Number
		})
	}
	for range n {
		<-started
	}
	close(all)
	work.Wait()
	m, err := f.Model("a.b.c")
	if err != nil || len(m.Versions) != n || len(m.Aliases) != n {
		t.Fatalf("%d versions, %d aliases, %v", len(m.Versions), len(m.Aliases), err)
	}
	for i, number := range numbers {
		if got := m.AliasesOf(number); !slices.Equal(got, []string{fmt.Sprintf("alias-%d", i)}) {
			t.Errorf("version %d has the aliases %v", number, got)
		}
	}
	slices.Sort(numbers)
	if len(slices.Compact(numbers)) != n || numbers[0] != 1 || numbers[n-1] != n {
		t.Errorf("numbers %v", numbers)
	}
	f.checkFiles(t)
}

func TestReadersSeeWholeModelsWhileAllChanges(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	source := file(t, "m.onnx", onnxtest.Add(1))
	f.SetUses(func(string, int) []string { return nil })
	f.Subscribe(func(name string) { f.Model(name) })
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				models := f.Models()
				if !slices.IsSortedFunc(models, func(a, b Model) int { return strings.Compare(a.FullName(), b.FullName()) }) {
					t.Error("models are not sorted")
				}
				for _, m := range models {
					for _, a := range m.Aliases {
						if _, ok := m.Version(a.Version); !ok {
							t.Errorf("the alias %s of %s points at version %d, which is not there", a.Name, m.FullName(), a.Version)
						}
					}
					if !slices.IsSortedFunc(m.Versions, func(a, b Version) int { return b.Number - a.Number }) {
						t.Errorf("versions of %s are not sorted", m.FullName())
					}
				}
			}
		})
	}
	for i := range 4 {
		writers.Go(func() {
			name := fmt.Sprintf("a.b.m%d", i%2)
			for range 8 {
				v, err := f.Import(ctx, Import{Source: source, Name: name, Alias: fmt.Sprintf("by-%d", i)}, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if err := f.SetAlias(ctx, name, "last", v.Number); err != nil {
					t.Error(err)
				}
				if v.Number%2 == 0 {
					if err := f.DeleteVersion(ctx, name, v.Number); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	f.checkFiles(t)
	before := f.Models()
	f.reopen(t)
	if after := f.Models(); len(after) != 2 || len(before[0].Versions) != len(after[0].Versions) {
		t.Errorf("after a new start %+v", after)
	}
}
