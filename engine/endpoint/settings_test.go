package endpoint

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"servery/engine/registry"
	"servery/engine/tabletest"
)

// everything is a create request with each setting.
func everything(name string) Spec {
	s := one(name)
	s.Tags = []Tag{{"team", "a"}, {"cost", ""}}
	s.CreatorDisplayName = "Ann"
	s.RateLimits = []RateLimit{{Calls: pointer(10), Key: "user", RenewalPeriod: "minute"}}
	s.AIGateway = &AIGateway{
		UsageTracking:  pointer(true),
		Fallback:       pointer(false),
		InferenceTable: &InferenceTable{Enabled: true, Catalog: "main", Schema: "default"},
		RateLimits: []RateLimit{
			{Calls: pointer(100), RenewalPeriod: "minute"},
			{Calls: pointer(5), Tokens: pointer(500), Key: "user_group", Principal: "people", RenewalPeriod: "minute"},
			{Calls: pointer(0), Key: "user", Principal: "bob@example.com", RenewalPeriod: "minute"},
		},
	}
	s.Notifications = &Notifications{OnSuccess: []string{"ann@example.com"}, OnFailure: []string{"ann@example.com", "ops@example.com"}}
	s.Telemetry = &TelemetryExport{LogsTable: "main.default.logs", Sampling: pointer(0.5), Features: []string{"TELEMETRY_FEATURE_LOGS"}}
	s.Config.AutoCapture = &InferenceTable{Enabled: true, Catalog: "main", Schema: "default", TablePrefix: "old"}
	return s
}

func TestSettingsAreKeptAndCompleted(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		spec := everything("digits")
		w.ready(spec)
		check := func(when string) {
			t.Helper()
			e := w.get("digits")
			want := *spec.AIGateway
			table := *want.InferenceTable
			table.TablePrefix = "digits" // the endpoint's name where none is given
			want.InferenceTable = &table
			want.RateLimits = slices.Clone(want.RateLimits)
			want.RateLimits[0].Key = "endpoint" // the product's default
			for _, c := range []struct {
				what      string
				got, want any
			}{
				{"gateway", e.AIGateway, &want},
				{"rate limits", e.RateLimits, spec.RateLimits},
				{"notifications", e.Notifications, spec.Notifications},
				{"telemetry", e.Telemetry, spec.Telemetry},
				{"auto capture", e.Active.AutoCapture, spec.Config.AutoCapture},
				{"tags", e.Tags, spec.Tags},
				{"creator's name", e.CreatorDisplayName, "Ann"},
			} {
				if !reflect.DeepEqual(c.got, c.want) {
					t.Errorf("%s: the %s is %+v, want %+v", when, c.what, c.got, c.want)
				}
			}
		}
		check("at first")
		w.Close(t.Context())
		w.reopen()
		synctest.Wait()
		check("after a start")
	})
}

// A setting changes at once, deploys nothing, and is the user's change to the endpoint.
func TestASettingChangesWithoutADeployment(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		launches := w.launcher.launches.Load()
		full := everything("digits")
		for what, change := range map[string]func() (Endpoint, error){
			"tags":          func() (Endpoint, error) { return w.PatchTags(t.Context(), "digits", full.Tags, nil) },
			"rate limits":   func() (Endpoint, error) { return w.SetRateLimits(t.Context(), "digits", full.RateLimits) },
			"gateway":       func() (Endpoint, error) { return w.SetAIGateway(t.Context(), "digits", full.AIGateway) },
			"notifications": func() (Endpoint, error) { return w.SetNotifications(t.Context(), "digits", full.Notifications) },
			"telemetry":     func() (Endpoint, error) { return w.SetTelemetry(t.Context(), "digits", full.Telemetry) },
		} {
			time.Sleep(time.Second)
			now := time.Now()
			e, err := change()
			if err != nil || !e.UpdatedAt.Equal(now) || e.Ready != Ready || e.Update != NotUpdating || e.Active.Version != 1 {
				t.Errorf("%s: %+v %v", what, e, err)
			}
		}
		if w.launcher.launches.Load() != launches {
			t.Error("something was loaded")
		}
		w.SetRateLimits(t.Context(), "digits", nil)
		w.SetAIGateway(t.Context(), "digits", nil)
		w.SetNotifications(t.Context(), "digits", &Notifications{})
		e, err := w.SetTelemetry(t.Context(), "digits", nil)
		if err != nil || e.RateLimits != nil || e.AIGateway != nil || e.Notifications != nil || e.Telemetry != nil || len(e.Tags) != 2 {
			t.Errorf("taken away: %+v %v", e, err)
		}
		var missing *NotFoundError
		if _, err := w.PatchTags(t.Context(), "none", nil, nil); !errors.As(err, &missing) {
			t.Errorf("of none: %v", err)
		}
	})
}

// Tags change while an update runs, and neither undoes the other; telemetry does not.
func TestSettingsAndUpdatesDoNotUndoEachOther(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(one("digits"))
		w.launcher.load = loadingFor(50 * time.Millisecond)
		var clients sync.WaitGroup
		clients.Go(func() {
			for i := range 20 {
				w.update("digits", version(fmt.Sprint(i%2+1)))
				time.Sleep(100 * time.Millisecond)
			}
		})
		for c := range 4 {
			clients.Go(func() {
				for i := range 10 {
					if _, err := w.PatchTags(t.Context(), "digits", []Tag{{fmt.Sprintf("k%d-%d", c, i), "v"}}, nil); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Duration(c+1) * 7 * time.Millisecond)
				}
			})
		}
		clients.Wait()
		time.Sleep(time.Second)
		stored, err := decode("digits", w.table.Copy().Rows["digits"])
		if e := w.get("digits"); len(e.Tags) != 40 || e.Active.Version != 21 || err != nil || len(stored.Tags) != 40 || stored.Active.Version != 21 {
			t.Errorf("%d tags, configuration %d; stored %+v %v", len(e.Tags), e.Active.Version, stored, err)
		}
		w.launcher.load = loadingFor(time.Second)
		w.update("digits", version("1"))
		var conflict *ConflictError
		if _, err := w.SetTelemetry(t.Context(), "digits", nil); !errors.As(err, &conflict) || !strings.Contains(err.Error(), "before changing its telemetry") {
			t.Errorf("telemetry during an update: %v", err)
		}
		if _, err := w.SetAIGateway(t.Context(), "digits", everything("").AIGateway); err != nil {
			t.Errorf("gateway during an update: %v", err)
		}
	})
}

func TestASettingOfAnUnreadableRecordIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := tabletest.New()
		table.Rows["broken"] = []byte("x")
		w := open(t, table, &launcher{})
		defer w.end()
		var state *StateError
		if _, err := w.PatchTags(t.Context(), "broken", []Tag{{"a", "b"}}, nil); !errors.As(err, &state) || string(table.Copy().Rows["broken"]) != "x" {
			t.Errorf("%v, stored %q", err, table.Rows["broken"])
		}
		if _, err := w.Update(t.Context(), "broken", version("1"), ""); !errors.As(err, &state) || string(table.Copy().Rows["broken"]) != "x" {
			t.Errorf("%v, stored %q", err, table.Rows["broken"])
		}
	})
}

// placed is a registry with the schema main.default alone.
type placed struct{ *models }

func (placed) Catalog(name string) (registry.Catalog, error) {
	if name != "main" {
		return registry.Catalog{}, &registry.NotFoundError{What: "catalog", Name: name}
	}
	return registry.Catalog{Name: name}, nil
}

func (placed) Schema(full string) (registry.Schema, error) {
	if full != "main.default" {
		return registry.Schema{}, &registry.NotFoundError{What: "schema", Name: full}
	}
	return registry.Schema{Catalog: "main", Name: "default"}, nil
}

// A table is made in a schema that is there; one that is off, or on already, needs none.
func TestAnInferenceTableNeedsItsSchema(t *testing.T) {
	for _, c := range []struct {
		name        string
		table       InferenceTable
		old         *InferenceTable
		field, says string
	}{
		{"a schema that exists", InferenceTable{Enabled: true, Catalog: "main", Schema: "default"}, nil, "", ""},
		{"no such catalog", InferenceTable{Enabled: true, Catalog: "other", Schema: "default"}, nil, "at.catalog_name", "Catalog 'other' does not exist"},
		{"no such schema", InferenceTable{Enabled: true, Catalog: "main", Schema: "other"}, nil, "at.schema_name", "Schema 'main.other' does not exist"},
		{"off", InferenceTable{Catalog: "other", Schema: "default"}, nil, "", ""},
		{"on already", InferenceTable{Enabled: true, Catalog: "gone", Schema: "s"}, &InferenceTable{Enabled: true, Catalog: "gone", Schema: "s", TablePrefix: "x"}, "", ""},
		{"on again", InferenceTable{Enabled: true, Catalog: "gone", Schema: "s"}, &InferenceTable{Catalog: "gone", Schema: "s", TablePrefix: "x"}, "at.catalog_name", "does not exist"},
	} {
		check := &check{models: placed{&models{}}}
		check.inferenceTable("at.", &c.table, c.old, "x")
		if c.field == "" && len(check.fields) > 0 || c.field != "" && (len(check.fields) != 1 || check.fields[0].Field != c.field || !strings.Contains(check.fields[0].Message, c.says)) {
			t.Errorf("%s: %v", c.name, check.fields)
		}
	}
}

// While an inference table is enabled its names stay; disabled, or taken away, they may
// change.
func TestTheNamesOfAnEnabledTableStay(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(everything("digits"))
		set := func(enabled bool, catalog, prefix string) error {
			_, err := w.SetAIGateway(t.Context(), "digits", &AIGateway{InferenceTable: &InferenceTable{Enabled: enabled, Catalog: catalog, Schema: "default", TablePrefix: prefix}})
			return err
		}
		var invalid *ValidationError
		if err := set(true, "other", ""); !errors.As(err, &invalid) || len(invalid.Fields) != 1 || invalid.Fields[0].Field != "ai_gateway.inference_table_config.catalog_name" || !strings.Contains(err.Error(), "disable it first") {
			t.Errorf("another catalog: %v", err)
		}
		if err := set(true, "main", "p"); !errors.As(err, &invalid) || invalid.Fields[0].Field != "ai_gateway.inference_table_config.table_name_prefix" {
			t.Errorf("another prefix: %v", err)
		}
		for _, err := range []error{set(true, "main", ""), set(false, "other", "p"), set(true, "third", "q")} {
			if err != nil {
				t.Error(err)
			}
		}
		config := *everything("").Config
		config.AutoCapture = &InferenceTable{Enabled: true, Catalog: "main", Schema: "default"}
		if _, err := w.Update(t.Context(), "digits", config, ""); !errors.As(err, &invalid) || invalid.Fields[0].Field != "config.auto_capture_config.table_name_prefix" {
			t.Errorf("another prefix of the old form: %v", err)
		}
		config.AutoCapture = nil
		w.update("digits", config)
		synctest.Wait()
		if e := w.get("digits"); e.Active.Version != 2 || e.Active.AutoCapture != nil {
			t.Errorf("%+v", e)
		}
	})
}

func TestSettingsThatCannotBeSayWhere(t *testing.T) {
	limit := func(l RateLimit) Spec {
		if l.RenewalPeriod == "" {
			l.RenewalPeriod = "minute"
		}
		return Spec{Name: "x", AIGateway: &AIGateway{RateLimits: []RateLimit{l}}}
	}
	limits := func(n int, key string) Spec {
		s := Spec{Name: "x", AIGateway: &AIGateway{}}
		for i := range n {
			s.AIGateway.RateLimits = append(s.AIGateway.RateLimits, RateLimit{Calls: pointer(1), Key: key, Principal: fmt.Sprint("p", i), RenewalPeriod: "minute"})
		}
		return s
	}
	table := func(i InferenceTable) Spec { return Spec{Name: "x", AIGateway: &AIGateway{InferenceTable: &i}} }
	export := func(e TelemetryExport) Spec { return Spec{Name: "x", Telemetry: &e} }
	const at, limited = "ai_gateway.", "ai_gateway.rate_limits[0]"
	for _, c := range []struct {
		name  string
		spec  Spec
		field string
		says  string
	}{
		{"guardrails", Spec{Name: "x", AIGateway: &AIGateway{Guardrails: true}}, at + "guardrails", "serves a custom model"},
		{"a fallback", Spec{Name: "x", AIGateway: &AIGateway{Fallback: pointer(true)}}, at + "fallback_config", "serves a custom model"},
		{"21 limits", limits(21, "user"), at + "rate_limits", "at most 20 rate limits, these are 21"},
		{"6 groups", limits(6, "user_group"), at + "rate_limits", "at most 5 rate limits of groups, these are 6"},
		{"a limit of nothing", limit(RateLimit{}), limited + ".calls", "calls is missing"},
		{"a limit below 0", limit(RateLimit{Tokens: pointer(-1)}), limited + ".tokens", "from 0 up"},
		{"an unknown key", limit(RateLimit{Calls: pointer(1), Key: "team"}), limited + ".key", "there are user, endpoint, user_group, service_principal"},
		{"a group without a name", limit(RateLimit{Calls: pointer(1), Key: "user_group"}), limited + ".principal", "principal is missing"},
		{"an endpoint with a name", limit(RateLimit{Calls: pointer(1), Principal: "bob"}), limited + ".principal", "leave it out"},
		{"an hour", limit(RateLimit{Calls: pointer(1), RenewalPeriod: "hour"}), limited + ".renewal_period", "it takes minute"},
		{"no period", Spec{Name: "x", AIGateway: &AIGateway{RateLimits: []RateLimit{{Calls: pointer(1)}}}}, limited + ".renewal_period", "missing"},
		{"a limit twice", Spec{Name: "x", RateLimits: []RateLimit{{Calls: pointer(1), RenewalPeriod: "minute"}, {Calls: pointer(2), Key: "endpoint", RenewalPeriod: "minute"}}}, "rate_limits[1]", "give one"},
		{"an old limit of a group", Spec{Name: "x", RateLimits: []RateLimit{{Calls: pointer(1), Key: "user_group", Principal: "g", RenewalPeriod: "minute"}}}, "rate_limits[0].key", "there are user, endpoint."},
		{"an old limit of tokens", Spec{Name: "x", RateLimits: []RateLimit{{Tokens: pointer(1), RenewalPeriod: "minute"}}}, "rate_limits[0].calls", "calls is missing"},
		{"no catalog", table(InferenceTable{Enabled: true, Schema: "s"}), at + "inference_table_config.catalog_name", "missing"},
		{"no schema", table(InferenceTable{Enabled: true, Catalog: "c"}), at + "inference_table_config.schema_name", "missing"},
		{"a dot", table(InferenceTable{Catalog: "a.b"}), at + "inference_table_config.catalog_name", "without dots"},
		{"a long prefix", table(InferenceTable{TablePrefix: strings.Repeat("x", 256)}), at + "inference_table_config.table_name_prefix", "at most 255"},
		{"no address", Spec{Name: "x", Notifications: &Notifications{OnFailure: []string{"a@b.c", "bob"}}}, "email_notifications.on_update_failure[1]", `"bob" is no e-mail address`},
		{"a name with an address", Spec{Name: "x", Notifications: &Notifications{OnSuccess: []string{"Bob <b@c.d>"}}}, "email_notifications.on_update_success[0]", "no e-mail address"},
		{"many addresses", Spec{Name: "x", Notifications: &Notifications{OnSuccess: slices.Repeat([]string{"a@b.c"}, 51)}}, "email_notifications.on_update_success", "At most 50"},
		{"a profile and tables", export(TelemetryExport{ProfileID: "p", LogsTable: "a.b.c"}), "telemetry_config.telemetry_profile_id", "give one"},
		{"a table of two parts", export(TelemetryExport{TracesTable: "a.b"}), "telemetry_config.table_names.traces_table", "catalog.schema.table"},
		{"a sample of 2", export(TelemetryExport{Sampling: pointer(2.0)}), "telemetry_config.inference_table_config.sampling_fraction", "from 0 to 1"},
		{"an unknown feature", export(TelemetryExport{Features: []string{"LOGS"}}), "telemetry_config.enabled_telemetry_features[0]", "TELEMETRY_FEATURE_LOGS"},
		{"a feature twice", export(TelemetryExport{Features: slices.Repeat(TelemetryFeatures[:1], 2)}), "telemetry_config.enabled_telemetry_features[1]", "twice"},
		{"51 tags", Spec{Name: "x", Tags: manyTags(51)}, "tags", "at most 50 tags, these are 51"},
		{"a long key", Spec{Name: "x", Tags: []Tag{{strings.Repeat("é", 256), ""}}}, "tags[0].key", "at most 255 characters, this has 256"},
		{"a line break", Spec{Name: "x", Tags: []Tag{{"a", "b\nc"}}}, "tags[0].value", "U+000A"},
		{"an old table", Spec{Name: "x", Config: &ConfigSpec{Entities: one("").Config.Entities, AutoCapture: &InferenceTable{Enabled: true}}}, "config.auto_capture_config.catalog_name", "missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, fields := validate(&models{}, c.spec)
			if len(fields) == 0 || fields[0].Field != c.field || !strings.Contains(fields[0].Message, c.says) {
				t.Errorf("%+v, want %s: %s", fields, c.field, c.says)
			}
		})
	}
}

func manyTags(n int) []Tag {
	var tags []Tag
	for i := range n {
		tags = append(tags, Tag{fmt.Sprint("k", i), ""})
	}
	return tags
}

// Whatever is added and deleted, tags are what a map would hold, in the order in which
// their keys first came; the tags before are left as they were.
func TestTagsAreAMapThatKeepsItsOrder(t *testing.T) {
	key := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", ""})
	rapid.Check(t, func(t *rapid.T) {
		tags, model := []Tag(nil), map[string]string{}
		for range rapid.IntRange(1, 8).Draw(t, "patches") {
			add := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Tag {
				return Tag{key.Draw(t, "key"), rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "value")}
			}), 0, 4).Draw(t, "add")
			remove := rapid.SliceOfN(key, 0, 3).Draw(t, "remove")
			c, before := &check{}, slices.Clone(tags)
			next := c.patchTags(tags, add, remove)
			if !slices.Equal(before, tags) {
				t.Fatal("the tags before were changed")
			}
			if len(c.fields) > 0 {
				continue
			}
			for _, k := range remove {
				delete(model, k)
			}
			for _, tag := range add {
				model[tag.Key] = tag.Value
			}
			got := map[string]string{}
			for _, tag := range next {
				got[tag.Key] = tag.Value
			}
			if !maps.Equal(got, model) || len(next) != len(model) {
				t.Fatalf("%v + %v - %v = %v, want %v", tags, add, remove, next, model)
			}
			kept := slices.DeleteFunc(keysOf(tags), func(k string) bool { return !slices.Contains(keysOf(next), k) })
			if !slices.Equal(kept, keysOf(next)[:len(kept)]) {
				t.Fatalf("%v became %v in another order", tags, next)
			}
			tags = next
		}
	})
}

func keysOf(tags []Tag) []string {
	var keys []string
	for _, t := range tags {
		keys = append(keys, t.Key)
	}
	return keys
}

func TestAPatchOfTagsSaysWhatIsWrong(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.create(Spec{Name: "digits", Tags: manyTags(50)})
		for _, c := range []struct {
			add    []Tag
			remove []string
			field  string
		}{
			{[]Tag{{"", "v"}}, nil, "add_tags[0].key"},
			{[]Tag{{"a", "v"}, {"a", "w"}}, nil, "add_tags[1].key"},
			{[]Tag{{"a", "v"}}, []string{"k1", "a"}, "delete_tags[1]"},
			{[]Tag{{"a", "v"}}, nil, "add_tags"},
		} {
			var invalid *ValidationError
			if _, err := w.PatchTags(t.Context(), "digits", c.add, c.remove); !errors.As(err, &invalid) || invalid.Fields[0].Field != c.field {
				t.Errorf("%v - %v: %v, want %s", c.add, c.remove, err, c.field)
			}
		}
		if e, err := w.PatchTags(t.Context(), "digits", []Tag{{"k49", "new"}, {"a", "v"}}, []string{"k0", "none"}); err != nil || len(e.Tags) != 50 || e.Tags[48] != (Tag{"k49", "new"}) || e.Tags[49] != (Tag{"a", "v"}) {
			t.Errorf("%v %v", e.Tags, err)
		}
	})
}
