// Package resources embeds what the window and the first run need besides code: fonts,
// icons and sample models. It knows nothing of the engine and of pages.
package resources

import (
	_ "embed"

	"fyne.io/fyne/v2"
)

//go:embed fonts/Inter-Regular.otf
var interRegular []byte

//go:embed fonts/Inter-Medium.otf
var interMedium []byte

//go:embed fonts/Inter-SemiBold.otf
var interSemiBold []byte

//go:embed fonts/JetBrainsMono-Regular.ttf
var monoRegular []byte

//go:embed fonts/JetBrainsMono-SemiBold.ttf
var monoSemiBold []byte

// The fonts: Inter and JetBrains Mono, both under the Open Font License (fonts/OFL.txt).
var (
	FontRegular  fyne.Resource = &fyne.StaticResource{StaticName: "Inter-Regular.otf", StaticContent: interRegular}
	FontMedium   fyne.Resource = &fyne.StaticResource{StaticName: "Inter-Medium.otf", StaticContent: interMedium}
	FontBold     fyne.Resource = &fyne.StaticResource{StaticName: "Inter-SemiBold.otf", StaticContent: interSemiBold}
	FontMono     fyne.Resource = &fyne.StaticResource{StaticName: "JetBrainsMono-Regular.ttf", StaticContent: monoRegular}
	FontMonoBold fyne.Resource = &fyne.StaticResource{StaticName: "JetBrainsMono-SemiBold.ttf", StaticContent: monoSemiBold}
)
