package e2e

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/test"

	"servery/theme"
)

const (
	screenWidth  = 1440
	screenHeight = 900
	// patience is how long a story waits for something to appear. Nothing should take a
	// tenth of it; a loaded two-core machine without a GPU is the reason for the rest.
	patience = 60 * time.Second
)

// screen is a virtual display with a mouse and a keyboard. Its frame buffer lies in a
// file, which is read in place: a look costs a millisecond, and frames can be counted.
type screen struct {
	t       *testing.T
	display string
	frame   []byte // the mapped file: an X window dump
	at      int    // where the pixels begin, BGRX
	stride  int    // bytes a line
}

// newScreen starts Xvfb on a free display and stops it with the test.
func newScreen(t *testing.T) *screen {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	test.NewTempApp(t).Settings().SetTheme(theme.New(theme.Light)) // for stencils
	dir := t.TempDir()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-fbdir", dir, "-screen", "0",
		fmt.Sprintf("%dx%dx24", screenWidth, screenHeight), "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{w}
	if err := cmd.Start(); err != nil {
		t.Fatalf("Xvfb: %v (make test installs it)", err)
	}
	w.Close()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM) // killed, it would leave its socket behind
		cmd.Wait()
		r.Close() // not before: a write to a closed pipe would end it
	})
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb told no display: %v", err)
	}
	s := &screen{t: t, display: ":" + strings.TrimSpace(line)}
	s.mapFrame(filepath.Join(dir, "Xvfb_screen0"))
	return s
}

// mapFrame maps the frame buffer (X11/XWDFile.h: a header of big-endian words, then the
// colours, then the pixels).
func (s *screen) mapFrame(path string) {
	s.t.Helper()
	f, err := os.Open(path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		s.t.Fatal(err)
	}
	s.frame, err = syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { syscall.Munmap(s.frame) })
	word := func(i int) int { return int(binary.BigEndian.Uint32(s.frame[4*i:])) }
	const (
		headerSize, bitsPerPixel, bytesPerLine, colours = 0, 11, 12, 19
		colourSize                                      = 12
	)
	if word(bitsPerPixel) != 32 {
		s.t.Fatalf("the display has %d bits a pixel, want 32", word(bitsPerPixel))
	}
	s.at, s.stride = word(headerSize)+colourSize*word(colours), word(bytesPerLine)
}

func (s *screen) xdotool(args ...string) {
	s.t.Helper()
	cmd := exec.Command("xdotool", args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+s.display)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("xdotool %v: %v\n%s", args, err, out)
	}
}

// picture is what the display shows now.
func (s *screen) picture() *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, screenWidth, screenHeight))
	for y := range screenHeight {
		line := s.frame[s.at+y*s.stride:]
		for x := range screenWidth {
			o := img.PixOffset(x, y)
			img.Pix[o], img.Pix[o+1], img.Pix[o+2], img.Pix[o+3] = line[4*x+2], line[4*x+1], line[4*x], 0xff
		}
	}
	return img
}

// sum tells two pictures of a part of the screen apart.
func (s *screen) sum(r image.Rectangle) uint32 {
	h := crc32.NewIEEE()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		line := s.frame[s.at+y*s.stride:]
		h.Write(line[4*r.Min.X : 4*r.Max.X])
	}
	return h.Sum32()
}

// lit tells whether anything is drawn at a place: an empty display is black.
func (s *screen) lit(p image.Point) bool {
	o := s.at + p.Y*s.stride + 4*p.X
	return s.frame[o]|s.frame[o+1]|s.frame[o+2] != 0
}

// save writes a picture as PNG.
func (s *screen) save(path string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, s.picture()); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// look is how a text is set: its size and weight.
type look struct {
	size               float32
	bold, mono, medium bool
}

var (
	body   = look{size: 13}
	bold   = look{size: 13, bold: true}
	button = look{size: 13, medium: true}
	head   = look{size: 16, bold: true}
	title  = look{size: 22, bold: true}
	small  = look{size: 12}
	badge  = look{size: 12, medium: true}
	mono   = look{size: 12, mono: true}
)

// find waits until text stands on the screen in one of the looks and returns its middle.
// Where it stands several times, the topmost, then leftmost, is meant.
func (s *screen) find(text string, looks ...look) image.Point {
	s.t.Helper()
	p, ok := s.await(text, patience, looks...)
	if !ok {
		name := filepath.Join(s.t.TempDir(), "screen.png")
		if dir := os.Getenv("SERVERY_E2E_PICTURES"); dir != "" {
			name = filepath.Join(dir, strings.ReplaceAll(s.t.Name(), "/", "-")+".png")
		}
		s.save(name)
		s.t.Fatalf("%q is not on the screen after %v (picture: %s)", text, patience, name)
	}
	return p
}

func (s *screen) await(text string, limit time.Duration, looks ...look) (image.Point, bool) {
	s.t.Helper()
	if len(looks) == 0 {
		looks = []look{body, bold, button, badge}
	}
	deadline := time.Now().Add(limit)
	for {
		ink := inkOf(s.picture())
		for _, l := range looks {
			if p, ok := ink.search(s.stencil(text, l)); ok {
				return p, true
			}
		}
		if time.Now().After(deadline) {
			return image.Point{}, false
		}
		<-time.After(50 * time.Millisecond)
	}
}

// click presses the left button on a text.
func (s *screen) click(text string, looks ...look) {
	s.t.Helper()
	s.clickAt(s.find(text, looks...))
}

func (s *screen) clickAt(p image.Point) {
	s.t.Helper()
	s.xdotool("mousemove", strconv.Itoa(p.X), strconv.Itoa(p.Y), "click", "1")
}

// write types text into what has the focus.
func (s *screen) write(text string) {
	s.t.Helper()
	s.xdotool("type", "--delay", "15", "--", text)
}

// press strikes keys by their X names: "Tab", "ctrl+a".
func (s *screen) press(keys ...string) {
	s.t.Helper()
	s.xdotool(append([]string{"key", "--delay", "30"}, keys...)...)
}

// stencil renders text alone, in black on white, as the product's renderer sets it.
func (s *screen) stencil(text string, l look) *ink {
	s.t.Helper()
	t := canvas.NewText(text, color.Black)
	t.TextSize = l.size
	t.TextStyle = fyne.TextStyle{Bold: l.bold, Monospace: l.mono}
	if l.medium {
		t.FontSource = theme.Medium()
	}
	back := canvas.NewRectangle(color.White)
	back.Resize(t.MinSize())
	img := software.Render(container.NewStack(back, t), theme.New(theme.Light))
	rgba := image.NewRGBA(img.Bounds())
	draw.Draw(rgba, rgba.Bounds(), img, image.Point{}, draw.Src)
	return inkOf(rgba).trim()
}

// ink is a grey picture: 0 to 255, rows of width w.
type ink struct {
	w, h int
	v    []float32
}

func inkOf(img *image.RGBA) *ink {
	b := img.Bounds()
	k := &ink{w: b.Dx(), h: b.Dy(), v: make([]float32, b.Dx()*b.Dy())}
	for y := range k.h {
		for x := range k.w {
			o := img.PixOffset(b.Min.X+x, b.Min.Y+y)
			k.v[y*k.w+x] = 0.299*float32(img.Pix[o]) + 0.587*float32(img.Pix[o+1]) + 0.114*float32(img.Pix[o+2])
		}
	}
	return k
}

// wordEnd is the white that a stencil has at its right: more than a space, so that
// "Import" is not found in "Import a model".
const wordEnd = 6

// trim cuts the white around a stencil, leaving one pixel, and wordEnd at the right.
func (k *ink) trim() *ink {
	minX, minY, maxX, maxY := k.w, k.h, -1, -1
	for y := range k.h {
		for x := range k.w {
			if k.v[y*k.w+x] < 200 {
				minX, minY, maxX, maxY = min(minX, x), min(minY, y), max(maxX, x), max(maxY, y)
			}
		}
	}
	if maxX < 0 {
		return &ink{}
	}
	minX, minY = max(minX-1, 0), max(minY-1, 0)
	maxX, maxY = min(maxX+1, k.w-1), min(maxY+1, k.h-1)
	out := &ink{w: maxX - minX + 1 + wordEnd, h: maxY - minY + 1}
	for y := minY; y <= maxY; y++ {
		out.v = append(out.v, k.v[y*k.w+minX:y*k.w+maxX+1]...)
		for range wordEnd {
			out.v = append(out.v, 255)
		}
	}
	return out
}

// alike is the least correlation that counts as the same text. The product's renderer
// and the stencil's use one rasterizer, so that a true match is near 1 in either theme
// (the sign is dropped: light on dark correlates negatively) and other text of the same
// length stays under 0.6.
const alike = 0.85

// search finds the stencil by normalised cross-correlation. Most places are ruled out by
// the variance of their pixels, from running sums, and by a coarse sample of the stencil.
func (k *ink) search(s *ink) (image.Point, bool) {
	if s.w == 0 || s.w > k.w || s.h > k.h {
		return image.Point{}, false
	}
	n := float64(s.w * s.h)
	var sum, sum2 float64
	for _, v := range s.v {
		sum += float64(v)
		sum2 += float64(v) * float64(v)
	}
	mean, dev := sum/n, math.Sqrt(sum2-sum*sum/n)
	a, a2 := k.sums()
	box := func(t []float64, x, y int) float64 {
		w := k.w + 1
		return t[(y+s.h)*w+x+s.w] - t[y*w+x+s.w] - t[(y+s.h)*w+x] + t[y*w+x]
	}
	for y := 0; y+s.h <= k.h; y++ {
		for x := 0; x+s.w <= k.w; x++ {
			ps, ps2 := box(a, x, y), box(a2, x, y)
			pdev := math.Sqrt(max(ps2-ps*ps/n, 0))
			if pdev < dev*0.25 { // too flat to be text of this darkness
				continue
			}
			if math.Abs(k.correlate(s, x, y, 3, mean, ps/n)) < alike-0.25 {
				continue
			}
			if math.Abs(k.product(s, x, y, mean)/(dev*pdev)) >= alike && k.ends(s, x, y) {
				return image.Pt(x+(s.w-wordEnd)/2, y+s.h/2), true
			}
		}
	}
	return image.Point{}, false
}

// ends tells whether no further letter begins in the white at the right of a match: the
// pixels there differ by less than a third of what text and ground do.
func (k *ink) ends(s *ink, x, y int) bool {
	spread := func(from, to int) float32 {
		low, high := float32(255), float32(0)
		for j := range s.h {
			for _, v := range k.v[(y+j)*k.w+from : (y+j)*k.w+to] {
				low, high = min(low, v), max(high, v)
			}
		}
		return high - low
	}
	return spread(x+s.w-wordEnd+1, x+s.w) < spread(x, x+s.w)/3
}

// product is the sum of stencil × picture over the stencil at (x, y), less the means.
func (k *ink) product(s *ink, x, y int, mean float64) float64 {
	var p float64
	for j := range s.h {
		row := k.v[(y+j)*k.w+x : (y+j)*k.w+x+s.w]
		st := s.v[j*s.w : (j+1)*s.w]
		for i, v := range st {
			p += (float64(v) - mean) * float64(row[i])
		}
	}
	return p
}

// correlate is the correlation over every step-th pixel of every step-th row.
func (k *ink) correlate(s *ink, x, y, step int, meanS, meanP float64) float64 {
	var sp, ss, pp float64
	for j := step / 2; j < s.h; j += step {
		for i := (j / step) % step; i < s.w; i += step {
			a := float64(s.v[j*s.w+i]) - meanS
			b := float64(k.v[(y+j)*k.w+x+i]) - meanP
			sp, ss, pp = sp+a*b, ss+a*a, pp+b*b
		}
	}
	if ss == 0 || pp == 0 {
		return 0
	}
	return sp / math.Sqrt(ss*pp)
}

// sums are the integral pictures of the values and of their squares.
func (k *ink) sums() (a, a2 []float64) {
	w := k.w + 1
	a, a2 = make([]float64, w*(k.h+1)), make([]float64, w*(k.h+1))
	for y := range k.h {
		var r, r2 float64
		for x := range k.w {
			v := float64(k.v[y*k.w+x])
			r += v
			r2 += v * v
			a[(y+1)*w+x+1] = a[y*w+x+1] + r
			a2[(y+1)*w+x+1] = a2[y*w+x+1] + r2
		}
	}
	return a, a2
}
