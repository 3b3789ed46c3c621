//go:build !cuda || !linux || !(amd64 || arm64)

package inventory

import (
	"testing"

	"servery/engine/hardware"
)

func TestAProgramWithoutCUDASaysSo(t *testing.T) {
	if g := look(t); Built || len(g) != 1 || g[0].None == nil || g[0].None.Kind != hardware.NotBuilt {
		t.Errorf("%+v", g)
	}
}
