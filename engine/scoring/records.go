package scoring

import "errors"

// linearNames is up to how many columns a name is looked for one by one.
const linearNames = 16

// records reads a list of objects, one a row.
func (r *Request) records() error {
	r.beginTable()
	if r.d.enter(']') {
		return r.finishTable()
	}
	if err := r.recordRows(); err != nil {
		return err
	}
	return r.finishTable()
}

// recordRows reads the objects of a list that has been entered, and its end.
func (r *Request) recordRows() error {
	d, t := &r.d, &r.t
	for more := true; more; t.rows++ {
		if c := d.space(); c != '{' {
			if c == 0 {
				return errNotRequest
			}
			switch name := pyName(d.b[d.i:]); {
			case !r.parsed:
				return noItems(d.b[d.i:])
			case t.rows > 0 && c != '[' && c != '"' && c != '{':
				return badRequest("Invalid input. Provided dataframe_records field is not a valid dataframe representation in 'records' format. Error: ''%s' object is not iterable'", name)
			default:
				return badRequest("Invalid input. Provided dataframe_records field is not a valid dataframe representation in 'records' format. Error: 'row %d is no object but of the type <class '%s'>'", t.rows, name)
			}
		}
		if err := r.record(); err != nil {
			return err
		}
		var err error
		if more, err = d.next(']'); err != nil {
			return err
		}
	}
	return nil
}

func (r *Request) record() error {
	d, t := &r.d, &r.t
	if err := r.beginRow(); err != nil {
		return err
	}
	var scratch [64]byte
	guess := 0
	for more := !d.enter('}'); more; guess++ {
		k, err := d.key(scratch[:0])
		if err != nil {
			return err
		}
		f, err := r.recordField(k, guess)
		if err == nil && f >= 0 {
			guess = f
			err = r.cell(f)
		} else if err == nil {
			d.space()
			err = d.skip(3)
		}
		if err != nil {
			return err
		}
		if more, err = d.next('}'); err != nil {
			return err
		}
	}
	if t.matrix && t.rows == 0 {
		return r.beginRow() // its last columns may be missing
	}
	return nil
}

// recordField is the field of a record's key, -1 for one that the signature does not
// know. guess is the field if keys come in order.
func (r *Request) recordField(k []byte, guess int) (int, error) {
	t, m := &r.t, r.model
	switch {
	case m.free:
		return r.freeField(k, guess)
	case m.named:
		f := r.find(k, guess)
		if f < 0 && t.rows == 0 {
			t.extras = append(t.extras, string(k))
		}
		return f, nil
	}
	// Columns without names go by position, in the first record's order.
	f, err := r.nameIndex(k, guess)
	if err == nil && f >= len(m.fields) {
		f = -1
	}
	t.count = len(t.names)
	return f, err
}

// freeField is the column of a table that may have any. The first record says which.
func (r *Request) freeField(k []byte, guess int) (int, error) {
	f, err := r.nameIndex(k, guess)
	if err == nil && f == len(r.t.done) {
		_, err = r.newField()
	}
	return f, err
}

// nameIndex is the index of a name among those of the first record, to which it is added
// while that is read.
func (r *Request) nameIndex(k []byte, guess int) (int, error) {
	t := &r.t
	if guess < len(t.names) && string(k) == string(t.names[guess]) {
		return guess, nil
	}
	if len(t.names) <= linearNames {
		for i, n := range t.names {
			if string(k) == string(n) {
				return i, nil
			}
		}
	} else if i, ok := t.index[string(k)]; ok {
		return i, nil
	}
	if t.rows > 0 {
		return 0, &shapeError{"row " + decimal(t.rows) + " has the column " + pyString(string(k)) + ", which row 0 lacks"}
	}
	if len(t.names) == maxColumns {
		return 0, &shapeError{"the table has more than 10,000 columns"}
	}
	t.names = append(t.names, r.d.keep(k))
	if len(t.names) > linearNames {
		if t.index == nil {
			t.index = map[string]int{}
		}
		if len(t.index) == 0 {
			for i, n := range t.names {
				t.index[string(n)] = i
			}
		}
		t.index[string(k)] = len(t.names) - 1
	}
	return len(t.names) - 1, nil
}

// columnInput reads instances or inputs where the signature has columns: the table's
// columns by name, its records, or its rows.
func (r *Request) columnInput(f form) error {
	d, t, m := &r.d, &r.t, r.model
	c := d.space()
	if c == '{' {
		return r.namedColumns()
	}
	if c == 'n' && !m.named {
		return errUnnamedNull
	}
	first := byte(0)
	if c == '[' {
		ahead := d.scanner
		if !ahead.enter(']') {
			first = ahead.space()
		}
	}
	if first == '{' {
		r.beginTable()
		t.complete = f == instances
		d.enter(']')
		if err := r.recordRows(); err != nil {
			return err
		}
		return r.finishTable()
	}
	r.beginTable()
	if m.named && len(m.fields) == 1 && c == '[' && m.fields[0].port >= 0 {
		rows, err := r.namedColumn(0, -1) // the list is the only column
		if err != nil {
			return err
		}
		t.rows = max(rows, 0)
		return r.finishTable()
	}
	if c != '[' {
		start := d.i
		if err := r.scalarRow(); err != nil {
			if e := (*valueError)(nil); errors.As(err, &e) {
				s := scanner{b: d.b, i: start}
				if s.skip(1) == nil {
					return badRequest("Invalid input. Failed to convert data `%s` to type `%s` defined in the model signature.", pyValue(d.b[start:s.i]), m.first)
				}
			}
			return err
		}
		t.rows = 1
		if err := r.markDone(); err != nil {
			return err
		}
	} else if err := r.rowsOf(); err != nil {
		return err
	}
	if m.named && !(len(m.fields) == 1 && c == '[') {
		// Rows have no names, so that none of the signature's is there.
		for f := range t.done {
			t.done[f] = -1
		}
		t.numbered = max(t.count, 0)
	}
	return r.finishTable()
}

// namedColumns reads a table by columns: {"x": [1, 2], "y": [3, 4]}.
func (r *Request) namedColumns() error {
	d, t, m := &r.d, &r.t, r.model
	if !m.named {
		return errUnnamed
	}
	r.beginTable()
	var scratch [64]byte
	rows := -1
	guess := 0
	for more := !d.enter('}'); more; guess++ {
		k, err := d.key(scratch[:0])
		if err != nil {
			return err
		}
		f := r.find(k, guess)
		d.space()
		switch {
		case f < 0:
			t.extras = append(t.extras, string(k))
			err = d.skip(2)
		case t.done[f] >= 0:
			return &shapeError{"the column " + pyString(string(k)) + " appears twice"}
		default:
			rows, err = r.namedColumn(f, rows)
		}
		if err != nil {
			return err
		}
		if more, err = d.next('}'); err != nil {
			return err
		}
	}
	t.rows = max(rows, 0)
	return r.finishTable()
}

// namedColumn reads the values of field f; rows is how many the columns before it have,
// -1 for the first.
func (r *Request) namedColumn(f, rows int) (int, error) {
	t, m := &r.t, r.model
	port := m.fields[f].port
	if port < 0 {
		t.done[f] = 0
		return rows, r.d.skip(2) // what is inside is as long as the others, or of no interest
	}
	n := &r.nests[port]
	if t.matrix {
		n = &t.column
		n.reset(m.fields[f].cast)
	}
	if err := r.d.value(n, 0); err != nil {
		return rows, r.inCell(err, f)
	}
	if n.rank > 1 && m.fields[f].scalar {
		return rows, m.violation("Incompatible input types for column %s. Can not safely convert object to %s.", r.nameOf(f), n.cast.as)
	}
	length := int(max(n.dims[0], 0))
	if n.rank == 0 {
		n.rank, length = 1, 1
	}
	if rows >= 0 && length != rows {
		if r.kind == inputs {
			return rows, m.violation("This model contains a column-based signature, which suggests a DataFrame input. There was an error casting the input data to a DataFrame: All arrays must be of the same length")
		}
		return rows, errUnequal
	}
	t.done[f] = length
	if !t.matrix {
		return length, nil
	}
	if n.rank > 1 {
		return rows, &shapeError{"the column " + pyString(r.nameOf(f)) + " holds lists, which cannot stand beside other columns in one matrix"}
	}
	if rows < 0 {
		if err := r.matrixRoom(length * t.width); err != nil {
			return rows, err
		}
	}
	k := &r.first().sink
	for i := range length {
		k.move(i*t.width+f, &n.sink, i)
	}
	return length, nil
}
