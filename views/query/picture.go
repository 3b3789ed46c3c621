package query

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"servery/views/widgets"
)

// pictureSide is how large a picture is shown, in units of the canvas.
const pictureSide = 148

// pictureRow shows the picture in a request, where there is one.
type pictureRow struct {
	image *canvas.Image
	name  *widgets.Text
	kind  *widgets.Paragraph
	frame *fyne.Container // of the image
	row   *fyne.Container
}

func newPictureRow() *pictureRow {
	p := &pictureRow{image: &canvas.Image{FillMode: canvas.ImageFillContain, ScaleMode: canvas.ImageScalePixels},
		name: widgets.Strong("").Truncate(), kind: widgets.SmallParagraph("")}
	words := container.New(layout.NewCustomPaddedVBoxLayout(0), layout.NewSpacer(), widgets.VStack(4, p.name, p.kind), layout.NewSpacer())
	p.frame = container.New(atLeft{p.image}, p.image)
	p.row = widgets.Columns(16, []float32{-pictureSide, 1}, widgets.Fixed(p.frame, pictureSide, pictureSide), words)
	p.row.Hide()
	return p
}

// atLeft gives a picture its proportions, at the left: in the middle of its square it would
// stand beside the line that everything else begins at.
type atLeft struct{ image *canvas.Image }

func (l atLeft) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	w := size.Width
	if l.image.Image != nil {
		b := l.image.Image.Bounds()
		w = min(w, size.Height*float32(b.Dx())/float32(b.Dy()))
	}
	l.image.Resize(fyne.NewSize(w, size.Height))
	l.image.Move(fyne.NewPos(0, 0))
}

func (l atLeft) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(1, 1) }

// show reads the request again.
func (p *pictureRow) show(body string) {
	name, img := picture(body)
	show(p.row, img != nil)
	if img == nil {
		return
	}
	p.name.SetText(name)
	b := img.Bounds()
	p.kind.SetText(fmt.Sprintf("The first picture of the request, %d × %d", b.Dx(), b.Dy()))
	p.image.Image = img
	p.image.Refresh()
	p.frame.Refresh()
	p.row.Refresh()
}

const (
	leastPixels = 8
	mostPixels  = 1024
)

// picture finds the first input that can be seen: [n,c,h,w] or [n,h,w,c] with one or
// three channels of at least 8 × 8. Its values are stretched from the least to the
// largest, for networks take 0 to 1, 0 to 255 and normalised ones alike.
func picture(body string) (name string, img image.Image) {
	if len(body) > 4*editable {
		return "", nil
	}
	var request struct{ Inputs, Instances json.RawMessage }
	if json.Unmarshal([]byte(body), &request) != nil {
		return "", nil
	}
	if named, ok := object(request.Inputs); ok {
		for _, m := range named {
			if img := pictureOf(m.value); img != nil {
				return m.key, img
			}
		}
		return "", nil
	}
	if rows, ok := list(request.Instances); ok && len(rows) > 0 {
		if named, ok := object(rows[0]); ok {
			for _, m := range named {
				if img := pictureOf([]byte("[" + string(m.value) + "]")); img != nil {
					return m.key, img
				}
			}
			return "", nil
		}
	}
	for _, v := range []json.RawMessage{request.Inputs, request.Instances} {
		if img := pictureOf(v); img != nil {
			return "inputs", img
		}
	}
	return "", nil
}

func pictureOf(v []byte) image.Image {
	var t [][][][]float64
	if len(v) == 0 || json.Unmarshal(v, &t) != nil || len(t) == 0 {
		return nil
	}
	a := t[0]
	if len(a) == 0 || len(a[0]) == 0 || len(a[0][0]) == 0 {
		return nil
	}
	at, channels, h, w := func(c, y, x int) float64 { return a[c][y][x] }, len(a), len(a[0]), len(a[0][0])
	if last := len(a[0][0]); (last == 1 || last == 3) && channels > 3 {
		at, channels, h, w = func(c, y, x int) float64 { return a[y][x][c] }, last, len(a), len(a[0])
	}
	if !even(a) || (channels != 1 && channels != 3) || min(h, w) < leastPixels || max(h, w) > mostPixels {
		return nil
	}
	low, high := at(0, 0, 0), at(0, 0, 0)
	for c := range channels {
		for y := range h {
			for x := range w {
				low, high = min(low, at(c, y, x)), max(high, at(c, y, x))
			}
		}
	}
	tone := func(c, y, x int) uint8 {
		if high == low {
			return 0
		}
		return uint8(255 * (at(c, y, x) - low) / (high - low))
	}
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			p := color.NRGBA{R: tone(0, y, x), A: 255}
			p.G, p.B = p.R, p.R
			if channels == 3 {
				p.G, p.B = tone(1, y, x), tone(2, y, x)
			}
			img.SetNRGBA(x, y, p)
		}
	}
	return img
}

// even tells that all rows are of one length.
func even(a [][][]float64) bool {
	for _, plane := range a {
		if len(plane) != len(a[0]) {
			return false
		}
		for _, row := range plane {
			if len(row) != len(a[0][0]) {
				return false
			}
		}
	}
	return true
}
