package endpoint

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"servery/engine/runtime"
	"servery/engine/telemetry"
)

// The levels of log lines.
const (
	levelInfo    = "INFO"
	levelWarning = "WARNING"
	levelError   = "ERROR"
)

// build adds a line to the build log of one served entity of an update.
func (r *rollout) build(i int, level, format string, args ...any) {
	if r.pending { // loading again after a start of Servery builds nothing
		r.o.recorder.Log(telemetry.BuildLog, r.config.Entities[i].Name, r.config.Version,
			telemetry.LogLine{At: time.Now(), Level: level, Text: fmt.Sprintf(format, args...)})
	}
}

// buildAll adds a line to the build logs of all served entities of an update.
func (r *rollout) buildAll(level, format string, args ...any) {
	for i := range r.config.Entities {
		r.build(i, level, format, args...)
	}
}

// buildFrom tells what is deployed: where the model's files came from, and which they are.
func (r *rollout) buildFrom(i int) {
	c, v := &r.config.Entities[i], &r.versions[i]
	source := v.Source
	if source == "" {
		source = v.ModelFile
	}
	r.build(i, levelInfo, "Import: version %d of %s is %s, %s, imported %s.",
		c.ModelVersion, c.ModelName, source, bytesWords(v.Size), v.CreatedAt.UTC().Format("2006-01-02 15:04:05 -0700"))
	r.build(i, levelInfo, "Hash: SHA-256 %s.", v.SHA256)
}

// buildStage tells that a stage is done.
func (r *rollout) buildStage(s Stage, took time.Duration) {
	r.buildAll(levelInfo, "%s: done in %s.", s, durationWords(took))
}

// buildRoutes tells what each served entity is sent from now on.
func (r *rollout) buildRoutes() {
	for i := range r.config.Entities {
		percent := 0
		for _, route := range r.config.Routes {
			if route.EntityName == r.config.Entities[i].Name {
				percent = route.Percent
			}
		}
		r.build(i, levelInfo, "%s: %d %% of the endpoint's requests.", StageSwitch, percent)
	}
	r.buildAll(levelInfo, "Configuration %d is active.", r.config.Version)
}

// buildFailed tells why a deployment did not come up. failed is the served entity that is
// to blame, -1 for none.
func (r *rollout) buildFailed(failed int, message string) {
	for i := range r.config.Entities {
		if i == failed || failed < 0 {
			r.build(i, levelError, "%s", message)
		} else {
			r.build(i, levelWarning, "%s", messageAborted)
		}
	}
}

// log adds a line to the service log.
func (e *served) log(at time.Time, pid int, level, format string, args ...any) {
	e.o.recorder.Log(telemetry.ServiceLog, e.name, int(e.version.Load()), telemetry.LogLine{
		At: at, Replica: e.replica(), PID: pid, Level: level, Text: fmt.Sprintf(format, args...),
	})
}

// replica names the place where the model's process runs, from a start to a scale to zero:
// ten of the letters that Kubernetes has in the names of its pods, "94cbbdpbb8".
func (e *served) replica() string {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	h := fnv.New64a()
	fmt.Fprint(h, e.o.name, "/", e.name, "/", e.o.s.began.UnixNano(), "/", e.launches.Load())
	var b [10]byte
	for i, n := 0, h.Sum64(); i < len(b); i++ {
		b[i] = letters[n%uint64(len(letters))]
		n /= uint64(len(letters))
	}
	return string(b[:])
}

// logLaunch tells how a start went: in the product's words where it failed.
func (e *served) logLaunch(err error) {
	switch {
	case errors.Is(err, context.Canceled): // given up
	case err != nil:
		e.log(time.Now(), 0, levelError, "An error occurred while loading the model. %s", strings.TrimSuffix(loadWords(err), ".")+".")
	default:
		pid := e.usage.Load().PID
		e.log(time.Now(), pid, levelInfo, "Booting worker with pid: %d", pid)
		e.log(time.Now(), pid, levelInfo, "Loaded in %s.", e.loadedWords())
		if text := e.compute(); text != "" {
			e.log(time.Now(), pid, levelInfo, "%s", text)
		}
	}
}

// logNotice tells what the runner told.
func (e *served) logNotice(n runtime.Notice) {
	pid := e.usage.Load().PID
	switch n.Kind {
	case runtime.Died, runtime.GaveUp:
		e.log(n.At, pid, levelError, "%s", n.Message)
	case runtime.Restarted:
		if r := e.runner.Load(); r != nil {
			pid = r.Usage().PID
		}
		e.log(n.At, pid, levelInfo, "Booting worker with pid: %d", pid)
	case runtime.LogLine:
		e.log(n.At, pid, levelInfo, "%s", n.Message)
	}
}

// logExit tells that the process ends because it is not needed any more.
func (e *served) logExit(why string) {
	pid := e.usage.Load().PID
	e.log(time.Now(), pid, levelInfo, "Worker exiting (pid: %d): %s", pid, why)
}
