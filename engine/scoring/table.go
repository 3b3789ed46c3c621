package scoring

import (
	"strconv"

	"servery/engine/tensor"
)

func decimal(i int) string { return strconv.Itoa(i) }

// table is the state of a request that is a table. Its columns go to fields of the model:
// where the graph has one input and the table several columns, into one matrix, which
// lies in the memory of the first nest; else each into its field's nest.
type table struct {
	matrix bool
	width  int // the matrix's columns, absent ones included
	rows   int
	count  int     // the request's columns; -1 until known
	rowAt  int     // where the current row begins in the body
	place  []int32 // the field of each of the request's columns, -1 for none; by position where nil
	placed bool    // place holds
	// inOrder tells that rows can be read in the fast lane, ordered that this is decided.
	inOrder, ordered bool
	// done is how many rows of each field are written, -1 where it has not been seen.
	done []int
	// names are the columns of a table that may have any, in the arena.
	names [][]byte
	index map[string]int // of names, where they are many
	// extras are columns that the signature does not know, for an error's text.
	extras []string
	// numbered is how many columns have only a number for a name, where names are needed.
	numbered int
	// filled is how many values that the request leaves out were written.
	filled int
	// complete tells that every row must have every column.
	complete bool
	// namesAt is where the list of the columns' names is in the body, 0 for none.
	namesAt int
	column  nest // one column on its way into the matrix
	scratch sink // one value of a column that the graph does not take
}

// beginTable prepares for a table.
func (r *Request) beginTable() {
	t, m := &r.t, r.model
	t.rows, t.count, t.placed, t.complete = 0, -1, false, false
	t.inOrder, t.ordered, t.filled, t.namesAt = false, false, 0, 0
	t.names, t.extras, t.numbered = t.names[:0], nil, 0
	clear(t.index)
	t.place = t.place[:0]
	t.done = t.done[:0]
	if m.free {
		t.matrix, t.width = false, 0
		r.nests[m.fields[0].port].reset(m.fields[0].cast)
		return
	}
	t.matrix, t.width = m.single >= 0 && m.enforced == columns && len(m.fields) > 1, len(m.fields)
	for i := range m.fields {
		t.done = append(t.done, -1)
		if p := m.fields[i].port; p >= 0 && (i == 0 || !t.matrix) {
			r.nests[p].reset(m.fields[i].cast)
		}
	}
}

// castOf is the cast of field f.
func (m *Model) castOf(f int) *cast {
	if m.free {
		f = 0
	}
	return &m.fields[f].cast
}

// portOf is the graph's input that field f feeds, -1 for none.
func (m *Model) portOf(f int) int {
	if m.free {
		f = 0
	}
	return m.fields[f].port
}

// newField adds a column to a table that may have any.
func (r *Request) newField() (int, error) {
	t := &r.t
	f := len(t.done)
	if f == maxColumns {
		return 0, &shapeError{"the table has more than 10,000 columns"}
	}
	if f == 1 {
		// The second column makes a matrix of what began as a single column.
		if n := r.first(); n.rank > 1 {
			return 0, &shapeError{"a column holds lists, which cannot stand beside other columns in one matrix"}
		}
		t.matrix = true
	}
	t.done = append(t.done, -1)
	t.width = f + 1
	return f, nil
}

// first is the nest of the only input, where the matrix lies.
func (r *Request) first() *nest { return &r.nests[r.model.fields[0].port] }

// beginRow makes room for one more row of the matrix.
func (r *Request) beginRow() error {
	t := &r.t
	if !t.matrix {
		return nil
	}
	return r.matrixRoom((t.rows + 1) * t.width)
}

// matrixRoom makes room for n elements of the matrix. Cells that the request leaves out
// must not make it need more memory than its size warrants.
func (r *Request) matrixRoom(n int) error {
	k := &r.first().sink
	if k.to == tensor.String {
		if n <= len(k.strings) {
			return nil
		}
	} else if n*k.size <= len(k.data) {
		return nil
	}
	if n > r.elementLimit() {
		return errSparse
	}
	k.room(n)
	return nil
}

// elementLimit bounds a table's elements by the body's length: every value that is there
// takes two bytes at least, so that only values left out can reach it.
func (r *Request) elementLimit() int { return 4*len(r.d.b) + 1<<20 }

var errSparse = badRequest("Invalid input. The table leaves out too many values: send them as null, or fewer rows at a time")

// cell reads the value of field f in the current row.
func (r *Request) cell(f int) error {
	t := &r.t
	if t.done[f] != t.rows {
		if err := r.fill(f, t.rows); err != nil {
			return err
		}
	}
	if !t.matrix {
		port := r.model.portOf(f)
		if port < 0 {
			t.done[f] = t.rows + 1
			return r.heldCell(f)
		}
		n := &r.nests[port]
		n.place[0] = int64(t.rows)
		if !r.model.free && r.model.fields[f].scalar {
			n.rank = 1
			n.room(n.n + 1)
			if bad := r.d.element(&n.sink, &n.cast, n.n, r.d.space()); bad != fine {
				return r.inCell(&valueError{fault: bad, cast: n.cast, text: r.d.raw()}, f)
			}
			n.n++
		} else if err := r.d.value(n, 1); err != nil {
			return r.inCell(err, f)
		}
		t.done[f] = t.rows + 1
		return nil
	}
	at := t.rows*t.width + f
	c := r.model.castOf(f)
	if t.rows == 0 {
		if err := r.matrixRoom(at + 1); err != nil {
			return err
		}
	}
	if bad := r.d.element(&r.first().sink, c, at, r.d.space()); bad != fine {
		return r.inCell(&valueError{fault: bad, cast: *c, text: r.d.raw()}, f)
	}
	t.done[f] = t.rows + 1
	return nil
}

// fill writes nulls to field f up to a row; values that a request leaves out are missing.
func (r *Request) fill(f, row int) error {
	t := &r.t
	if t.done[f] > row {
		return &shapeError{"the column " + pyString(r.nameOf(f)) + " appears twice in row " + decimal(row)}
	}
	if t.complete && row > max(t.done[f], 0) {
		return errUnequal
	}
	c := r.model.castOf(f)
	if t.filled += row - max(t.done[f], 0); t.filled > r.elementLimit() {
		return errSparse
	}
	for i := max(t.done[f], 0); i < row; i++ {
		bad := fine
		if t.matrix {
			bad = c.null(&r.first().sink, i*t.width+f)
		} else if port := r.model.portOf(f); port >= 0 {
			n := &r.nests[port]
			if n.rank > 1 {
				bad = isNull
			} else {
				n.rank = 1
				n.room(n.n + 1)
				bad = c.null(&n.sink, n.n)
				n.n++
			}
		} else if err := r.heldMissing(f, i); err != nil {
			return err
		}
		if bad != fine {
			return &valueError{fault: bad, cast: *c, text: "null", column: r.nameOf(f), row: i, parsed: r.parsed}
		}
	}
	t.done[f] = row
	return nil
}

// nameOf is the name of field f, or its number where it has none.
func (r *Request) nameOf(f int) string {
	switch {
	case r.model.free && f < len(r.t.names):
		return string(r.t.names[f])
	case !r.model.free && r.model.fields[f].name != "":
		return r.model.fields[f].name
	case f < len(r.t.names):
		return string(r.t.names[f])
	}
	return r.t.nameAt(r.d.b, f)
}

// nameAt is the name that the request gives to column f, or its number.
func (t *table) nameAt(body []byte, f int) string {
	s := scanner{b: body, i: t.namesAt}
	if t.namesAt == 0 || s.space() != '[' || s.enter(']') {
		return decimal(f)
	}
	for i := 0; ; i++ {
		s.space()
		start := s.i
		if s.skip(0) != nil {
			break
		}
		if i == f {
			return pyValue(body[start:s.i])
		}
		if more, err := s.next(']'); err != nil || !more {
			break
		}
	}
	return decimal(f)
}

// finishTable checks what the signature requires of a table and feeds the graph.
func (r *Request) finishTable() error {
	t, m := &r.t, r.model
	if err := r.checkColumns(); err != nil {
		return err
	}
	for f := range t.done {
		if t.done[f] >= 0 && t.done[f] < t.rows {
			if err := r.fill(f, t.rows); err != nil {
				return err
			}
		}
	}
	if t.matrix {
		width := r.compact()
		f := &m.fields[0]
		shape := append(r.shapes[f.port][:0], int64(t.rows), int64(width))
		if m.enforced == tensors && !(len(f.shape) == 2 && f.shape[0] == -1 && f.shape[1] == int64(width)) {
			return m.violation("This model contains a model signature with an unnamed input. Since the input data is a pandas DataFrame containing multiple columns,"+
				" the input shape must be of the structure (-1, number_of_dataframe_columns). Instead, the input DataFrame passed had %d columns and an input shape of %s"+
				" with all values within the DataFrame of scalar type. Please adjust the passed in DataFrame to match the expected structure", width, pyShape(f.shape))
		}
		r.feed(f.port, &r.nests[f.port].sink, t.rows*width, shape)
		return nil
	}
	for i := range m.fields {
		f := &m.fields[i]
		if f.port < 0 || i >= len(t.done) || t.done[i] < 0 {
			continue
		}
		n := &r.nests[f.port]
		shape, err := r.columnShape(f, n)
		if err != nil {
			return err
		}
		r.feed(f.port, &n.sink, n.n, shape)
	}
	return nil
}

// compact closes the gaps that absent columns leave in the matrix and returns how many
// columns remain.
func (r *Request) compact() int {
	t, k := &r.t, &r.first().sink
	present := 0
	for _, d := range t.done {
		if d >= 0 {
			present++
		}
	}
	if present == t.width {
		return present
	}
	to := 0
	for row := range t.rows {
		for f, d := range t.done {
			if d < 0 {
				continue
			}
			k.move(to, k, row*t.width+f)
			to++
		}
	}
	return present
}

// move copies element j of from to element i.
func (k *sink) move(i int, from *sink, j int) {
	if k.to == tensor.String {
		k.strings[i] = from.strings[j]
		return
	}
	copy(k.data[i*k.size:(i+1)*k.size], from.data[j*k.size:])
}

// columnShape is the shape of one column as the graph takes it: [rows], or [rows, 1]
// where the graph's input has two dimensions, as a matrix of one column has.
func (r *Request) columnShape(f *field, n *nest) ([]int64, error) {
	rows := int64(r.t.rows)
	n.dims[0] = rows
	shape := r.shapes[f.port][:0]
	if r.model.enforced == tensors {
		return r.reshape(shape, f, n)
	}
	if n.rank > 1 {
		return n.shape(shape), nil
	}
	p := &r.model.inputs[f.port]
	shape = append(shape, rows)
	switch {
	case p.Unranked && r.model.single < 0:
	case p.Unranked || len(p.Shape) == 2:
		shape = append(shape, 1)
	case len(p.Shape) == 0 && rows == 1:
		shape = shape[:0]
	}
	return shape, nil
}
