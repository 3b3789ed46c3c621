package engine

import (
	"context"

	"servery/engine/endpoint"
)

// Scaling is how all endpoints scale.
func (e *Engine) Scaling() endpoint.Scaling { return e.endpoints.Scaling() }

// SetScaling changes how all endpoints scale, for good and at once.
func (e *Engine) SetScaling(ctx context.Context, c endpoint.ScalingChange) (endpoint.Scaling, error) {
	return e.endpoints.SetScaling(ctx, c)
}
