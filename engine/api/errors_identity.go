package api

import (
	"errors"
	"net/http"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/secret"
)

var codeQuota = errorCode{http.StatusBadRequest, "QUOTA_EXCEEDED"}

// explainIdentity answers for users, tokens and permissions.
func explainIdentity(err error) *requestError {
	var (
		missing *access.NotFoundError
		exists  *access.ExistsError
		invalid *access.InvalidError
		used    *access.InUseError
		quota   *access.QuotaError
	)
	switch {
	case errors.As(err, &missing):
		return &requestError{code: codeDoesNotExist, message: missing.Error()}
	case errors.As(err, &exists):
		return &requestError{code: codeAlreadyExists, message: exists.Error()}
	case errors.As(err, &invalid):
		return &requestError{code: codeInvalidParameterValue, message: invalid.Message, fields: []endpoint.FieldError{{Field: invalid.Field, Message: invalid.Message}}}
	case errors.As(err, &used):
		return &requestError{code: codeConflict, message: used.Message}
	case errors.As(err, &quota):
		return &requestError{code: codeQuota, message: quota.Message}
	}
	return nil
}

// explainSecret answers for secrets. No message holds a value.
func explainSecret(err error) *requestError {
	var (
		missing *secret.NotFoundError
		denied  *secret.PermissionError
		exists  *secret.ExistsError
		name    *secret.NameError
		quota   *secret.QuotaError
		key     *secret.KeyError
		damaged *secret.DamagedError
	)
	switch {
	case errors.As(err, &missing):
		return &requestError{code: codeDoesNotExist, message: missing.Error()}
	case errors.As(err, &denied):
		return &requestError{code: codePermissionDenied, message: denied.Error()}
	case errors.As(err, &exists):
		return &requestError{code: codeAlreadyExists, message: exists.Error()}
	case errors.As(err, &name):
		return &requestError{code: codeInvalidParameterValue, message: name.Error()}
	case errors.As(err, &quota):
		return &requestError{code: codeQuota, message: quota.Message}
	case errors.As(err, &key): // a person can mend it: told as it is, and in the log with its cause
		return &requestError{code: codeInternal, message: key.Message}
	case errors.As(err, &damaged):
		return &requestError{code: codeInternal, message: damaged.Error()}
	}
	return nil
}
