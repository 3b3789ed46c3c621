// Package inventory asks NVIDIA's driver which GPUs the machine has. It runs in a process of its
// own, the program's subcommand gpus: a driver that crashes or hangs takes no window and no
// endpoint with it, and the engine's process never holds anything of CUDA. No CUDA context is made.
package inventory

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"servery/engine/hardware"
	"servery/engine/runtime/cuda/driver"
)

// Main is the subcommand: it writes a hardware.GPUs as a line of JSON. With --every it writes one
// without figures first, so that an NVML that crashes leaves the cards known, and a further one
// with new figures each time that this much time has passed, until in ends. It returns the exit
// status: 0 also where there is no GPU.
func Main(args []string, in io.Reader, out, errs io.Writer) int {
	flags := flag.NewFlagSet("gpus", flag.ContinueOnError)
	flags.SetOutput(errs)
	every := flags.Duration("every", 0, "write a line each `time` until standard input ends")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(errs, "servery gpus takes no argument, but got %q\n", flags.Arg(0))
		return 2
	}
	// A Ctrl-C in the engine's terminal is for the engine, which ends this process in its time.
	signal.Ignore(os.Interrupt)
	m := &meter{}
	defer m.close()
	g := read()
	lines := json.NewEncoder(out)
	if *every > 0 && lines.Encode(g) != nil {
		return 1
	}
	m.measure(&g)
	if lines.Encode(g) != nil {
		return 1
	}
	if *every <= 0 || g.Unmeasured != "" || len(g.Cards) == 0 {
		return 0
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, bufio.NewReader(in))
		close(ended)
	}()
	tick := time.NewTicker(*every)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return 0
		case <-tick.C:
			m.measure(&g)
			if lines.Encode(g) != nil { // nobody reads any more
				return 0
			}
		}
	}
}

// NotBuilt is what a program without CUDA tells, without asking anything.
func NotBuilt() hardware.GPUs {
	return absent(hardware.NotBuilt, "this program is built without CUDA", "Build it with make, or take the released program for Linux on x86-64 or arm64.")
}

func absent(kind hardware.NoGPUKind, reason, advice string) hardware.GPUs {
	return hardware.GPUs{Known: true, Cards: []hardware.GPU{}, None: &hardware.NoGPU{Kind: kind, Reason: reason, Advice: advice}}
}

// refusal says for a person why Load of the driver failed.
func refusal(err error) hardware.GPUs {
	var e *driver.Error
	switch {
	case errors.Is(err, driver.ErrNotBuilt):
		return NotBuilt()
	case errors.Is(err, driver.ErrNoDriver):
		return absent(hardware.NoDriver, "no NVIDIA driver is installed on this machine",
			"Where it has an NVIDIA GPU, install its driver (on Debian: nvidia-driver and libcuda1). In a container, start it with the GPUs: docker run --gpus all.")
	case errors.Is(err, driver.ErrNoDevice):
		return absent(hardware.NoDevice, "the NVIDIA driver finds no GPU on this machine",
			"Look at nvidia-smi, and whether CUDA_VISIBLE_DEVICES hides the GPU. In a container, start it with the GPUs: docker run --gpus all.")
	case errors.Is(err, driver.ErrOldDriver):
		return absent(hardware.OldDriver, "the NVIDIA driver is too old for CUDA "+driver.OldestVersion.String(), "Install driver 470 or newer.")
	case errors.As(err, &e):
		return absent(hardware.DriverFails, fmt.Sprintf("the NVIDIA driver answers with an error (%s)", e), "Look at nvidia-smi and at the kernel's log (dmesg); after an update of the driver, restart the machine.")
	}
	return absent(hardware.DriverFails, fmt.Sprintf("the NVIDIA driver cannot be asked (%v)", err), "Look at nvidia-smi.")
}
