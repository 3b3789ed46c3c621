package endpoint

import (
	"context"
	"fmt"
	"time"

	"servery/engine/telemetry"
)

const (
	messageStopped  = "Stopped"
	messageCanceled = "Served entity creation aborted because the update was canceled."
)

// Stop ends what serves an endpoint and gives its memory back; requests in flight finish.
// The configuration stays, for Start. A pending one that failed or was canceled is
// dropped. Stopping what is stopped changes nothing. Errors are *NotFoundError,
// *StateError (an update runs, nothing was ever ready) and the table's.
func (s *Service) Stop(_ context.Context, name, user string) (Endpoint, error) {
	o, done, err := s.command(name)
	if err != nil {
		return Endpoint{}, err
	}
	defer done()
	e := o.picture.Load()
	switch {
	case o.unreadable:
		return Endpoint{}, o.free("stopping it")
	case e.Update == InProgress:
		return Endpoint{}, &StateError{fmt.Sprintf("Endpoint '%s' is currently updating and cannot be stopped. Wait for the update to complete, or cancel it, then stop it.", name)}
	case e.Active == nil:
		return Endpoint{}, &StateError{fmt.Sprintf("Endpoint '%s' serves nothing: there is nothing to stop.", name)}
	case e.Suspended && e.Pending == nil:
		return o.look(), nil
	}
	left, err := o.suspend()
	if err != nil {
		return Endpoint{}, err
	}
	o.halt()
	if left != nil {
		s.retire(left, nil)
	}
	o.recorder.SetGauges(telemetry.Gauges{})
	o.tell(telemetry.Event{Type: telemetry.Stopped, Version: e.Active.Version, Actor: user, Message: "Stopped by " + user + "."})
	return o.look(), nil
}

// suspend stores that the endpoint is stopped and lets nothing reach what serves, which it
// returns.
func (o *owner) suspend() (left *deployment, err error) {
	now := time.Now()
	o.storing.Lock()
	defer o.storing.Unlock()
	err = o.put(func(e *Endpoint) error {
		if e.Update == InProgress { // a Retry's; commands come one at a time
			return &ConflictError{o.name, "stopping it"}
		}
		if !e.Suspended {
			e.Active.EndedAt = now
		}
		e.Suspended, e.Pending, e.Progress = true, nil, nil
		e.Update, e.UpdatedAt = NotUpdating, now
		e.Active.setStates(DeploymentStopped, messageStopped)
		return nil
	}, nil)
	if err != nil {
		return nil, o.told(err)
	}
	return o.serving.Swap(nil), nil
}

// Start deploys the configuration of a stopped endpoint again, as a new version that is
// otherwise the same. Errors are *NotFoundError, *ConflictError, *StateError where it is
// not stopped, and the table's.
func (s *Service) Start(_ context.Context, name, user string) (Endpoint, error) {
	o, done, err := s.command(name)
	if err != nil {
		return Endpoint{}, err
	}
	defer done()
	if err := o.free("starting it"); err != nil {
		return Endpoint{}, err
	}
	e := o.picture.Load()
	if !e.Suspended {
		return Endpoint{}, &StateError{fmt.Sprintf("Endpoint '%s' is not stopped: there is nothing to start.", name)}
	}
	return o.deploy(e.Active, origin{how: StartedAgain, user: user})
}

// Cancel gives the running update up: what served before goes on, and the configuration
// is kept as the pending one, for Retry. A part of Servery: the product has a button for
// it and no route. Errors are *NotFoundError, *StateError where no update runs, or where
// it has just come into effect, and the table's.
func (s *Service) Cancel(_ context.Context, name, user string) (Endpoint, error) {
	o, done, err := s.command(name)
	if err != nil {
		return Endpoint{}, err
	}
	defer done()
	version := 0
	o.storing.Lock()
	now := time.Now()
	err = o.put(func(e *Endpoint) error {
		if e.Update != InProgress {
			return &StateError{nothingToCancel(e)}
		}
		e.Update, e.Progress, e.UpdatedAt = UpdateCanceled, nil, now
		e.Pending.setStates(DeploymentAborted, messageCanceled)
		e.Pending.EndedAt = now
		version = e.Pending.Version
		return nil
	}, nil)
	if r := o.rolling.Load(); err == nil && r != nil {
		r.cancel()
	}
	o.storing.Unlock()
	if err != nil {
		return Endpoint{}, o.told(err)
	}
	o.tell(telemetry.Event{Type: telemetry.UpdateCanceled, Version: version, Actor: user,
		Message: fmt.Sprintf("The update to configuration %d was canceled by %s.", version, user)})
	return o.look(), nil
}

func nothingToCancel(e *Endpoint) string {
	if e.Update == NotUpdating && e.Active != nil && !e.Suspended {
		return fmt.Sprintf("Endpoint '%s' has no update that runs: configuration %d is already in effect. To go back, restore one of before.", e.Name, e.Active.Version)
	}
	return fmt.Sprintf("Endpoint '%s' has no update that runs: there is nothing to cancel.", e.Name)
}
