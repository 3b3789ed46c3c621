package config

import (
	"strings"

	"fyne.io/fyne/v2"

	"servery/engine/endpoint"
)

// Place is where errors of a path of the request are shown.
type Place struct {
	Path  string
	Show  func(text string) // "" takes the error away
	Focus fyne.Focusable
	At    fyne.CanvasObject // what to bring into sight
	// Typed tells that the person has been there, so that an error is no surprise before
	// the form was sent.
	Typed bool
}

// ShowProblems puts every error at its place, the first where there are several. Before
// the form was sent, places where nothing was typed yet stay quiet. It returns those that
// have no place.
func ShowProblems(places []Place, problems []endpoint.FieldError, sent bool) (homeless []string) {
	texts := make([]string, len(places))
	for _, f := range problems {
		i := find(places, f.Field)
		switch {
		case i < 0:
			homeless = append(homeless, strings.TrimPrefix(f.Field+": "+f.Message, ": "))
		case texts[i] == "":
			texts[i] = f.Message
		}
	}
	for i, at := range places {
		if !sent && !at.Typed {
			texts[i] = ""
		}
		at.Show(texts[i])
	}
	return homeless
}

// First gives the topmost place that has an error; ok is false where none has.
func First(places []Place, problems []endpoint.FieldError) (at Place, ok bool) {
	first := len(places)
	for _, f := range problems {
		if i := find(places, f.Field); i >= 0 {
			first = min(first, i)
		}
	}
	if first == len(places) {
		return Place{}, false
	}
	return places[first], true
}

// find gives the place of a path: the path itself or the nearest that it lies in.
// E.g. "config.served_entities[0].environment_vars.A" is shown where
// "config.served_entities[0].environment_vars" is.
func find(places []Place, path string) int {
	for path != "" {
		for i, at := range places {
			if at.Path == path {
				return i
			}
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return -1
}
