package scoring

import (
	"encoding/csv"
	"errors"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"servery/engine/tensor"
)

// missingTexts are what pandas reads as a missing value.
var missingTexts = map[string]bool{"": true, "#N/A": true, "#N/A N/A": true, "#NA": true, "-1.#IND": true, "-1.#QNAN": true, "-NaN": true, "-nan": true,
	"1.#IND": true, "1.#QNAN": true, "<NA>": true, "N/A": true, "NA": true, "NULL": true, "NaN": true, "None": true, "n/a": true, "nan": true, "null": true}

// csv reads a table with a header row, as pandas.read_csv does. Values become what their
// column's type makes of them, numbers where nothing is enforced.
func (r *Request) csv(body io.Reader) error {
	r.table = r.model.enforced != tensors
	if !utf8.Valid(r.d.b) {
		return badRequest("Invalid input. Ensure that input is a valid UTF-8 encoded string.")
	}
	reader := csv.NewReader(body)
	reader.ReuseRecord, reader.LazyQuotes, reader.FieldsPerRecord = true, true, -1
	r.beginTable()
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return csvError("No columns to parse from file")
	} else if err != nil {
		return csvError(err.Error())
	}
	if err := r.csvHeader(header); err != nil {
		return err
	}
	for ; ; r.t.rows++ {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return csvError(err.Error())
		}
		if len(row) == 1 && row[0] != "" && strings.Trim(row[0], " \t") == "" {
			r.t.rows-- // pandas skips lines of spaces
			continue
		}
		if len(row) > r.t.count {
			line, _ := reader.FieldPos(0)
			return csvError("Error tokenizing data. C error: Expected " + decimal(r.t.count) + " fields in line " + decimal(line) + ", saw " + decimal(len(row)))
		}
		if err := r.csvRow(row); err != nil {
			return err
		}
	}
	if err := r.markDone(); err != nil {
		return err
	}
	return r.finishTable()
}

func (r *Request) csvHeader(header []string) error {
	t, m := &r.t, r.model
	if len(header) > maxColumns {
		return csvError("there are more than 10,000 columns")
	}
	header[0] = trimMark(header[0])
	seen := make(map[string]bool, len(header))
	for j, name := range header {
		for i, plain := 1, name; seen[name]; i++ { // pandas calls the second x x.1
			name = plain + "." + decimal(i)
		}
		seen[name] = true
		switch {
		case m.free:
			t.names = append(t.names, r.d.keep([]byte(name)))
			if _, err := r.newField(); err != nil {
				return err
			}
		case m.named:
			f := r.find([]byte(name), j)
			if f < 0 {
				t.extras = append(t.extras, name)
			} else {
				t.done[f] = 0
			}
			t.place = append(t.place, int32(f))
		}
	}
	t.placed = m.named && !m.free
	t.count = len(header)
	return nil
}

// trimMark cuts a byte order mark, which spreadsheets write.
func trimMark(s string) string {
	if len(s) >= 3 && s[:3] == "\uFEFF" {
		return s[3:]
	}
	return s
}

// csvRow takes a row; values that it lacks at its end are missing.
func (r *Request) csvRow(row []string) error {
	t, m := &r.t, r.model
	if err := r.beginRow(); err != nil {
		return err
	}
	for j := range t.count {
		f := r.fieldAt(j)
		if f < 0 {
			continue
		}
		text := ""
		if j < len(row) {
			text = row[j]
		} else if t.filled++; t.filled > r.elementLimit() {
			return errSparse
		}
		c := m.castOf(f)
		var bad fault
		if t.matrix {
			bad = r.csvCell(&r.first().sink, c, t.rows*t.width+f, text)
		} else if port := m.portOf(f); port >= 0 {
			n := &r.nests[port]
			n.rank = 1
			n.room(n.n + 1)
			bad = r.csvCell(&n.sink, c, n.n, text)
			n.n++
		}
		if bad != fine {
			return r.inCell(&valueError{fault: bad, cast: *c, text: string(appendString(nil, excerpt([]byte(text))))}, f)
		}
	}
	return nil
}

func (r *Request) csvCell(k *sink, c *cast, i int, text string) fault {
	if missingTexts[text] {
		if c.as == tensor.Bool {
			return isNull
		}
		return c.null(k, i)
	}
	if c.as == tensor.Bool {
		switch text {
		case "True", "TRUE", "true", "1":
			return c.scalar(k, i, scalar{magnitude: 1, text: trueText})
		case "False", "FALSE", "false", "0":
			return c.scalar(k, i, scalar{text: falseText})
		}
		return isText
	}
	kept := r.d.keep([]byte(text))
	if c.format == plainText && isNumeric(c) {
		v, ok := parseText(kept, true)
		if !ok || (isInteger(c.as) && v.kind == floatScalar && v.float != math.Trunc(v.float)) {
			return isText // of a column with a fraction pandas makes no integers
		}
		return c.scalar(k, i, v)
	}
	return c.text(k, i, kept)
}

func isNumeric(c *cast) bool { return takesJSON(c.to) && c.to.Size() > 0 }

func csvError(text string) *Error {
	return badRequest("Failed to parse input as a Pandas DataFrame. Ensure that the input is a valid CSV-formatted Pandas DataFrame produced using the `pandas.DataFrame.to_csv()` method. Error: '%s'", text)
}
