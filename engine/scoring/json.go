package scoring

// json reads the four forms of application/json. Anything but them and params is
// skipped: client_request_id, usage_context, databricks_options. Errors may come out of
// order: a wrong value before the body's end may hide that the body is no JSON. explain
// looks for that.
func (r *Request) json() error {
	d := &r.d
	if len(d.b) > 3 && string(d.b[:3]) == "\uFEFF" {
		d.i = 3 // Python skips a byte order mark
	}
	if d.space() != '{' || d.enter('}') {
		return errNotRequest
	}
	var scratch [32]byte
	found, params := false, 0
	for more := true; more; {
		k, err := d.key(scratch[:0])
		if err != nil {
			return err
		}
		d.space()
		form, isForm := formOf(k)
		switch {
		case isForm && found:
			return errNotRequest
		case isForm:
			found = true
			err = r.form(form)
		default:
			if string(k) == "params" {
				params = d.i
			}
			err = d.skip(1)
		}
		if err != nil {
			return err
		}
		if more, err = d.next('}'); err != nil {
			return err
		}
	}
	if d.space(); d.i < len(d.b) || !found {
		return errNotRequest
	}
	if len(r.model.params) > 0 && params > 0 {
		return r.model.checkParams(d.b, params)
	}
	return nil
}

type form uint8

const (
	split form = iota
	records
	instances
	inputs
)

func formOf(key []byte) (form, bool) {
	switch string(key) {
	case "dataframe_split":
		return split, true
	case "dataframe_records":
		return records, true
	case "instances":
		return instances, true
	case "inputs":
		return inputs, true
	}
	return 0, false
}

func (r *Request) form(f form) error {
	r.kind = f
	switch f {
	case split:
		r.parsed = true
		r.table = r.model.enforced != tensors
		return r.split()
	case records:
		r.parsed = true
		r.table = r.model.enforced != tensors
		if c := r.d.space(); c != '[' {
			return wrongType("Dataframe records format must be a list of records. Got %s.", c)
		}
		return r.records()
	}
	if r.model.enforced == columns {
		r.table = true
		return r.columnInput(f)
	}
	return r.tensorInput(f)
}

// wrongType says what came in the place of a list or dictionary.
func wrongType(format string, c byte) error {
	got := "type " + pyTypeOf(c)
	switch c {
	case '{':
		got = "dictionary"
	case '[':
		got = "list"
	}
	return badRequest("Invalid input. "+format, got)
}

// pyTypeOf is Python's name of the type of the JSON value that begins with c.
func pyTypeOf(c byte) string {
	switch c {
	case '{':
		return "<class 'dict'>"
	case '[':
		return "<class 'list'>"
	case '"':
		return "<class 'str'>"
	case 't', 'f':
		return "<class 'bool'>"
	case 'n':
		return "<class 'NoneType'>"
	case 'N', 'I':
		return "<class 'float'>"
	}
	return "<class 'int'>"
}
