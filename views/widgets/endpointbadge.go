package widgets

import "servery/engine/endpoint"

// EndpointBadge gives the state and the words for an endpoint, the same on every page.
func EndpointBadge(e endpoint.Endpoint) (State, string) {
	switch {
	case e.Update == endpoint.InProgress && e.Active == nil:
		return StateUpdating, "Starting"
	case e.Update == endpoint.InProgress:
		return StateUpdating, "Updating"
	case e.Suspended:
		return StateStopped, "Stopped"
	case e.Update == endpoint.UpdateFailed:
		return StateFailed, "Update failed"
	case e.Update == endpoint.UpdateCanceled && e.Ready != endpoint.Ready:
		return StateWarning, "Update canceled"
	case e.Active == nil && e.Pending == nil:
		return StateStopped, "No configuration"
	case e.Ready != endpoint.Ready:
		return StateWarning, "Not ready"
	case asleep(e.Active):
		return StateStopped, "Scaled to zero"
	default:
		return StateReady, "Ready"
	}
}

// EntityBadge gives the state and the words for a served entity.
func EntityBadge(s endpoint.ServedEntity) (State, string) {
	switch s.Deployment {
	case endpoint.DeploymentReady:
		if s.ScaleToZero && s.Live.PID == 0 && s.Live.Provisioned == 0 {
			return StateStopped, "Scaled to zero"
		}
		return StateReady, "Ready"
	case endpoint.DeploymentCreating:
		return StateUpdating, "Creating"
	case endpoint.DeploymentRecovering:
		return StateWarning, "Recovering"
	case endpoint.DeploymentFailed:
		return StateFailed, "Failed"
	case endpoint.DeploymentStopped:
		return StateStopped, "Stopped"
	case endpoint.DeploymentAborted:
		return StateStopped, "Aborted"
	default:
		return StateStopped, string(s.Deployment)
	}
}

func asleep(c *endpoint.Config) bool {
	if c == nil || len(c.Entities) == 0 {
		return false
	}
	for _, s := range c.Entities {
		if !s.ScaleToZero || s.Live.PID != 0 || s.Live.Provisioned > 0 {
			return false
		}
	}
	return true
}
