package viewtest

import (
	"image"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"fyne.io/fyne/v2"

	"servery/theme"
)

// Golden compares the window with testdata/<name>-<mode>.png. SERVERY_UPDATE_GOLDEN=1
// writes that file instead. Processors round differently: one pixel in a hundred may be
// off, and any by a little.
func (h *Harness) Golden(name string) {
	h.t.Helper()
	h.Settle()
	path := filepath.Join("testdata", name+"-"+h.mode.String()+".png")
	got := h.window.Canvas().Capture()
	if os.Getenv("SERVERY_UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			h.t.Fatal(err)
		}
		h.Save(path)
		return
	}
	want, err := readPNG(path)
	if err != nil {
		h.t.Fatalf("no picture to compare with: %v. Make it with SERVERY_UPDATE_GOLDEN=1 and look at it", err)
	}
	if want.Bounds().Size() != got.Bounds().Size() {
		h.t.Fatalf("%s is %v, the window is %v", path, want.Bounds().Size(), got.Bounds().Size())
	}
	off := differing(want, got)
	if most := want.Bounds().Dx() * want.Bounds().Dy() / 100; off > most {
		bad := filepath.Join(os.TempDir(), filepath.Base(path))
		h.Save(bad)
		h.t.Errorf("%d pixels of %s differ, %d may; what is shown now: %s", off, path, most, bad)
	}
}

func readPNG(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return png.Decode(f)
}

// differing counts the pixels that differ by more than 12 of 255 in a channel. Both are
// opaque and of one size.
func differing(a, b image.Image) int {
	const close = 12
	x, y, n := flat(a), flat(b), 0
	for i := 0; i < len(x); i += 4 {
		for c := i; c < i+4; c++ {
			if max(x[c], y[c])-min(x[c], y[c]) > close {
				n++
				break
			}
		}
	}
	return n
}

// flat gives a picture's channels: four bytes a pixel.
func flat(i image.Image) []byte {
	out := image.NewRGBA(image.Rectangle{Max: i.Bounds().Size()})
	draw.Draw(out, out.Rect, i, i.Bounds().Min, draw.Src)
	return out.Pix
}

// Both compares what build makes with its pictures in the light and in the dark look.
func Both(t *testing.T, name string, width, height float32, build func(h *Harness) fyne.CanvasObject) {
	for _, m := range []theme.Mode{theme.Light, theme.Dark} {
		t.Run(m.String(), func(t *testing.T) {
			h := New(t, m)
			h.Show(build(h), width, height)
			h.Golden(name)
		})
	}
}
