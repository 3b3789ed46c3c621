package worker

import (
	"errors"
	"fmt"
	"time"

	"servery/engine/batch"
	"servery/engine/onnx"
	"servery/engine/runtime"
	"servery/engine/scoring"
	"servery/engine/tensor"
)

// batching is whether requests share runs, and how. It goes over in JSON.
type batching struct {
	On      bool
	Always  bool   // also while it does not seem to pay
	Why     string // what decided, where the figures do not say it
	Cost    batch.Cost
	MaxRows int
	Delay   time.Duration
}

// shown is the decision as a served entity shows it.
func (b batching) shown() runtime.Batching {
	s := runtime.Batching{On: b.On, Rows: b.Cost.Rows, MaxRows: b.MaxRows, Delay: b.Delay, Why: b.Why}
	if b.Cost.Many > 0 {
		s.Gain = b.Cost.Gain()
	}
	return s
}

const (
	// leastGain is the gain a row, at the trial's rows, from which on joining is worth its
	// copies and the wait of the first for the last.
	leastGain = 1.3
	// leastRun is the run from which on it is worth anything: below it most of a request's
	// time is the way to the process and back.
	leastRun = 100 * time.Microsecond
	// trialRows are the rows of the joint trial run. Of a model that takes long for a row
	// fewer are tried, so that a load takes no second longer.
	trialRows             = 8
	longRun, longestRun   = 12 * time.Millisecond, 250 * time.Millisecond
	fewRows               = 4
	trialBudget           = 60 * time.Millisecond
	leastTries, mostTries = 2, 16
)

// batching decides whether requests share runs: the settings and what the model declares
// must allow it, the rows of a joint run must be those of single runs, and it must pay.
// body is a request that the model has answered, nil where none is known, and took the
// shortest time of its run.
func (e *evaluation) batching(s batch.Settings, concurrency int, path string, body []byte, took time.Duration) batching {
	d := batching{MaxRows: s.MaxRows, Delay: s.Delay}
	switch {
	case s.Mode == batch.Off:
		d.Why = batch.ModeVariable + " is off"
	case s.MaxRows == 1:
		d.Why = batch.RowsVariable + " is 1"
	case concurrency == 1:
		d.Why = "one request at a time is served"
	default:
		d.Why = e.obstacle(path)
	}
	switch {
	case d.Why != "":
		return d
	case body == nil:
		d.Why = "the model was not run at its load; with an input example it can be"
		return d
	case s.Mode == batch.Auto && took < leastRun:
		d.Why = tooShort(took)
		return d
	case took > longestRun:
		d.Why = fmt.Sprintf("a run of %s is too long to try several", took.Round(time.Millisecond))
		return d
	}
	var err error
	if d.Cost, err = e.trial(body); err != nil {
		d.Why = err.Error()
		return d
	}
	switch {
	case s.Mode == batch.On:
		d.On, d.Always, d.Why = true, true, batch.ModeVariable+" is on"
	case d.Cost.One < leastRun: // the example has many rows
		d.Why = tooShort(d.Cost.One)
	default:
		d.On = d.Cost.Gain() >= leastGain
	}
	return d
}

func tooShort(run time.Duration) string {
	return fmt.Sprintf("a run of %s is too short to gain", run.Round(time.Microsecond))
}

// obstacle says what in the graph speaks against joint runs.
func (e *evaluation) obstacle(path string) string {
	file, err := onnx.Read(path)
	if err != nil {
		return "the model's file cannot be read"
	}
	if text := batch.Obstacle(e.inputs, e.outputs); text != "" {
		return text
	}
	operators := make([]string, 0, len(file.Operators))
	for _, o := range file.Operators {
		name := o.Name
		if o.Domain != "" {
			name = o.Domain + "." + name
		}
		operators = append(operators, name)
	}
	return batch.MixesRows(operators)
}

// trial runs rows that differ one by one and together, compares what comes of them, and
// measures both.
func (e *evaluation) trial(body []byte) (batch.Cost, error) {
	request, err := e.model.Decode("application/json", body)
	if err != nil {
		return batch.Cost{}, errors.New("the model's example cannot be read")
	}
	defer request.Release()
	if batch.Rows(request.Inputs) == 0 {
		return batch.Cost{}, errors.New("the inputs of the model's example differ in their rows")
	}
	defer e.limit(probeLimit)()
	var last error
	for _, exact := range []bool{false, true} {
		var cost batch.Cost
		if cost, last = e.try(request, exact); last == nil {
			return cost, nil
		}
		var mixed *mixedError
		if errors.As(last, &mixed) {
			break
		}
	}
	return batch.Cost{}, last
}

// mixedError is a row whose result depends on the rows beside it.
type mixedError struct{ output string }

func (e *mixedError) Error() string {
	return fmt.Sprintf("what the output %q holds for a row depends on the rows beside it", e.output)
}

// try does one trial. exact leaves whole numbers and texts as they are in the example: some
// models refuse others.
func (e *evaluation) try(example *scoring.Request, exact bool) (batch.Cost, error) {
	var part batch.Part
	cost := batch.Cost{Rows: trialRows}
	// The time of a single row: an example may have many.
	one, _ := batch.Vary(example.Inputs, 1, true, 1)
	var err error
	if cost.One, err = e.time(one, trialBudget/4); err != nil {
		return cost, errors.New("the model does not run on a row of its example")
	}
	if cost.One > longRun {
		cost.Rows = fewRows
	}
	inputs, differ := batch.Vary(example.Inputs, cost.Rows, exact, 1)
	if !differ {
		return cost, errors.New("rows that differ could not be tried; with an input example of several rows they can be")
	}
	values, outputs, err := e.run(inputs)
	if err != nil {
		return cost, errors.New("the model does not run on several rows that differ")
	}
	defer outputs.Release()
	if name := batch.Misfit(values, cost.Rows); name != "" {
		return cost, fmt.Errorf("the output %q has not one entry a row", name)
	}
	rows := cost.Rows
	if cost.One*time.Duration(rows) > trialBudget {
		rows = 2
	}
	for n := range rows {
		row := n * (cost.Rows - 1) / (rows - 1) // the first and the last are among them
		single := new(batch.Part).Take(inputs, row, 1, cost.Rows)
		if err := e.compare(single, part.Take(values, row, 1, cost.Rows)); err != nil {
			return cost, err
		}
	}
	if cost.Many, err = e.time(inputs, trialBudget); err != nil {
		return cost, errors.New("the model does not run on several rows")
	}
	return cost, nil
}

// compare runs a row alone and compares what comes of it with want.
func (e *evaluation) compare(row, want []tensor.Named) error {
	got, outputs, err := e.run(row)
	if err != nil {
		return errors.New("the model does not run on each of several rows alone")
	}
	defer outputs.Release()
	for i := range got {
		if !batch.Same(got[i:i+1], want[i:i+1], e.rounding) {
			return &mixedError{got[i].Name}
		}
	}
	return nil
}

// time gives the shortest time of several runs within a budget.
func (e *evaluation) time(inputs []tensor.Named, budget time.Duration) (shortest time.Duration, err error) {
	began := time.Now()
	for n := 0; n < leastTries || n < mostTries && time.Since(began) < budget; n++ {
		start := time.Now()
		_, outputs, err := e.run(inputs)
		took := time.Since(start)
		if err != nil {
			return 0, err
		}
		outputs.Release()
		if n == 0 || took < shortest {
			shortest = took
		}
	}
	return shortest, nil
}

func (e *evaluation) protocol() *scoring.Model { return e.model }

// run evaluates the model: see sharer.
func (e *evaluation) run(inputs []tensor.Named) ([]tensor.Named, releaser, error) {
	return e.compute(inputs)
}
