package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"servery/engine/batch"
	"servery/engine/mlmodel"
	"servery/engine/onnx"
	"servery/engine/runtime/cuda/driver"
	"servery/engine/runtime/cuda/executor"
	"servery/engine/runtime/cuda/graph"
	"servery/engine/runtime/cuda/kernels"
	"servery/engine/runtime/cuda/plan"
	"servery/engine/runtime/ort"
	"servery/engine/tensor"
)

// gpuCode is what a GPU executes.
type gpuCode struct {
	// plan opens the model file at path for a device. precision is that of the programs. What
	// is to be closed must stay open as long as the planner is used.
	plan func(path, precision string, device driver.Info) (p executor.Planner, used string, c io.Closer, err error)
	// find gives the module of a kernel.
	find func(kernel string) (*kernels.Module, error)
}

// theGPUs is the product's: plans of package plan, and the kernels that ship.
var theGPUs = gpuCode{plan: planned, find: kernels.Find}

func planned(path, precision string, device driver.Info) (executor.Planner, string, io.Closer, error) {
	p, err := plan.ParsePrecision(precision)
	if err != nil {
		return nil, "", nil, err
	}
	model, err := graph.Open(path)
	if err != nil {
		return nil, "", nil, err
	}
	planner := plan.New(model, plan.Options{Precision: p, Capability: device.Capability, Processors: device.Processors})
	return planner, planner.Precision().String(), model, nil
}

// statusLost is the exit status of a worker that has lost its GPU: only another process can
// use that again.
const statusLost = 4

// lose ends the process after an error that took the GPU from it, and from all requests in
// it. The engine starts another one and sends them again.
func lose(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(statusLost)
}

// gpuLanes are the runs that may be on the GPU at the same time: a second one copies its
// inputs and outputs while the first computes.
const gpuLanes = 2

// onGPU loads the model on the GPU that the order names. The error says why it cannot run
// there; nothing is left of the attempt then.
func (r *onnxRuntime) onGPU(order loadOrder, path string, probing func()) (_ []evaluator, _ loadReport, err error) {
	turns := order.turns()
	device, err := executor.Open(executor.Options{Index: order.GPU.Index, Find: r.gpu.find, Lanes: min(turns, gpuLanes)})
	if err != nil {
		return nil, loadReport{}, err
	}
	g := &gpuModel{runtime: r, path: path}
	defer func() {
		var lost *executor.LostError
		switch {
		case errors.As(err, &lost):
			lose(err)
		case err != nil:
			device.Close()
			if g.file != nil {
				g.file.Close()
			}
		}
	}()
	planner, precision, file, err := r.gpu.plan(path, order.GPU.Precision, device.Info())
	if err != nil {
		return nil, loadReport{}, err
	}
	g.file = file
	if err := limitData(order.MemoryLimit); err != nil {
		return nil, loadReport{}, fmt.Errorf("limit the memory of the model's process: %w", err)
	}
	if g.model, err = device.NewModel(planner, executor.Limits{}); err != nil {
		return nil, loadReport{}, err
	}
	said, err := onnx.Read(path)
	if err != nil {
		return nil, loadReport{}, err
	}
	s, err := newScorer(order, said.Inputs, said.Outputs)
	if err != nil {
		return nil, loadReport{}, err
	}
	report := loadReport{Runtime: "CUDA · " + device.Info().Name + " · " + precision, Device: device.Info().Name,
		RunTime: order.RunTime, Sessions: 1, Batching: order.Batching}
	rounding := batch.Rounding
	if precision != plan.Float32.String() {
		rounding = batch.CoarseRounding
	}
	first := s.evaluation(g.computer(), rounding)
	if order.Probe {
		probing()
		// The first run compiles the device code, which can take seconds.
		if err := g.warm(s, order.Example); err != nil {
			return nil, loadReport{}, err
		}
		if err := report.try(first, order, path); err != nil {
			return nil, loadReport{}, err
		}
	}
	if report.Batching.On {
		turns = min(turns, gpuLanes)
	}
	evaluators := []evaluator{first}
	for len(evaluators) < turns {
		evaluators = append(evaluators, s.evaluation(g.computer(), rounding))
	}
	report.Bytes, _ = usageOf(os.Getpid())
	held := g.model.Memory()
	report.GPUBytes = held.Weights + held.Arenas
	return evaluators, report, nil
}

// gpuModel is a model on the GPU, and ONNX Runtime on the CPU for the runs that it cannot do.
type gpuModel struct {
	runtime *onnxRuntime
	path    string
	model   *executor.Model
	file    io.Closer

	spare sync.Mutex
	cpu   *ort.Session // nil until it is needed
}

// warm does the first run, on the model's example, else on zeros. The error says why the model
// cannot run on the GPU; a model that refuses zeros may.
func (g *gpuModel) warm(s *scorer, example []byte) error {
	for _, body := range [][]byte{example, mlmodel.ExampleFor(s.signature, s.inputs)} {
		if body == nil {
			continue
		}
		request, err := s.model.Decode("application/json", body)
		if err != nil {
			continue
		}
		outputs, err := g.model.Run(context.Background(), request.Inputs)
		request.Release()
		outputs.Release()
		if err == nil || beyond(err) {
			return err
		}
	}
	return nil
}

// beyond tells that the GPU cannot do a run which the CPU may be able to do: an operator that it
// lacks, memory, a refusal of the driver. What is wrong with the request is as wrong there.
func beyond(err error) bool {
	var input *executor.InputError
	var index *executor.IndexError
	var shape *graph.ShapeError
	return !errors.As(err, &input) && !errors.As(err, &index) && !errors.As(err, &shape)
}

// session gives the session of ONNX Runtime for what is beyond the GPU.
func (g *gpuModel) session(why error) (*ort.Session, error) {
	g.spare.Lock()
	defer g.spare.Unlock()
	if g.cpu == nil {
		session, err := g.runtime.library.NewSession(g.path, ort.Options{})
		if err != nil {
			return nil, errors.Join(why, explainLoad(err))
		}
		fmt.Fprintf(os.Stderr, "requests that the GPU cannot take run on the CPU; the first: %v\n", why)
		g.cpu = session
	}
	return g.cpu, nil
}

// gpuComputer computes on the GPU.
type gpuComputer struct {
	*gpuModel
	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelFunc
	other  *onCPU // nil until it is needed
}

func (g *gpuModel) computer() *gpuComputer {
	c := &gpuComputer{gpuModel: g}
	c.reset()
	return c
}

func (c *gpuComputer) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel()
	if c.other != nil {
		c.other.stop()
	}
}

func (c *gpuComputer) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if c.other != nil {
		c.other.reset()
	}
}

func (c *gpuComputer) compute(inputs []tensor.Named) ([]tensor.Named, releaser, error) {
	c.mu.Lock()
	ctx := c.ctx
	c.mu.Unlock()
	outputs, err := c.model.Run(ctx, inputs)
	var lost *executor.LostError
	switch {
	case err == nil:
		return outputs.Values, outputs, nil
	case errors.As(err, &lost):
		lose(err)
	case errors.Is(err, context.Canceled):
		return nil, nil, errStopped
	case beyond(err):
		return c.elsewhere(ctx, inputs, err)
	}
	return nil, nil, err
}

// elsewhere does a run on the CPU.
func (c *gpuComputer) elsewhere(ctx context.Context, inputs []tensor.Named, why error) ([]tensor.Named, releaser, error) {
	session, err := c.session(why)
	if err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	if c.other == nil {
		c.other = c.runtime.onCPU(session)
	}
	stopped := ctx.Err() != nil // before other could be told
	c.mu.Unlock()
	if stopped {
		return nil, nil, errStopped
	}
	return c.other.compute(inputs)
}
