package create

import (
	"strings"
	"testing"
)

func TestTheFirstEntityGetsAllTrafficAndFurtherOnesNone(t *testing.T) {
	var f form
	f.add(newEntity("main.ads.ranker", 2))
	f.add(newEntity("main.ads.ranker", 3))
	if f.entities[0].traffic != "100" || f.entities[1].traffic != "0" || f.total() != 100 {
		t.Errorf("traffic %q %q", f.entities[0].traffic, f.entities[1].traffic)
	}
	f.entities[0].traffic, f.entities[1].traffic = "80", "20"
	f.remove(0)
	if len(f.entities) != 1 || f.entities[0].traffic != "100" {
		t.Errorf("after removal: %+v", f.entities)
	}
}

func TestTheFormBecomesTheRequest(t *testing.T) {
	f := form{name: " ads ", description: "x"}
	f.add(newEntity("main.ads.ranker", 2))
	custom := newEntity("main.ads.ranker", 3)
	custom.size, custom.low, custom.high, custom.env = "", "4", "12", "A=1\n\nB=x=y\n"
	f.add(custom)
	s, problems := f.spec()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	e := s.Config.Entities
	if s.Name != "ads" || e[0].Name != "ranker-2" || e[0].WorkloadSize != "Small" || e[0].MinConcurrency != nil ||
		*e[1].MaxConcurrency != 12 || e[1].EnvironmentVars["B"] != "x=y" || !*e[0].ScaleToZero {
		t.Errorf("%+v", s.Config)
	}
	if len(s.Config.Routes) != 2 || s.Config.Routes[0].Percent != 100 {
		t.Errorf("routes %v", s.Config.Routes)
	}
}

func TestWhatIsNoNumberIsAProblemAtItsField(t *testing.T) {
	var f form
	e := newEntity("main.ads.ranker", 1)
	e.size, e.low, e.env = "", "four", "novalue"
	f.add(e)
	_, problems := f.spec()
	if len(problems) != 2 || problems[0].field != "config.served_entities[0].min_provisioned_concurrency" ||
		!strings.Contains(problems[0].message, "four") || problems[1].field != "config.served_entities[0].environment_vars" {
		t.Errorf("%v", problems)
	}
}

func TestASuggestedNameIsAllowedAndFree(t *testing.T) {
	taken := map[string]bool{"digits": true, "digits-2": true}
	for model, want := range map[string]string{
		"main.default.digits": "digits-3", "a.b.my model!": "my-model-", "a.b." + strings.Repeat("x", 90): strings.Repeat("x", 58),
	} {
		if got := suggestName(model, func(n string) bool { return taken[n] }); got != want {
			t.Errorf("%s: got %s, want %s", model, got, want)
		}
	}
}
