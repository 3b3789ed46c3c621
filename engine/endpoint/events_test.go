package endpoint

import (
	"testing"
	"testing/synctest"

	"servery/engine/telemetry"
)

// Events name who asked for them; what Servery did by itself has no actor, and where it
// decided, a reason.
func TestEventsSayWhoAndWhy(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.ready(two("pair", 60, 40))
		w.stop("pair")
		synctest.Wait()
		ids := map[uint64]bool{}
		seen := map[telemetry.EventType]int{}
		for _, e := range w.telemetry.Events("pair", 100) {
			if ids[e.ID] {
				t.Errorf("two events have the id %d", e.ID)
			}
			ids[e.ID] = true
			seen[e.Type]++
			asked := e.Type == telemetry.Created || e.Type == telemetry.UpdateStarted || e.Type == telemetry.Stopped
			if (e.Actor != "") != asked || e.Type == telemetry.Stopped && e.Actor != "bob@example.com" {
				t.Errorf("%s has the actor %q", e.Type, e.Actor)
			}
			if (e.Reason != "") != (e.Type == telemetry.Scaled) {
				t.Errorf("%s has the reason %q", e.Type, e.Reason)
			}
		}
		for _, kind := range []telemetry.EventType{telemetry.Created, telemetry.UpdateStarted, telemetry.UpdateCompleted, telemetry.Stopped} {
			if seen[kind] != 1 {
				t.Errorf("%d events %s", seen[kind], kind)
			}
		}
	})
}
