package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"sync"
	"time"

	"servery/engine/artifact"
	"servery/engine/batch"
	"servery/engine/mlmodel"
	"servery/engine/onnx"
	"servery/engine/runtime"
	"servery/engine/runtime/ort"
	"servery/engine/scoring"
	"servery/engine/tensor"
)

// onnxRuntime is the product's backend: ONNX Runtime, or a GPU, behind the scoring protocol.
type onnxRuntime struct {
	library *ort.Library
	gpu     gpuCode
}

func (r *onnxRuntime) open(path string) (string, error) {
	library, err := ort.Open(path)
	if err != nil {
		return "", err
	}
	r.library = library
	return library.Version(), nil
}

// load loads the model where the order says. What cannot run on a GPU runs on the CPU, and
// the report says why.
func (r *onnxRuntime) load(order loadOrder, probing func()) (_ []evaluator, _ loadReport, err error) {
	hide := func(err error) error {
		if err == nil || order.Dir == "" {
			return err
		}
		return &folderlessError{err, order.Dir}
	}
	defer func() { err = hide(err) }()
	if r.library == nil {
		return nil, loadReport{}, malformed("a model to load before the library is open")
	}
	path, err := verify(order)
	if err != nil {
		return nil, loadReport{}, err
	}
	probing = sync.OnceFunc(probing)
	reason := ""
	if order.GPU != nil {
		evaluators, report, err := r.onGPU(order, path, probing)
		if err == nil {
			return evaluators, report, nil
		}
		reason = hide(err).Error()
		fmt.Fprintf(os.Stderr, "the model runs on the CPU, not on the GPU: %s\n", reason)
		order.RunTime = 0 // what is known is of the GPU
	}
	evaluators, report, err := r.onlyCPU(order, path, probing)
	report.Reason = reason
	return evaluators, report, err
}

// onlyCPU loads the model with ONNX Runtime.
func (r *onnxRuntime) onlyCPU(order loadOrder, path string, probing func()) ([]evaluator, loadReport, error) {
	if err := limitMemory(order.MemoryLimit); err != nil {
		return nil, loadReport{}, fmt.Errorf("limit the memory of the model's process: %w", err)
	}
	session, err := r.library.NewSession(path, ort.Options{})
	if err != nil {
		return nil, loadReport{}, explainLoad(err)
	}
	inputs, outputs := session.Inputs(), session.Outputs()
	// ONNX Runtime does not tell a scalar from an input without a stated shape; the file does.
	if file, err := onnx.Read(path); err == nil {
		inputs, outputs = withRanks(inputs, file.Inputs), withRanks(outputs, file.Outputs)
	}
	s, err := newScorer(order, inputs, outputs)
	if err != nil {
		return nil, loadReport{}, err
	}
	first := s.evaluation(r.onCPU(session), batch.Rounding)
	report := loadReport{Runtime: "ONNX Runtime " + r.library.Version() + " · CPU", Device: runtime.CPU,
		RunTime: order.RunTime, Sessions: max(order.Sessions, 1), Batching: order.Batching}
	turns := order.turns()
	if order.Probe {
		probing()
		if err := report.try(first, order, path); err != nil {
			return nil, loadReport{}, err
		}
		report.Sessions = sessions(report.RunTime, turns)
	}
	evaluators := []evaluator{first}
	for i := 1; i < turns; i++ {
		if i < report.Sessions {
			if session, err = r.library.NewSession(path, ort.Options{}); err != nil {
				return nil, loadReport{}, fmt.Errorf("ONNX Runtime cannot load the model a second time: %w", err)
			}
		}
		evaluators = append(evaluators, s.evaluation(r.onCPU(session), batch.Rounding))
	}
	report.Bytes, _ = usageOf(os.Getpid())
	return evaluators, report, nil
}

// turns is how many requests are evaluated at the same time.
func (o loadOrder) turns() int { return max(1, min(o.Concurrency, goruntime.GOMAXPROCS(0))) }

// try finds out by trial runs how long a run takes and whether requests share runs.
func (l *loadReport) try(e *evaluation, order loadOrder, path string) error {
	settings, err := batch.ReadSettings(os.LookupEnv)
	if err != nil {
		return err
	}
	var body []byte
	l.RunTime, body = probe(e, order.Example)
	l.Batching = e.batching(settings, order.Concurrency, path, body, l.RunTime)
	return nil
}

// folderlessError says the same without the model's folder: it is told to whoever may see the
// endpoint, and where files lie on this machine is not theirs to know.
type folderlessError struct {
	error
	folder string
}

func (e *folderlessError) Error() string {
	return strings.ReplaceAll(strings.ReplaceAll(e.error.Error(), e.folder+string(filepath.Separator), ""), e.folder, "its folder")
}

func (e *folderlessError) Unwrap() error { return e.error }

// explainLoad says why ONNX Runtime does not load a model, and what to do where the machine
// is to blame: StringNormalizer takes the locale that the model names, en_US.UTF-8 unless
// it says otherwise.
func explainLoad(err error) error {
	const absent = "Failed to construct locale with name:"
	if _, rest, found := strings.Cut(err.Error(), absent); found {
		name, _, _ := strings.Cut(rest, ":")
		return fmt.Errorf("the model changes the case of text by the rules of the locale %s, which this machine lacks: install it (on Debian: apt install locales && localedef -i %s -f UTF-8 %s, as root), then deploy again",
			name, strings.TrimSuffix(name, ".UTF-8"), name)
	}
	return fmt.Errorf("ONNX Runtime cannot load the model: %w", err)
}

// tinyRun is the run below which runs that share a session wait more for its arena than
// they compute: 0.75 times the throughput of one goroutine with two, against 1.6 with a
// session each. Above it sharing costs nothing and a session more costs the weights again.
const tinyRun = 100 * time.Microsecond

// sessions is how many sessions serve that many turns. A run of unknown time shares.
func sessions(run time.Duration, turns int) int {
	if run > 0 && run < tinyRun {
		return turns
	}
	return 1
}

// verify checks that the artifact is what was imported and gives the model file's path.
func verify(order loadOrder) (string, error) {
	root, err := os.OpenRoot(order.Dir)
	if err != nil {
		return "", fmt.Errorf("the model's folder cannot be opened: %w", err)
	}
	defer root.Close()
	if order.SHA256 != "" {
		sum, _, err := artifact.Digest(root)
		if err != nil {
			return "", fmt.Errorf("the model's files cannot be checked: %w", err)
		}
		if sum != order.SHA256 {
			return "", fmt.Errorf("the model's files have changed since they were imported: their SHA-256 is %s, not %s. Import the model again", sum, order.SHA256)
		}
	}
	if _, err := root.Stat(filepath.FromSlash(order.ModelFile)); err != nil {
		return "", fmt.Errorf("the model's file cannot be read: %w", err)
	}
	return filepath.Join(order.Dir, filepath.FromSlash(order.ModelFile)), nil
}

// scorer reads and writes the requests of a model.
type scorer struct {
	model           *scoring.Model
	signature       *mlmodel.Signature // nil where the model was logged without one
	inputs, outputs []tensor.Port
}

func newScorer(order loadOrder, inputs, outputs []tensor.Port) (*scorer, error) {
	s := &scorer{inputs: inputs, outputs: outputs}
	if len(order.Signature) > 0 && string(order.Signature) != "null" {
		s.signature = new(mlmodel.Signature)
		if err := json.Unmarshal(order.Signature, s.signature); err != nil {
			return nil, fmt.Errorf("the model's signature cannot be read: %w", err)
		}
	}
	// The process has the served entity's environment.
	options, err := scoring.ReadOptions(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	if s.model, err = scoring.NewWith(s.signature, inputs, outputs, options); err != nil {
		return nil, fmt.Errorf("requests cannot be turned into this model's inputs: %w", err)
	}
	return s, nil
}

// withRanks marks the ports whose shape the file does not state.
func withRanks(ports, file []tensor.Port) []tensor.Port {
	marked := append([]tensor.Port(nil), ports...)
	for i := range marked {
		for _, f := range file {
			if f.Name == marked[i].Name && f.Unranked {
				marked[i].Unranked = true
			}
		}
	}
	return marked
}

// evaluation answers requests, one at a time.
type evaluation struct {
	*scorer
	computer
	rounding float64 // what makes the same rows differ in another run: see batch.Same
}

func (s *scorer) evaluation(c computer, rounding float64) *evaluation {
	return &evaluation{s, c, rounding}
}

func (e *evaluation) evaluate(out *buffer, contentType string, body []byte, timing *runtime.Timing) answer {
	began := time.Now()
	request, err := e.model.Decode(contentType, body)
	decoded := time.Now()
	timing.Decode = decoded.Sub(began)
	if err != nil {
		return refuse(out, err)
	}
	defer request.Release()
	values, outputs, err := e.compute(request.Inputs)
	ran := time.Now()
	timing.Run = ran.Sub(decoded)
	if err != nil {
		a := refuse(out, scoring.NewEvaluationError(err.Error()))
		a.stopped = errors.Is(err, errStopped)
		return a
	}
	defer outputs.Release()
	out.b, err = e.model.Encode(out.b, request, values)
	timing.Encode = time.Since(ran)
	if err != nil {
		return refuse(out, err)
	}
	return answer{status: 200, contentType: request.ContentType()}
}

// refuse answers with an error.
func refuse(out *buffer, err error) answer {
	var e *scoring.Error
	if !errors.As(err, &e) {
		e = scoring.NewEvaluationError(err.Error())
	}
	out.b = append(out.b[:0], e.Body()...)
	return answer{status: e.Status, contentType: e.ContentType()}
}

const (
	// probeLimit ends a trial run that takes too long to wait for: the run time is unknown
	// then, and long.
	probeLimit = 10 * time.Second
	// probeRuns makes the time of a short run trustworthy: the first run makes the arena,
	// and one of 5 µs takes 8 ms where another program has the core meanwhile. Runs of more
	// than a few milliseconds are tried leastRuns times, of more than probeBudget once.
	probeRuns, leastRuns     = 8, 3
	shortBudget, probeBudget = 20 * time.Millisecond, 250 * time.Millisecond
)

// probe runs the model on its example, else on zeros, and gives the shortest time of a
// run and the request that it was; 0 where it cannot be run on either. A model that refuses
// zeros is not broken.
func probe(e *evaluation, example []byte) (time.Duration, []byte) {
	for _, body := range [][]byte{example, mlmodel.ExampleFor(e.signature, e.inputs)} {
		if body == nil {
			continue
		}
		if run, ok := tryRuns(e, body); ok {
			return run, body
		}
	}
	return 0, nil
}

// limit stops what the evaluator does after d, unless end is called before. end makes it fit
// for more.
func (e *evaluation) limit(d time.Duration) (end func()) {
	stopped := make(chan struct{})
	late := time.AfterFunc(d, func() { e.stop(); close(stopped) })
	return func() {
		if !late.Stop() {
			<-stopped
			e.reset()
		}
	}
}

func tryRuns(e *evaluation, body []byte) (shortest time.Duration, ok bool) {
	defer e.limit(probeLimit)()
	began := time.Now()
	for n := 1; n <= probeRuns; n++ {
		var timing runtime.Timing
		out := newBuffer(smallestBuffer)
		a := e.evaluate(out, "application/json", body, &timing)
		if a.status != 200 && !a.stopped {
			// What is written here becomes a line of the endpoint's log.
			fmt.Fprintf(os.Stderr, "a trial run failed: %s\n", out.b)
			out.release()
			return shortest, shortest > 0
		}
		out.release()
		if shortest == 0 || timing.Run < shortest {
			shortest = timing.Run
		}
		took := time.Since(began)
		if a.stopped || took > probeBudget || n >= leastRuns && took > shortBudget {
			break
		}
	}
	return shortest, true
}
