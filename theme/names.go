package theme

import "fyne.io/fyne/v2"

// The product's own colour names. They resolve through the current Fyne theme, so a
// widget that reads them in its Refresh follows the light/dark toggle.
const (
	Background fyne.ThemeColorName = "servery.background" // page
	Surface    fyne.ThemeColorName = "servery.surface"    // sidebar, side panels
	Card       fyne.ThemeColorName = "servery.card"       // panels, dialogs, menus
	Border     fyne.ThemeColorName = "servery.border"     // panels, tables, secondary buttons

	Text          fyne.ThemeColorName = "servery.text"
	TextSecondary fyne.ThemeColorName = "servery.text.secondary"
	TextDisabled  fyne.ThemeColorName = "servery.text.disabled"

	InputBorder fyne.ThemeColorName = "servery.input.border"

	Primary      fyne.ThemeColorName = "servery.primary"       // accents: lines, icons, focus rings
	PrimaryFill  fyne.ThemeColorName = "servery.primary.fill"  // under white text
	PrimaryHover fyne.ThemeColorName = "servery.primary.hover" // the fill under the pointer
	OnPrimary    fyne.ThemeColorName = "servery.on.primary"
	Link         fyne.ThemeColorName = "servery.link"

	RowHover     fyne.ThemeColorName = "servery.row.hover"
	RowSelected  fyne.ThemeColorName = "servery.row.selected"
	HoverWash    fyne.ThemeColorName = "servery.hover"
	PressWash    fyne.ThemeColorName = "servery.press" // current navigation entry, chosen segment
	SelectedText fyne.ThemeColorName = "servery.selected.text"

	CodeBackground fyne.ThemeColorName = "servery.code"
	Track          fyne.ThemeColorName = "servery.track"
	Skeleton       fyne.ThemeColorName = "servery.skeleton"
	Overlay        fyne.ThemeColorName = "servery.overlay" // over the page, behind a dialog

	MenuShadow        fyne.ThemeColorName = "servery.menu.shadow"
	Danger            fyne.ThemeColorName = "servery.danger"
	DangerFill        fyne.ThemeColorName = "servery.danger.fill"
	Warning           fyne.ThemeColorName = "servery.warning"
	Success           fyne.ThemeColorName = "servery.success"
	DangerBackground  fyne.ThemeColorName = "servery.danger.background"
	WarningBackground fyne.ThemeColorName = "servery.warning.background"
	SuccessBackground fyne.ThemeColorName = "servery.success.background"
	InfoBackground    fyne.ThemeColorName = "servery.info.background"

	BadgeReady        fyne.ThemeColorName = "servery.badge.ready"
	BadgeReadyText    fyne.ThemeColorName = "servery.badge.ready.text"
	BadgeUpdating     fyne.ThemeColorName = "servery.badge.updating"
	BadgeUpdatingText fyne.ThemeColorName = "servery.badge.updating.text"
	BadgeStopped      fyne.ThemeColorName = "servery.badge.stopped"
	BadgeStoppedText  fyne.ThemeColorName = "servery.badge.stopped.text"
	BadgeWarning      fyne.ThemeColorName = "servery.badge.warning"
	BadgeWarningText  fyne.ThemeColorName = "servery.badge.warning.text"
	BadgeFailed       fyne.ThemeColorName = "servery.badge.failed"
	BadgeFailedText   fyne.ThemeColorName = "servery.badge.failed.text"

	Chip     fyne.ThemeColorName = "servery.chip"
	ChipText fyne.ThemeColorName = "servery.chip.text"

	ChartBlue   fyne.ThemeColorName = "servery.chart.blue"   // p50, 2xx
	ChartRed    fyne.ThemeColorName = "servery.chart.red"    // 5xx
	ChartGreen  fyne.ThemeColorName = "servery.chart.green"  // requests per second
	ChartPurple fyne.ThemeColorName = "servery.chart.purple" // in flight
	ChartOrange fyne.ThemeColorName = "servery.chart.orange" // p99, 4xx
	ChartTeal   fyne.ThemeColorName = "servery.chart.teal"   // provisioned
	ChartGrid   fyne.ThemeColorName = "servery.chart.grid"
	ChartAxis   fyne.ThemeColorName = "servery.chart.axis"
)

// The product's own size names, in the units of the canvas (1 is a pixel at scale 1).
const (
	TextSmall     fyne.ThemeSizeName = "servery.text.small"
	TextBody      fyne.ThemeSizeName = "servery.text.body"
	TextHeading   fyne.ThemeSizeName = "servery.text.heading"
	TextTitle     fyne.ThemeSizeName = "servery.text.title"
	TextMono      fyne.ThemeSizeName = "servery.text.mono"
	TextAxis      fyne.ThemeSizeName = "servery.text.axis"
	Gap           fyne.ThemeSizeName = "servery.gap"
	PageGap       fyne.ThemeSizeName = "servery.page.gap"
	ControlHeight fyne.ThemeSizeName = "servery.control.height"
	Radius        fyne.ThemeSizeName = "servery.radius"
	CardRadius    fyne.ThemeSizeName = "servery.card.radius"
)
