package registry

import (
	"fmt"
	"strings"
	"syscall"
)

// NotFoundError says that a model, a version of it, an alias, a catalog, a schema or a file
// does not exist.
type NotFoundError struct {
	Name    string // the model's full name, as it was asked for
	Version int    // the version that is missing; 0 where the model itself is
	Alias   string // the alias that is missing; "" where something else is
	// What is "catalog" or "schema" where Name is that of one, "file" where Name is a path
	// inside a version; "" otherwise.
	What string
}

// Error is a sentence for a person.
func (e *NotFoundError) Error() string {
	switch {
	case e.What == partFile:
		return fmt.Sprintf("The model version has no file or folder %q.", e.Name)
	case e.What != "":
		return fmt.Sprintf("The %s %q does not exist.", e.What, e.Name)
	case e.Alias != "":
		return fmt.Sprintf("The model %s has no alias %q.", e.Name, e.Alias)
	case e.Version != 0:
		return fmt.Sprintf("The model %s has no version %d.", e.Name, e.Version)
	}
	return fmt.Sprintf("The model %q does not exist.", e.Name)
}

// NameError says which part of a name is wrong, and what it takes.
type NameError struct {
	Part  string // "full name", "catalog", "schema", "model" or "alias"
	Got   string // that part, as it was given
	Takes string // what it takes, as the end of a sentence
}

// Error is a sentence for a person.
func (e *NameError) Error() string {
	part := e.Part
	switch part {
	case partCatalog, partSchema, partModel:
		part += " name"
	}
	return fmt.Sprintf("The %s %q is not valid: it takes %s.", part, e.Got, e.Takes)
}

// InUseError says that a version cannot be deleted because something needs it.
type InUseError struct {
	Name    string // the model's full name
	Version int
	// Endpoints are the names of the endpoints that serve the version. Where there is none,
	// the version is still being imported.
	Endpoints []string
}

// Error is a sentence for a person.
func (e *InUseError) Error() string {
	if len(e.Endpoints) == 0 {
		return fmt.Sprintf("Version %d of the model %s is still being imported; wait until it is ready, or cancel the import.", e.Version, e.Name)
	}
	noun := "endpoint"
	if len(e.Endpoints) > 1 {
		noun = "endpoints"
	}
	return fmt.Sprintf("Version %d of the model %s is served by the %s %s; delete it there first.",
		e.Version, e.Name, noun, strings.Join(e.Endpoints, ", "))
}

// ExistsError says that something of that name is there already.
type ExistsError struct {
	What string // "catalog", "schema", "model" or "file"
	Name string
}

// Error is a sentence for a person.
func (e *ExistsError) Error() string {
	return fmt.Sprintf("The %s %q already exists.", e.What, e.Name)
}

// NotEmptyError says that a catalog or a schema cannot be deleted because of what it holds.
type NotEmptyError struct {
	What    string // "catalog" or "schema"
	Name    string
	Models  int // how many models it holds
	Schemas int // how many schemas it holds, where it holds no model
}

// Error is a sentence for a person.
func (e *NotEmptyError) Error() string {
	n, noun := e.Models, "model"
	if n == 0 {
		n, noun = e.Schemas, "schema"
	}
	them := "it"
	if n > 1 {
		noun, them = noun+"s", "them"
	}
	return fmt.Sprintf("The %s %q is not empty: it holds %d %s; delete %s first.", e.What, e.Name, n, noun, them)
}

// ValueError says that a value cannot be kept.
type ValueError struct{ Message string }

// Error is a sentence for a person.
func (e *ValueError) Error() string { return e.Message }

// TooLargeError says that a version would have more bytes than one may have.
type TooLargeError struct{ Limit int64 }

// Error is a sentence for a person.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("The model version would have more than %s, the most that one may have.", bytesText(e.Limit))
}

// StateError says that a version is not in the state that something needs: its files are
// fixed, or there are none yet.
type StateError struct{ Message string }

// Error is a sentence for a person.
func (e *StateError) Error() string { return e.Message }

// SourceError says that what was to be imported cannot be read.
type SourceError struct {
	Path    string // as it was given
	Message string // what is wrong, as the end of a sentence: "does not exist"
	Err     error  // the cause, or nil
}

// Error is a sentence for a person.
func (e *SourceError) Error() string {
	return fmt.Sprintf("%q cannot be imported: it %s.", e.Path, e.Message)
}

// Unwrap returns the cause.
func (e *SourceError) Unwrap() error { return e.Err }

// DiskError says that the data folder could not be written.
type DiskError struct {
	Message string // a sentence for a person, without its period
	Full    bool   // the disk is full, or the user's share of it
	Err     error
}

// Error is a sentence for a person.
func (e *DiskError) Error() string { return e.Message + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *DiskError) Unwrap() error { return e.Err }

// Is makes every full disk syscall.ENOSPC, however the system calls it.
func (e *DiskError) Is(target error) bool { return e.Full && target == syscall.ENOSPC }
