package placement

import (
	"fmt"
	"strings"

	"servery/engine/hardware"
)

// StandIn is how far this machine's GPUs stand in for those of a compute type.
type StandIn struct {
	// Whole tells that there are as many cards as the type has, with as much memory.
	Whole bool
	// Any tells that a model of the type can run on a GPU here at all.
	Any bool
	// Words say it for a person: "NVIDIA L4, 24 GiB", "no GPU here: runs on the CPU".
	Words string
}

// enough is the part of a type's memory that a card must have: what the driver shows of a card
// sold as 24 GB is 22.5 GiB, of one sold as 16 GB with error correction 14.7.
const enough = 0.9

// StandInFor looks which of the machine's cards stand in for the GPUs of a type: the largest.
func StandInFor(w Workload, g hardware.GPUs) StandIn {
	cards := g.Fit()
	if !w.GPU() || g.Absence() != "" || len(cards) == 0 {
		return StandIn{Words: "no GPU here: runs on the CPU"}
	}
	each := w.Memory / int64(w.Cards)
	var alike []hardware.GPU
	largest := cards[0]
	for _, c := range cards {
		if float64(c.Memory) >= enough*float64(each) {
			alike = append(alike, c)
		}
		if c.Memory > largest.Memory {
			largest = c
		}
	}
	switch {
	case len(alike) >= w.Cards && w.Cards == 1:
		return StandIn{true, true, alike[0].Name + ", " + GiB(alike[0].Memory)}
	case len(alike) >= w.Cards:
		return StandIn{true, true, fmt.Sprintf("%d × %s, %s each", w.Cards, alike[0].Name, GiB(alike[0].Memory))}
	case w.Cards == 1:
		return StandIn{false, true, fmt.Sprintf("%s, %s of the type's %s", largest.Name, GiB(largest.Memory), GiB(each))}
	}
	return StandIn{false, true, fmt.Sprintf("%s, %d of the type's %d GPUs of %s", largest.Name, min(max(1, len(alike)), w.Cards), w.Cards, GiB(each))}
}

// GiB writes bytes of a GPU's memory for a person: in GiB, as its maker counts what it calls GB.
func GiB(bytes int64) string {
	g := float64(bytes) / (1 << 30)
	if g < 9.95 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", g), ".0") + " GiB"
	}
	return fmt.Sprintf("%.0f GiB", g)
}
