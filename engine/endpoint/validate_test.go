package endpoint

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestValidateRefusesWhatTheProductRefuses(t *testing.T) {
	entity := func(change func(e *EntitySpec)) Spec {
		s := one("digits")
		change(&s.Config.Entities[0])
		return s
	}
	split := func(routes ...Route) Spec {
		s := two("pair", 50, 50)
		s.Config.Routes = routes
		return s
	}
	const e0, routes = "config.served_entities[0].", "config.traffic_config.routes"
	for _, c := range []struct {
		name  string
		spec  Spec
		field string
		says  string
	}{
		{"no name", one(""), "name", "missing"},
		{"a name of 64", one(strings.Repeat("x", 64)), "name", "at most 63 characters, this has 64"},
		{"a name with a space", one("my digits"), "name", "underscores, not spaces."},
		{"a name with a slash", one("a/b"), "name", `not "/"`},
		{"a name in another script", one("数字"), "name", "letters (A to Z"},
		{"the product's own prefix", one("databricks-x"), "name", "begins with databricks-"},
		{"a word of the paths", one("chat"), "name", "word of the REST API"},
		{"no entity", Spec{Name: "x", Config: &ConfigSpec{}}, "config.served_entities", "1 to 10 served entities, this has 0"},
		{"a tag without a key", Spec{Name: "x", Tags: []Tag{{"a", ""}, {"", "v"}}}, "tags[1].key", "needs a key"},
		{"a tag twice", Spec{Name: "x", Tags: []Tag{{"a", ""}, {"a", "v"}}}, "tags[1].key", "twice"},
		{"no model", entity(func(e *EntitySpec) { e.ModelName = "" }), e0 + "entity_name", "missing"},
		{"a model of one part", entity(func(e *EntitySpec) { e.ModelName = "a" }), e0 + "entity_name", "like main.default.a"},
		{"a model that is not there", entity(func(e *EntitySpec) { e.ModelName = "main.default.z" }), e0 + "entity_name", "servery models import FILE --name main.default.z"},
		{"no version", entity(func(e *EntitySpec) { e.ModelVersion = "" }), e0 + "entity_version", "missing"},
		{"an alias", entity(func(e *EntitySpec) { e.ModelVersion = "champion" }), e0 + "entity_version", "points at version 2 now"},
		{"no alias either", entity(func(e *EntitySpec) { e.ModelVersion = "latest" }), e0 + "entity_version", "aliases are not accepted"},
		{"a version with a zero before", entity(func(e *EntitySpec) { e.ModelVersion = "01" }), e0 + "entity_version", "in digits"},
		{"a version that is not there", entity(func(e *EntitySpec) { e.ModelVersion = "9" }), e0 + "entity_version", "has no version 9: it has the versions 1, 2, 3, 4"},
		{"a version that failed", entity(func(e *EntitySpec) { e.ModelVersion = "3" }), e0 + "entity_version", "The file is no ONNX model."},
		{"a version on its way", entity(func(e *EntitySpec) { e.ModelVersion = "4" }), e0 + "entity_version", "still being imported"},
		{"a name with a space after it", one("good "), "name", "may not begin or end with a space"},
		{"a name that is a space", one(" "), "name", "may not begin or end with a space"},
		{"an entity's name with a dot", entity(func(e *EntitySpec) { e.Name = "a.b" }), e0 + "name", `not "."`},
		{"no workload type", entity(func(e *EntitySpec) { e.WorkloadType = "TPU" }), e0 + "workload_type", "CPU, CPU_MEDIUM, CPU_LARGE, GPU_SMALL"},
		{"no size", entity(func(e *EntitySpec) { e.WorkloadSize = "Huge" }), e0 + "workload_size", "Small, Medium and Large"},
		{"size and numbers", entity(func(e *EntitySpec) { e.MaxConcurrency = pointer(8) }), e0 + "workload_size", "one or the other"},
		{"one number", entity(func(e *EntitySpec) { e.WorkloadSize, e.MaxConcurrency = "", pointer(8) }), e0 + "min_provisioned_concurrency", "missing"},
		{"no multiple of 4", entity(func(e *EntitySpec) { e.WorkloadSize, e.MinConcurrency, e.MaxConcurrency = "", pointer(4), pointer(10) }), e0 + "max_provisioned_concurrency", "is 10: it takes a multiple of 4 from 4 to 1024"},
		{"above the limit", entity(func(e *EntitySpec) {
			e.WorkloadSize, e.MinConcurrency, e.MaxConcurrency = "", pointer(4), pointer(1028)
		}), e0 + "max_provisioned_concurrency", "is 1028"},
		{"negative", entity(func(e *EntitySpec) { e.WorkloadSize, e.MinConcurrency, e.MaxConcurrency = "", pointer(-4), pointer(4) }), e0 + "min_provisioned_concurrency", "is -4"},
		{"minimum above maximum", entity(func(e *EntitySpec) { e.WorkloadSize, e.MinConcurrency, e.MaxConcurrency = "", pointer(16), pointer(8) }), e0 + "min_provisioned_concurrency", "16 is above"},
		{"0 without scale to zero", entity(func(e *EntitySpec) { e.WorkloadSize, e.MinConcurrency, e.MaxConcurrency = "", pointer(0), pointer(8) }), e0 + "min_provisioned_concurrency", "needs scale_to_zero_enabled"},
		{"no scale to zero", entity(func(e *EntitySpec) { e.ScaleToZero = nil }), e0 + "scale_to_zero_enabled", "scaleToZeroEnabled is undefined. Please set it to either true or false."},
		{"a variable's name", entity(func(e *EntitySpec) { e.EnvironmentVars = map[string]string{"1A": ""} }), e0 + "environment_vars", `"1A" is no name`},
		{"a variable's name with a dash", entity(func(e *EntitySpec) { e.EnvironmentVars = map[string]string{"A-B": ""} }), e0 + "environment_vars", `"A-B" is no name`},
		{"a NUL", entity(func(e *EntitySpec) { e.EnvironmentVars = map[string]string{"A": "x\x00"} }), e0 + "environment_vars", "NUL"},
		{"no routes", split(), routes, "must be split"},
		{"99 %", split(Route{"a-1", 90}, Route{"b-1", 9}), routes, "sums to 99: it must sum to 100"},
		{"a route to nobody", split(Route{"a-1", 90}, Route{"c", 10}), routes + "[1].served_entity_name", "it has a-1, b-1"},
		{"a route without a name", split(Route{"", 100}), routes + "[0].served_entity_name", "missing"},
		{"two routes to one", split(Route{"a-1", 50}, Route{"a-1", 50}), routes + "[1].served_entity_name", "two routes"},
		{"a negative share", split(Route{"a-1", 110}, Route{"b-1", -10}), routes + "[1].traffic_percentage", "from 0 to 100"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, fields := validate(&models{}, c.spec)
			if !slices.ContainsFunc(fields, func(f FieldError) bool { return f.Field == c.field && strings.Contains(f.Message, c.says) }) {
				t.Errorf("%+v\nwant %s: …%s…", fields, c.field, c.says)
			}
		})
	}
}

func TestValidateSaysAllAtOnceInOrder(t *testing.T) {
	s := two("no good", 50, 60)
	s.Config.Entities[0].ScaleToZero = nil
	s.Config.Entities[1].Name, s.Config.Entities[1].ModelVersion = "b-1", "9"
	s.Tags = []Tag{{}}
	_, fields := validate(&models{}, s)
	var got []string
	for _, f := range fields {
		got = append(got, f.Field)
	}
	want := []string{"name", "config.served_entities[0].scale_to_zero_enabled", "config.served_entities[1].entity_version", "config.traffic_config.routes", "tags[0].key"}
	if !slices.Equal(got, want) {
		t.Errorf("fields %q", got)
	}
}

func TestValidateSpeaksOfAModelBeforeItsVersion(t *testing.T) {
	s := one("a")
	s.Config.Entities[0].ModelName, s.Config.Entities[0].ModelVersion = "", ""
	_, fields := validate(&models{}, s)
	if len(fields) < 2 || fields[0].Field != "config.served_entities[0].entity_name" || fields[1].Field != "config.served_entities[0].entity_version" {
		t.Errorf("fields %+v", fields)
	}
}

func TestValidateTwoEntitiesOfOneName(t *testing.T) {
	s := two("pair", 50, 50)
	s.Config.Entities[1].ModelName = "main.default.a"
	_, fields := validate(&models{}, s)
	if len(fields) == 0 || fields[0].Field != "config.served_entities[1].name" {
		t.Errorf("%+v", fields)
	}
}

func TestValidateLimitsOfNumbers(t *testing.T) {
	s := one("x")
	for len(s.Config.Entities) < 11 {
		e := s.Config.Entities[0]
		e.Name = fmt.Sprint("e", len(s.Config.Entities))
		s.Config.Entities = append(s.Config.Entities, e)
	}
	s.Config.Routes = []Route{{"a-1", 100}}
	if _, fields := validate(&models{}, s); len(fields) != 1 || fields[0].Field != "config.served_entities" {
		t.Errorf("11 entities: %+v", fields)
	}
	s.Config.Entities = s.Config.Entities[:10]
	vars := map[string]string{}
	for len(vars) < 50 {
		vars[fmt.Sprint("V", len(vars))] = "{{secrets/half" // literal
	}
	s.Config.Entities[9].EnvironmentVars = vars
	if _, fields := validate(&models{}, s); fields != nil {
		t.Errorf("10 entities, 50 variables: %+v", fields)
	}
	vars["V50"] = ""
	if _, fields := validate(&models{}, s); len(fields) != 1 {
		t.Errorf("51 variables: %+v", fields)
	}
}

func TestValidateFillsIn(t *testing.T) {
	for _, c := range []struct {
		size     string
		zero     bool
		low, top *int
		wantSize string
		min, max int
	}{
		{"", false, nil, nil, "Small", 4, 4},
		{"Small", true, nil, nil, "Small", 0, 4},
		{"Medium", false, nil, nil, "Medium", 8, 16},
		{"Large", true, nil, nil, "Large", 0, 64},
		{"", false, pointer(8), pointer(1024), "", 8, 1024},
		{"", true, pointer(0), pointer(4), "", 0, 4},
		{"", true, pointer(8), pointer(12), "", 8, 12}, // echoed as it was sent
	} {
		s := one("x")
		e := &s.Config.Entities[0]
		e.WorkloadSize, e.ScaleToZero, e.MinConcurrency, e.MaxConcurrency = c.size, &c.zero, c.low, c.top
		config, fields := validate(&models{}, s)
		if fields != nil {
			t.Errorf("%+v: %+v", c, fields)
			continue
		}
		if got := config.Entities[0]; got.WorkloadSize != c.wantSize || got.MinConcurrency != c.min || got.MaxConcurrency != c.max || got.WorkloadType != "CPU" || got.Name != "a-1" {
			t.Errorf("%+v gives %+v", c, got)
		}
		if !slices.Equal(config.Routes, []Route{{"a-1", 100}}) {
			t.Errorf("routes %v", config.Routes)
		}
	}
}

func TestDefaultEntityName(t *testing.T) {
	for want, in := range map[string][2]string{
		"sklearn_wine_best-7":           {"main.default.sklearn_wine_best", "7"},
		"x-1":                           {"x", "1"},
		strings.Repeat("m", 60) + "-12": {"a.b." + strings.Repeat("m", 255), "12"},
		"my-ads-model-" + "5":           {"c.s.my-ads-model", "5"},
		strings.Repeat("n", 53) + "-" + "123456789": {"a.b." + strings.Repeat("n", 99), "123456789"},
	} {
		if got := DefaultEntityName(in[0], in[1]); got != want {
			t.Errorf("%v gives %q, want %q", in, got, want)
		}
	}
}

func TestCheckTellsOfATakenName(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.create(one("digits"))
		if f := w.Check(one("digits")); len(f) != 1 || f[0].Field != "name" || !strings.Contains(f[0].Message, "already exists") {
			t.Errorf("%+v", f)
		}
		if f := w.Check(one("other")); f != nil {
			t.Errorf("%+v", f)
		}
	})
}

// drawSpec makes requests that are nearly right, so that both ways are taken often.
func drawSpec(r *rapid.T) Spec {
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(r, label) }
	number := func(label string) *int {
		if rapid.Bool().Draw(r, label+" given") {
			return pointer(rapid.SampledFrom([]int{0, 4, 8, 64, 1024, 3, -4, 2000}).Draw(r, label))
		}
		return nil
	}
	s := Spec{Name: pick("name", "a", "digits", "x_y-Z9", strings.Repeat("n", 63), "", "databricks-a", "é", "pt")}
	for range rapid.IntRange(0, 2).Draw(r, "tags") {
		s.Tags = append(s.Tags, Tag{Key: pick("key", "a", "b", "")})
	}
	if rapid.Bool().Draw(r, "without config") {
		return s
	}
	s.Config = &ConfigSpec{}
	for range rapid.IntRange(0, 3).Draw(r, "entities") {
		e := EntitySpec{
			Name:         pick("entity", "", "", "e1", "e2", "a b"),
			ModelName:    pick("model", "main.default.a", "main.default.a", "main.default.b", "z"),
			ModelVersion: pick("version", "1", "2", "2", "3", "champion", ""),
			WorkloadType: pick("type", "", "CPU", "GPU_SMALL", "CPU_LARGE", "X"),
			WorkloadSize: pick("size", "", "Small", "Medium", "Large", "XL"),
		}
		if rapid.IntRange(0, 2).Draw(r, "numbers") == 0 {
			e.MinConcurrency, e.MaxConcurrency = number("min"), number("max")
		}
		if rapid.IntRange(0, 4).Draw(r, "zero given") > 0 {
			e.ScaleToZero = pointer(rapid.Bool().Draw(r, "zero"))
		}
		s.Config.Entities = append(s.Config.Entities, e)
	}
	for range rapid.IntRange(0, 3).Draw(r, "routes") {
		s.Config.Routes = append(s.Config.Routes, Route{pick("route", "a-1", "a-2", "b-1", "b-2", "e1", "e2", ""), rapid.SampledFrom([]int{0, 50, 50, 100, -1}).Draw(r, "percent")})
	}
	return s
}

// What is accepted obeys the rules, whatever was asked for, and its record can be read
// back; what is refused names fields.
func TestWhatIsAcceptedObeysTheRules(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(r *rapid.T) {
		spec := drawSpec(r)
		c, fields := validate(&models{}, spec)
		if len(fields) > 0 {
			for _, f := range fields {
				if f.Field == "" || f.Message == "" {
					r.Fatalf("an error without words: %+v", f)
				}
			}
			return
		}
		accepted++
		if n := len(spec.Name); n < 1 || n > 63 || strings.ContainsFunc(spec.Name, notInName) {
			r.Fatalf("name %q", spec.Name)
		}
		if c == nil {
			return
		}
		names, sum := map[string]bool{}, 0
		for _, e := range c.Entities {
			l := e.limits()
			switch {
			case names[e.Name] || e.Name == "" || strings.ContainsFunc(e.Name, notInName):
				r.Fatalf("entity name %q", e.Name)
			case e.ModelVersion != 1 && e.ModelVersion != 2:
				r.Fatalf("version %d", e.ModelVersion)
			case e.MaxConcurrency < 4 || e.MaxConcurrency > 1024 || e.MaxConcurrency%4 != 0 || e.MinConcurrency < 0 || e.MinConcurrency%4 != 0 || e.MinConcurrency > e.MaxConcurrency:
				r.Fatalf("concurrency %d to %d", e.MinConcurrency, e.MaxConcurrency)
			case e.MinConcurrency == 0 && !e.ScaleToZero:
				r.Fatal("0 without scale to zero")
			case l.Min > l.Max || l.Max != e.MaxConcurrency:
				r.Fatalf("limits %+v", l)
			}
			names[e.Name] = true
		}
		for _, route := range c.Routes {
			if !names[route.EntityName] {
				r.Fatalf("route to %q", route.EntityName)
			}
			sum += route.Percent
		}
		if n := len(c.Entities); n < 1 || n > 10 || sum != 100 {
			r.Fatalf("%d entities, %d %%", n, sum)
		}
		b, err := encode(&Endpoint{ID: newID(), Name: spec.Name, Pending: c, Update: InProgress})
		if err != nil {
			r.Fatal(err)
		}
		if _, err := decode(spec.Name, b); err != nil {
			r.Fatalf("its record cannot be read: %v", err)
		}
	})
	if accepted < 5 {
		t.Errorf("only %d requests were accepted: the test sees little", accepted)
	}
}
