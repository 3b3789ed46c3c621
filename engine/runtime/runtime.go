// Package runtime says what runs a model: the interface between a served entity and the
// worker process behind it. engine/runtime/worker implements it with processes,
// engine/runtime/ort runs inside them. Tests implement it with functions.
package runtime

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Spec says what a worker process is to load.
type Spec struct {
	// Entity names the served entity for logs and errors: "digits/digits-1".
	Entity string
	// Dir is the folder of the model version, ModelFile the file inside it.
	Dir, ModelFile string
	// SHA256 is the digest that registry.Digest gave at import; a mismatch fails the load.
	SHA256 string
	// Signature is the MLmodel signature as JSON (mlmodel.Signature.MarshalJSON), or nil
	// where the model was logged without one.
	Signature []byte
	// Example is a request body to try at load, or nil.
	Example []byte
	// MemoryLimit bounds the address space that the model may take in its process, in
	// bytes. 0 leaves the choice to the launcher: half of the machine's memory.
	MemoryLimit int64
	// Concurrency is how many requests the pool may send at once at most.
	Concurrency int
	// Timeout bounds one request's run. 0 takes 597 s, the product's limit.
	Timeout time.Duration
	// Environment is set in the process on top of a minimal one.
	Environment map[string]string
	// GPU asks for the model to run on a GPU; nil is the CPU. What cannot run there runs on
	// the CPU: see Loaded.Reason.
	GPU *GPU
}

// GPU says on which GPU a model is to run, and how.
type GPU struct {
	Index     int    // among those that NVIDIA's driver shows, from 0
	Precision string // "tf32", "fp32" or "fp16"; "" is tf32
}

// PrecisionVariable names the variable in a served entity's environment that says how its model
// computes on a GPU: see GPU.Precision.
const PrecisionVariable = "SERVERY_GPU_PRECISION"

// CPU is the Device of a model that runs on the CPU.
const CPU = "CPU"

// Launcher starts what serves a model.
type Launcher interface {
	// Launch loads the model and returns when it is ready to answer, or with the reason
	// why not (*LoadError where the model is to blame). notify is called, from any
	// goroutine, for what happens later: deaths, restarts, log lines.
	Launch(ctx context.Context, spec Spec, notify func(Notice)) (Runner, error)
}

// Runner answers requests on a loaded model.
type Runner interface {
	// Invoke answers one request. A model's or client's fault is a Response with its
	// status; an error is a failure of the runner (*DiedError, context errors).
	Invoke(ctx context.Context, request Request) (Response, error)
	// Loaded tells what the last load found: another device after a notice LeftGPU.
	Loaded() Loaded
	// Usage reads the process's figures; the zero value where none runs.
	Usage() Usage
	// Close lets requests in flight finish until ctx ends, then kills.
	Close(ctx context.Context) error
}

// Request is a scoring request, its body untouched.
type Request struct {
	ContentType string // as the client sent it; "" is application/json
	Body        []byte
}

// Response is a scoring answer. Release, where not nil, gives Body back for reuse; Body
// must not be used after it.
type Response struct {
	Status      int // HTTP's
	ContentType string
	Body        []byte
	Timing      Timing
	Release     func()
}

// Timing splits a request's time in the worker process.
type Timing struct {
	Wait, Decode, Run, Encode time.Duration
}

// Loaded is what loading a model showed.
type Loaded struct {
	Runtime string        // "ONNX Runtime 1.30.0 · CPU", "CUDA · NVIDIA H200 · tf32"
	Device  string        // CPU, or the GPU's name: "NVIDIA H200"
	Took    time.Duration // process start to ready
	Bytes   int64         // resident memory after the load
	// GPUBytes is the memory of the GPU that weights and runs took at the load; 0 on the CPU.
	GPUBytes int64
	// Reason says for a person why a model that asked for a GPU runs on the CPU; "" where it
	// did not ask, or got it.
	Reason string
	// RunTime is the duration of one run on the example or on zeros; 0 if not probed.
	RunTime time.Duration
	// Sessions is how many sessions share the work (1 for models of 100 µs a run or more).
	Sessions int
	// Batching is whether requests that wait for the model share runs.
	Batching Batching
}

// Batching is whether requests that wait for a model share runs of it, and why.
type Batching struct {
	On bool
	// Gain is how many times as many rows a second a run of Rows rows did at the load as
	// one of a single row; 0 where it was not tried.
	Gain float64
	Rows int
	// MaxRows bounds the rows of a joint run; Delay is how long the first of the waiting
	// requests waits for others. Of no meaning where On is false.
	MaxRows int
	Delay   time.Duration
	// Why says for a person what decided: `the batch axis of the output "y" is fixed to 1`.
	Why string
}

// String is the decision for a person: "on, 7.1 × per row at 8 rows".
func (b Batching) String() string {
	word := "off"
	if b.On {
		word = "on"
	}
	text := ""
	if b.Gain > 0 {
		text = fmt.Sprintf(", %.2g × per row at %d rows", b.Gain, b.Rows)
	}
	if b.Why != "" {
		text += ": " + b.Why
	}
	return word + text
}

// Usage is what a worker process takes now.
type Usage struct {
	PID         int
	MemoryBytes int64
	CPUSeconds  float64 // user and system, since the process started
	Restarts    int
}

// NoticeKind says what happened to a runner.
type NoticeKind uint8

// The kinds of notice.
const (
	Died      NoticeKind = iota // the process ended by itself
	Restarted                   // it is back
	GaveUp                      // it will be tried again only after a longer pause
	LogLine                     // it wrote a line
	LeftGPU                     // it ran on a GPU and runs on the CPU from now on
)

// Notice is something that happened to a runner after its launch.
type Notice struct {
	Kind    NoticeKind
	At      time.Time
	Message string // for a person
}

// LoadError is a model that could not be loaded: the model or the machine is to blame,
// and trying again changes nothing.
type LoadError struct{ Message string }

func (e *LoadError) Error() string { return e.Message }

// MissingError is a runtime library that is absent or broken. Hint says how to get it.
type MissingError struct{ Message, Hint string }

func (e *MissingError) Error() string { return e.Message + " " + e.Hint }

// DiedError answers a request that was running when its process ended. Cause is what
// ended it in words ("SIGFPE: arithmetic error").
type DiedError struct{ Cause string }

func (e *DiedError) Error() string {
	return "the model's process ended while it evaluated this request (" + e.Cause + ")"
}

// ErrClosed answers a request on a Runner that was closed.
var ErrClosed = errors.New("the model is being unloaded")
