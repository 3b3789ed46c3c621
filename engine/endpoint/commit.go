package endpoint

import (
	"errors"
	"fmt"

	"servery/engine/crashpoint"
)

// errGone refuses a write of an endpoint that was deleted.
var errGone = errors.New("the endpoint was deleted")

// put makes a change for good: fn makes it, the record is stored, then, after settle
// (which may be nil), the picture shows it. fn is called for the record and again for the
// picture, in which a process may have died meanwhile: it must decide by nothing but what
// put alone changes. An error of fn stores nothing. The caller holds storing.
//
// All changes that must survive a crash go through here, one at a time: of two that each
// wrote the picture as they had read it, the later would undo the earlier.
func (o *owner) put(fn func(e *Endpoint) error, settle func()) error {
	before := o.picture.Load()
	next := before.clone()
	if err := fn(next); err != nil {
		return err
	}
	if err := o.keepVersions(before, next); err != nil {
		return err
	}
	crashpoint.Here("endpoint.versions-kept")
	if err := o.write(next); err != nil {
		return err
	}
	if settle != nil {
		settle()
	}
	o.change(func(e *Endpoint) { _ = fn(e) })
	return nil
}

// commit is put for a command of a user: *NotFoundError where the endpoint was deleted,
// else fn's error or why the record could not be stored.
func (o *owner) commit(fn func(e *Endpoint) error) error {
	o.storing.Lock()
	defer o.storing.Unlock()
	return o.told(o.put(fn, nil))
}

// told is an error of put as a user is told it.
func (o *owner) told(err error) error {
	var failed *storeError
	switch {
	case errors.Is(err, errGone):
		return &NotFoundError{Name: o.name}
	case errors.As(err, &failed):
		return fmt.Errorf("cannot store the endpoint '%s': %w", o.name, failed.err)
	}
	return err
}

// storeError is the table's.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// store writes the record, synced.
func (o *owner) store(e *Endpoint) error {
	o.storing.Lock()
	defer o.storing.Unlock()
	return o.write(e)
}

// write is store for who holds storing.
func (o *owner) write(e *Endpoint) error {
	b, err := encode(e)
	if err != nil {
		return err
	}
	if o.gone.Load() {
		return errGone
	}
	crashpoint.Here("endpoint.store")
	if err := o.s.options.Table.Apply(map[string][]byte{o.name: b}); err != nil {
		return &storeError{err}
	}
	crashpoint.Here("endpoint.stored")
	return nil
}

// erase deletes the record, synced; nothing writes it again.
func (o *owner) erase() error {
	o.storing.Lock()
	defer o.storing.Unlock()
	if err := o.s.options.Table.Apply(map[string][]byte{o.name: nil}); err != nil {
		return err
	}
	o.gone.Store(true)
	crashpoint.Here("delete.erased")
	o.forgetVersions()
	crashpoint.Here("delete.forgotten")
	return nil
}
