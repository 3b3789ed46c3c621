package registry

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"servery/engine/onnx/onnxtest"
)

// placesOf lists catalogs and schemas.
func placesOf(r *Registry) string {
	var names []string
	for _, c := range r.Catalogs() {
		names = append(names, c.Name)
	}
	for _, s := range r.Schemas() {
		names = append(names, s.FullName())
	}
	return strings.Join(names, " ")
}

func TestANewFolderHasMainAndDefault(t *testing.T) {
	f := newFixture(t)
	if got := placesOf(f.Registry); got != "main main.default" {
		t.Error(got)
	}
	first := f.Catalogs()[0]
	f.reopen(t)
	if c, err := f.Catalog("MAIN"); err != nil || c != first || len(c.ID) != 36 {
		t.Errorf("%+v after a new start, %+v before (%v)", c, first, err)
	}
	if _, err := f.Schema("main.none"); err == nil || !strings.Contains(err.Error(), `schema "main.none" does not exist`) {
		t.Error(err)
	}
}

func TestAnImportMakesItsCatalogAndSchema(t *testing.T) {
	f := newFixture(t)
	source := file(t, "m.onnx", onnxtest.Add(1))
	f.ready(t, Import{Source: source, Name: "X-1.y.z", CreatedBy: "ann@example.com"})
	f.ready(t, Import{Source: source, Name: "X.y.z", CreatedBy: "bob@example.com"})
	for range 2 {
		if got := placesOf(f.Registry); got != "main x x-1 main.default x-1.y x.y" {
			t.Error(got)
		}
		if s, err := f.Schema("x-1.Y"); err != nil || s.Owner != "ann@example.com" || s.ID == "" {
			t.Errorf("%+v %v", s, err)
		}
		f.reopen(t)
	}
	// Models from releases that kept no catalogs get theirs.
	maps.DeleteFunc(f.table.Rows, func(key string, _ []byte) bool {
		return strings.HasPrefix(key, catalogPrefix) || strings.HasPrefix(key, schemaPrefix)
	})
	f.table.Before = func(map[string][]byte) error { return errors.New("full") }
	f.reopen(t) // also where they cannot be stored
	f.table.Before = nil
	f.reopen(t)
	if got := placesOf(f.Registry); got != "main x x-1 main.default x-1.y x.y" {
		t.Error(got)
	}
	if c, err := f.Catalog("x"); err != nil || c.Owner != "bob@example.com" {
		t.Errorf("%+v %v", c, err)
	}
}

func TestACatalogGoesOnceItIsEmpty(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	if c, err := f.CreateCatalog(ctx, Place{Catalog: "Lab", Comment: "tries", CreatedBy: "ann"}); err != nil || c.Name != "lab" || c.Comment != "tries" || c.Owner != "ann" {
		t.Fatalf("%+v %v", c, err)
	}
	if _, err := f.CreateSchema(ctx, Place{Catalog: "lab", Schema: "Vision", CreatedBy: "bob"}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.CreateModel(ctx, NewModel{Name: "lab.vision.m", CreatedBy: "bob"}); err != nil {
		t.Fatal(err)
	}
	f.reopen(t)
	if got := placesOf(f.Registry); got != "lab main lab.default lab.vision main.default" {
		t.Error(got)
	}
	for _, c := range []struct {
		do   func() error
		says string // "" where it goes well
	}{
		{func() error { _, err := f.CreateCatalog(ctx, Place{Catalog: "LAB"}); return err }, `The catalog "lab" already exists.`},
		{func() error { _, err := f.CreateSchema(ctx, Place{Catalog: "lab", Schema: "vision"}); return err }, `The schema "lab.vision" already exists.`},
		{func() error { _, err := f.CreateSchema(ctx, Place{Catalog: "none", Schema: "x"}); return err }, `The catalog "none" does not exist.`},
		{func() error { _, err := f.CreateCatalog(ctx, Place{Catalog: "a b"}); return err }, "is not valid"},
		{func() error { _, err := f.CreateSchema(ctx, Place{Catalog: "lab", Schema: "a.b"}); return err }, "is not valid"},
		{func() error {
			_, err := f.CreateCatalog(ctx, Place{Catalog: "c", Comment: strings.Repeat("x", maxComment+1)})
			return err
		}, "65537 bytes"},
		{func() error { _, err := f.CreateModel(ctx, NewModel{Name: "lab.none.m"}); return err }, `The schema "lab.none" does not exist.`},
		{func() error { _, err := f.CreateModel(ctx, NewModel{Name: "lab.vision.M"}); return err }, `The model "lab.vision.m" already exists.`},
		{func() error { return f.DeleteSchema(ctx, "lab.vision") }, "holds 1 model; delete it first"},
		{func() error { return f.DeleteCatalog(ctx, "lab", true) }, "holds 1 model; delete it first"},
		{func() error { return f.DeleteModel(ctx, "lab.vision.m") }, ""},
		{func() error { return f.DeleteCatalog(ctx, "lab", false) }, "holds 1 schema; delete it first"},
		{func() error { return f.DeleteSchema(ctx, "lab.none") }, "does not exist"},
		{func() error { return f.DeleteSchema(ctx, "Lab.Vision") }, ""},
		{func() error { return f.DeleteCatalog(ctx, "lab", false) }, ""},
		{func() error { return f.DeleteCatalog(ctx, "lab", false) }, "does not exist"},
	} {
		err := c.do()
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, want %q", err, c.says)
		}
	}
	f.reopen(t)
	if got := placesOf(f.Registry); got != "main main.default" {
		t.Error(got)
	}
}

func TestAModelThatIsRenamedKeepsWhatItHas(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	old := f.ready(t, Import{Source: file(t, "m.onnx", onnxtest.Add(1)), Name: "a.b.c", Alias: "best", CreatedBy: "ann"})
	before, _ := f.Model("a.b.c")
	name, comment, owner := "New", "better", "bob"
	var told []string
	f.Subscribe(func(name string) { told = append(told, name) })
	m, err := f.UpdateModel(ctx, "a.b.c", ModelChange{NewName: &name, Comment: &comment, Owner: &owner, By: "ann"})
	if err != nil || m.FullName() != "a.b.new" || m.ID != before.ID || m.Comment != "better" || m.Owner != "bob" || m.UpdatedBy != "ann" {
		t.Fatalf("%+v %v", m, err)
	}
	if !slices.Equal(told, []string{"a.b.c", "a.b.new"}) {
		t.Error(told)
	}
	// The old name is free, and its new model has nothing of the old one.
	other := f.ready(t, Import{Source: file(t, "m.onnx", onnxtest.Add(2)), Name: "a.b.c"})
	if other.Number != 1 || other.Dir == old.Dir {
		t.Errorf("version %d in %s", other.Number, other.Dir)
	}
	for range 2 {
		m, err := f.Model("a.b.new")
		if v, ok := m.Version(1); err != nil || !ok || v.Status != Ready || v.Dir != old.Dir || len(m.Aliases) != 1 {
			t.Errorf("%+v %v", m, err)
		}
		f.checkFiles(t)
		f.reopen(t)
	}
	taken := "a.b.c"
	if _, err := f.UpdateModel(ctx, "a.b.new", ModelChange{NewName: &taken}); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Error(err)
	}
	elsewhere := "main.default.c"
	if _, err := f.UpdateModel(ctx, "a.b.new", ModelChange{NewName: &elsewhere}); err == nil || !strings.Contains(err.Error(), "stays in its schema") {
		t.Error(err)
	}
	f.SetUses(func(string, int) []string { return []string{"live"} })
	free := "free"
	var used *InUseError
	if _, err := f.UpdateModel(ctx, "a.b.new", ModelChange{NewName: &free}); !errors.As(err, &used) {
		t.Error(err)
	}
	f.SetUses(nil)
	for _, name := range []string{"a.b.c", "a.b.new"} {
		if err := f.DeleteModel(ctx, name); err != nil {
			t.Error(err)
		}
	}
	f.checkFiles(t)
}

func TestTagsAndCommentsAreKept(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	f.ready(t, Import{Source: file(t, "m.onnx", onnxtest.Add(1)), Name: "a.b.c"})
	for _, tag := range []Tag{{"b", "1"}, {"a", "2"}, {"b", "3"}} {
		for version := range 2 {
			if err := f.SetTag(ctx, "a.b.c", version, tag, "ann"); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := f.UpdateVersion(ctx, "a.b.c", 1, "the first", "bob"); err != nil {
		t.Error(err)
	}
	if err := f.DeleteTag(ctx, "a.b.c", 1, "a", "bob"); err != nil {
		t.Error(err)
	}
	for range 2 {
		m, _ := f.Model("a.b.c")
		v, _ := m.Version(1)
		if !slices.Equal(m.Tags, []Tag{{"a", "2"}, {"b", "3"}}) || !slices.Equal(v.Tags, []Tag{{"b", "3"}}) || v.Comment != "the first" || v.UpdatedBy != "bob" || v.UpdatedAt.IsZero() {
			t.Errorf("%+v %+v", m, v)
		}
		f.reopen(t)
	}
	for tag, says := range map[Tag]string{
		{"", "x"}:                        "no key",
		{strings.Repeat("k", 251), ""}:   "251 bytes",
		{"k", strings.Repeat("v", 5001)}: "5001 bytes",
		{"k", "\xff"}:                    "UTF-8",
	} {
		var value *ValueError
		if err := f.SetTag(ctx, "a.b.c", 0, tag, ""); !errors.As(err, &value) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	for i := range 13 {
		if err := f.SetTag(ctx, "a.b.c", 0, Tag{string(rune('a' + i)), strings.Repeat("v", 5000)}, ""); err != nil {
			t.Error(err)
		}
	}
	if err := f.SetTag(ctx, "a.b.c", 0, Tag{"z", strings.Repeat("v", 5000)}, ""); err == nil {
		t.Error("tags without end")
	}
	var missing *NotFoundError
	if err := f.SetTag(ctx, "a.b.c", 9, Tag{"k", ""}, ""); !errors.As(err, &missing) || missing.Version != 9 {
		t.Error(err)
	}
}
