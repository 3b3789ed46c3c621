package scoring

// split reads dataframe_split: {"columns": […], "data": [[…], …]}, in any order.
func (r *Request) split() error {
	d := &r.d
	if c := d.space(); c != '{' {
		return wrongType("Dataframe split format must be a dictionary. Got %s.", c)
	}
	r.beginTable()
	start := d.i
	var scratch [32]byte
	haveColumns, data, read := false, 0, false
	byName := r.model.named && !r.model.free
	for more := !d.enter('}'); more; {
		k, err := d.key(scratch[:0])
		if err != nil {
			return err
		}
		d.space()
		switch {
		case string(k) == "index":
			if err = r.noCollection(); err == nil {
				err = d.skip(2)
			}
		case string(k) == "columns" && !haveColumns:
			haveColumns = d.space() != 'n' // null is pandas' default
			err = r.columnNames()
		case string(k) == "data" && data == 0:
			data = d.i
			// Columns with names must be known first; those by position can wait.
			if read = haveColumns || !byName; read {
				err = r.rowsOf()
			} else {
				err = d.skip(2)
			}
		default:
			return r.splitKeys(start)
		}
		if err != nil {
			return err
		}
		if more, err = d.next('}'); err != nil {
			return err
		}
	}
	if data == 0 {
		return r.splitKeys(start)
	}
	if !read && haveColumns {
		end := d.i
		d.i = data
		if err := r.rowsOf(); err != nil {
			return err
		}
		d.i = end
	} else if ahead := (scanner{b: d.b, i: data}); !read && ahead.space() == '[' && !ahead.enter(']') && ahead.space() == '{' {
		end := d.i
		d.i = ahead.i
		if err := r.recordRows(); err != nil { // pandas takes records for rows
			return err
		}
		d.i = end
	} else if !read {
		r.t.numbered = rowWidth(d.b, data)
	}
	return r.finishTable()
}

// noCollection refuses what pandas makes no index of.
func (r *Request) noCollection() error {
	d := &r.d
	c := d.space()
	if c == '[' || c == '{' || c == 'n' {
		return nil
	}
	start := d.i
	if err := d.skip(2); err != nil {
		return err
	}
	text := pyValue(d.b[start:d.i])
	if c == '"' {
		text = pyRepr(text)
	}
	return splitError("Index(...) must be called with a collection of some kind, " + text + " was passed")
}

// splitKeys says which keys a dataframe_split has, where they are wrong.
func (r *Request) splitKeys(start int) error {
	s := scanner{b: r.d.b, i: start}
	var keys []string
	seen := map[string]bool{}
	for more := !s.enter('}'); more; {
		k, err := s.key(nil)
		if err != nil {
			return err
		}
		if seen[string(k)] {
			return badRequest("Invalid input. Dataframe split format has the field %s twice.", pyString(string(k)))
		}
		seen[string(k)] = true
		keys = append(keys, string(k))
		if err = s.skip(2); err != nil {
			return err
		}
		if more, err = s.next('}'); err != nil {
			return err
		}
	}
	return badRequest("Invalid input. Dataframe split format must have 'data' field and optionally 'columns' and 'index' fields. Got %s.", pySet(keys))
}

// rowsOf reads "data": a list of rows. Where the rows are single values, the table has
// one column.
func (r *Request) rowsOf() error {
	d, t := &r.d, &r.t
	if d.space() != '[' {
		return splitError("the data are not a list")
	}
	for more := !d.enter(']'); more; t.rows++ {
		c := d.space()
		var err error
		switch {
		case c == '[':
			err = r.listRow()
		case c == '{' && t.count < 0 && t.rows == 0:
			return r.recordRows()
		default:
			err = r.scalarRow()
		}
		if err != nil {
			return err
		}
		if more, err = d.next(']'); err != nil {
			return err
		}
	}
	return r.markDone()
}

// markDone records that every column that the rows have is complete.
func (r *Request) markDone() error {
	t, m := &r.t, r.model
	if t.rows == 0 && m.free {
		for len(t.done) < t.count {
			if _, err := r.newField(); err != nil {
				return err
			}
		}
	}
	for j := range max(t.count, 0) {
		if f := r.fieldAt(j); f >= 0 && f < len(t.done) {
			t.done[f] = t.rows
		}
	}
	return nil
}

// fieldAt is the field of the request's column j, -1 for none.
func (r *Request) fieldAt(j int) int {
	t := &r.t
	switch {
	case t.placed:
		return int(t.place[j])
	case r.model.free || j < len(r.model.fields):
		return j
	}
	return -1
}

// listRow reads one row of a table.
func (r *Request) listRow() error {
	d, t := &r.d, &r.t
	if err := r.beginRow(); err != nil {
		return err
	}
	t.rowAt = d.i
	if t.count >= 0 && !t.ordered {
		t.ordered, t.inOrder = true, r.columnsInOrder()
	}
	j := 0
	for more := !d.enter(']'); more; j++ {
		if t.count >= 0 && j >= t.count {
			return r.rowLength()
		}
		var err error
		f := r.fieldAt(j)
		switch {
		case f < 0:
			err = d.skip(4)
		case f >= len(t.done):
			if _, err = r.newField(); err == nil {
				err = r.cell(f)
			}
		case t.matrix && (t.rows > 0 || t.inOrder):
			if t.inOrder {
				if run := d.run(&r.first().sink, r.model.castOf(f), t.rows*t.width+f, t.count-j); run > 0 {
					j += run - 1
					break
				}
			}
			// The common case: cell without its bookkeeping, which markDone does.
			c := r.model.castOf(f)
			if bad := d.element(&r.first().sink, c, t.rows*t.width+f, d.space()); bad != fine {
				err = r.inCell(&valueError{fault: bad, cast: *c, text: d.raw()}, f)
			}
		default:
			err = r.cell(f)
		}
		if err != nil {
			if n := listLength(d.b, t.rowAt); t.count >= 0 && n != t.count {
				return r.rowLength() // pandas counts before it looks at values
			}
			return err
		}
		if more, err = d.next(']'); err != nil {
			return err
		}
	}
	if t.count < 0 {
		t.count = j
	}
	if j != t.count {
		return r.rowLength()
	}
	return nil
}

// scalarRow reads a row of one column that stands without a list around it.
func (r *Request) scalarRow() error {
	t := &r.t
	if t.count < 0 {
		t.count = 1
	}
	if t.rowAt = r.d.i; t.count != 1 {
		c := r.d.space()
		if err := r.d.skip(3); err != nil || c == '"' || c == '{' {
			return r.rowLength()
		}
		return splitError("object of type '" + pyName(r.d.b[t.rowAt:r.d.i]) + "' has no len()")
	}
	f := r.fieldAt(0)
	if f < 0 {
		return r.d.skip(3)
	}
	if f >= len(t.done) {
		if _, err := r.newField(); err != nil {
			return err
		}
	}
	if err := r.beginRow(); err != nil {
		return err
	}
	return r.cell(f)
}

// rowLength says that the current row's length is not that of the columns or of the rows
// before it.
func (r *Request) rowLength() error {
	n := listLength(r.d.b, r.t.rowAt)
	if r.t.placed || r.t.rows == 0 {
		return countError(r.t.count, n)
	}
	return splitError("row " + decimal(r.t.rows) + " has " + decimal(n) + " values, the rows before it have " + decimal(r.t.count))
}

// listLength is how many values the list at b[i] has; 1 where there is no list.
func listLength(b []byte, i int) int {
	s := scanner{b: b, i: i}
	if s.space() != '[' {
		return 1
	}
	n := 0
	for more := !s.enter(']'); more; n++ {
		if s.skip(0) != nil {
			break
		}
		var err error
		if more, err = s.next(']'); err != nil {
			break
		}
	}
	return n
}

// rowWidth is the length of the first row of the list of rows at b[i].
func rowWidth(b []byte, i int) int {
	s := scanner{b: b, i: i}
	if s.space() != '[' || s.enter(']') {
		return 0
	}
	return listLength(b, s.i)
}

func countError(columns, values int) error {
	return splitError(decimal(columns) + " columns passed, passed data had " + decimal(values) + " columns")
}

func splitError(text string) error {
	return badRequest("Invalid input. Provided dataframe_split field is not a valid dataframe representation in 'split' format. Error: '%s'", text)
}
