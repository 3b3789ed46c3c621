// Package plot draws anti-aliased lines and areas into an image. It knows pixels only:
// no axis, no theme, no widget.
package plot

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	"golang.org/x/image/vector"
)

// Point is a place in the image, in pixels from the top left corner.
type Point struct{ X, Y float32 }

// Canvas is an image that is drawn to again and again without new memory.
type Canvas struct {
	Image *image.RGBA
	pen   vector.Rasterizer
}

// Reset makes the image w by h pixels and transparent.
func (c *Canvas) Reset(w, h int) {
	if c.Image == nil || c.Image.Rect.Dx() != w || c.Image.Rect.Dy() != h {
		c.Image = image.NewRGBA(image.Rect(0, 0, w, h))
		return
	}
	clear(c.Image.Pix)
}

// Line strokes a run of points with round joins. One point makes a dot.
func (c *Canvas) Line(points []Point, width float32, ink color.Color) {
	c.start()
	r := width / 2
	for i, p := range points {
		c.disc(p, r)
		if i > 0 {
			c.segment(points[i-1], p, r)
		}
	}
	c.finish(ink)
}

// Area fills between a run of points and a run below it, both from left to right.
func (c *Canvas) Area(top, bottom []Point, ink color.Color) {
	if len(top) < 2 || len(bottom) == 0 {
		return
	}
	c.start()
	c.pen.MoveTo(top[0].X, top[0].Y)
	for _, p := range top[1:] {
		c.pen.LineTo(p.X, p.Y)
	}
	for i := len(bottom) - 1; i >= 0; i-- {
		c.pen.LineTo(bottom[i].X, bottom[i].Y)
	}
	c.pen.ClosePath()
	c.finish(ink)
}

func (c *Canvas) start() { c.pen.Reset(c.Image.Rect.Dx(), c.Image.Rect.Dy()) }

func (c *Canvas) finish(ink color.Color) {
	c.pen.DrawOp = draw.Over
	c.pen.Draw(c.Image, c.Image.Rect, image.NewUniform(ink), image.Point{})
}

// segment and disc turn the same way round, for the rasterizer adds up windings: parts
// that turn against each other would cancel out where they overlap.
func (c *Canvas) segment(a, b Point, r float32) {
	dx, dy := b.X-a.X, b.Y-a.Y
	l := float32(math.Hypot(float64(dx), float64(dy)))
	if l == 0 {
		return
	}
	nx, ny := -dy/l*r, dx/l*r
	c.pen.MoveTo(a.X+nx, a.Y+ny)
	c.pen.LineTo(a.X-nx, a.Y-ny)
	c.pen.LineTo(b.X-nx, b.Y-ny)
	c.pen.LineTo(b.X+nx, b.Y+ny)
	c.pen.ClosePath()
}

// corners of a disc: enough for a line of two or three pixels.
var corners = func() (out [8]Point) {
	for i := range out {
		a := float64(i) * 2 * math.Pi / float64(len(out))
		out[i] = Point{float32(math.Cos(a)), float32(math.Sin(a))}
	}
	return out
}()

func (c *Canvas) disc(p Point, r float32) {
	for i, k := range corners {
		if x, y := p.X+k.X*r, p.Y+k.Y*r; i == 0 {
			c.pen.MoveTo(x, y)
		} else {
			c.pen.LineTo(x, y)
		}
	}
	c.pen.ClosePath()
}
