package worker

import (
	"fmt"
	"time"
)

const (
	// fairLosses is how often a runner's processes may lose the GPU within lossWindow: then
	// the model runs on the CPU. A single request that always does it is answered there.
	fairLosses = 3
	lossWindow = 10 * time.Minute
)

// lose notes that a process has lost the GPU, and takes the model off it where that happened
// too often.
func (r *runner) lose(now time.Time) {
	recent := r.lost[:0]
	for _, at := range append(r.lost, now) {
		if now.Sub(at) < lossWindow {
			recent = append(recent, at)
		}
	}
	r.lost = recent
	if len(r.lost) >= fairLosses {
		r.spec.GPU = nil
	}
}

// known is what an earlier load showed, for the next one; nil where that was on another device.
func (r *runner) known() *loadReport {
	if r.spec.GPU == nil && r.report.onGPU() {
		return nil
	}
	return &r.report
}

// learn takes over what a restart's load showed. left tells that the model was on a GPU before
// and is on the CPU now, where it then stays.
func (r *runner) learn(report loadReport, took time.Duration) (left bool) {
	if !r.report.onGPU() || report.onGPU() {
		return false
	}
	if report.Reason == "" {
		report.Reason = fmt.Sprintf("the GPU was lost %d times within %d minutes.", fairLosses, int(lossWindow.Minutes()))
	}
	r.spec.GPU, r.report = nil, report
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loaded = report.loaded(took)
	return true
}
