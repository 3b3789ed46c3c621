package api

import (
	"context"

	"servery/engine/endpoint"
)

// Machine is what is set for all endpoints. Only administrators are let through to it.
type Machine interface {
	// Scaling is how endpoints scale.
	Scaling() endpoint.Scaling
	// SetScaling changes it for good (*endpoint.ValidationError).
	SetScaling(ctx context.Context, c endpoint.ScalingChange) (endpoint.Scaling, error)
}
