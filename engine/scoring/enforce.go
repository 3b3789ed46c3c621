package scoring

import (
	"encoding/json"
	"slices"
	"strings"

	"servery/engine/mlmodel"
	"servery/engine/tensor"
)

// checkColumns fails where a required column is missing (mlflow/models/utils.py,
// _enforce_schema).
func (r *Request) checkColumns() error {
	t, m := &r.t, r.model
	if m.free {
		if m.enforced == tensors && (t.rows == 0 || len(t.done) == 0) {
			return m.violation("Input DataFrame is empty.")
		}
		return nil
	}
	var missing []string
	for i, f := range m.fields {
		if t.done[i] < 0 && f.required {
			missing = append(missing, f.name)
		}
	}
	switch {
	case missing == nil:
		return nil
	case m.enforced == nothing:
		return evaluation("%s", pyString(missing[0])) // pandas' KeyError
	case !m.named:
		return m.violation("Model inference is missing inputs. The model signature declares %d inputs  but the provided value only has %d inputs."+
			" Note: the inputs were not named in the signature so we can only verify their count.", len(m.fields), max(t.count, 0))
	}
	return m.missing(missing, extrasText(t.extras, t.numbered))
}

// extrasText is Python's list of surplus columns: names, or numbers where the request
// gave none.
func extrasText(names []string, numbered int) string {
	if numbered == 0 {
		if len(names) == 0 {
			return ""
		}
		return pyList(names)
	}
	list := make([]string, min(numbered, 20))
	for i := range list {
		list[i] = decimal(i)
	}
	if numbered > len(list) {
		list = append(list, "…")
	}
	return "[" + strings.Join(list, ", ") + "]"
}

func (m *Model) missing(names []string, extras string) error {
	text := "Model is missing inputs " + pyList(names) + "."
	if extras != "" {
		text += " Note that there were extra inputs: " + extras + "."
	}
	return m.violation("%s", text)
}

// itemType is the type of an array column's items; an array of arrays has that of the
// innermost.
func itemType(inner string) mlmodel.ColumnType {
	var item struct {
		Type  mlmodel.ColumnType
		Items json.RawMessage
	}
	for range 32 {
		if json.Unmarshal([]byte(inner), &item) != nil {
			return ""
		}
		if item.Type != mlmodel.Array {
			return item.Type
		}
		inner = string(item.Items)
	}
	return ""
}

// columnsText is Python's text of a schema of columns: ['x': double (required)].
func columnsText(columns []mlmodel.Column) string {
	texts := make([]string, 0, len(columns))
	for _, c := range columns {
		kind := typeText(c)
		need := " (required)"
		if !c.Required {
			need = " (optional)"
		}
		if c.Name == "" {
			texts = append(texts, kind+need)
		} else {
			texts = append(texts, pyString(c.Name)+": "+kind+need)
		}
	}
	return bracketed(texts)
}

// tensorsText is Python's text of a schema of tensors: [Tensor('float32', (-1, 4))].
func tensorsText(specs []mlmodel.TensorSpec) string {
	texts := make([]string, 0, len(specs))
	for _, s := range specs {
		text := "Tensor(" + pyString(s.Type.String()) + ", " + pyShape(s.Shape) + ")"
		if s.Name != "" {
			text = pyString(s.Name) + ": " + text
		}
		texts = append(texts, text)
	}
	return bracketed(texts)
}

func bracketed(texts []string) string {
	if len(texts) > 20 {
		texts = append(slices.Clone(texts[:20]), "…")
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// pandasType is the name that pandas gives to what a column is cast to.
func (c *cast) pandasType() string {
	switch {
	case c.format == base64Text:
		return "<class 'object'>"
	case c.format == timeText:
		return "datetime64[ns]"
	case c.as == tensor.String:
		return "<class 'object'>"
	case c.as == tensor.Undefined:
		return c.to.String()
	}
	return c.as.String()
}
