package batch

import (
	"strings"
	"testing"
	"time"

	"servery/engine/tensor"
)

func TestSettingsComeFromTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		environment map[string]string
		want        Settings
		fault       string
	}{
		{nil, Settings{MaxRows: DefaultRows}, ""},
		{map[string]string{ModeVariable: "", RowsVariable: " ", DelayVariable: ""}, Settings{MaxRows: DefaultRows}, ""},
		{map[string]string{ModeVariable: " ON ", RowsVariable: "64", DelayVariable: "0.5"}, Settings{On, 64, 500 * time.Microsecond}, ""},
		{map[string]string{ModeVariable: "off"}, Settings{Mode: Off, MaxRows: DefaultRows}, ""},
		{map[string]string{ModeVariable: "auto", DelayVariable: "1000"}, Settings{MaxRows: DefaultRows, Delay: time.Second}, ""},
		{map[string]string{ModeVariable: "yes"}, Settings{}, `SERVERY_BATCHING of the served entity is "yes": it takes "auto", which is the default, "on" or "off"`},
		{map[string]string{RowsVariable: "0"}, Settings{}, `SERVERY_MAX_BATCH of the served entity is "0": it takes a whole number of rows from 1 to 1024; 16 is the default`},
		{map[string]string{RowsVariable: "1025"}, Settings{}, "SERVERY_MAX_BATCH"},
		{map[string]string{RowsVariable: "8.5"}, Settings{}, "SERVERY_MAX_BATCH"},
		{map[string]string{DelayVariable: "-1"}, Settings{}, `SERVERY_MAX_QUEUE_DELAY_MS of the served entity is "-1": it takes milliseconds from 0, which is the default, to 1000`},
		{map[string]string{DelayVariable: "1001"}, Settings{}, "SERVERY_MAX_QUEUE_DELAY_MS"},
		{map[string]string{DelayVariable: "nan"}, Settings{}, "SERVERY_MAX_QUEUE_DELAY_MS"},
	} {
		got, err := ReadSettings(func(name string) (string, bool) { v, ok := c.environment[name]; return v, ok })
		switch {
		case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)):
			t.Errorf("%v: %v, want %s", c.environment, err, c.fault)
		case c.fault == "" && err != nil, got != c.want:
			t.Errorf("%v: %+v, %v", c.environment, got, err)
		}
	}
}

func TestAGraphMayStandInTheWay(t *testing.T) {
	free := tensor.Port{Name: "x", Type: tensor.Float32, Shape: []int64{-1, 3}}
	maps := tensor.Port{Name: "p", Kind: tensor.KindSequence, OfMaps: true}
	for _, c := range []struct {
		input, output tensor.Port
		want          string
	}{
		{free, free, ""},
		{free, maps, ""},
		{tensor.Port{Name: "x", Shape: []int64{1, 3}}, free, `the batch axis of the input "x" is fixed to 1`},
		{free, tensor.Port{Name: "y", Shape: []int64{0}}, `the batch axis of the output "y" is fixed to 0`},
		{tensor.Port{Name: "x"}, free, `the input "x" is a single value, without rows`},
		{tensor.Port{Name: "x", Unranked: true}, free, `the model does not state the shape of the input "x"`},
		{tensor.Port{Name: "x", Shape: []int64{-1}, Optional: true}, free, `the input "x" may be left out`},
		{maps, free, `the input "p" is no tensor but sequence(map(`},
		{free, tensor.Port{Name: "q", Kind: tensor.KindSequence}, `the output "q" is no tensor but sequence(`},
	} {
		got := Obstacle([]tensor.Port{free, c.input}, []tensor.Port{free, c.output})
		if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s, %s: got %q, want %q", c.input, c.output, got, c.want)
		}
	}
	if got := MixesRows([]string{"Gemm", "com.microsoft.DynamicQuantizeMatMul"}); got != "the graph has the operator com.microsoft.DynamicQuantizeMatMul: it quantises all rows by their common range" {
		t.Errorf("got %q", got)
	}
	if got := MixesRows([]string{"Gemm", "com.example.Loop"}); got != "" {
		t.Errorf("got %q", got)
	}
}
