//go:build !cuda || !linux || !(amd64 || arm64)

package driver

import (
	"errors"
	"testing"
)

func TestAProgramWithoutCUDASaysSo(t *testing.T) {
	if _, err := Load(""); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("%v", err)
	}
}
