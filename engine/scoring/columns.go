package scoring

// columnNames reads "columns": a list of names, numbers among them.
func (r *Request) columnNames() error {
	d, t, m := &r.d, &r.t, r.model
	if d.scanner.word("null") {
		return nil // pandas' default
	}
	if d.space() != '[' {
		if err := r.noCollection(); err != nil {
			return err
		}
		return splitError("the columns are not a list")
	}
	t.namesAt = d.i
	var scratch [64]byte
	n := 0
	for more := !d.enter(']'); more; n++ {
		if n == maxColumns {
			return splitError("there are more than 10,000 columns")
		}
		k, err := r.columnName(scratch[:0])
		if err != nil {
			return err
		}
		switch {
		case m.free:
			if n == len(t.done) {
				if _, err := r.newField(); err != nil {
					return err
				}
			}
		case m.named:
			f := r.find(k, n)
			switch {
			case f < 0:
				t.extras = append(t.extras, string(k))
			case t.done[f] == 0:
				return splitError("the column " + pyString(string(k)) + " appears twice")
			default:
				t.done[f] = 0
			}
			t.place = append(t.place, int32(f))
		}
		if more, err = d.next(']'); err != nil {
			return err
		}
	}
	t.placed = m.named && !m.free
	if t.count >= 0 && t.count != n {
		return countError(n, t.count)
	}
	t.count = n
	return nil
}

func (r *Request) columnName(scratch []byte) ([]byte, error) {
	d := &r.d
	c := d.space()
	if c == '"' {
		return d.str(scratch)
	}
	start := d.i
	if c == '[' || c == '{' {
		return nil, splitError("a column's name is a list or an object")
	}
	if err := d.skip(3); err != nil {
		return nil, err
	}
	return d.b[start:d.i], nil
}

// find is the field with a name, -1 where there is none. guess is the field that it will
// be if columns come in the signature's order.
func (r *Request) find(name []byte, guess int) int {
	m := r.model
	if guess < len(m.fields) && string(name) == m.fields[guess].name {
		return guess
	}
	if f, ok := m.byName[string(name)]; ok {
		return f
	}
	return -1
}

// columnsInOrder tells whether a row of the request is a row of the matrix, all of whose
// elements are cast the same way.
func (r *Request) columnsInOrder() bool {
	t := &r.t
	if !t.matrix || !r.model.uniform || t.count != t.width {
		return false
	}
	for j, f := range t.place {
		if int(f) != j {
			return false
		}
	}
	return true
}
