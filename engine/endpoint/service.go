package endpoint

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"servery/engine/crashpoint"
	"servery/engine/hardware"
	"servery/engine/runtime"
	"servery/engine/telemetry"
)

// Options are what a Service stands on. Table, History, Models, Launcher, Telemetry and Changes
// are required.
type Options struct {
	Table Table
	// History keeps the configurations that an endpoint had, see Versions.
	History   Table
	Models    Models
	Launcher  runtime.Launcher
	Telemetry *telemetry.Telemetry
	Changes   *telemetry.Hub
	// Secrets resolves references in environment variables; nil refuses them at the load.
	Secrets Secrets
	// Runtime tells which library of the runtime there is: the text is another one when a
	// file takes another's place. It is asked often and must be cheap. What failed with a
	// *runtime.MissingError is tried again once the answer has changed; nil leaves it to
	// Retry.
	Runtime func() (string, error)
	// Cores is the number of logical processors: it bounds how many models load at once.
	Cores int
	// MemoryBytes is the machine's memory; 0 is not known.
	MemoryBytes int64
	// GPUs gives the machine's, and waits until ctx ends where they are being looked for. It is
	// asked before a model with a GPU type is loaded; nil is a machine that is not known.
	GPUs func(ctx context.Context) hardware.GPUs
	// Settings keeps what is set for the machine, see SetScaling; nil keeps nothing.
	Settings Table
	// Scaling is a change of what is set, before anything starts.
	Scaling ScalingChange
	// Seed makes the choice among routes repeatable; 0 takes another one each time.
	Seed uint64
}

// Service holds all endpoints and runs them. All methods may be called from many
// goroutines at once.
type Service struct {
	options Options
	began   time.Time // Open
	loads   *loads
	scaling atomic.Pointer[scaling]
	setting sync.Mutex // one change of scaling at a time

	// owners is read by every request and copied by every create and delete.
	owners atomic.Pointer[map[string]*owner]

	ctx    context.Context // ends when Close begins: no deployment goes on
	cancel context.CancelFunc
	hard   context.Context // ends when Close's patience does: nothing waits any more
	kill   context.CancelFunc

	mu       sync.Mutex
	closed   bool
	taken    map[string]bool    // names on their way in or out
	coming   map[string]*Config // of endpoints that are being created or updated
	work     sync.WaitGroup     // all goroutines; Add only under mu while not closed
	changeNo atomic.Uint64      // grows with each change of a picture

	lacking lacking

	listing sync.Mutex
	list    listed
}

var errClosed = errors.New("Servery is closing: it takes no further request")

// Open loads the stored endpoints and starts to bring them up; it does not wait for that.
// It fails only where the table cannot be read: a record that cannot be decoded becomes
// an endpoint that says so. ctx is for the opening only.
func Open(ctx context.Context, options Options) (*Service, error) {
	s := &Service{options: options, began: time.Now(), loads: newLoads(options.Cores), taken: map[string]bool{}, coming: map[string]*Config{}}
	if s.options.Seed == 0 {
		s.options.Seed = rand.Uint64()
	}
	owners := map[string]*owner{}
	s.owners.Store(&owners)
	if err := s.openScaling(ctx); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.hard, s.kill = context.WithCancel(context.WithoutCancel(ctx))
	err := options.Table.Each("", func(name string, b []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		name = strings.Clone(name)
		e, err := decode(name, b)
		if err != nil {
			e = unreadable(name, err)
		}
		owners[name] = newOwner(s, &e)
		owners[name].unreadable = err != nil
		return nil
	})
	if err != nil {
		s.cancel()
		s.kill()
		return nil, fmt.Errorf("cannot read the stored endpoints: %w", err)
	}
	options.Telemetry.Keep(func(name string) bool { return owners[name] != nil })
	for _, name := range slices.Sorted(maps.Keys(owners)) {
		owners[name].start()
	}
	s.spawn(s.watch)
	s.spawn(s.forgetOrphans)
	return s, nil
}

// steady is a time by the monotonic clock alone: one that a person sets does not move it.
func (s *Service) steady(at time.Time) time.Time { return s.began.Add(at.Sub(s.began)) }

// spawn runs fn on a goroutine that Close waits for; false where the service has closed.
func (s *Service) spawn(fn func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.work.Go(fn)
	return true
}

// Check tells what Create would refuse, a taken name included; nil where nothing.
func (s *Service) Check(spec Spec) []FieldError {
	_, fields := validate(s.options.Models, spec)
	if _, exists := (*s.owners.Load())[spec.Name]; exists {
		fields = slices.Insert(fields, 0, FieldError{"name", (&ExistsError{spec.Name}).Error()})
	}
	return fields
}

// Create accepts an endpoint: when it returns the endpoint is stored, and its deployment
// has begun. Errors are *ValidationError, *ExistsError and the table's.
func (s *Service) Create(_ context.Context, spec Spec, creator string) (Endpoint, error) {
	config, fields := validate(s.options.Models, spec)
	if len(fields) > 0 {
		return Endpoint{}, &ValidationError{fields}
	}
	if err := s.take(spec.Name, false); err != nil {
		return Endpoint{}, err
	}
	defer s.release(spec.Name)
	s.announce(spec.Name, config)
	// From here on Uses names the endpoint, and the registry keeps its versions; one may
	// have gone since they were looked at.
	if config, fields = validate(s.options.Models, spec); len(fields) > 0 {
		return Endpoint{}, &ValidationError{fields}
	}
	now := time.Now()
	e := (&check{}).settings(spec)
	e.ID, e.Name, e.Description = newID(), spec.Name, spec.Description
	e.Creator, e.CreatorDisplayName = creator, spec.CreatorDisplayName
	e.CreatedAt, e.UpdatedAt = now, now
	e.RouteOptimized, e.BudgetPolicyID = spec.RouteOptimized, spec.BudgetPolicyID
	e.Ready, e.Update = NotReady, NotUpdating
	if config != nil {
		config.begin(Created, creator, now)
		e.Pending, e.Update, e.LastVersion = config, InProgress, config.Version
	}
	o := newOwner(s, &e)
	if err := o.store(&e); err != nil {
		s.options.Telemetry.Forget(e.Name)
		return Endpoint{}, fmt.Errorf("cannot store the endpoint '%s': %w", e.Name, err)
	}
	o.tell(telemetry.Event{Type: telemetry.Created, Actor: creator, Message: "Created by " + creator + "."})
	s.mu.Lock()
	s.setOwner(spec.Name, o)
	s.mu.Unlock()
	s.changed(spec.Name)
	crashpoint.Here("create.shown")
	o.start()
	return e, nil
}

// take reserves a name for a Create (exists false) or a Delete of it.
func (s *Service) take(name string, exists bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, there := (*s.owners.Load())[name]
	switch {
	case s.closed:
		return errClosed
	case exists && (!there || s.taken[name]):
		return &NotFoundError{Name: name}
	case !exists && (there || s.taken[name]):
		return &ExistsError{name}
	}
	s.taken[name] = true
	return nil
}

func (s *Service) release(name string) {
	s.mu.Lock()
	delete(s.taken, name)
	delete(s.coming, name)
	s.mu.Unlock()
}

// announce makes known what an endpoint that is being created or updated will serve;
// withdraw and release end it.
func (s *Service) announce(name string, c *Config) {
	s.mu.Lock()
	s.coming[name] = c
	s.mu.Unlock()
}

func (s *Service) withdraw(name string) {
	s.mu.Lock()
	delete(s.coming, name)
	s.mu.Unlock()
}

// setOwner puts an owner in its place, or takes it out where o is nil. The caller holds
// mu.
func (s *Service) setOwner(name string, o *owner) {
	owners := maps.Clone(*s.owners.Load())
	if o == nil {
		delete(owners, name)
	} else {
		owners[name] = o
	}
	s.owners.Store(&owners)
}

// Delete removes an endpoint, *NotFoundError where there is none. When it returns the
// endpoint is gone for ever; requests in flight finish, then its processes end.
func (s *Service) Delete(_ context.Context, name string) error {
	if err := s.take(name, true); err != nil {
		return err
	}
	defer s.release(name)
	o := (*s.owners.Load())[name]
	o.command.Lock()
	defer o.command.Unlock()
	if err := o.erase(); err != nil {
		return fmt.Errorf("cannot delete the endpoint '%s': %w", name, err)
	}
	s.mu.Lock()
	s.setOwner(name, nil)
	s.mu.Unlock()
	o.stop()
	crashpoint.Here("delete.stopped")
	if d := o.serving.Swap(nil); d != nil {
		s.retire(d, nil)
	}
	s.options.Telemetry.Forget(name)
	s.changed(name)
	return nil
}

// Retry deploys once more what has failed: the pending configuration, or the active one
// that did not come up after a restart. Errors are *NotFoundError and *ValidationError.
func (s *Service) Retry(_ context.Context, name string) error {
	o, done, err := s.command(name)
	if err != nil {
		return err
	}
	defer done()
	return o.retry()
}

// Uses lists the endpoints that serve a version of a model or are about to, by name.
// Version 0 is any version.
func (s *Service) Uses(fullName string, version int) []string {
	// The lock keeps one that is being created from being missed on its way to its owner.
	s.mu.Lock()
	owners := *s.owners.Load()
	var names []string
	for name, c := range s.coming {
		if c.uses(fullName, version) {
			names = append(names, name)
		}
	}
	s.mu.Unlock()
	for name, o := range owners {
		e := o.picture.Load()
		if e.Active.uses(fullName, version) || e.Pending.uses(fullName, version) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (c *Config) uses(fullName string, version int) bool {
	return c != nil && slices.ContainsFunc(c.Entities, func(e ServedEntity) bool {
		// Unity Catalog's names are one whatever their case.
		return strings.EqualFold(e.ModelName, fullName) && (version == 0 || e.ModelVersion == version)
	})
}

// Close ends the service: no new request is taken, those in flight finish until ctx ends,
// all runners are closed and all goroutines have ended when it returns. A deployment that
// runs is given up; the next Open begins it again.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	if !again {
		stop := context.AfterFunc(ctx, s.kill)
		defer stop()
		var ending sync.WaitGroup
		for _, o := range *s.owners.Load() {
			ending.Go(func() {
				o.stop()
				if d := o.serving.Load(); d != nil {
					d.retire(ctx)
				}
			})
		}
		ending.Wait()
	}
	s.work.Wait()
	s.kill()
	return nil
}

// retire ends what no new request reaches. Whoever runs or waits in a queue there is
// still served, for as long as a request may take. then, which may be nil, is called at
// the end.
func (s *Service) retire(d *deployment, then func()) {
	end := func() {
		ctx, cancel := context.WithTimeout(s.hard, requestTimeout)
		defer cancel()
		crashpoint.Here("update.drain")
		d.retire(ctx)
		crashpoint.Here("update.drained")
		if then != nil {
			then()
		}
	}
	if !s.spawn(end) {
		end() // Close has begun and may not know d
	}
}

// changed tells everyone that an endpoint looks different now.
func (s *Service) changed(name string) {
	s.changeNo.Add(1)
	s.options.Changes.Publish(telemetry.Change{Kind: telemetry.EndpointChanged, Name: name})
}
