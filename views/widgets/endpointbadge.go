package widgets

import "servery/engine/endpoint"

// EndpointBadge gives the state and a word or two for an endpoint in a list. Headers have
// the room for EndpointStateBadge.
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
	case e.Update == endpoint.UpdateCanceled:
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

// EndpointStateBadge gives the state and the product's whole words for an endpoint:
// whether it answers, and in brackets what became of its last change (docs.databricks.com,
// Manage model serving endpoints). "Scaled to zero" is ours: the product says Ready.
func EndpointStateBadge(e endpoint.Endpoint) (State, string) {
	state, word := EndpointBadge(e)
	note := word
	switch word {
	case "Ready", "Not ready", "Scaled to zero":
		return state, word
	case "Starting":
		note = "Updating"
	}
	if e.Ready == endpoint.Ready {
		return state, "Ready (" + note + ")"
	}
	return state, "Not ready (" + note + ")"
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
