package worker

import (
	"errors"

	"servery/engine/runtime/ort"
	"servery/engine/tensor"
)

// computer evaluates a model's graph, one run at a time.
type computer interface {
	// compute gives the graph's outputs. The values are valid until outputs are released,
	// which are nil with an error; after stop that is errStopped.
	compute(inputs []tensor.Named) (values []tensor.Named, outputs releaser, err error)
	// stop ends the run in progress, if it can; reset makes the computer fit again: see
	// evaluator.
	stop()
	reset()
}

// errStopped is a run that was stopped.
var errStopped = errors.New("the run was stopped")

// onCPU computes with a session of ONNX Runtime, which several may share.
type onCPU struct {
	session *ort.Session
	cancel  *ort.Cancel
}

func (r *onnxRuntime) onCPU(session *ort.Session) *onCPU {
	return &onCPU{session: session, cancel: r.library.NewCancel()}
}

func (c *onCPU) stop()  { c.cancel.Cancel() }
func (c *onCPU) reset() { c.cancel.Reset() }

func (c *onCPU) compute(inputs []tensor.Named) ([]tensor.Named, releaser, error) {
	outputs, err := c.session.Run(inputs, c.cancel)
	if errors.Is(err, ort.ErrCanceled) {
		return nil, nil, errStopped
	}
	if err != nil {
		return nil, nil, err
	}
	return outputs.Values, outputs, nil
}
