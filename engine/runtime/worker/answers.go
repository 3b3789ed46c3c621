package worker

import (
	"fmt"
	"net/http"

	"servery/engine/scoring"
)

// newTimeoutError answers a request whose evaluation took too long.
func newTimeoutError() *scoring.Error { return scoring.NewTimeoutError() }

// newInternalError answers a request in which Servery's own code failed.
func newInternalError(v any) *scoring.Error {
	return &scoring.Error{Status: http.StatusInternalServerError, Code: "INTERNAL_ERROR",
		Message: fmt.Sprintf("Evaluating the request failed by an error in Servery (%v). The model is still served.", v)}
}

// tooLong answers a request whose predictions do not fit into one answer.
func tooLong(n int) *scoring.Error {
	return scoring.NewEvaluationError(fmt.Sprintf("the predictions take %d bytes, an answer at most %d", n, maxPayload))
}
