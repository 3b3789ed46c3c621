package scoring

import (
	"fmt"

	"servery/engine/mlmodel"
	"servery/engine/tensor"
)

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
