//go:build !cuda || !linux || !(amd64 || arm64)

package executor

import (
	"context"

	"servery/engine/runtime/cuda/driver"
	"servery/engine/tensor"
)

// Device cannot be had: Open fails.
type Device struct{}

// Model cannot be had either.
type Model struct{}

// Outputs are what a Run gave.
type Outputs struct{ Values []tensor.Named }

// Open gives driver.ErrNotBuilt.
func Open(Options) (*Device, error) {
	_, err := driver.Load("")
	return nil, err
}

// Info describes no device.
func (*Device) Info() driver.Info { return driver.Info{} }

// NewModel gives ErrClosed.
func (*Device) NewModel(Planner, Limits) (*Model, error) { return nil, ErrClosed }

// Close does nothing.
func (*Device) Close() error { return nil }

// Run gives ErrClosed.
func (*Model) Run(context.Context, []tensor.Named) (*Outputs, error) { return nil, ErrClosed }

// Memory is nothing.
func (*Model) Memory() Memory { return Memory{} }

// Close does nothing.
func (*Model) Close() error { return nil }

// Release does nothing.
func (*Outputs) Release() {}
