package endpoint

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func compared(t *testing.T, from, to ConfigSpec) Difference {
	t.Helper()
	a, wrong := validateConfig(&models{}, &Endpoint{Name: "pair"}, from)
	b, alsoWrong := validateConfig(&models{}, &Endpoint{Name: "pair"}, to)
	if len(wrong)+len(alsoWrong) > 0 {
		t.Fatal(wrong, alsoWrong)
	}
	return Compare(a, b)
}

func TestADifferenceIsToldFieldByField(t *testing.T) {
	from, to := *two("", 70, 30).Config, *two("", 60, 40).Config
	from.Entities[0].EnvironmentVars = map[string]string{"GONE": "x", "SAME": "1", "THREADS": "2"}
	to.Entities[0].EnvironmentVars = map[string]string{"NEW": "", "SAME": "1", "THREADS": "4"}
	to.Entities[0].ModelName = "MAIN.default.A" // the same to Unity Catalog
	to.Entities[0].WorkloadSize, to.Entities[0].MinConcurrency, to.Entities[0].MaxConcurrency = "", pointer(4), pointer(8)
	to.Entities[0].ScaleToZero = pointer(true)
	to.Entities[0].Name = "a-1"
	to.Entities[1] = EntitySpec{Name: "c", ModelName: "main.default.b", ModelVersion: "2", ScaleToZero: pointer(false)}
	to.Routes = []Route{{"a-1", 60}, {"c", 40}}
	to.AutoCapture = &InferenceTable{Enabled: true, Catalog: "main", Schema: "logs"}

	d := compared(t, from, to)
	if len(d.Added) != 1 || d.Added[0].Name != "c" || len(d.Removed) != 1 || d.Removed[0].Name != "b-1" || len(d.Changed) != 1 || d.Changed[0].Name != "a-1" {
		t.Fatalf("%+v", d)
	}
	want := []FieldDifference{
		{"min_provisioned_concurrency", "", "4"}, {"max_provisioned_concurrency", "", "8"}, {"scale_to_zero_enabled", "false", "true"},
		{"environment_vars.NEW", "", ""}, {"environment_vars.THREADS", "2", "4"},
		{"workload_size", "Small", ""}, {"environment_vars.GONE", "x", ""},
	}
	slices.SortFunc(d.Changed[0].Fields, byField)
	slices.SortFunc(want, byField)
	if !reflect.DeepEqual(d.Changed[0].Fields, want) {
		t.Errorf("fields %+v, want %+v", d.Changed[0].Fields, want)
	}
	if routes := []RouteDifference{{"a-1", 70, 60}, {"c", NoRoute, 40}, {"b-1", 30, NoRoute}}; !reflect.DeepEqual(d.Routes, routes) {
		t.Errorf("routes %+v, want %+v", d.Routes, routes)
	}
	capture := []FieldDifference{{"auto_capture_config.enabled", "", "true"}, {"auto_capture_config.catalog_name", "", "main"},
		{"auto_capture_config.schema_name", "", "logs"}, {"auto_capture_config.table_name_prefix", "", "pair"}}
	if !reflect.DeepEqual(d.AutoCapture, capture) {
		t.Errorf("table %+v, want %+v", d.AutoCapture, capture)
	}
}

func byField(a, b FieldDifference) int {
	if a.Field < b.Field {
		return -1
	}
	return 1
}

func TestTheOrderOfEntitiesAndRoutesIsNoDifference(t *testing.T) {
	from, to := *two("", 70, 30).Config, *two("", 70, 30).Config
	slices.Reverse(to.Entities)
	slices.Reverse(to.Routes)
	if d := compared(t, from, to); !d.Same() {
		t.Errorf("%+v", d)
	}
}

func TestACreateIsADifferenceFromNothing(t *testing.T) {
	c, _ := validateConfig(&models{}, &Endpoint{}, *two("", 70, 30).Config)
	if d := Compare(nil, c); len(d.Added) != 2 || len(d.Routes) != 2 || d.Same() {
		t.Errorf("%+v", d)
	}
	if d := Compare(c, nil); len(d.Removed) != 2 || len(d.Routes) != 2 {
		t.Errorf("%+v", d)
	}
	if !Compare(nil, nil).Same() {
		t.Error("nothing differs from nothing")
	}
}

// What a difference tells leads from one configuration to the other, and back it tells the
// same the other way round.
func TestADifferenceLeadsFromOneToTheOther(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(label string) *Config {
			c := &Config{}
			for i := range rapid.IntRange(1, 4).Draw(rt, label) {
				e := ServedEntity{Name: fmt.Sprint("e", i), ModelName: "main.default.a", WorkloadType: "CPU", WorkloadSize: "Small",
					ModelVersion: rapid.IntRange(1, 2).Draw(rt, "version"), ScaleToZero: rapid.Bool().Draw(rt, "zero")}
				if rapid.Bool().Draw(rt, "numbers") {
					e.WorkloadSize, e.MaxConcurrency = "", 4*rapid.IntRange(1, 2).Draw(rt, "max")
				}
				e.EnvironmentVars = rapid.MapOf(rapid.SampledFrom([]string{"A", "B"}), rapid.SampledFrom([]string{"", "1", "2"})).Draw(rt, "environment")
				if rapid.IntRange(0, 3).Draw(rt, "there") > 0 {
					c.Entities = append(c.Entities, e)
					c.Routes = append(c.Routes, Route{e.Name, rapid.IntRange(0, 2).Draw(rt, "percent")})
				}
			}
			return c
		}
		a, b := draw("a"), draw("b")
		there, back := Compare(a, b), Compare(b, a)
		if len(there.Added) != len(back.Removed) || len(there.Changed) != len(back.Changed) || len(there.Routes) != len(back.Routes) {
			rt.Fatalf("there %+v, back %+v", there, back)
		}
		got := map[string]map[string]string{}
		for i := range a.Entities {
			got[a.Entities[i].Name] = fieldsOf(&a.Entities[i])
		}
		for _, e := range there.Removed {
			delete(got, e.Name)
		}
		for i := range there.Added {
			got[there.Added[i].Name] = fieldsOf(&there.Added[i])
		}
		for _, c := range there.Changed {
			for _, f := range c.Fields {
				if got[c.Name][f.Field] != f.From {
					rt.Fatalf("%s %+v, it was %q", c.Name, f, got[c.Name][f.Field])
				}
				got[c.Name][f.Field] = f.To
			}
		}
		if len(got) != len(b.Entities) {
			rt.Fatalf("%d entities, want %d", len(got), len(b.Entities))
		}
		for i := range b.Entities {
			for name, want := range fieldsOf(&b.Entities[i]) {
				if got[b.Entities[i].Name][name] != want {
					rt.Fatalf("%s %s: %q, want %q", b.Entities[i].Name, name, got[b.Entities[i].Name][name], want)
				}
			}
		}
		if there.Same() != (reflect.DeepEqual(a.Routes, b.Routes) && sameEntities(a, b)) {
			rt.Fatalf("same %v: %+v", there.Same(), there)
		}
	})
}

func fieldsOf(e *ServedEntity) map[string]string {
	m := map[string]string{}
	for _, f := range e.asked() {
		m[f[0]] = f[1]
	}
	return m
}

func sameEntities(a, b *Config) bool {
	return slices.EqualFunc(a.Entities, b.Entities, func(x, y ServedEntity) bool {
		x.MinConcurrency, y.MinConcurrency = 0, 0 // always 0 here
		return x.sameAs(&y)
	})
}
