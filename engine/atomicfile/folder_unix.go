//go:build unix

package atomicfile

import (
	"errors"
	"os"
	"syscall"
)

// syncFolder takes it for done where the file system cannot sync a folder (EINVAL).
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
