// Package telemetry keeps what endpoints did: request counts, latencies and levels by the
// second for an hour, by the minute and the hour for 14 days, the event log, and each served
// entity's own figures and logs. Recording takes no lock that a second request can wait on;
// writing to the disk is nobody's to wait for; reading copies.
package telemetry

import "time"

// Sample is one recorded request.
type Sample struct {
	Status int
	Total  time.Duration // on the server, from the whole body read to the answer ready
	Queue  time.Duration // waiting for a permit and a session
	Decode time.Duration // the body into tensors
	Model  time.Duration // the session's run
	Encode time.Duration // tensors into the answer
	Entity *Entity       // who answered or refused it: Recorder.Entity; nil where none came to it
}

// Gauges are a served entity's or endpoint's levels at one moment.
type Gauges struct {
	Provisioned, InFlight, Queued int
	CPUPercent                    float64 // of the whole machine
	MemoryBytes                   int64
}

// Point is the figures of one step of a series. Latencies are in milliseconds and NaN
// where no request ended in the step; rates are per second.
type Point struct {
	At                    time.Time // end of the step
	P50, P99              float64
	ModelP50, ModelP99    float64
	OK, Errors4, Errors5  float64
	Provisioned, InFlight float64
	Queued                float64
	CPUPercent            float64
	MemoryBytes           float64

	// Where the time of the requests went that came to a run. What Total has beyond the four
	// is the way to the worker process and back.
	Queue, Decode, Model, Encode Spent
}

// Spent is how long a part of the requests' work took, in milliseconds; NaN without one.
type Spent struct{ Mean, P50, P99 float64 }

// Series is an endpoint's history: Points oldest first, evenly spaced by Step, the last
// one ending now.
type Series struct {
	Step   time.Duration
	Points []Point
}

// Summary is an endpoint's last minute, for lists.
type Summary struct {
	RequestsPerSecond float64
	P50, P99          float64   // ms, NaN without traffic in the last 15 minutes
	Recent            []float32 // requests per second over the last 15 minutes, oldest first, 60 points
}

// EventType names what happened, in the words of the product's Events tab.
type EventType string

// The events.
const (
	Created         EventType = "ENDPOINT_CREATED"
	UpdateStarted   EventType = "UPDATE_STARTED"
	EntityLoading   EventType = "SERVED_ENTITY_LOADING"
	EntityReady     EventType = "SERVED_ENTITY_READY"
	EntityFailed    EventType = "SERVED_ENTITY_FAILED"
	UpdateCompleted EventType = "UPDATE_COMPLETED"
	UpdateFailed    EventType = "UPDATE_FAILED"
	Scaled          EventType = "SCALED"
	WorkerDied      EventType = "WORKER_DIED"
	WorkerRestarted EventType = "WORKER_RESTARTED"
	LeftGPU         EventType = "GPU_LEFT"
	Started         EventType = "ENDPOINT_STARTED"
	UpdateCanceled  EventType = "UPDATE_CANCELED"
	Stopped         EventType = "ENDPOINT_STOPPED"
	RowsDropped     EventType = "INFERENCE_TABLE_FAILED"
	RateLimited     EventType = "RATE_LIMITED"
)

// Event is one line of an endpoint's event log.
type Event struct {
	// ID names the event among those of its endpoint, for ever; later ones have greater ones.
	// Recorder.Event gives it.
	ID      uint64
	At      time.Time
	Type    EventType
	Entity  string // served entity, or ""
	Version int    // configuration version, or 0
	Actor   string // the user who asked for it; "" where Servery did it by itself
	Message string
	Reason  string // why, where Servery decided: "6 wait > 2", "idle for 30 min"; else ""
}
