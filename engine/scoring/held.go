package scoring

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"servery/engine/mlmodel"
)

// heldType is the type of a column that the graph does not take, or of what is inside
// one. Its values are checked as MLflow enforces them (mlflow/models/utils.py, _enforce_type)
// while they are skipped; nothing is kept of them.
type heldType struct {
	kind       mlmodel.ColumnType
	item       *heldType // of an array or map
	properties []heldProperty
}

type heldProperty struct {
	name     string
	required bool
	heldType
}

// innerSpec is a type inside a column, as signatures write it.
type innerSpec struct {
	Type       mlmodel.ColumnType
	Items      json.RawMessage
	Properties map[string]json.RawMessage
	Values     json.RawMessage
	Required   *bool
}

// heldOf reads the type of a column. inner is Column.Inner: mlmodel has checked it and
// bounds its depth.
func heldOf(kind mlmodel.ColumnType, inner string) (heldType, error) {
	spec := innerSpec{Type: kind}
	var err error
	switch kind {
	case mlmodel.Array:
		spec.Items = json.RawMessage(inner)
	case mlmodel.Map:
		spec.Values = json.RawMessage(inner)
	case mlmodel.Object:
		err = json.Unmarshal([]byte(inner), &spec.Properties)
	}
	if err != nil {
		return heldType{}, err
	}
	return spec.held(0)
}

func (s *innerSpec) held(depth int) (heldType, error) {
	h := heldType{kind: s.Type}
	if depth > 64 {
		return h, fmt.Errorf("its type is nested too deep")
	}
	read := func(raw json.RawMessage) (heldType, *innerSpec, error) {
		var in innerSpec
		if err := json.Unmarshal(raw, &in); err != nil {
			return heldType{}, nil, err
		}
		t, err := in.held(depth + 1)
		return t, &in, err
	}
	switch s.Type {
	case mlmodel.Array, mlmodel.Map:
		raw := s.Items
		if s.Type == mlmodel.Map {
			raw = s.Values
		}
		item, _, err := read(raw)
		h.item = &item
		return h, err
	case mlmodel.Object:
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			t, in, err := read(s.Properties[name])
			if err != nil {
				return h, err
			}
			h.properties = append(h.properties, heldProperty{name, in.Required == nil || *in.Required, t})
		}
	}
	return h, nil
}

// String is Python's text of the type: Array(double), {a: double (required)}.
func (h *heldType) String() string {
	switch h.kind {
	case mlmodel.Array:
		return "Array(" + h.item.String() + ")"
	case mlmodel.Map:
		inner := h.item.String()
		if !h.item.nested() && h.item.kind != mlmodel.Any {
			inner = "DataType." + inner
		}
		return "Map(str -> " + inner + ")"
	case mlmodel.Object:
		texts := make([]string, len(h.properties))
		for i, p := range h.properties {
			need := " (required)"
			if !p.required {
				need = " (optional)"
			}
			texts[i] = p.name + ": " + p.String() + need
		}
		return "{" + strings.Join(texts, ", ") + "}"
	case mlmodel.Any:
		return "Any"
	}
	return string(h.kind)
}

func (h *heldType) nested() bool {
	return h.kind == mlmodel.Array || h.kind == mlmodel.Map || h.kind == mlmodel.Object
}

// A heldError is a value that is not of its column's type, in MLflow's words.
type heldError struct {
	text string
	held *heldType
	// place is as in valueError.
	column string
	row    int
	// parsed tells that MLflow finds it while it makes a table of a dataframe_ form.
	parsed bool
}

func (e *heldError) Error() string { return e.text }

// check skips the value at d.i and tells what is wrong with it, "" for nothing. Errors are
// those of syntax.
func (h *heldType) check(s *scanner, required bool, depth int) (fault string, err error) {
	c := s.space()
	start := s.i
	switch {
	case h.kind == mlmodel.Any:
		return "", s.skip(depth)
	case depth >= maxDepth:
		return "", s.fail(fmt.Sprintf("Lists and objects nested more than %d deep", maxDepth))
	case h.kind == mlmodel.Array && c == '[':
		return h.checkArray(s, required, depth)
	case h.kind == mlmodel.Map && c == '{':
		return h.checkMap(s, required, depth)
	case h.kind == mlmodel.Object && c == '{':
		return h.checkObject(s, required, depth)
	}
	if err := s.skip(depth); err != nil {
		return "", err
	}
	raw := s.b[start:s.i]
	got := pyName(raw)
	switch h.kind {
	case mlmodel.Array:
		if c == 'n' && (!required || h.item.kind == mlmodel.Any) {
			return "", nil
		}
		return "Expected data to be list or numpy array, got " + got, nil
	case mlmodel.Map:
		if c == 'n' && (!required || h.item.kind == mlmodel.Any) {
			return "", nil
		}
		return "Expected data to be a dict, got " + got, nil
	case mlmodel.Object:
		if c == 'n' && !required {
			return "", nil
		}
		return fmt.Sprintf("Failed to enforce schema of '%s' with type '%s'. Expected data to be dictionary, got %s", pyValue(raw), h, got), nil
	}
	if !required && (c == 'n' || c == 'N') {
		return "", nil
	}
	if c == '[' || c == '{' || c == 'n' {
		return "Expected data to be scalar, got " + got, nil
	}
	var seen series
	seen.add(raw)
	if _, ok := seen.enforced(h.kind); !ok {
		return fmt.Sprintf("Failed to enforce schema of data `%s` with dtype `%s`", strings.Trim(pyValue(raw), "'"), h.kind), nil
	}
	return "", nil
}

func (h *heldType) checkArray(s *scanner, required bool, depth int) (fault string, err error) {
	var seen series
	plain := !h.item.nested() && h.item.kind != mlmodel.Any
	for more := !s.enter(']'); more; {
		var text string
		if plain {
			s.space()
			start := s.i
			if err := s.skip(depth + 1); err != nil {
				return "", err
			}
			seen.add(s.b[start:s.i])
		} else if text, err = h.item.check(s, required, depth+1); err != nil {
			return "", err
		}
		if fault == "" {
			fault = text
		}
		if more, err = s.next(']'); err != nil {
			return "", err
		}
	}
	if plain && seen.n > 0 {
		fault, _ = seen.enforced(h.item.kind)
	}
	return fault, nil
}

func (h *heldType) checkMap(s *scanner, required bool, depth int) (fault string, err error) {
	for more := !s.enter('}'); more; {
		if _, err := s.key(nil); err != nil {
			return "", err
		}
		text, err := h.item.check(s, required, depth+1)
		if err != nil {
			return "", err
		}
		if fault == "" {
			fault = text
		}
		if more, err = s.next('}'); err != nil {
			return "", err
		}
	}
	return fault, nil
}

func (h *heldType) checkObject(s *scanner, required bool, depth int) (fault string, err error) {
	seen := make([]bool, len(h.properties))
	var unknown, missing []string
	n := 0
	for more := !s.enter('}'); more; n++ {
		k, err := s.key(nil)
		if err != nil {
			return "", err
		}
		i := slices.IndexFunc(h.properties, func(p heldProperty) bool { return p.name == string(k) })
		s.space()
		start := s.i
		text := ""
		if i < 0 {
			if err = s.skip(depth + 1); len(unknown) < 20 {
				unknown = append(unknown, string(k))
			}
		} else {
			seen[i] = true
			text, err = h.properties[i].check(s, h.properties[i].required, depth+1)
		}
		if err != nil {
			return "", err
		}
		if text != "" && fault == "" {
			fault = fmt.Sprintf("Failed to enforce schema for key `%s`. Expected type %s, received type %s", h.properties[i].name, h.properties[i].kind, pyName(s.b[start:min(len(s.b), start+64)]))
		}
		if more, err = s.next('}'); err != nil {
			return "", err
		}
	}
	if n == 0 && !required {
		return "", nil
	}
	for i, p := range h.properties {
		if p.required && !seen[i] {
			missing = append(missing, p.name)
		}
	}
	switch {
	case missing != nil:
		return "Missing required properties: " + pySet(missing), nil
	case unknown != nil:
		return "Invalid properties not defined in the schema found: " + pySet(unknown), nil
	}
	return fault, nil
}
