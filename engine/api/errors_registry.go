package api

import (
	"errors"
	"net/http"

	"servery/engine/gateway/inference"
	"servery/engine/registry"
)

// codeNotFound is what the Files API says of paths (MLflow's client looks for this word).
var codeNotFound = errorCode{http.StatusNotFound, "NOT_FOUND"}

// explainCatalog answers for what explainRegistry does not know.
func explainCatalog(err error) *requestError {
	var (
		missing *registry.NotFoundError
		exists  *registry.ExistsError
		full    *registry.NotEmptyError
		value   *registry.ValueError
		state   *registry.StateError
		large   *registry.TooLargeError
	)
	switch {
	case errors.As(err, &missing) && missing.What == "file":
		return &requestError{code: codeNotFound, message: missing.Error()}
	case errors.As(err, &exists):
		return &requestError{code: codeAlreadyExists, message: exists.Error()}
	case errors.As(err, &full):
		return &requestError{code: codeConflict, message: full.Error()}
	case errors.As(err, &value):
		return &requestError{code: codeInvalidParameterValue, message: value.Error()}
	case errors.As(err, &state):
		return &requestError{code: codeBadRequest, message: state.Error()}
	case errors.As(err, &large):
		return &requestError{code: codeTooLarge, message: large.Error()}
	}
	return nil
}

// explainTable answers for inference tables.
func explainTable(err error) *requestError {
	var missing *inference.NotFoundError
	if errors.As(err, &missing) {
		return &requestError{code: codeDoesNotExist, message: missing.Error()}
	}
	return nil
}
