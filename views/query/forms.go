package query

import (
	"bytes"
	"encoding/json"
	"slices"
)

// table is what two of the forms can be turned into each other through: named columns in
// an order, and rows of raw JSON values.
type table struct {
	columns []string
	rows    [][]json.RawMessage
}

// convert writes a request in another form. ok is false where that form cannot hold it
// without guessing: tensors have no column names, rows of different columns no table.
// Members beside the data (params, client_request_id) are kept.
func convert(body, to string) (out string, ok bool) {
	from, err := check(body)
	if err != nil {
		return "", false
	}
	if from == to {
		return body, true
	}
	members, _ := object([]byte(body))
	data := take(&members, from)
	var value []byte
	switch {
	case tabular(from) && tabular(to):
		t, ok := readTable(from, data)
		if !ok {
			return "", false
		}
		value = t.write(to)
	case tabular(from) && to == formInputs:
		t, ok := readTable(from, data)
		if !ok {
			return "", false
		}
		value = t.writeColumns()
	case from == formInputs && to == formInstances:
		value, ok = instances(data)
		if !ok {
			return "", false
		}
	case from == formInstances && to == formInputs:
		value, ok = inputs(data)
		if !ok {
			return "", false
		}
	default:
		return "", false
	}
	all := append([]member{{to, value}}, members...)
	return pretty(writeObject(all)), true
}

func tabular(form string) bool { return form == formSplit || form == formRecords }

// convertible lists the forms a request can be shown in, its own among them.
func convertible(body string) []string {
	var out []string
	for _, f := range forms {
		if _, ok := convert(body, f); ok {
			out = append(out, f)
		}
	}
	return out
}

// member is a key of an object, in the order it was written.
type member struct {
	key   string
	value json.RawMessage
}

// object reads an object's members in their order.
func object(v []byte) ([]member, bool) {
	var c bytes.Buffer
	if json.Compact(&c, v) != nil || c.Len() < 2 || c.Bytes()[0] != '{' {
		return nil, false
	}
	var out []member
	for _, p := range split(c.Bytes()) {
		n := keyEnd(p)
		var key string
		if json.Unmarshal(p[:n], &key) != nil {
			return nil, false
		}
		out = append(out, member{key, json.RawMessage(p[n+1:])})
	}
	return out, true
}

// list reads a list's elements.
func list(v []byte) ([]json.RawMessage, bool) {
	var out []json.RawMessage
	err := json.Unmarshal(v, &out)
	return out, err == nil && out != nil
}

func take(members *[]member, key string) json.RawMessage {
	for i, m := range *members {
		if m.key == key {
			*members = slices.Delete(*members, i, i+1)
			return m.value
		}
	}
	return nil
}

func writeObject(members []member) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		key, _ := json.Marshal(m.key)
		b.Write(key)
		b.WriteByte(':')
		b.Write(m.value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

func writeList(items []json.RawMessage) json.RawMessage {
	return slices.Concat([]byte("["), bytes.Join(toBytes(items), []byte(",")), []byte("]"))
}

func toBytes(items []json.RawMessage) [][]byte {
	out := make([][]byte, len(items))
	for i, v := range items {
		out[i] = v
	}
	return out
}

func readTable(form string, data []byte) (table, bool) {
	if form == formSplit {
		return readSplit(data)
	}
	return readRecords(data)
}

func readSplit(data []byte) (t table, ok bool) {
	var split struct {
		Columns []string
		Data    []json.RawMessage
	}
	if json.Unmarshal(data, &split) != nil || len(split.Columns) == 0 {
		return t, false
	}
	t.columns = split.Columns
	for _, r := range split.Data {
		row, ok := list(r)
		if !ok || len(row) != len(t.columns) {
			return t, false
		}
		t.rows = append(t.rows, row)
	}
	return t, true
}

func readRecords(data []byte) (t table, ok bool) {
	records, ok := list(data)
	if !ok || len(records) == 0 {
		return t, false
	}
	for i, r := range records {
		members, ok := object(r)
		if !ok || (i > 0 && len(members) != len(t.columns)) {
			return t, false
		}
		row := make([]json.RawMessage, 0, len(members))
		for k, m := range members {
			if i == 0 {
				t.columns = append(t.columns, m.key)
			} else if m.key != t.columns[k] {
				return t, false
			}
			row = append(row, m.value)
		}
		t.rows = append(t.rows, row)
	}
	return t, len(t.columns) > 0
}

func (t table) write(form string) []byte {
	rows := make([]json.RawMessage, len(t.rows))
	if form == formRecords {
		for i, r := range t.rows {
			var members []member
			for k, v := range r {
				members = append(members, member{t.columns[k], v})
			}
			rows[i] = writeObject(members)
		}
		return writeList(rows)
	}
	for i, r := range t.rows {
		rows[i] = writeList(r)
	}
	columns, _ := json.Marshal(t.columns)
	return writeObject([]member{{"columns", columns}, {"data", writeList(rows)}})
}

// writeColumns is the form of named inputs: each column a list.
func (t table) writeColumns() []byte {
	var members []member
	for k, c := range t.columns {
		values := make([]json.RawMessage, len(t.rows))
		for i, r := range t.rows {
			values[i] = r[k]
		}
		members = append(members, member{c, writeList(values)})
	}
	return writeObject(members)
}

// instances turns named inputs of one length into one object per row, and a bare tensor
// into the same list.
func instances(data []byte) ([]byte, bool) {
	if _, ok := list(data); ok {
		return data, true
	}
	named, ok := object(data)
	if !ok || len(named) == 0 {
		return nil, false
	}
	var rows [][]member
	for i, m := range named {
		items, ok := list(m.value)
		if !ok || (i > 0 && len(items) != len(rows)) {
			return nil, false
		}
		if i == 0 {
			rows = make([][]member, len(items))
		}
		for k, v := range items {
			rows[k] = append(rows[k], member{m.key, v})
		}
	}
	out := make([]json.RawMessage, len(rows))
	for i, r := range rows {
		out[i] = writeObject(r)
	}
	return writeList(out), len(rows) > 0
}

// inputs undoes instances.
func inputs(data []byte) ([]byte, bool) {
	if t, ok := readRecords(data); ok {
		return t.writeColumns(), true
	}
	if rows, ok := list(data); ok {
		if slices.ContainsFunc(rows, func(r json.RawMessage) bool { return r[0] == '{' }) {
			return nil, false
		}
		return data, true
	}
	return nil, false
}
