package scoring

import (
	"fmt"

	"servery/engine/mlmodel"
	"servery/engine/tensor"
)

// series is what pandas sees of a list of values: enough to tell which type it makes of
// them.
type series struct {
	n                                        int
	integer, float, boolean, text, null, box bool
	fraction, wide, many                     bool // a fraction; beyond int64; something but 0 and 1
}

func (v *series) add(raw []byte) {
	v.n++
	switch c := raw[0]; {
	case c == '"':
		v.text = true
	case c == 'n':
		v.null = true
	case c == 't' || c == 'f':
		v.boolean = true
	case c == '[' || c == '{':
		v.box = true
	case c == 'N' || c == 'I' || string(raw) == "-Infinity":
		v.float = true
		v.fraction = v.fraction || c != 'N'
		v.null = v.null || c == 'N'
	default:
		n := scanNumber(raw, 0)
		m, f := n.integer(raw)
		v.many = v.many || f != fine || m > 1 || (n.negative() && m > 0)
		if isFloatText(raw) {
			v.float = true
			v.fraction = v.fraction || f == fractional
		} else {
			v.integer = true
			v.wide = v.wide || f != fine || !fits(tensor.Int64, m, n.negative())
		}
	}
}

// isFloatText tells whether Python reads a JSON number as a float.
func isFloatText(raw []byte) bool {
	for _, c := range raw {
		if c == '.' || c|0x20 == 'e' {
			return true
		}
	}
	return false
}

// dtype is the type that pandas gives the values.
func (v *series) dtype() string {
	numbers := v.integer || v.float
	switch {
	case v.box || (v.text && (numbers || v.boolean)) || (v.boolean && (numbers || v.null)) || (v.null && !numbers && !v.text):
		return "object"
	case v.text:
		return "str"
	case v.boolean:
		return "bool"
	case v.float || (v.integer && v.null):
		return "float64"
	case v.wide:
		return "object"
	}
	return "int64"
}

// enforced tells whether the values are taken for a type, and else why not
// (mlflow/models/utils.py, _enforce_mlflow_datatype).
func (v *series) enforced(kind mlmodel.ColumnType) (fault string, ok bool) {
	have := v.dtype()
	want, integer := "", false
	switch kind {
	case mlmodel.String:
		if v.box {
			return "setting an array element with a sequence", false
		}
		want, ok = "<U0", have == "object" || have == "str"
	case mlmodel.Binary:
		want, ok = "|S0", have == "object" || have == "str"
	case mlmodel.Boolean:
		want, ok = "bool", have == "object" || have == "bool"
	case mlmodel.Integer:
		want, integer = "int32", true
	case mlmodel.Long:
		want, integer, ok = "int64", true, have == "int64"
	case mlmodel.Float:
		want, ok = "float32", have == "int64" && !v.many
	case mlmodel.Double, mlmodel.SparkVector:
		want, ok = "float64", have == "float64" || (have == "int64" && !v.many)
	case mlmodel.Datetime:
		want, ok = "datetime64[ns]", have == "object" && !v.box
	}
	if ok {
		return "", true
	}
	hint := ""
	if have == "float64" && integer && v.null && !v.fraction {
		hint = missingHint
	}
	return fmt.Sprintf("Incompatible input types for column . Can not safely convert %s to %s.%s", have, want, hint), false
}

const missingHint = " Hint: the type mismatch is likely caused by missing values. Integer columns in python can not represent missing values and are therefore encoded as floats." +
	" The best way to avoid this problem is to infer the model schema based on a realistic data sample (training dataset) that includes missing values." +
	" Alternatively, you can declare integer columns as doubles (float64) whenever these columns may have missing values. See `Handling Integers With Missing Values" +
	" <https://www.mlflow.org/docs/latest/models.html#handling-integers-with-missing-values>`_ for more details."
