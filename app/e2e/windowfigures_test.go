package e2e

import (
	"fmt"
	"image"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// The window's figures under software rendering: first frame, idle processor, memory with
// three endpoints, and frames per second of a list of 1,000 endpoints that scrolls.
func TestFiguresWindow(t *testing.T) {
	wantFigures(t)
	s := newScreen(t)
	data := filepath.Join(t.TempDir(), "data")
	w := openWindow(t, s, data, "light")
	w.settle()
	w.upload(shared(t, "vision/mnist.onnx"), "main.default.digits")
	for i := range 3 {
		w.create(fmt.Sprintf("digits%d", i), "main.default.digits")
	}
	for i := range 3 {
		w.awaitReady(fmt.Sprintf("digits%d", i))
	}
	w.stop()

	var firsts []time.Duration
	for range 5 {
		w = openWindow(t, s, data, "light")
		firsts = append(firsts, w.first)
		if len(firsts) < 5 {
			w.stop()
		}
	}
	slices.Sort(firsts)
	t.Logf("first frame, 5 starts with 3 endpoints: median %v, worst %v", firsts[2].Round(time.Millisecond), firsts[4].Round(time.Millisecond))
	for i := range 3 {
		w.awaitReady(fmt.Sprintf("digits%d", i))
	}
	w.settle()
	<-time.After(3 * time.Second)

	const idle = 30 * time.Second
	before, began := processorTime(t, w.cmd.Process.Pid), time.Now()
	<-time.After(idle)
	used := processorTime(t, w.cmd.Process.Pid) - before
	t.Logf("idle for %v with 3 endpoints: %.2f %% of a core", idle, 100*used.Seconds()/time.Since(began).Seconds())
	t.Logf("resident with 3 endpoints: window and engine %d MB, workers %s", resident(t, w.cmd.Process.Pid)/1e6, workersResident(t, w.cmd.Process.Pid))

	for i := range 997 {
		w.must("POST", "/api/2.0/serving-endpoints", map[string]any{"name": fmt.Sprintf("e%03d", i)}, nil)
	}
	w.find("e000", button)
	w.settle()
	t.Logf("scrolling 1,000 endpoints: %.0f frames/s", w.scrollRate())
	t.Logf("resident after it: %d MB", resident(t, w.cmd.Process.Pid)/1e6)
}

func workersResident(t *testing.T, pid int) string {
	var all []string
	for _, c := range children(t, pid) {
		all = append(all, fmt.Sprintf("%d", resident(t, c)/1e6))
	}
	return fmt.Sprint(all, " MB")
}

// scrollRate turns the wheel over the list faster than frames can come and counts how
// often a strip of it changes.
func (w *window) scrollRate() float64 {
	const turns = 400
	w.xdotool("mousemove", strconv.Itoa(screenWidth/2), strconv.Itoa(screenHeight/2))
	cmd := exec.Command("xdotool", "click", "--repeat", strconv.Itoa(turns), "--delay", "8", "5")
	cmd.Env = append(cmd.Environ(), "DISPLAY="+w.display)
	if err := cmd.Start(); err != nil {
		w.program.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	strip := image.Rect(260, 200, 330, 880)
	last, frames, began := w.sum(strip), 0, time.Now()
	for {
		select {
		case <-done:
			return float64(frames) / time.Since(began).Seconds()
		case <-time.After(time.Millisecond):
		}
		if now := w.sum(strip); now != last {
			last = now
			frames++
		}
	}
}
