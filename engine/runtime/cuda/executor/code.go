//go:build cuda && linux && (amd64 || arm64)

package executor

import (
	"errors"
	"fmt"

	"servery/engine/runtime/cuda/driver"
	"servery/engine/runtime/cuda/kernels"
	"servery/engine/runtime/cuda/plan"
)

// code is the kernels of a device. Device.mu guards it.
type code struct {
	find       func(kernel string) (*kernels.Module, error)
	capability int
	modules    map[*kernels.Module]*driver.Module
	functions  map[string]*driver.Function
}

func newCode(find func(string) (*kernels.Module, error), capability int) code {
	return code{find: find, capability: capability,
		modules: map[*kernels.Module]*driver.Module{}, functions: map[string]*driver.Function{}}
}

// function gives the kernel of a launch, ready for its shared memory.
func (c *code) function(context *driver.Context, l *plan.Launch) (*driver.Function, error) {
	m, err := c.find(l.Kernel)
	if err != nil {
		return nil, err
	}
	if m.Capability > c.capability {
		return nil, fmt.Errorf("the kernel %s needs a GPU of compute capability %d.%d, this one has %d.%d",
			l.Kernel, m.Capability/10, m.Capability%10, c.capability/10, c.capability%10)
	}
	// Drivers before CUDA 12.4 do not compare.
	if takes := m.Entries[l.Kernel]; takes != len(l.Params) {
		return nil, fmt.Errorf("the kernel %s takes %d bytes of parameters, not %d", l.Kernel, takes, len(l.Params))
	}
	f := c.functions[l.Kernel]
	if f == nil {
		loaded := c.modules[m]
		if loaded == nil {
			if loaded, err = context.Load(string(m.PTX)); err != nil {
				return nil, err
			}
			c.modules[m] = loaded
		}
		if f, err = loaded.Function(l.Kernel); err != nil {
			return nil, err
		}
		c.functions[l.Kernel] = f
	}
	return f, f.AllowShared(int(l.Shared))
}

func (c *code) close() error {
	var errs []error
	for _, m := range c.modules {
		errs = append(errs, m.Close())
	}
	clear(c.modules)
	clear(c.functions)
	return errors.Join(errs...)
}
