package resources

import (
	"bytes"
	"encoding/json"
	"image/color"
	"image/png"
	"testing"
)

func TestTintReplacesEveryStroke(t *testing.T) {
	got := Tint(IconServing, color.NRGBA{R: 0x22, G: 0x72, B: 0xB4, A: 255})
	if bytes.Contains(got.Content(), []byte(ink)) || !bytes.Contains(got.Content(), []byte("#2272b4")) {
		t.Errorf("tinted icon is %s", got.Content())
	}
	if got.Name() == IconServing.Name() {
		t.Error("the tinted icon shares its cache name with the plain one")
	}
}

func TestAppIconIsASquarePicture(t *testing.T) {
	img, err := png.Decode(bytes.NewReader(AppIcon().Content()))
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds(); b.Dx() != 256 || b.Dy() != 256 {
		t.Errorf("icon is %v", b)
	}
}

func TestSamplesAreCompleteAndDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Samples() {
		if s.Name == "" || s.Title == "" || s.Description == "" || s.File == "" || s.Licence == "" || s.ModelName == "" {
			t.Errorf("sample %+v lacks a text", s.Name)
		}
		if len(s.Data) < 10_000 || seen[s.Name] {
			t.Errorf("sample %q has %d bytes, seen before: %v", s.Name, len(s.Data), seen[s.Name])
		}
		seen[s.Name] = true
		var body map[string]json.RawMessage
		if err := json.Unmarshal(s.Example, &body); err != nil || len(body) != 1 {
			t.Errorf("sample %q: example is not a request with one key: %v", s.Name, err)
		}
	}
	if len(seen) < 2 {
		t.Errorf("%d samples", len(seen))
	}
}

func TestTheDigitsExampleIsAWholePicture(t *testing.T) {
	var body struct {
		Inputs map[string][][][][]float32 `json:"inputs"`
	}
	if err := json.Unmarshal(Samples()[0].Example, &body); err != nil {
		t.Fatal(err)
	}
	x := body.Inputs["Input3"]
	if len(x) != 1 || len(x[0]) != 1 || len(x[0][0]) != 28 {
		t.Fatalf("the example is not [1,1,28,28]")
	}
	ink := 0
	for _, row := range x[0][0] {
		if len(row) != 28 {
			t.Fatalf("a row has %d columns", len(row))
		}
		for _, v := range row {
			if v > 0.5 {
				ink++
			}
		}
	}
	if ink < 40 || ink > 300 {
		t.Errorf("the drawn digit covers %d pixels", ink)
	}
}
