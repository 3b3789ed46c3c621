package scoring

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"servery/engine/mlmodel"
	"servery/engine/tensor"
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
		c := s.space()
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
		_ = c
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

// series is what pandas sees of a list of values: enough to tell which type it makes of
// them.
type series struct {
	n                                        int
	integer, float, boolean, text, null, box bool
	fraction, wide, many                     bool // a fraction; beyond int64; something but 0 and 1
}

func (v *series) add(raw []byte) {
	v.n++
	switch c := raw[0]; {
	case c == '"':
		v.text = true
	case c == 'n':
		v.null = true
	case c == 't' || c == 'f':
		v.boolean = true
	case c == '[' || c == '{':
		v.box = true
	case c == 'N' || c == 'I' || string(raw) == "-Infinity":
		v.float = true
		v.fraction = v.fraction || c != 'N'
		v.null = v.null || c == 'N'
	default:
		n := scanNumber(raw, 0)
		m, f := n.integer(raw)
		v.many = v.many || f != fine || m > 1 || (n.negative() && m > 0)
		if isFloatText(raw) {
			v.float = true
			v.fraction = v.fraction || f == fractional
		} else {
			v.integer = true
			v.wide = v.wide || f != fine || !fits(tensor.Int64, m, n.negative())
		}
	}
}

// isFloatText tells whether Python reads a JSON number as a float.
func isFloatText(raw []byte) bool {
	for _, c := range raw {
		if c == '.' || c|0x20 == 'e' {
			return true
		}
	}
	return false
}

// dtype is the type that pandas gives the values.
func (v *series) dtype() string {
	numbers := v.integer || v.float
	switch {
	case v.box || (v.text && (numbers || v.boolean)) || (v.boolean && (numbers || v.null)) || (v.null && !numbers && !v.text):
		return "object"
	case v.text:
		return "str"
	case v.boolean:
		return "bool"
	case v.float || (v.integer && v.null):
		return "float64"
	case v.wide:
		return "object"
	}
	return "int64"
}

// enforced tells whether the values are taken for a type, and else why not
// (mlflow/models/utils.py, _enforce_mlflow_datatype).
func (v *series) enforced(kind mlmodel.ColumnType) (fault string, ok bool) {
	have := v.dtype()
	want, integer := "", false
	switch kind {
	case mlmodel.String:
		if v.box {
			return "setting an array element with a sequence", false
		}
		want, ok = "<U0", have == "object" || have == "str"
	case mlmodel.Binary:
		want, ok = "|S0", have == "object" || have == "str"
	case mlmodel.Boolean:
		want, ok = "bool", have == "object" || have == "bool"
	case mlmodel.Integer:
		want, integer = "int32", true
	case mlmodel.Long:
		want, integer, ok = "int64", true, have == "int64"
	case mlmodel.Float:
		want, ok = "float32", have == "int64" && !v.many
	case mlmodel.Double, mlmodel.SparkVector:
		want, ok = "float64", have == "float64" || (have == "int64" && !v.many)
	case mlmodel.Datetime:
		want, ok = "datetime64[ns]", have == "object" && !v.box
	}
	if ok {
		return "", true
	}
	hint := ""
	if have == "float64" && integer && v.null && !v.fraction {
		hint = missingHint
	}
	return fmt.Sprintf("Incompatible input types for column . Can not safely convert %s to %s.%s", have, want, hint), false
}

const missingHint = " Hint: the type mismatch is likely caused by missing values. Integer columns in python can not represent missing values and are therefore encoded as floats." +
	" The best way to avoid this problem is to infer the model schema based on a realistic data sample (training dataset) that includes missing values." +
	" Alternatively, you can declare integer columns as doubles (float64) whenever these columns may have missing values. See `Handling Integers With Missing Values" +
	" <https://www.mlflow.org/docs/latest/models.html#handling-integers-with-missing-values>`_ for more details."

// pyName is the name of the Python type that a JSON value becomes.
func pyName(raw []byte) string {
	switch c := raw[0]; {
	case c == '{':
		return "dict"
	case c == '[':
		return "list"
	case c == '"':
		return "str"
	case c == 't' || c == 'f':
		return "bool"
	case c == 'n':
		return "NoneType"
	case c == 'N' || c == 'I' || (c == '-' && len(raw) > 1 && raw[1] == 'I'):
		return "float"
	}
	n := scanNumber(raw, 0)
	if isFloatText(raw[:n.end]) {
		return "float"
	}
	return "int"
}

// pyValue is the start of a JSON value as Python writes it.
func pyValue(raw []byte) string {
	var b strings.Builder
	s := scanner{b: raw}
	for b.Len() < excerptLength {
		c := s.space()
		switch {
		case c == 0:
			return b.String()
		case c == '"':
			text, err := s.str(nil)
			if err != nil {
				return b.String()
			}
			if len(raw) == s.i && b.Len() == 0 {
				return excerpt(text)
			}
			b.WriteString(pyRepr(excerpt(text)))
		case s.word("null"):
			b.WriteString("None")
		case s.word("true"):
			b.WriteString("True")
		case s.word("false"):
			b.WriteString("False")
		case s.word("NaN"):
			b.WriteString("nan")
		case s.word("Infinity"):
			b.WriteString("inf")
		case s.word("-Infinity"):
			b.WriteString("-inf")
		case c == ',' || c == ':':
			s.i++
			b.WriteByte(c)
			b.WriteByte(' ')
		case c == '-' || c-'0' < 10:
			n := scanNumber(raw, s.i)
			if n.end == 0 {
				return b.String()
			}
			text := raw[s.i:n.end]
			s.i = n.end
			switch f := n.float(text); {
			case math.IsInf(f, 0):
				b.WriteString(strings.Trim(strings.ToLower(strconv.FormatFloat(f, 'g', -1, 64)), "+"))
			case isFloatText(text):
				b.Write(appendFloat(nil, f))
			case string(text) == "-0":
				b.WriteByte('0')
			default:
				b.Write(text)
			}
		default:
			s.i++
			b.WriteByte(c)
		}
	}
	return b.String() + "…"
}

// heldCell reads a value of a column that the graph does not take, and checks it.
func (r *Request) heldCell(f int) error {
	x := &r.model.fields[f]
	d := &r.d
	switch {
	case x.held == nil:
		return d.skip(3)
	case x.held.nested():
		fault, err := x.held.check(&d.scanner, x.required, 3)
		if err != nil || fault == "" {
			return err
		}
		return r.inCell(&heldError{text: fault, held: x.held}, f)
	}
	k := &r.t.scratch
	k.reset(x.cast.to)
	k.room(1)
	start := len(d.arena)
	bad := d.element(k, &x.cast, 0, d.space())
	d.arena = d.arena[:start]
	if bad == isList || bad == isObject {
		// raw shows it; an element leaves it unread.
		return r.inCell(&valueError{fault: bad, cast: x.cast, text: d.raw()}, f)
	}
	if x.cast.format == timeText && (bad == isNull || bad == notFinite || bad == fractional || bad == outOfRange && isFloatText([]byte(d.raw())) || bad == badTime && missingTexts[pyValue([]byte(d.raw()))]) {
		return nil // NaT, or a time between two nanoseconds
	}
	if bad != fine {
		return r.inCell(&valueError{fault: bad, cast: x.cast, text: d.raw()}, f)
	}
	return nil
}

// heldMissing tells whether a value of a column that the graph does not take may be left
// out of a record: pandas puts NaN in its place.
func (r *Request) heldMissing(f, row int) error {
	x := &r.model.fields[f]
	switch {
	case x.held == nil:
		return nil
	case x.held.nested():
		fault, err := x.held.check(&scanner{b: []byte("NaN")}, x.required, 0)
		if err != nil || fault == "" {
			return err
		}
		return &heldError{text: fault, held: x.held, column: r.nameOf(f), row: row, parsed: r.parsed}
	case x.cast.format == base64Text || isInteger(x.cast.as):
		return &valueError{fault: isNull, cast: x.cast, text: "null", column: r.nameOf(f), row: row, parsed: r.parsed}
	}
	return nil
}

// hold prepares a field for a column that the graph does not take.
func (f *field) hold(c mlmodel.Column) error {
	switch c.Type {
	case mlmodel.String, mlmodel.Boolean, mlmodel.Any:
		return nil // anything has a text and a truth value
	}
	h, err := heldOf(c.Type, c.Inner)
	if err != nil {
		return fmt.Errorf("the signature's column %q: %w", c.Name, err)
	}
	f.held = &h
	if h.nested() {
		return nil
	}
	as, format, ok := columnCast(c)
	if !ok {
		f.held = nil
		return nil
	}
	to := as
	switch format {
	case base64Text:
		to = tensor.String
	case timeText:
		to = tensor.Int64
	}
	f.cast = newCast(as, to)
	if f.cast.format = format; format != plainText {
		f.cast.kind = anyCast
	}
	return nil
}
