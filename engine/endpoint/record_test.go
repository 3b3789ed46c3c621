package endpoint

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
)

func fullEndpoint() Endpoint {
	at := time.UnixMilli(1767225600123)
	config := func(version int) *Config {
		return &Config{Version: version, StartedAt: at,
			Entities: []ServedEntity{
				{Name: "a-1", ModelName: "main.default.a", ModelVersion: 1, WorkloadType: "CPU", WorkloadSize: "Small",
					MinConcurrency: 4, MaxConcurrency: 4, EnvironmentVars: map[string]string{"A": "1"}, InstanceProfileARN: "arn",
					Creator: "ann", CreatedAt: at, Deployment: DeploymentRecovering, Message: messageReloading},
				{Name: "b", ModelName: "main.default.b", ModelVersion: 2, WorkloadType: "GPU_SMALL", MinConcurrency: 0, MaxConcurrency: 1024,
					ScaleToZero: true, CreatedAt: at, Deployment: DeploymentRecovering, Message: messageReloading},
			},
			Routes: []Route{{"a-1", 99}, {"b", 1}}}
	}
	e := Endpoint{ID: strings.Repeat("0a", 16), Name: "pair", Creator: "ann", Description: "d", CreatedAt: at, UpdatedAt: at.Add(time.Second),
		Tags: []Tag{{"team", "x"}, {"empty", ""}}, RouteOptimized: true, BudgetPolicyID: "p",
		Ready: NotReady, Update: UpdateFailed, Active: config(1), Pending: config(2), LastVersion: 7}
	e.Pending.Entities[0].Deployment, e.Pending.Entities[0].Message = DeploymentFailed, "no"
	e.Pending.Entities[1].Deployment, e.Pending.Entities[1].Message = DeploymentAborted, messageAborted
	all := everything("pair")
	e.CreatorDisplayName, e.RateLimits, e.AIGateway, e.Notifications, e.Telemetry = "Ann", all.RateLimits, all.AIGateway, all.Notifications, all.Telemetry
	e.Pending.AutoCapture = all.Config.AutoCapture
	return e
}

func TestARecordKeepsAllThatWasAskedFor(t *testing.T) {
	want := fullEndpoint()
	b, err := encode(&want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode("pair", b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read back\n%+v\nwant\n%+v", got, want)
	}
}

func TestARecordKeepsHowAnUpdateEndedAndWhatIsStopped(t *testing.T) {
	for _, change := range []func(e *Endpoint){
		func(e *Endpoint) { e.Update = UpdateCanceled },
		func(e *Endpoint) { e.Suspended = true; e.Active.setStates(DeploymentStopped, messageStopped) },
		func(e *Endpoint) {
			e.Suspended, e.Update = true, InProgress
			e.Active.setStates(DeploymentStopped, messageStopped)
			e.Pending.setStates(DeploymentCreating, messageCreating)
		},
		func(e *Endpoint) { e.Pending, e.Update = nil, NotUpdating },
	} {
		want := fullEndpoint()
		change(&want)
		b, err := encode(&want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decode("pair", b); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("read back %+v %v\nwant %+v", got, err, want)
		}
	}
}

// A record of a past form must be read for ever: this one is not to be changed.
const firstForm = `{"schema":1,"id":"0123456789abcdef0123456789abcdef","creator":"ann","created_at":1767225600123,"updated_at":1767225600123,` +
	`"pending":{"version":1,"started_at":1767225600123,"entities":[{"name":"a-1","model":"main.default.a","version":1,"workload_type":"CPU",` +
	`"workload_size":"Small","min":4,"max":4,"created_at":1767225600123}],"routes":[{"entity":"a-1","percent":100}]}}`

func TestTheFirstFormOfARecordIsRead(t *testing.T) {
	e, err := decode("x", []byte(firstForm))
	if err != nil || e.LastVersion != 1 || e.Suspended || e.Update != InProgress || e.Pending.Entities[0].Deployment != DeploymentCreating || e.Active != nil {
		t.Errorf("%+v %v", e, err)
	}
}

func TestADamagedRecordIsRefused(t *testing.T) {
	for what, change := range map[string][2]string{
		"another form":            {`"schema":1`, `"schema":2`},
		"a short id":              {`"id":"0`, `"id":"`},
		"no entity":               {`"entities":[{`, `"entities":[],"x":[{`},
		"a concurrency of 5":      {`"max":4`, `"max":5`},
		"a negative version":      {`"version":1,"workload_type"`, `"version":-1,"workload_type"`},
		"a route to nobody":       {`"entity":"a-1"`, `"entity":"z"`},
		"99 %":                    {`"percent":100`, `"percent":99`},
		"a configuration 0":       {`"version":1,"started_at"`, `"version":0,"started_at"`},
		"a value of another type": {`"creator":"ann"`, `"creator":7`},
		"half of it":              {`"routes"`, ``},
	} {
		damaged := strings.Replace(firstForm, change[0], change[1], 1)
		if damaged == firstForm {
			t.Fatalf("%s: nothing was changed", what)
		}
		if e, err := decode("x", []byte(damaged)); err == nil {
			t.Errorf("%s is accepted: %+v", what, e)
		}
	}
}

// No bytes make decode panic, and what it accepts survives being written again.
func FuzzRecord(f *testing.F) {
	e := fullEndpoint()
	full, err := encode(&e)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	f.Add([]byte(firstForm))
	f.Add([]byte(`{"schema":1,"id":"0123456789abcdef0123456789abcdef"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decode("x", b)
		if err != nil {
			return
		}
		once, err := encode(&e)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decode("x", once)
		if err != nil {
			t.Fatalf("%v in %s", err, once)
		}
		twice, err := encode(&again)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s\n%s\n%v", once, twice, err)
		}
	})
}
