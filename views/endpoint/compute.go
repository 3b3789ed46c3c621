package endpoint

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"servery/engine/endpoint"
	"servery/views/widgets"
)

// computeCell is a compute type; under it, for a type with GPUs, what it runs on here.
type computeCell struct {
	widget.BaseWidget
	alone  *widgets.Text
	kind   *widgets.Text
	device *widgets.Text
	both   *fyne.Container
}

func newComputeCell() *computeCell {
	c := &computeCell{alone: widgets.Body("").Truncate(), kind: widgets.Body("").Truncate(), device: widgets.Small("").Truncate()}
	c.both = widgets.VStack(0, c.kind, c.device)
	c.both.Hide()
	c.ExtendBaseWidget(c)
	return c
}

func (c *computeCell) set(s endpoint.ServedEntity) {
	device := deviceWords(s)
	c.alone.SetText(s.WorkloadType)
	c.kind.SetText(s.WorkloadType)
	c.device.SetText(device)
	c.alone.Hidden, c.both.Hidden = device != "", device == ""
	c.Refresh()
}

// deviceWords name what a served entity with a GPU type runs on; "" for a CPU type.
func deviceWords(s endpoint.ServedEntity) string {
	switch p := s.Live.Placement; {
	case p.OnGPU:
		return fmt.Sprintf("on GPU %d", p.Index)
	case p.Reason != "":
		return "on the CPU"
	}
	return ""
}

// CreateRenderer is for Fyne.
func (c *computeCell) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(container.NewStack(c.alone, c.both))
}
