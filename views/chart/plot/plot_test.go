package plot

import (
	"image/color"
	"testing"
)

var red = color.NRGBA{R: 255, A: 255}

func TestALineIsSolidWhateverItsDirection(t *testing.T) {
	for name, points := range map[string][]Point{
		"right": {{5, 20}, {35, 20}}, "left": {{35, 20}, {5, 20}},
		"zigzag": {{5, 20}, {20, 20}, {12, 20}, {35, 20}},
	} {
		var c Canvas
		c.Reset(40, 40)
		c.Line(points, 4, red)
		for x := 6; x < 35; x++ {
			if a := c.Image.RGBAAt(x, 20).A; a < 250 {
				t.Errorf("%s: alpha %d at %d, a hole in the line", name, a, x)
			}
		}
		if c.Image.RGBAAt(20, 30).A != 0 {
			t.Errorf("%s: ink beside the line", name)
		}
	}
}

func TestAnAreaIsFilledBetweenItsEdges(t *testing.T) {
	var c Canvas
	c.Reset(40, 40)
	c.Area([]Point{{5, 10}, {35, 10}}, []Point{{5, 30}, {35, 30}}, red)
	if c.Image.RGBAAt(20, 20).A < 250 || c.Image.RGBAAt(20, 5).A != 0 || c.Image.RGBAAt(20, 35).A != 0 {
		t.Error("the area does not lie between its edges")
	}
}

func TestResetClearsWithoutNewMemory(t *testing.T) {
	var c Canvas
	c.Reset(40, 40)
	c.Line([]Point{{5, 20}, {35, 20}}, 4, red)
	before := &c.Image.Pix[0]
	c.Reset(40, 40)
	if c.Image.RGBAAt(20, 20).A != 0 || before != &c.Image.Pix[0] {
		t.Error("the image was not cleared in place")
	}
}
