package config

import (
	"fmt"

	"fyne.io/fyne/v2"

	"servery/theme"
	"servery/views/widgets"
)

// shareColors tell the served entities' shares of the traffic apart.
var shareColors = []fyne.ThemeColorName{theme.ChartBlue, theme.ChartOrange, theme.ChartTeal, theme.ChartPurple, theme.ChartGreen, theme.ChartRed}

// ShareColor is the colour of the i-th served entity's share.
func ShareColor(i int) fyne.ThemeColorName { return shareColors[i%len(shareColors)] }

// Split shows how the traffic is shared: a bar, and the sum, which must be 100 %.
type Split struct {
	shares *widgets.SharesBar
	bar    *fyne.Container // around shares
	sum    *widgets.Text
}

// NewSplit makes a bar without shares.
func NewSplit() *Split {
	s := &Split{shares: widgets.NewSharesBar(6), sum: widgets.Body("")}
	s.bar = widgets.Fixed(s.shares, 160, 0)
	return s
}

// Content is bar and sum in a line.
func (s *Split) Content() fyne.CanvasObject { return widgets.HStack(12, s.bar, s.sum) }

// Set shows the form's traffic.
func (s *Split) Set(f Form) {
	total := f.Total()
	var shares []widgets.Share
	for i, e := range f.Entities {
		shares = append(shares, widgets.Share{Fraction: float64(number(e.Traffic)) / float64(max(100, total)), Color: ShareColor(i)})
	}
	s.shares.Set(shares)
	if total == 100 {
		s.sum.SetText("100 % of traffic")
		s.sum.SetColor(theme.Success)
		return
	}
	s.sum.SetText(fmt.Sprintf("%d %% of traffic, must be 100 %%", total))
	s.sum.SetColor(theme.Danger)
}
