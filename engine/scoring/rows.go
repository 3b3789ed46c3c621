package scoring

import (
	"fmt"

	"servery/engine/tensor"
)

// An outputColumn is an output as the records of a table show it.
type outputColumn struct {
	key   []byte // the name in quotes
	value *tensor.Value
	elements
	// length is the entries of the flattened output; rows its first dimension, -1 where
	// it has none.
	length, rows int
	// inner is the shape of a row's part where records hold nested lists.
	inner []int64
	step  int
}

// appendRecords writes one object for each row.
func (m *Model) appendRecords(dst []byte, outputs []tensor.Named) ([]byte, error) {
	var few [8]outputColumn
	columns := few[:0]
	flat, byRow := true, true
	for i := range outputs {
		c, err := m.options.columnOf(&outputs[i])
		if err != nil {
			return nil, fmt.Errorf("the output %s: %w", outputs[i].Name, err)
		}
		c.key = m.outputKey(i, outputs[i].Name)
		columns = append(columns, c)
		flat = flat && c.length == columns[0].length
		byRow = byRow && c.rows >= 0 && c.rows == columns[0].rows
	}
	if len(columns) == 0 {
		return append(dst, "[]"...), nil
	}
	rows := columns[0].length
	if !flat {
		if !byRow {
			return nil, fmt.Errorf("the outputs make no table: All arrays must be of the same length: %s", lengths(columns, outputs))
		}
		rows = columns[0].rows
		for i := range columns {
			columns[i].split()
		}
	}
	return m.options.rowsOf(dst, columns, rows)
}

// outputKey is an output's name as JSON; those of the graph's outputs are made once.
func (m *Model) outputKey(i int, name string) []byte {
	if i < len(m.outputs) && m.outputs[i].Name == name {
		return m.outputKeys[i]
	}
	return appendString(nil, name)
}

func (o Options) rowsOf(dst []byte, columns []outputColumn, rows int) ([]byte, error) {
	var err error
	dst = append(dst, '[')
	for row := range rows {
		if row > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, '{')
		for i := range columns {
			c := &columns[i]
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(dst, c.key...)
			dst = append(dst, ": "...)
			switch {
			case c.value.Map != nil:
				dst, err = o.appendMap(dst, c.value.Map)
			case c.value.Tensor == nil:
				dst, err = o.appendValue(dst, &c.value.Sequence[row])
			case c.step == 0:
				dst = c.one(dst, row)
			default:
				dst = c.nested(dst, c.inner, row*c.step)
			}
			if err != nil {
				return nil, err
			}
		}
		dst = append(dst, '}')
	}
	return append(dst, ']'), nil
}

func (o Options) columnOf(out *tensor.Named) (outputColumn, error) {
	c := outputColumn{value: &out.Value}
	switch {
	case out.Tensor != nil:
		var err error
		c.elements, err = o.elementsOf(out.Tensor)
		c.length, c.rows = c.n, -1
		if len(out.Tensor.Shape) > 0 {
			c.rows = int(out.Tensor.Shape[0])
		}
		return c, err
	case out.Map != nil:
		c.length, c.rows = 1, 1
	default:
		c.length, c.rows = len(out.Sequence), len(out.Sequence)
	}
	return c, nil
}

// split makes the column show a row's part as nested lists.
func (c *outputColumn) split() {
	if c.value.Tensor == nil || c.rows == 0 {
		return
	}
	c.step, c.inner = c.n/c.rows, c.value.Tensor.Shape[1:]
	if c.step == 0 {
		c.step = 1 // nothing to step over: the lists are empty
	}
}

func lengths(columns []outputColumn, outputs []tensor.Named) string {
	text := ""
	for i := range columns {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s has %d", outputs[i].Name, columns[i].length)
	}
	return text
}
