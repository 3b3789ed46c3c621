// Package theme is the product's look: colours, sizes and fonts in a light and a dark
// variant, as a Fyne theme. It knows no widget, no page and nothing of the engine.
package theme

import (
	"image/color"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"

	"servery/resources"
)

// Mode is the look a person chose.
type Mode int

// The modes. System follows the desktop.
const (
	System Mode = iota
	Light
	Dark
)

// String gives the word kept in the preferences: system, light or dark.
func (m Mode) String() string {
	switch m {
	case Light:
		return "light"
	case Dark:
		return "dark"
	default:
		return "system"
	}
}

// ParseMode reads what String wrote; anything else is System.
func ParseMode(s string) Mode {
	switch s {
	case "light":
		return Light
	case "dark":
		return Dark
	default:
		return System
	}
}

// New makes the theme of a mode. With System the variant is the one Fyne passes in.
func New(m Mode) fyne.Theme { return look{mode: m} }

type look struct{ mode Mode }

func (l look) variant(v fyne.ThemeVariant) fyne.ThemeVariant {
	switch l.mode {
	case Light:
		return fynetheme.VariantLight
	case Dark:
		return fynetheme.VariantDark
	default:
		return v
	}
}

// Color gives a colour by our name or Fyne's.
func (l look) Color(n fyne.ThemeColorName, v fyne.ThemeVariant) color.Color {
	v = l.variant(v)
	if own, ok := fynes[n]; ok {
		n = own
	}
	if p, ok := ours[n]; ok {
		return p.of(v)
	}
	if p, ok := extra[n]; ok {
		return p.of(v)
	}
	return fynetheme.DefaultTheme().Color(n, v)
}

// Font gives Inter, or JetBrains Mono for the monospace style. Bold is the semibold cut,
// as in the design; there are no italics in it.
func (l look) Font(s fyne.TextStyle) fyne.Resource {
	switch {
	case s.Symbol:
		return fynetheme.DefaultTheme().Font(s)
	case s.Monospace && s.Bold:
		return resources.FontMonoBold
	case s.Monospace:
		return resources.FontMono
	case s.Bold:
		return resources.FontBold
	default:
		return resources.FontRegular
	}
}

// Icon gives Fyne's own icons: the product's are in package resources.
func (l look) Icon(n fyne.ThemeIconName) fyne.Resource { return fynetheme.DefaultTheme().Icon(n) }

// Size gives a size by our name or Fyne's.
func (l look) Size(n fyne.ThemeSizeName) float32 {
	if s, ok := sizes[n]; ok {
		return s
	}
	return fynetheme.DefaultTheme().Size(n)
}

var sizes = map[fyne.ThemeSizeName]float32{
	TextSmall:     12,
	TextBody:      13,
	TextHeading:   16,
	TextTitle:     22,
	TextMono:      12,
	TextAxis:      11,
	Gap:           8,
	PageGap:       24,
	ControlHeight: 32,
	Radius:        4,
	CardRadius:    8,

	fynetheme.SizeNameText:               13,
	fynetheme.SizeNameCaptionText:        12,
	fynetheme.SizeNameSubHeadingText:     16,
	fynetheme.SizeNameHeadingText:        22,
	fynetheme.SizeNamePadding:            4,
	fynetheme.SizeNameInnerPadding:       8, // 16 px of Inter at 13 and twice 8: controls of 32
	fynetheme.SizeNameLineSpacing:        4,
	fynetheme.SizeNameInputRadius:        4,
	fynetheme.SizeNameInputBorder:        1,
	fynetheme.SizeNameButtonRadius:       4,
	fynetheme.SizeNameCardRadius:         8,
	fynetheme.SizeNameDialogRadius:       8,
	fynetheme.SizeNamePopupRadius:        6,
	fynetheme.SizeNameMenuRadius:         6,
	fynetheme.SizeNameSelectionRadius:    3,
	fynetheme.SizeNameScrollBar:          10,
	fynetheme.SizeNameScrollBarSmall:     4,
	fynetheme.SizeNameScrollBarRadius:    5,
	fynetheme.SizeNameInlineIcon:         16,
	fynetheme.SizeNameModalBlurRadius:    0, // a blur repaints the page behind in software: frames
	fynetheme.SizeNameSeparatorThickness: 1,
}

// Color resolves a name in the running app's theme and variant.
func Color(n fyne.ThemeColorName) color.Color { return fynetheme.Color(n) }

// Size resolves a size in the running app's theme.
func Size(n fyne.ThemeSizeName) float32 { return fynetheme.Size(n) }

// Medium is Inter at weight 500, which Fyne's text styles cannot name: it goes into
// canvas.Text.FontSource.
func Medium() fyne.Resource { return resources.FontMedium }
