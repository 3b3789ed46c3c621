package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"servery/engine/runtime"
)

// loadOrder says what to load. It goes over once a process, in JSON.
type loadOrder struct {
	Entity         string
	Dir, ModelFile string
	SHA256         string
	Signature      json.RawMessage `json:",omitempty"`
	Example        []byte
	// MemoryLimit is what the process may take beyond what it has when the order comes,
	// in bytes of address space. 0 is no bound.
	MemoryLimit int64
	Concurrency int
	Timeout     time.Duration
	// Probe asks for a trial run, which finds out the time of a run, the number of
	// sessions and whether requests share runs. Without it these are those of an earlier
	// load.
	Probe    bool
	RunTime  time.Duration
	Sessions int
	Batching batching
	// GPU is where the model is to run; nil is the CPU.
	GPU *runtime.GPU `json:",omitempty"`
}

// loadReport is what loading showed.
type loadReport struct {
	Runtime  string
	Device   string // runtime.CPU, or the GPU's name
	Reason   string // why not on the GPU that was asked for; "" where it is, or none was
	Bytes    int64
	GPUBytes int64
	RunTime  time.Duration
	Sessions int
	Batching batching
}

// onGPU tells whether the model runs on one.
func (r loadReport) onGPU() bool { return r.Device != "" && r.Device != runtime.CPU }

// loaded is the report as the engine's other parts read it.
func (r loadReport) loaded(took time.Duration) runtime.Loaded {
	return runtime.Loaded{Runtime: r.Runtime, Device: r.Device, Reason: r.Reason, Took: took, Bytes: r.Bytes, GPUBytes: r.GPUBytes,
		RunTime: r.RunTime, Sessions: r.Sessions, Batching: r.Batching.shown()}
}

// failure carries an error of Open or Load to the engine with its type.
type failure struct {
	// Missing tells a *runtime.MissingError from a *runtime.LoadError.
	Missing       bool
	Message, Hint string
}

func newFailure(err error) failure {
	var missing *runtime.MissingError
	if errors.As(err, &missing) {
		return failure{Missing: true, Message: missing.Message, Hint: missing.Hint}
	}
	return failure{Message: err.Error()}
}

func (f failure) error() error {
	if f.Missing {
		return &runtime.MissingError{Message: f.Message, Hint: f.Hint}
	}
	return &runtime.LoadError{Message: f.Message}
}

// parseFailure reads the body of a kindFailed frame.
func parseFailure(body []byte) error {
	var f failure
	if err := json.Unmarshal(body, &f); err != nil {
		return malformed("the reason of a failure cannot be read: %v", err)
	}
	return f.error()
}

// sendJSON sends a control frame.
func (l *link) sendJSON(k kind, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write a frame of kind %d: %w", k, err)
	}
	return l.send(header{Kind: k}, "", body)
}
