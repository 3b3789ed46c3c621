package scoring

import (
	"fmt"
	"strings"

	"servery/engine/mlmodel"
)

// checkParams checks the params at offset i of the body against the signature's. Params
// that it does not declare are ignored, as are all where it declares none; the graph
// takes none either way (mlflow/models/utils.py, _enforce_params_schema).
func (m *Model) checkParams(body []byte, i int) error {
	s := scanner{b: body, i: i}
	c := s.space()
	if c == 'n' {
		return nil
	}
	if c != '{' {
		return invalidParams("Parameters must be a dictionary. Got type '%s'.", pyName(body[s.i:]))
	}
	var faults []string
	for more := !s.enter('}'); more; {
		k, err := s.key(nil)
		if err != nil {
			return err
		}
		s.space()
		start := s.i
		if err := s.skip(2); err != nil {
			return err
		}
		for _, p := range m.params {
			if p.Name != string(k) {
				continue
			}
			if text := paramFault(p, body[start:s.i]); text != "" {
				faults = append(faults, fmt.Sprintf("(%s, %s)", pyString(p.Name), pyRepr(text)))
			}
		}
		if more, err = s.next('}'); err != nil {
			return err
		}
	}
	if faults != nil {
		return invalidParams("Invalid parameters found: {%s}", strings.Join(faults, ", "))
	}
	return nil
}

// paramFault says why a param's value is not of its type; "" where it is
// (mlflow/types/schema.py, ParamSpec.validate_type_and_shape).
func paramFault(p mlmodel.Param, raw []byte) string {
	kind := string(p.Type)
	h, err := heldOf(p.Type, p.Inner)
	if err == nil {
		kind = h.String()
	}
	spec := fmt.Sprintf("%s: %s (default: %s)", pyString(p.Name), kind, pyDefault(p.Default))
	if p.Shape != nil {
		spec += " (shape: " + pyShape(p.Shape) + ")"
		items, rank := listItems(raw)
		if rank != 1 {
			return fmt.Sprintf("Value must be a 1D array with shape (-1,) for param %s, received %s with ndim %d", spec, pyName(raw), rank)
		}
		for _, item := range items {
			if text := paramValue(p.Type, item); text != "" {
				return "Failed to validate type and shape for " + spec + ", error: " + text
			}
		}
		return ""
	}
	text := ""
	if err == nil && h.nested() {
		if text, err = h.check(&scanner{b: raw}, true, 3); err != nil {
			text = err.Error()
		}
	} else {
		text = paramValue(p.Type, raw)
	}
	if text == "" {
		return ""
	}
	return "Failed to validate type and shape for " + spec + ", error: " + text
}

// pyDefault is a param's default as Python writes it.
func pyDefault(raw string) string {
	return pyValue([]byte(raw))
}

// listItems is what a list holds, and how deep its first items are nested; 0 for what is
// no list.
func listItems(raw []byte) (items [][]byte, rank int) {
	if raw[0] != '[' {
		return nil, 0
	}
	s := scanner{b: raw}
	for more := !s.enter(']'); more; {
		s.space()
		start := s.i
		if s.skip(3) != nil {
			break
		}
		items = append(items, raw[start:s.i])
		var err error
		if more, err = s.next(']'); err != nil {
			break
		}
	}
	rank = 1
	if len(items) > 0 {
		_, inner := listItems(items[0])
		rank += inner
	}
	return items, rank
}

// paramValue says why a JSON value is not of a param's type; "" where it is, as null
// always is (mlflow/models/utils.py, _enforce_param_datatype).
func paramValue(t mlmodel.ColumnType, raw []byte) string {
	name := pyName(raw)
	ok := false
	switch t {
	case mlmodel.Boolean:
		ok = name == "bool"
	case mlmodel.Integer, mlmodel.Long:
		ok = name == "int"
	case mlmodel.Float, mlmodel.Double:
		ok = name == "int" || name == "float"
	case mlmodel.String, mlmodel.Binary:
		ok = name == "str"
	case mlmodel.Datetime:
		if s := (scanner{b: raw}); name == "str" {
			text, err := s.str(nil)
			_, isTime := parseTime(text)
			ok = err == nil && isTime
		}
		if !ok && raw[0] != 'n' {
			return fmt.Sprintf("Failed to convert value `%s` from type `<class '%s'>` to `DataType.datetime`", pyValue(raw), name)
		}
	default:
		ok = true
	}
	switch {
	case ok || raw[0] == 'n':
		return ""
	case raw[0] == '[' || raw[0] == '{':
		return fmt.Sprintf("Value must be a scalar for type `DataType.%s`, got `%s`", t, pyValue(raw))
	}
	return fmt.Sprintf("Can not safely convert `<class '%s'>` to `DataType.%s` for value `%s`", name, t, pyValue(raw))
}

// paramsError is params that the signature does not allow.
type paramsError struct{ text string }

func (e *paramsError) Error() string { return e.text }

func invalidParams(format string, args ...any) error {
	return &paramsError{fmt.Sprintf(format, args...)}
}
