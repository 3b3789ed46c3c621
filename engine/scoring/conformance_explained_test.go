package scoring

import "strings"

// differing is a request that Servery does not answer as MLflow does.
type differing struct {
	*conformanceCase
	model string
	got   reply
	how   string
}

// explanation is a reason to differ. The first that fits counts, and each must fit once at
// least.
type explanation struct {
	why      string
	explains func(d *differing) bool
}

// taken and refused tell what MLflow did.
func (d *differing) taken() bool   { return d.Status == 200 }
func (d *differing) refused() bool { return d.Status != 200 }

// bothRefuse tells that only the words or the code differ.
func (d *differing) bothRefuse() bool { return d.Status >= 400 && d.got.status >= 400 }

func (d *differing) is(models ...string) bool {
	for _, m := range models {
		if strings.HasPrefix(d.model, m) {
			return true
		}
	}
	return false
}

func (d *differing) mlflowSays(any ...string) bool  { return hasAny(d.Response+d.Cause, any) }
func (d *differing) serverySays(any ...string) bool { return hasAny(d.got.message, any) }

func hasAny(s string, any []string) bool {
	for _, a := range any {
		if strings.Contains(s, a) {
			return true
		}
	}
	return false
}

var explanations = []explanation{
	{"numbers become what the graph takes where no signature says otherwise; pandas makes int64 of whole numbers, which a graph of floats refuses", func(d *differing) bool {
		return d.is("table no signature", "table any", "csv no signature", "envelope free", "two inputs, no signature") && d.refused() && d.got.status == 200 && d.mlflowSays("Unexpected input data type", "ONNXRuntimeError", "Unable to")
	}},
	{"ONNX Runtime's binding for Python refuses the arrays that pandas 3 makes of texts", func(d *differing) bool {
		return d.got.status == 200 && d.mlflowSays("Input must be a list of dictionaries or a single numpy array")
	}},
	{"MLflow fails on every CSV for a model of tensors (TensorSpec has no pandas type); it is read as the table it is", func(d *differing) bool {
		return d.contentType() == "text/csv" && d.mlflowSays("TensorSpec only supports numpy types")
	}},
	{"a Content-Type is read by RFC 9110: types and parameter names in any case, values in quotes, a semicolon at the end", func(d *differing) bool {
		return d.Status == 415 && d.got.status == 200
	}},
	{"a list for a graph of several inputs is the client's fault, not the server's (500)", func(d *differing) bool {
		return d.Status == 500 && d.got.status == 400
	}},
	{"MLflow says why a run failed in a stack trace only; the refusal comes before the run and says it", func(d *differing) bool {
		return d.bothRefuse() && strings.HasPrefix(d.Response, "Encountered an unexpected error")
	}},
	{"a number beyond its integer type is refused; pandas wraps it round into another number", func(d *differing) bool {
		return d.taken() && d.serverySays("out of bounds", "too large to convert")
	}},
	{"Python's truth value or text of a list, an object or null (True, \"[1, 2]\", \"None\") is no value of the client's: it is refused", func(d *differing) bool {
		return d.is("boolean", "string", "unnamed boolean", "unnamed string", "table strings", "table mixed", "csv mixed", "tensor bool", "tensor object", "tensor") && d.taken() && d.got.status == 400 &&
			d.serverySays("argument must be", "setting an array element", "not 'NoneType'", "safely convert object", "holds lists", "None")
	}},
	{"a key, a column or an input that comes twice is refused, not the first of them dropped", func(d *differing) bool {
		return d.got.status == 400 && d.serverySays("appears twice", "input fields: ['inputs', 'inputs']") || d.mlflowSays("'DataFrame' object has no attribute 'dtype'", "does not match length of index")
	}},
	{"rows of unequal length and columns that only later rows have are refused; pandas fills them with missing values", func(d *differing) bool {
		return d.got.status == 400 && d.how != "other words" && d.serverySays("columns passed, passed data had", "which row 0 lacks", "the rows before it have")
	}},
	{"dataframe_split has rows and dataframe_records has objects; pandas takes each for the other, and null for no rows", func(d *differing) bool {
		return d.got.status == 400 && d.serverySays("the data are not a list", "is no object but of the type", "object is not iterable")
	}},
	{"an index that is longer than the data does not repeat the data", func(d *differing) bool {
		return d.how == "another answer" && strings.Contains(d.Name, `"index": [0, 1]`)
	}},
	{"a row of CSV that is longer than the header is refused; pandas takes its first value for an index and moves the others", func(d *differing) bool {
		return d.contentType() == "text/csv" && d.serverySays("Error tokenizing data. C error: Expected")
	}},
	{"pandas decides a column's type by all of its values: 1 beside 2.5 becomes the text 1.0, and null beside numbers is true as a boolean", func(d *differing) bool {
		return d.how == "another answer" && d.is("string", "table strings", "boolean")
	}},
	{"an underscore in a number that a text writes is refused, as JSON and CSV have it", func(d *differing) bool {
		return d.taken() && strings.Contains(d.Name, "1_000")
	}},
	{"without a signature a table of no columns has nothing for the graph", func(d *differing) bool {
		return d.is("float?", "double?", "table no signature", "table any") && d.serverySays("missing from input feed", "Input should be a dictionary")
	}},
	{"the one unnamed column of type any that MLflow writes where it can infer nothing enforces nothing", func(d *differing) bool {
		return d.is("table any")
	}},
	{"what a column that the graph does not take holds is read as in a table in every form, where numpy reads it in inputs: numbers as bytes, a fraction as no time", func(d *differing) bool {
		return d.is("held") && strings.HasPrefix(d.Name, "inputs") && d.how != "other words"
	}},
	{"a time with a zone is a moment all the same", func(d *differing) bool {
		return d.is("held datetime") && d.mlflowSays("timezone-naive")
	}},
	{"rows of objects go to columns without names in the order of their keys", func(d *differing) bool {
		return d.is("table by position") && d.refused() && d.got.status == 200
	}},
	{"a tensor as a table without rows has no elements; MLflow looks for the first all the same", func(d *differing) bool {
		return d.mlflowSays("single positional indexer is out-of-bounds", "list index out of range", "tuple index out of range")
	}},
	{"of two faults another is named first: a value that does not fit its column before a column that is missing, or the other way round", func(d *differing) bool {
		return d.bothRefuse() && (d.mlflowSays("Model is missing inputs", "Model inference is missing inputs", "The length of values", "A column-based signature") || d.serverySays("Model is missing inputs"))
	}},
	{"the words are of Python's, numpy's or pandas' own exceptions; Servery's name the place or what is allowed", func(d *differing) bool {
		return d.bothRefuse() && d.mlflowSays("inhomogeneous shape", "setting an array element with a sequence", "Invalid object type at position", "Cannot losslessly cast", "Must pass 2-d input", "columns passed, passed data had", "indices imply", "dictionary update sequence",
			"object has no attribute", "EOF inside string", "Error tokenizing data", "NA values in column", "cannot safely convert passed user dtype", "not likely a datetime", "Out of bounds nanosecond", "with the unit 'ns'", "Could not convert object to NumPy datetime",
			"Error parsing datetime string", "Cannot convert input", "is not convertible to datetime", "UnicodeDecodeError", "JSONDecodeError", "too large to convert", "out of bounds for", "int() argument must be", "float() argument must be", "IntCastingNaNError",
			"could not convert string to float", "Failed to convert data", "Because the model signature requires tensor spec input", "Incompatible input types for column", "error casting the input data", "len() of unsized object", "coerced to the tensor type", "does not match expected dtype", "contains scalar values", "datetime.datetime(", "to `DataType.datetime`", "2020-01-02 03:04:05)", "base64")
	}},
	{"a year of one digit is no time", func(d *differing) bool {
		return d.is("param datetime") && d.taken() && d.Name == `k = "7"`
	}},
	{"UTF-16, which Python's json also reads, is no UTF-8", func(d *differing) bool {
		return d.Binary != "" && d.serverySays("Expecting value")
	}},
}
