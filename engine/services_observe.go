package engine

import (
	"servery/engine/hardware"
	"servery/engine/telemetry"
)

// EntityFigures are a served entity's figures with one version of its model.
func (e *Engine) EntityFigures(endpoint, entity string, modelVersion int) telemetry.EntityFigures {
	return e.telemetry.EntityFigures(endpoint, entity, modelVersion)
}

// Statuses are a served entity's requests by their HTTP status; entity "" takes those that
// came to none.
func (e *Engine) Statuses(endpoint, entity string, modelVersion int) []telemetry.StatusFigures {
	return e.telemetry.Statuses(endpoint, entity, modelVersion)
}

// Process is what this process takes, without the models' processes.
func (e *Engine) Process() hardware.Process { return hardware.Self() }

// Log is the text of a served entity's log, oldest line first; configuration 0 is all of
// them. known is false where there never was such a log.
func (e *Engine) Log(endpoint string, kind telemetry.LogKind, entity string, configVersion int) (text string, known bool) {
	return e.telemetry.Log(endpoint, kind, entity, configVersion)
}

// MemoryTotal is the machine's memory in bytes; 0 where it is not known.
func (e *Engine) MemoryTotal() int64 { return e.hardware.Snapshot().MemoryTotal }
