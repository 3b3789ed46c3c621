package api

import (
	"fmt"

	"servery/engine/hardware"
	"servery/engine/telemetry"
)

// fakeObservations is what the fake's served entities did, by "endpoint/entity/version of
// the model" and "endpoint/kind/entity/version of the configuration".
type fakeObservations struct {
	figures  map[string]telemetry.EntityFigures
	statuses map[string][]telemetry.StatusFigures
	logs     map[string]string
}

func (f *fake) EntityFigures(endpoint, entity string, modelVersion int) telemetry.EntityFigures {
	return f.observed.figures[fmt.Sprintf("%s/%s/%d", endpoint, entity, modelVersion)]
}

func (f *fake) Statuses(endpoint, entity string, modelVersion int) []telemetry.StatusFigures {
	return f.observed.statuses[fmt.Sprintf("%s/%s/%d", endpoint, entity, modelVersion)]
}

func (f *fake) Process() hardware.Process {
	return hardware.Process{UserSeconds: 3, SystemSeconds: 1, MemoryBytes: 1 << 26, Threads: 9}
}

func (f *fake) Log(endpoint string, kind telemetry.LogKind, entity string, configVersion int) (string, bool) {
	text, known := f.observed.logs[fmt.Sprintf("%s/%s/%s/%d", endpoint, kind, entity, configVersion)]
	return text, known
}

func (f *fake) MemoryTotal() int64 { return 8 << 30 }
