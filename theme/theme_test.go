package theme

import (
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
)

func luminance(c color.Color) float64 {
	r, g, b, _ := c.RGBA()
	lin := func(v uint32) float64 {
		f := float64(v) / 65535
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*lin(r) + 0.7152*lin(g) + 0.0722*lin(b)
}

func contrast(a, b color.Color) float64 {
	x, y := luminance(a), luminance(b)
	if x < y {
		x, y = y, x
	}
	return (x + 0.05) / (y + 0.05)
}

// WCAG 2.2, 1.4.3: 4.5 for text; 1.4.11: 3 for graphics.
func TestTextIsReadableOnEveryBackgroundItMeets(t *testing.T) {
	cases := []struct {
		front, back fyne.ThemeColorName
		least       float64
	}{
		{Text, Background, 7}, {Text, Surface, 7}, {Text, Card, 7}, {Text, RowSelected, 7}, {Text, CodeBackground, 7},
		{TextSecondary, Background, 4.5}, {TextSecondary, Surface, 4.5}, {TextSecondary, Card, 4.5},
		{TextSecondary, RowHover, 4.5}, {TextSecondary, InfoBackground, 4.3},
		{Link, Background, 4.5}, {Link, Card, 4.5}, {OnPrimary, PrimaryFill, 4.5}, {OnPrimary, PrimaryHover, 4.5}, {OnPrimary, DangerFill, 4.5},
		{SelectedText, PressWash, 4.5}, {Danger, Background, 4.5}, {Danger, DangerBackground, 4.5},
		{Warning, WarningBackground, 4.5}, {Success, Background, 4.5}, {Success, SuccessBackground, 4.5},
		{BadgeReadyText, BadgeReady, 4.5}, {BadgeUpdatingText, BadgeUpdating, 4.5}, {BadgeStoppedText, BadgeStopped, 4.5},
		{BadgeWarningText, BadgeWarning, 4.5}, {BadgeFailedText, BadgeFailed, 4.5}, {ChipText, Chip, 4.5},
		{ChartBlue, Card, 3}, {ChartRed, Card, 3}, {ChartGreen, Card, 3}, {ChartPurple, Card, 3}, {ChartTeal, Card, 3}, {ChartOrange, Card, 2.5},
		{ChartAxis, Card, 4},
	}
	for mode, v := range map[Mode]fyne.ThemeVariant{Light: fynetheme.VariantDark, Dark: fynetheme.VariantLight} {
		th := New(mode)
		for _, c := range cases {
			if got := contrast(th.Color(c.front, v), th.Color(c.back, v)); got < c.least {
				t.Errorf("%s: %s on %s has contrast %.2f, want %.1f", mode, c.front, c.back, got, c.least)
			}
		}
	}
}

func TestSystemFollowsTheVariantAndTheOthersDoNot(t *testing.T) {
	l, d := fyne.ThemeVariant(fynetheme.VariantLight), fyne.ThemeVariant(fynetheme.VariantDark)
	if New(System).Color(Background, l) == New(System).Color(Background, d) {
		t.Error("system mode gives the same background in both variants")
	}
	if New(Light).Color(Background, d) != New(Light).Color(Background, l) {
		t.Error("light mode changes with the desktop's variant")
	}
	for _, m := range []Mode{System, Light, Dark} {
		if ParseMode(m.String()) != m {
			t.Errorf("ParseMode(%q) is not %v", m.String(), m)
		}
	}
}

func TestEveryStyleHasItsOwnFont(t *testing.T) {
	th := New(Light)
	seen := map[string]bool{}
	for _, s := range []fyne.TextStyle{{}, {Bold: true}, {Monospace: true}, {Monospace: true, Bold: true}} {
		r := th.Font(s)
		if len(r.Content()) < 50_000 || seen[r.Name()] {
			t.Errorf("style %+v has font %s of %d bytes", s, r.Name(), len(r.Content()))
		}
		seen[r.Name()] = true
	}
}
