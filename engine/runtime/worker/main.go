package worker

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
)

// socketFD is where a worker process finds its connection to the engine, bodiesFD the memory
// that it shares with it.
const (
	socketFD = 3
	bodiesFD = 4
)

// Main is the process side, `servery worker`: it serves one model to the engine that
// started it over file descriptor 3 until that one closes the connection or ends. It
// returns the exit status: 0, 1 after a broken protocol, 2 where nobody started it so. A process
// that loses its GPU ends with 4 wherever it is.
func Main(args []string) int {
	return mainWith(args, &onnxRuntime{gpu: theGPUs})
}

func mainWith(args []string, b backend) int {
	// ONNX Runtime's official builds report to their vendor unless this is set before the
	// library is loaded. The engine sets it too.
	os.Setenv(telemetryVariable, "1")
	if len(args) > 0 {
		fmt.Fprintf(os.Stderr, "servery worker takes no arguments, got %q\n", args)
		return 2
	}
	conn, err := inherited()
	if err != nil {
		fmt.Fprintln(os.Stderr, "servery worker is started by the engine, not by hand:", err)
		return 2
	}
	prepareProcess()
	// Requests' memory is pooled, so that garbage is little: a collection each 8 MiB of it
	// instead of each 4.
	debug.SetGCPercent(200)
	if err := serve(conn, mapBodies(bodiesFD), b); err != nil {
		fmt.Fprintln(os.Stderr, "the engine broke the protocol:", err)
		return 1
	}
	return 0
}

const telemetryVariable = "ORT_DISABLE_TELEMETRY"

// inherited is the connection to the engine. Reads block their thread: waking it costs 15 µs
// less than having Go's poller woken first, of about 85 µs there and back at 1,000 requests
// a second.
func inherited() (*os.File, error) {
	file := os.NewFile(socketFD, "engine")
	if file == nil {
		return nil, fmt.Errorf("file descriptor %d is none", socketFD)
	}
	info, err := file.Stat()
	if err == nil && info.Mode()&os.ModeSocket == 0 {
		err = errors.New("it is no socket")
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("file descriptor %d: %w", socketFD, err)
	}
	return file, nil
}
