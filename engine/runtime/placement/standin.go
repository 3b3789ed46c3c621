package placement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"servery/engine/hardware"
)

// enough is the part of a type's memory that a card must have: what the driver shows of a card
// sold as 24 GB is 22.5 GiB, of one sold as 16 GB with error correction 14.7.
const enough = 0.9

// StandIn says which of the machine's cards stand in for the GPUs of a compute type, the largest,
// and how far they do: "NVIDIA L4, 22 GiB", "NVIDIA T4, 15 GiB of the type's 24 GiB", "no GPU
// here: runs on the CPU".
func StandIn(w Workload, g hardware.GPUs) string {
	cards := g.Fit()
	if !w.GPU() || g.Absence() != "" || len(cards) == 0 {
		return "no GPU here: runs on the CPU"
	}
	each := w.Memory / int64(w.Cards)
	slices.SortStableFunc(cards, func(a, b hardware.GPU) int { return cmp.Compare(b.Memory, a.Memory) })
	largest, alike := cards[0], 0
	for alike < len(cards) && float64(cards[alike].Memory) >= enough*float64(each) {
		alike++
	}
	switch {
	case w.Cards == 1 && alike > 0:
		return largest.Name + ", " + GiB(largest.Memory)
	case w.Cards == 1:
		return fmt.Sprintf("%s, %s of the type's %s", largest.Name, GiB(largest.Memory), GiB(each))
	case alike >= w.Cards:
		return fmt.Sprintf("%d × %s, %s each", w.Cards, largest.Name, GiB(cards[w.Cards-1].Memory))
	}
	return fmt.Sprintf("%s, %d of the type's %d GPUs of %s", largest.Name, max(1, alike), w.Cards, GiB(each))
}

// GiB writes bytes of a GPU's memory for a person: in GiB, as its maker counts what it calls GB.
func GiB(bytes int64) string {
	g := float64(bytes) / (1 << 30)
	if g < 9.95 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", g), ".0") + " GiB"
	}
	return fmt.Sprintf("%.0f GiB", g)
}
