//go:build cuda && linux && (amd64 || arm64)

package verify

import (
	"context"
	"errors"
	"testing"

	"servery/engine/runtime/cuda/driver"
	"servery/engine/runtime/cuda/driver/standin"
	"servery/engine/runtime/cuda/executor"
	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
	"servery/engine/runtime/cuda/plan"
	"servery/engine/tensor"
)

// precisions are those that models are computed in.
var precisions = []plan.Precision{plan.Float32, plan.TF32, plan.Float16}

// open opens the stand-in as the device, or the machine's GPU where this is a program for that. While
// a bundle is made there is no device.
func open(t testing.TB) *executor.Device {
	t.Helper()
	if answers.writing {
		return nil
	}
	if answers.bundle == nil {
		lib := standin.Open(t, standin.Path(t))
		lib.Set("memory", 8<<30)
		if _, err := driver.Load(standin.Path(t)); err != nil {
			t.Fatal(err)
		}
	}
	d, err := executor.Open(executor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func planner(d *executor.Device, m *graph.Model, p plan.Precision) *plan.Planner {
	return plan.New(m, plan.Options{Precision: p, Capability: d.Info().Capability, Processors: d.Info().Processors})
}

// program plans a model for the inputs. values are those whose content is part of it: none where
// shapes suffice, else the inputs of few whole numbers, else all short ones. The scales of a
// Resize are a constant in models, an input in the ONNX project's cases.
func program(p *plan.Planner, inputs []tensor.Named) (made *plan.Program, values map[string]*tensor.Tensor, err error) {
	shapes, whole, short := map[string][]int64{}, map[string]*tensor.Tensor{}, map[string]*tensor.Tensor{}
	for _, in := range inputs {
		shapes[in.Name] = in.Tensor.Shape
		if len(in.Tensor.Shape) > 1 {
			continue
		}
		short[in.Name] = in.Tensor
		switch in.Tensor.Type {
		case tensor.Int64, tensor.Int32, tensor.Bool:
			whole[in.Name] = in.Tensor
		}
	}
	made, err = p.Plan(shapes, nil)
	for _, known := range []map[string]*tensor.Tensor{whole, short} {
		if !isUnsupported(err) {
			break
		}
		again, failure := p.Plan(shapes, known)
		switch {
		case failure != nil:
			err = failure
		case len(again.Inputs) > 0: // else all of it was computed on the host
			return again, known, nil
		}
	}
	return made, nil, err
}

func isUnsupported(err error) bool {
	var unsupported *graph.UnsupportedError
	return errors.As(err, &unsupported)
}

// uses tells whether a program launches kernels that compute in the precision.
func uses(p *plan.Program, precision plan.Precision) bool {
	module := map[plan.Precision]string{plan.TF32: "product_tf32", plan.Float16: "product_f16"}[precision]
	for _, l := range p.Launches {
		if m, err := kernels.Find(l.Kernel); err == nil && m.Name == module {
			return true
		}
	}
	return false
}

// fixed gives the executor a program that is already made.
type fixed struct {
	*plan.Planner
	program *plan.Program
}

func (f fixed) Plan(map[string][]int64, map[string]*tensor.Tensor) (*plan.Program, error) {
	return f.program, nil
}

// run computes a program on the device. The outputs are the caller's.
func run(d *executor.Device, p *plan.Planner, made *plan.Program, inputs []tensor.Named) ([]tensor.Named, error) {
	m, err := d.NewModel(fixed{p, made}, executor.Limits{})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	out, err := m.Run(context.Background(), inputs)
	if err != nil {
		return nil, err
	}
	defer out.Release()
	return copied(out.Values), nil
}
