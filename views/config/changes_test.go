package config

import (
	"fmt"
	"reflect"
	"testing"

	"servery/engine/endpoint"
)

// served is a configuration of two served entities, one of each way to give its scale.
func served() endpoint.Config {
	return endpoint.Config{Version: 4,
		Entities: []endpoint.ServedEntity{
			{Name: "ranker-2", ModelName: "main.ads.ranker", ModelVersion: 2, WorkloadType: "CPU", WorkloadSize: "Medium", MinConcurrency: 0, MaxConcurrency: 16, ScaleToZero: true},
			{Name: "main-model", ModelName: "main.ads.ranker", ModelVersion: 3, WorkloadType: "GPU_SMALL", MinConcurrency: 4, MaxConcurrency: 12, InstanceProfileARN: "arn:aws:iam::1:instance-profile/x",
				EnvironmentVars: map[string]string{"B": "x=y", "A": "one\ntwo"}},
		},
		Routes:      []endpoint.Route{{EntityName: "ranker-2", Percent: 80}, {EntityName: "main-model", Percent: 20}},
		AutoCapture: &endpoint.InferenceTable{Enabled: true, Catalog: "main", Schema: "ads", TablePrefix: "ranker"}}
}

// What nobody touched is asked for as it is, to the last field.
func TestTheFormOfAConfigurationAsksForTheSame(t *testing.T) {
	c := served()
	f := FormOf(c)
	spec, problems := f.Spec()
	if want := c.Spec(); !reflect.DeepEqual(spec, want) || len(problems) > 0 {
		t.Errorf("asked for %+v\nwant %+v\n%v", spec, want, problems)
	}
	if changes := Changes(&c, f.Config()); changes != nil {
		t.Errorf("nothing was touched, but %v", changes)
	}
	one := served()
	one.Entities, one.Routes = one.Entities[:1], []endpoint.Route{{EntityName: "ranker-2", Percent: 100}}
	f = FormOf(one)
	if changes := Changes(&one, f.Config()); changes != nil {
		t.Errorf("nothing was touched, but %v", changes)
	}
}

func TestChangesAreToldInWords(t *testing.T) {
	c := served()
	for name, test := range map[string]struct {
		edit    func(f *Form)
		want    string
		reloads int
	}{
		"traffic": {func(f *Form) { f.Entities[0].Traffic, f.Entities[1].Traffic = "50", "50" },
			"[{4 ranker-2 [{Traffic 80 % 50 %}]} {4 main-model [{Traffic 20 % 50 %}]}]", 0},
		"version under a typed name": {func(f *Form) { f.Entities[1].Version = 4 },
			"[{2 main-model [{Version 3 4}]}]", 1},
		"version whose name follows": {func(f *Form) { f.Entities[0].Version = 5 },
			"[{3 ranker-5 [{Replaces  ranker-2} {Version 2 5}]}]", 1},
		"size to numbers": {func(f *Form) { f.Entities[0].Size, f.Entities[0].Low, f.Entities[0].High = "", "4", "8" },
			"[{2 ranker-2 [{Scale-out Medium 4–8}]}]", 1},
		"scale to zero and compute": {func(f *Form) { f.Entities[0].Zero, f.Entities[0].Compute = false, "CPU_LARGE" },
			"[{2 ranker-2 [{Compute CPU CPU_LARGE} {Scale to zero on off}]}]", 1},
		"variables": {func(f *Form) { f.Entities[1].Env = "B=z\nC=" },
			"[{2 main-model [{Variable  B has another value} {Variable  C is new} {Variable  A goes}]}]", 1},
		"one goes": {func(f *Form) { f.Remove(1) },
			"[{4 ranker-2 [{Traffic 80 % 100 %}]} {1 main-model [{Traffic 20 % }]}]", 0},
		"one is new": {func(f *Form) { f.Add(NewEntity("main.ads.ctr", 11)) },
			"[{0 ctr-11 [{Model  main.ads.ctr version 11} {Scale-out  Small} {Traffic  0 %}]}]", 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := FormOf(c)
			test.edit(&f)
			got := Changes(&c, f.Config())
			if fmt.Sprint(got) != test.want || Reloads(got) != test.reloads {
				t.Errorf("got  %v, %d loads\nwant %s, %d", got, Reloads(got), test.want, test.reloads)
			}
		})
	}
	all := Changes(nil, &c)
	if len(all) != 3 || all[0].Kind != EntityAdded || all[2].Kind != TableChanged {
		t.Errorf("a first configuration: %v", all)
	}
}
