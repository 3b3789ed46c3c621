//go:build unix

package artifact

import (
	"os"
	"syscall"
)

// openFlags keep a pipe that took a file's place from blocking the open.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK
