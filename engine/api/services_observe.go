package api

import (
	"servery/engine/hardware"
	"servery/engine/telemetry"
)

// Observations are what served entities did, for programs that collect it.
type Observations interface {
	// EntityFigures are a served entity's figures with one version of its model, all zero
	// where it did nothing.
	EntityFigures(endpoint, entity string, modelVersion int) telemetry.EntityFigures
	// Statuses are a served entity's requests by their HTTP status; entity "" takes those
	// that came to none.
	Statuses(endpoint, entity string, modelVersion int) []telemetry.StatusFigures
	// Process is what this process takes.
	Process() hardware.Process
	// Log is the text of a served entity's log, oldest line first; configuration 0 is all
	// of them. known is false where there never was such a log.
	Log(endpoint string, kind telemetry.LogKind, entity string, configVersion int) (text string, known bool)
	// MemoryTotal is the machine's memory in bytes; 0 where it is not known.
	MemoryTotal() int64
}
