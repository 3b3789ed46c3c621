package registry

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"servery/engine/onnx/onnxtest"
	"servery/engine/tabletest"
)

// told is what a catalog should hold: the simplest possible registry.
type told struct {
	versions map[int]Status
	aliases  map[string]int
	next     int
}

// TestAnyStoryEndsAsTold plays random stories, with new starts in between, to the
// registry and to a few maps, and compares them after each step.
func TestAnyStoryEndsAsTold(t *testing.T) {
	good, bad := file(t, "good.onnx", onnxtest.Add(1)), file(t, "bad.onnx", []byte("bad"))
	ctx := context.Background()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		f := &fixture{table: tabletest.New(), dir: dir}
		if f.Registry, err = Open(f.table, dir); err != nil {
			rt.Fatal(err)
		}
		want := map[string]*told{}
		name := rapid.SampledFrom([]string{"a.b.c", "a.b.d", "con.b.c"})
		alias := rapid.SampledFrom([]string{"x", "y"})
		number := rapid.IntRange(1, 4)
		rt.Repeat(map[string]func(*rapid.T){
			"import": func(rt *rapid.T) {
				name, alias, source := name.Draw(rt, "name"), rapid.SampledFrom([]string{"", "x", "y"}).Draw(rt, "alias"), rapid.SampledFrom([]string{good, good, bad}).Draw(rt, "source")
				m := want[name]
				if m == nil {
					m = &told{versions: map[int]Status{}, aliases: map[string]int{}, next: 1}
					want[name] = m
				}
				v, err := f.Import(ctx, Import{Source: source, Name: strings.ToUpper(name), Alias: alias}, nil)
				if err != nil || v.Number != m.next {
					rt.Fatalf("version %d, want %d: %v", v.Number, m.next, err)
				}
				m.versions[m.next] = Failed
				if source == good {
					if m.versions[m.next] = Ready; alias != "" {
						m.aliases[alias] = m.next
					}
				}
				m.next++
			},
			"upload": func(rt *rapid.T) {
				name, content := name.Draw(rt, "name"), rapid.SampledFrom([]string{string(onnxtest.Add(1)), "bad"}).Draw(rt, "content")
				m := want[name]
				v, err := f.Register(ctx, Registration{Name: name})
				if (err == nil) != (m != nil) {
					rt.Fatal(err)
				}
				if m == nil {
					return
				}
				if m.versions[m.next] = Pending; v.Number != m.next {
					rt.Fatalf("version %d, want %d", v.Number, m.next)
				}
				m.next++
				for path, content := range map[string]string{"MLmodel": plainDescription, "model.onnx": content} {
					if err := f.WriteFile(ctx, File{name, v.Number, path}, -1, true, strings.NewReader(content)); err != nil {
						rt.Fatal(err)
					}
				}
			},
			"finalize": func(rt *rapid.T) {
				name, n := name.Draw(rt, "name"), number.Draw(rt, "version")
				m := want[name]
				v, err := f.Finalize(ctx, name, n, nil)
				if ok := m != nil && m.versions[n] != ""; (err == nil) != ok {
					rt.Fatal(err)
				} else if ok && m.versions[n] == Pending {
					m.versions[n] = v.Status
				}
			},
			"rename": func(rt *rapid.T) {
				from, to := name.Draw(rt, "name"), name.Draw(rt, "new name")
				_, err := f.UpdateModel(ctx, from, ModelChange{NewName: &to})
				if ok := want[from] != nil && (from == to || want[to] == nil) && strings.HasPrefix(from, "a.") == strings.HasPrefix(to, "a."); (err == nil) != ok {
					rt.Fatal(err)
				} else if m := want[from]; ok {
					delete(want, from)
					want[to] = m
				}
			},
			"set alias": func(rt *rapid.T) {
				name, alias, n := name.Draw(rt, "name"), alias.Draw(rt, "alias"), number.Draw(rt, "version")
				m := want[name]
				ok := m != nil && m.versions[n] != ""
				if err := f.SetAlias(ctx, name, alias, n); (err == nil) != ok {
					rt.Fatal(err)
				}
				if ok {
					m.aliases[alias] = n
				}
			},
			"delete alias": func(rt *rapid.T) {
				name, alias := name.Draw(rt, "name"), alias.Draw(rt, "alias")
				m := want[name]
				ok := m != nil && m.aliases[alias] != 0
				if err := f.DeleteAlias(ctx, name, alias); (err == nil) != ok {
					rt.Fatal(err)
				}
				if ok {
					delete(m.aliases, alias)
				}
			},
			"delete version": func(rt *rapid.T) {
				name, n := name.Draw(rt, "name"), number.Draw(rt, "version")
				m := want[name]
				ok := m != nil && m.versions[n] != ""
				if err := f.DeleteVersion(ctx, name, n); (err == nil) != ok {
					rt.Fatal(err)
				}
				if ok {
					delete(m.versions, n)
					maps.DeleteFunc(m.aliases, func(_ string, to int) bool { return to == n })
				}
			},
			"delete model": func(rt *rapid.T) {
				name := name.Draw(rt, "name")
				if err := f.DeleteModel(ctx, name); (err == nil) != (want[name] != nil) {
					rt.Fatal(err)
				}
				delete(want, name)
			},
			"start anew": func(rt *rapid.T) {
				if f.Registry, err = Open(f.table, dir); err != nil {
					rt.Fatal(err)
				}
			},
			"": func(rt *rapid.T) {
				if got, want := listing(f.Models()), tell(want); got != want {
					rt.Fatalf("got\n%swant\n%s", got, want)
				}
			},
		})
		f.checkFiles(t)
	})
}

func listing(models []Model) string {
	var b strings.Builder
	for _, m := range models {
		fmt.Fprint(&b, m.FullName())
		for _, v := range m.Versions {
			fmt.Fprint(&b, " ", v.Number, v.Status)
		}
		for _, a := range m.Aliases {
			fmt.Fprint(&b, " ", a.Name, a.Version)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func tell(want map[string]*told) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(want)) {
		fmt.Fprint(&b, name)
		numbers := slices.Sorted(maps.Keys(want[name].versions))
		slices.Reverse(numbers)
		for _, n := range numbers {
			fmt.Fprint(&b, " ", n, want[name].versions[n])
		}
		for _, a := range slices.Sorted(maps.Keys(want[name].aliases)) {
			fmt.Fprint(&b, " ", a, want[name].aliases[a])
		}
		b.WriteByte('\n')
	}
	return b.String()
}
