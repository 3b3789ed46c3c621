package resources

import (
	"bytes"
	_ "embed"
	"fmt"
	"image/color"

	"fyne.io/fyne/v2"
)

//go:embed icon.png
var appIcon []byte

// AppIcon is the program's icon, 256 pixels square.
func AppIcon() fyne.Resource {
	return &fyne.StaticResource{StaticName: "servery.png", StaticContent: appIcon}
}

// ink is the colour of every icon as it is kept; Tint replaces it.
const ink = "#010203"

// stroked makes a 24 by 24 icon of 1.8 px lines.
func stroked(name, body string) fyne.Resource {
	svg := `<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24"><g fill="none" stroke="` + ink +
		`" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round">` + body + `</g></svg>`
	return &fyne.StaticResource{StaticName: name + ".svg", StaticContent: []byte(svg)}
}

// solid makes a 24 by 24 icon of filled shapes.
func solid(name, body string) fyne.Resource {
	svg := `<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24"><g fill="` + ink + `" stroke="none">` + body + `</g></svg>`
	return &fyne.StaticResource{StaticName: name + ".svg", StaticContent: []byte(svg)}
}

// The icons, drawn for this product.
var (
	IconServing      = stroked("serving", `<path d="M12 3 L21 7.8 L12 12.6 L3 7.8 Z"/><path d="M3 12.4 L12 17.2 L21 12.4"/><path d="M3 16.8 L12 21.6 L21 16.8"/>`)
	IconModels       = stroked("models", `<rect x="3.5" y="3.5" width="17" height="17" rx="2"/><path d="M3.5 9.5 H20.5"/><path d="M9.5 9.5 V20.5"/>`)
	IconPlus         = stroked("plus", `<path d="M12 5 V19"/><path d="M5 12 H19"/>`)
	IconSearch       = stroked("search", `<circle cx="10.5" cy="10.5" r="6.5"/><path d="M15.5 15.5 L21 21"/>`)
	IconCopy         = stroked("copy", `<rect x="8.5" y="8.5" width="12" height="12" rx="2"/><path d="M5.5 15.5 H4.5 A1 1 0 0 1 3.5 14.5 V4.5 A1 1 0 0 1 4.5 3.5 H14.5 A1 1 0 0 1 15.5 4.5 V5.5"/>`)
	IconCheck        = stroked("check", `<path d="M4.5 12.5 L9.8 17.8 L19.5 6.8"/>`)
	IconClose        = stroked("close", `<path d="M6 6 L18 18"/><path d="M18 6 L6 18"/>`)
	IconChevronDown  = stroked("chevron-down", `<path d="M6 9 L12 15 L18 9"/>`)
	IconChevronRight = stroked("chevron-right", `<path d="M9 6 L15 12 L9 18"/>`)
	IconMore         = solid("more", `<circle cx="5.5" cy="12" r="1.7"/><circle cx="12" cy="12" r="1.7"/><circle cx="18.5" cy="12" r="1.7"/>`)
	IconPlay         = stroked("play", `<path d="M7 4.5 L19 12 L7 19.5 Z"/>`)
	IconUser         = stroked("user", `<circle cx="12" cy="8" r="4"/><path d="M4.5 20.5 C5 16.5 8 14.8 12 14.8 C16 14.8 19 16.5 19.5 20.5"/>`)
	IconUsers        = stroked("users", `<circle cx="9" cy="8.5" r="3.6"/><path d="M2.5 19.5 C3 16 5.5 14.4 9 14.4 C12.5 14.4 15 16 15.5 19.5"/><path d="M15.5 5.2 A3.6 3.6 0 0 1 15.5 11.8"/><path d="M17.8 14.9 C20 15.5 21.2 17 21.5 19.5"/>`)
	IconUpload       = stroked("upload", `<path d="M12 15.5 V4"/><path d="M7 8.5 L12 3.5 L17 8.5"/><path d="M4 15.5 V20 H20 V15.5"/>`)
	IconFolder       = stroked("folder", `<path d="M3.5 19 V5.5 H9.5 L12 8.5 H20.5 V19 Z"/>`)
	IconFile         = stroked("file", `<path d="M6 3.5 H14 L18.5 8 V20.5 H6 Z"/><path d="M14 3.5 V8 H18.5"/>`)
	IconSun          = stroked("sun", `<circle cx="12" cy="12" r="4"/><path d="M12 2.5 V4.5"/><path d="M12 19.5 V21.5"/><path d="M2.5 12 H4.5"/><path d="M19.5 12 H21.5"/><path d="M5.3 5.3 L6.7 6.7"/><path d="M17.3 17.3 L18.7 18.7"/><path d="M5.3 18.7 L6.7 17.3"/><path d="M17.3 6.7 L18.7 5.3"/>`)
	IconMoon         = stroked("moon", `<path d="M20 14.2 C18.9 14.8 17.6 15.1 16.3 15 C12.4 14.9 9.2 11.7 9.1 7.8 C9 6.3 9.4 4.9 10 3.7 C6.2 4.6 3.5 8 3.6 12 C3.7 16.7 7.5 20.4 12.2 20.4 C15.9 20.4 19 17.8 20 14.2 Z"/>`)
	IconSystem       = stroked("system", `<rect x="3" y="4.5" width="18" height="12.5" rx="1.5"/><path d="M9 21 H15"/><path d="M12 17 V21"/>`)
	IconTrash        = stroked("trash", `<path d="M4.5 6.5 H19.5"/><path d="M9 6.5 V4 H15 V6.5"/><path d="M6.5 6.5 L7.4 20.5 H16.6 L17.5 6.5"/><path d="M10.2 10.5 V16.5"/><path d="M13.8 10.5 V16.5"/>`)
	IconEdit         = stroked("edit", `<path d="M4 20 L5 15.5 L15.8 4.7 L19.3 8.2 L8.5 19 Z"/><path d="M13.2 7.3 L16.7 10.8"/>`)
	IconWarning      = stroked("warning", `<path d="M12 4 L21.3 20 H2.7 Z"/><path d="M12 10 V14.2"/><path d="M12 17.1 V17.2"/>`)
	IconInfo         = stroked("info", `<circle cx="12" cy="12" r="9"/><path d="M12 11 V16.5"/><path d="M12 7.8 V7.9"/>`)
	IconError        = stroked("error", `<circle cx="12" cy="12" r="9"/><path d="M12 7.2 V13"/><path d="M12 16.2 V16.3"/>`)
	IconSuccess      = stroked("success", `<circle cx="12" cy="12" r="9"/><path d="M8 12.3 L11 15.2 L16.2 9.2"/>`)
	IconRefresh      = stroked("refresh", `<path d="M20 11.5 A8 8 0 1 0 17.6 17.7"/><path d="M20.4 5.8 V11.6 H14.6"/>`)
	IconCube         = stroked("cube", `<path d="M12 2.8 L20 7.2 V16.8 L12 21.2 L4 16.8 V7.2 Z"/><path d="M4 7.2 L12 11.8 L20 7.2"/><path d="M12 11.8 V21.2"/>`)
	IconTag          = stroked("tag", `<path d="M3.5 11.5 V3.5 H11.5 L20.8 12.8 L12.8 20.8 Z"/><path d="M7.6 7.6 V7.7"/>`)
	IconClock        = stroked("clock", `<circle cx="12" cy="12" r="9"/><path d="M12 7 V12 L15.5 14"/>`)
	IconArrowUp      = stroked("arrow-up", `<path d="M12 19.5 V4.5"/><path d="M6 10.5 L12 4.5 L18 10.5"/>`)
	IconArrowDown    = stroked("arrow-down", `<path d="M12 4.5 V19.5"/><path d="M6 13.5 L12 19.5 L18 13.5"/>`)
	IconExternal     = stroked("external", `<path d="M13.5 4 H20 V10.5"/><path d="M20 4 L11 13"/><path d="M17.5 13.5 V20 H4 V6.5 H10.5"/>`)
	IconProgress     = stroked("progress", `<path d="M14.2 3.8 A8.5 8.5 0 1 0 18 18"/>`)
	IconLogo         = stroked("logo", `<path d="M17 7.5 C15.8 5.6 14.1 4.8 12 4.8 C9.3 4.8 7.2 6.1 7.2 8.3 C7.2 13 17.2 10.8 17.2 15.6 C17.2 18 14.9 19.3 12.1 19.3 C9.7 19.3 7.7 18.3 6.6 16.2"/>`)
)

// Tint gives the icon in a colour. The name carries the colour, so that Fyne's cache of
// drawn icons keeps the variants apart.
func Tint(icon fyne.Resource, c color.Color) fyne.Resource {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	hex := fmt.Sprintf("#%02x%02x%02x", n.R, n.G, n.B)
	return &fyne.StaticResource{
		StaticName:    hex[1:] + "-" + icon.Name(),
		StaticContent: bytes.ReplaceAll(icon.Content(), []byte(ink), []byte(hex)),
	}
}
