package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
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

// onnxRuntime is the product's backend: ONNX Runtime behind the scoring protocol.
type onnxRuntime struct{ library *ort.Library }

func (r *onnxRuntime) open(path string) (string, error) {
	library, err := ort.Open(path)
	if err != nil {
		return "", err
	}
	r.library = library
	return library.Version(), nil
}

func (r *onnxRuntime) load(order loadOrder, probing func()) (_ []evaluator, _ loadReport, err error) {
	defer func() {
		if err != nil && order.Dir != "" {
			err = &folderlessError{err, order.Dir}
		}
	}()
	if r.library == nil {
		return nil, loadReport{}, malformed("a model to load before the library is open")
	}
	path, err := verify(order)
	if err != nil {
		return nil, loadReport{}, err
	}
	if err := limitMemory(order.MemoryLimit); err != nil {
		return nil, loadReport{}, fmt.Errorf("limit the memory of the model's process: %w", err)
	}
	session, err := r.library.NewSession(path, ort.Options{})
	if err != nil {
		return nil, loadReport{}, explainLoad(err)
	}
	model, sig, err := scorer(order, path, session)
	if err != nil {
		return nil, loadReport{}, err
	}
	settings, err := batch.ReadSettings(os.LookupEnv)
	if err != nil {
		return nil, loadReport{}, err
	}
	first := r.evaluator(session, model)
	report := loadReport{Runtime: "ONNX Runtime " + r.library.Version() + " · CPU",
		RunTime: order.RunTime, Sessions: max(order.Sessions, 1), Batching: order.Batching}
	turns := max(1, min(order.Concurrency, goruntime.GOMAXPROCS(0)))
	if order.Probe {
		probing()
		var body []byte
		report.RunTime, body = probe(first, order.Example, sig, session.Inputs())
		report.Sessions = sessions(report.RunTime, turns)
		report.Batching = first.batching(settings, order.Concurrency, path, body, report.RunTime)
	}
	evaluators := []evaluator{first}
	for i := 1; i < turns; i++ {
		if i < report.Sessions {
			if session, err = r.library.NewSession(path, ort.Options{}); err != nil {
				return nil, loadReport{}, fmt.Errorf("ONNX Runtime cannot load the model a second time: %w", err)
			}
		}
		evaluators = append(evaluators, r.evaluator(session, model))
	}
	report.Bytes, _ = usageOf(os.Getpid())
	return evaluators, report, nil
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

// scorer makes what reads requests for the session.
func scorer(order loadOrder, path string, session *ort.Session) (*scoring.Model, *mlmodel.Signature, error) {
	var sig *mlmodel.Signature
	if len(order.Signature) > 0 && string(order.Signature) != "null" {
		sig = new(mlmodel.Signature)
		if err := json.Unmarshal(order.Signature, sig); err != nil {
			return nil, nil, fmt.Errorf("the model's signature cannot be read: %w", err)
		}
	}
	inputs, outputs := session.Inputs(), session.Outputs()
	// ONNX Runtime does not tell a scalar from an input without a stated shape; the file does.
	if file, err := onnx.Read(path); err == nil {
		inputs, outputs = withRanks(inputs, file.Inputs), withRanks(outputs, file.Outputs)
	}
	// The process has the served entity's environment.
	options, err := scoring.ReadOptions(os.LookupEnv)
	if err != nil {
		return nil, nil, err
	}
	model, err := scoring.NewWith(sig, inputs, outputs, options)
	if err != nil {
		return nil, nil, fmt.Errorf("requests cannot be turned into this model's inputs: %w", err)
	}
	return model, sig, nil
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

// evaluation answers requests with a session, one at a time; several may share the session.
type evaluation struct {
	model   *scoring.Model
	session *ort.Session
	cancel  *ort.Cancel
}

func (r *onnxRuntime) evaluator(session *ort.Session, model *scoring.Model) *evaluation {
	return &evaluation{model: model, session: session, cancel: r.library.NewCancel()}
}

func (e *evaluation) stop()  { e.cancel.Cancel() }
func (e *evaluation) reset() { e.cancel.Reset() }

func (e *evaluation) evaluate(out *buffer, contentType string, body []byte, timing *runtime.Timing) answer {
	began := time.Now()
	request, err := e.model.Decode(contentType, body)
	decoded := time.Now()
	timing.Decode = decoded.Sub(began)
	if err != nil {
		return refuse(out, err)
	}
	defer request.Release()
	outputs, err := e.session.Run(request.Inputs, e.cancel)
	ran := time.Now()
	timing.Run = ran.Sub(decoded)
	if err != nil {
		a := refuse(out, scoring.NewEvaluationError(err.Error()))
		a.stopped = errors.Is(err, ort.ErrCanceled)
		return a
	}
	defer outputs.Release()
	out.b, err = e.model.Encode(out.b, request, outputs.Values)
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
func probe(e *evaluation, example []byte, sig *mlmodel.Signature, inputs []tensor.Port) (time.Duration, []byte) {
	for _, body := range [][]byte{example, mlmodel.ExampleFor(sig, inputs)} {
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
