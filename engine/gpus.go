package engine

import (
	"context"
	"time"

	"servery/engine/hardware"
	"servery/engine/runtime/cuda/inventory"
	"servery/engine/telemetry"
)

// measureGPUsEvery is the time between two measurements of the GPUs.
const measureGPUsEvery = 2 * time.Second

// watchGPUs starts to look for GPUs. It waits for nothing: the window shows them once they are
// found.
func (e *Engine) watchGPUs() error {
	command := e.options.GPUs
	if command == nil && e.options.Worker == nil && inventory.Built {
		self, err := ownFile()
		if err != nil {
			return err
		}
		command = []string{self, "gpus", "--every", measureGPUsEvery.String()}
	}
	e.gpus = hardware.WatchGPUs(hardware.GPUOptions{
		Command: command,
		Without: inventory.NotBuilt(),
		Changed: func(found bool) {
			if found {
				e.changes.Publish(telemetry.Change{Kind: telemetry.EngineChanged})
			}
		},
	})
	return nil
}

// Hardware is the machine now.
func (e *Engine) Hardware() hardware.Snapshot {
	s := e.hardware.Snapshot()
	s.GPUs = e.gpus.GPUs()
	return s
}

// RefreshHardware is the machine with its GPUs looked for anew, as after a driver was installed.
func (e *Engine) RefreshHardware(ctx context.Context) hardware.Snapshot {
	e.gpus.Refresh(ctx)
	return e.Hardware()
}
