package scoring

import (
	"encoding/json"
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
		return invalidParams("Parameters must be a dictionary. Got type '%s'.", strings.TrimSuffix(strings.TrimPrefix(pyTypeOf(c), "<class '"), "'>"))
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

// paramFault says why a param's value is not of its type; "" where it is.
func paramFault(p mlmodel.Param, raw []byte) string {
	spec := fmt.Sprintf("%s: %s (default: %s)", pyString(p.Name), p.Type, excerpt([]byte(p.Default)))
	if p.Shape != nil {
		spec += " (shape: " + pyShape(p.Shape) + ")"
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) != nil {
			return fmt.Sprintf("Value must be a 1D array with shape (-1,) for param %s, received %s", spec, pyTypeOf(raw[0]))
		}
		for _, item := range items {
			if !isParam(p.Type, item) {
				return typeFault(spec, p.Type, item)
			}
		}
		return ""
	}
	if !isParam(p.Type, raw) {
		return typeFault(spec, p.Type, raw)
	}
	return ""
}

func typeFault(spec string, t mlmodel.ColumnType, raw []byte) string {
	return fmt.Sprintf("Failed to validate type and shape for %s, error: Can not safely convert `%s` to `DataType.%s` for value `%s`", spec, pyTypeOf(raw[0]), t, strings.Trim(excerpt(raw), `"`))
}

// isParam tells whether a JSON value is of a param's type: integers are taken for floats,
// null for everything.
func isParam(t mlmodel.ColumnType, raw []byte) bool {
	c := raw[0]
	if string(raw) == "null" {
		return true
	}
	numeric := c == '-' || c-'0' < 10 || c == 'N' || c == 'I'
	switch t {
	case mlmodel.Boolean:
		return c == 't' || c == 'f'
	case mlmodel.Integer, mlmodel.Long:
		return (c == '-' || c-'0' < 10) && !strings.ContainsAny(string(raw), ".eEI")
	case mlmodel.Float, mlmodel.Double:
		return numeric
	case mlmodel.String, mlmodel.Binary, mlmodel.Datetime:
		return c == '"'
	case mlmodel.Object:
		return c == '{'
	}
	return true
}

// paramsError is params that the signature does not allow.
type paramsError struct{ text string }

func (e *paramsError) Error() string { return e.text }

func invalidParams(format string, args ...any) error {
	return &paramsError{fmt.Sprintf(format, args...)}
}
