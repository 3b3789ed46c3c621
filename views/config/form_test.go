package config

import (
	"strings"
	"testing"
)

func TestTheFirstEntityGetsAllTrafficAndFurtherOnesNone(t *testing.T) {
	var f Form
	f.Add(NewEntity("main.ads.ranker", 2))
	f.Add(NewEntity("main.ads.ranker", 3))
	if f.Entities[0].Traffic != "100" || f.Entities[1].Traffic != "0" || f.Total() != 100 {
		t.Errorf("traffic %q %q", f.Entities[0].Traffic, f.Entities[1].Traffic)
	}
	f.Entities[0].Traffic, f.Entities[1].Traffic = "80", "20"
	f.Remove(0)
	if len(f.Entities) != 1 || f.Entities[0].Traffic != "100" {
		t.Errorf("after removal: %+v", f.Entities)
	}
}

func TestTheFormBecomesTheRequest(t *testing.T) {
	var f Form
	f.Add(NewEntity("main.ads.ranker", 2))
	custom := NewEntity("main.ads.ranker", 3)
	custom.Size, custom.Low, custom.High, custom.Env = "", "4", "12", "A=1\n\nB=x=y\n"
	f.Add(custom)
	s, problems := f.Spec()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	e := s.Entities
	if e[0].Name != "ranker-2" || e[0].WorkloadSize != "Small" || e[0].MinConcurrency != nil ||
		*e[1].MaxConcurrency != 12 || e[1].EnvironmentVars["B"] != "x=y" || !*e[0].ScaleToZero {
		t.Errorf("%+v", s)
	}
	if len(s.Routes) != 2 || s.Routes[0].Percent != 100 {
		t.Errorf("routes %v", s.Routes)
	}
}

func TestWhatIsNoNumberIsAProblemAtItsField(t *testing.T) {
	var f Form
	e := NewEntity("main.ads.ranker", 1)
	e.Size, e.Low, e.Env = "", "four", "novalue"
	f.Add(e)
	_, problems := f.Spec()
	if len(problems) != 2 || problems[0].Field != "config.served_entities[0].min_provisioned_concurrency" ||
		!strings.Contains(problems[0].Message, "four") || problems[1].Field != "config.served_entities[0].environment_vars" {
		t.Errorf("%v", problems)
	}
}
