package theme

import (
	"image/color"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
)

// pair is a colour in both variants, as 0xRRGGBBAA.
type pair struct{ light, dark uint32 }

func (p pair) of(v fyne.ThemeVariant) color.Color {
	c := p.light
	if v == fynetheme.VariantDark {
		c = p.dark
	}
	return color.NRGBA{R: uint8(c >> 24), G: uint8(c >> 16), B: uint8(c >> 8), A: uint8(c)}
}

// ours holds the product's own names. Text on its background has a contrast of 4.5 or
// more, which the package's test measures.
var ours = map[fyne.ThemeColorName]pair{
	Background: {0xFFFFFFFF, 0x11171CFF},
	Surface:    {0xF6F7F9FF, 0x161D23FF},
	Card:       {0xFFFFFFFF, 0x182027FF},
	Border:     {0xDDE4EAFF, 0x2E3B46FF},

	Text:          {0x11171CFF, 0xE8ECF0FF},
	TextSecondary: {0x5F7281FF, 0x92A4B3FF},
	TextDisabled:  {0x9AA8B4FF, 0x5F7281FF},
	InputBorder:   {0xC6D0D9FF, 0x3D4C59FF},

	Primary:      {0x2272B4FF, 0x4299E0FF},
	PrimaryFill:  {0x2272B4FF, 0x2878BAFF},
	PrimaryHover: {0x0E538BFF, 0x1F69A6FF},
	OnPrimary:    {0xFFFFFFFF, 0xFFFFFFFF},
	Link:         {0x2272B4FF, 0x4299E0FF},

	RowHover:     {0xF3F6F9FF, 0x18212AFF},
	RowSelected:  {0xEEF2F6FF, 0x1C2731FF},
	HoverWash:    {0xEDF3F8FF, 0x1C2832FF},
	PressWash:    {0xE5F0F9FF, 0x16324AFF},
	SelectedText: {0x0E538BFF, 0x8ACAFFFF},

	CodeBackground: {0xF6F7F9FF, 0x141B21FF},
	Track:          {0xEDF1F4FF, 0x27323BFF},
	Skeleton:       {0xEDF1F4FF, 0x222C34FF},
	Overlay:        {0x11171C66, 0x00000099},

	MenuShadow:        {0x11171C12, 0x00000040},
	Danger:            {0xC82D4CFF, 0xF0748DFF},
	DangerFill:        {0xC82D4CFF, 0xC82D4CFF},
	Warning:           {0xA8480FFF, 0xE9924AFF},
	Success:           {0x277C43FF, 0x5CC27DFF},
	DangerBackground:  {0xFFF5F7FF, 0x2A191FFF},
	WarningBackground: {0xFFF9EBFF, 0x2A2118FF},
	SuccessBackground: {0xF3FCF6FF, 0x15261DFF},
	InfoBackground:    {0xE5F0F9FF, 0x15293AFF},

	BadgeReady:        {0xE8F5EBFF, 0x15301FFF},
	BadgeReadyText:    {0x237040FF, 0x5CC27DFF},
	BadgeUpdating:     {0xE5F0F9FF, 0x16324AFF},
	BadgeUpdatingText: {0x0E538BFF, 0x8ACAFFFF},
	BadgeStopped:      {0xEDF1F4FF, 0x27323BFF},
	BadgeStoppedText:  {0x44535FFF, 0xB4C1CCFF},
	BadgeWarning:      {0xFFF3D6FF, 0x382B14FF},
	BadgeWarningText:  {0x7A4A0BFF, 0xF2BE88FF},
	BadgeFailed:       {0xFDECEFFF, 0x3A1A23FF},
	BadgeFailedText:   {0xB3213FFF, 0xF792A6FF},

	Chip:     {0xEDF1F4FF, 0x27323BFF},
	ChipText: {0x44535FFF, 0xB4C1CCFF},

	ChartBlue:   {0x2272B4FF, 0x4FA3E8FF},
	ChartRed:    {0xC82D4CFF, 0xF0748DFF},
	ChartGreen:  {0x277C43FF, 0x5CC27DFF},
	ChartPurple: {0x8661C5FF, 0xA98BEBFF},
	ChartOrange: {0xE0812FFF, 0xF0A35CFF},
	ChartTeal:   {0x2A9D8FFF, 0x4CC2B3FF},
	ChartGrid:   {0xE7ECF0FF, 0x28343EFF},
	ChartAxis:   {0x6B7D8BFF, 0x8C9DABFF},
}

// fynes maps Fyne's names to ours, for the widgets we take from it.
var fynes = map[fyne.ThemeColorName]fyne.ThemeColorName{
	fynetheme.ColorNameBackground:          Background,
	fynetheme.ColorNameForeground:          Text,
	fynetheme.ColorNameDisabled:            TextDisabled,
	fynetheme.ColorNameDisabledButton:      Track,
	fynetheme.ColorNameButton:              Background,
	fynetheme.ColorNamePrimary:             Primary,
	fynetheme.ColorNameForegroundOnPrimary: OnPrimary,
	fynetheme.ColorNameHyperlink:           Link,
	fynetheme.ColorNameInputBackground:     Card,
	fynetheme.ColorNameInputBorder:         InputBorder,
	fynetheme.ColorNamePlaceHolder:         TextSecondary,
	fynetheme.ColorNameHover:               HoverWash,
	fynetheme.ColorNamePressed:             PressWash,
	fynetheme.ColorNameSeparator:           Border,
	fynetheme.ColorNameHeaderBackground:    Surface,
	fynetheme.ColorNameMenuBackground:      Card,
	fynetheme.ColorNameOverlayBackground:   Card,
	fynetheme.ColorNameError:               Danger,
	fynetheme.ColorNameWarning:             Warning,
	fynetheme.ColorNameSuccess:             Success,
}

// extra are Fyne's names that have no counterpart of ours.
var extra = map[fyne.ThemeColorName]pair{
	fynetheme.ColorNameFocus:               {0x2272B43F, 0x4299E04F},
	fynetheme.ColorNameSelection:           {0x2272B438, 0x4299E055},
	fynetheme.ColorNameShadow:              {0x11171C14, 0x00000055},
	fynetheme.ColorNameScrollBar:           {0x11171C40, 0xE8ECF040},
	fynetheme.ColorNameScrollBarBackground: {0x00000000, 0x00000000},
	fynetheme.ColorNameForegroundOnError:   {0xFFFFFFFF, 0x11171CFF},
	fynetheme.ColorNameForegroundOnSuccess: {0xFFFFFFFF, 0x11171CFF},
	fynetheme.ColorNameForegroundOnWarning: {0xFFFFFFFF, 0x11171CFF},
}
