package app

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"time"

	"servery/engine/endpoint"
	"servery/engine/hardware"
	"servery/engine/runtime/placement"
	"servery/engine/telemetry"
	"servery/views/shell"
	"servery/views/widgets"
)

// lookEvery is how often the program looks at what changes without telling: the machine's
// load, and the time that a running update takes. The sidebar's meters are looked at every
// statusLooks-th time and shown anew only when one moved by statusStep: each time repaints
// the whole window, and on an idle machine that is all it would do.
const (
	lookEvery   = time.Second
	statusLooks = 4
	statusStep  = 0.1
)

// statusBar is what the sidebar shows, to leave it alone where nothing changed.
type statusBar struct{ shown shell.Status }

// deliver passes changes to the page that is shown and to the sidebar.
func (p *program) deliver(changes []telemetry.Change) {
	for _, c := range changes {
		if c.Kind != telemetry.MetricsChanged {
			p.showStatus()
			break
		}
	}
	p.shell.Refresh(changes)
}

// showStatus shows what changed of the engine's state and the machine's load.
func (p *program) showStatus() {
	next := p.readStatus()
	if old := p.status.shown; !moved(old.CPUFraction, next.CPUFraction) && !moved(old.MemoryFraction, next.MemoryFraction) && !moved(old.GPUFraction, next.GPUFraction) {
		next.CPUFraction, next.MemoryFraction, next.GPUFraction = old.CPUFraction, old.MemoryFraction, old.GPUFraction
	}
	if next != p.status.shown {
		p.status.shown = next
		p.shell.SetStatus(next)
	}
}

func moved(old, next float64) bool { return math.Abs(old-next) >= statusStep }

func (p *program) readStatus() shell.Status {
	e := p.engine
	machine := e.Hardware()
	s := shell.Status{
		Endpoints: len(e.Endpoints()), Models: len(e.Models()),
		Running: e.ListenError() == nil, Address: e.Address(),
		CPUName: machine.CPUModel, Cores: machine.Cores, CPUFraction: machine.CPUPercent / 100,
	}
	s.GPUName, s.GPUFraction = gpuStatus(machine.GPUs.Fit())
	if machine.MemoryTotal > 0 {
		s.MemoryFraction = float64(machine.MemoryUsed) / float64(machine.MemoryTotal)
	}
	if err := e.ListenError(); err != nil {
		s.Problem = widgets.Sentence(err.Error())
	} else if _, err := e.RuntimeStatus(); err != nil {
		s.Problem = "ONNX Runtime is missing: models cannot be served yet."
	}
	return s
}

// sizeInName is where NVIDIA's names tell the memory, with what follows: "NVIDIA H100 80GB HBM3".
var sizeInName = regexp.MustCompile(`[ -]\d+ ?GB.*$`)

// gpuStatus names the cards that run models, and tells how busy they are together; below 0
// where none is measured.
func gpuStatus(cards []hardware.GPU) (name string, busy float64) {
	if len(cards) == 0 {
		return "", -1
	}
	name = sizeInName.ReplaceAllString(cards[0].Name, "") + " · " + placement.GiB(cards[0].Memory)
	if len(cards) > 1 {
		name = fmt.Sprintf("%d × %s", len(cards), name)
	}
	measured := 0
	for _, c := range cards {
		if c.Now != nil && c.Now.Percent >= 0 {
			busy += c.Now.Percent / 100
			measured++
		}
	}
	if measured == 0 {
		return name, -1
	}
	return name, busy / float64(measured)
}

// anyPort is an address with whatever port is free.
const anyPort = "127.0.0.1:0"

// listen opens the REST server where it could not be opened at the start: on the port that
// it was to have, or until the program is closed on any free one.
func (p *program) listen(free bool) {
	host, address := p.shell.Host(), p.o.engine.Listen
	if free {
		address = anyPort
	}
	shell.Task(host, func(context.Context) (string, error) {
		err := p.engine.Listen(address)
		return p.engine.Address(), err
	}, func(at string, err error) {
		if err != nil {
			host.Toast(widgets.Error, widgets.Sentence(err.Error()))
		} else {
			host.Toast(widgets.Success, "Servery listens on "+at+".")
		}
		p.deliver([]telemetry.Change{{Kind: telemetry.EngineChanged}})
	})
}

// look shows what changes without telling: also on the page, which says at length what
// the sidebar says in a word.
func (p *program) look() {
	if p.looks++; p.looks%statusLooks == 0 {
		before := p.status.shown.Problem
		p.showStatus()
		if p.status.shown.Problem != before {
			p.shell.Refresh([]telemetry.Change{{Kind: telemetry.EngineChanged}})
		}
	}
	r := p.shell.Route()
	if r.Page != shell.PageEndpoint {
		return
	}
	if e, err := p.engine.Endpoint(r.Name); err == nil && e.Update == endpoint.InProgress {
		p.shell.Refresh([]telemetry.Change{{Kind: telemetry.EndpointChanged, Name: r.Name}})
	}
}

// lookAgain posts look every lookEvery until ctx ends.
func lookAgain(ctx context.Context, post func(func()), look func()) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			post(look)
		}
	}
}
