//go:build !cuda || !linux || !(amd64 || arm64)

package driver

import "fmt"

// Load gives ErrNotBuilt.
func Load(string) (Report, error) {
	return Report{}, fmt.Errorf("%w: build it with make, or with -tags cuda on Linux", ErrNotBuilt)
}
