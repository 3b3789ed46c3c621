package api

import (
	"context"

	"servery/engine/endpoint"
	"servery/engine/hardware"
)

// Machine is the machine, and what is set for all endpoints. Only administrators are let
// through to it, but for what models can run on.
type Machine interface {
	// Hardware is the machine now.
	Hardware() hardware.Snapshot
	// RefreshHardware is the machine with its GPUs looked for anew.
	RefreshHardware(ctx context.Context) hardware.Snapshot
	// Scaling is how endpoints scale.
	Scaling() endpoint.Scaling
	// SetScaling changes it for good (*endpoint.ValidationError).
	SetScaling(ctx context.Context, c endpoint.ScalingChange) (endpoint.Scaling, error)
}
