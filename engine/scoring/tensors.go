package scoring

import "servery/engine/tensor"

// tensorInput reads instances or inputs as tensors: one as nested lists, several by name,
// or, of instances, row by row.
func (r *Request) tensorInput(f form) error {
	d, m := &r.d, r.model
	for i := range m.fields {
		r.nests[m.fields[i].port].reset(m.fields[i].cast)
	}
	switch c := d.space(); c {
	case 'n':
		if m.enforced == tensors && !m.named {
			return errUnnamedNull
		}
	case '{':
		return r.namedTensors()
	case '[':
		ahead := d.scanner
		switch empty := ahead.enter(']'); {
		case empty && !(m.enforced == tensors && m.named && len(m.fields) == 1):
			return m.notTensors("<class 'list'>") // of no objects, which is a list of objects
		case empty || ahead.space() != '{':
		case f == instances:
			return r.instanceRows()
		default:
			return m.notTensors("<class 'list'>")
		}
	}
	if m.enforced == tensors && len(m.fields) > 1 {
		return m.missing(m.fieldNames(), "")
	}
	if m.enforced == nothing && m.single < 0 {
		return evaluation("Unable to map numpy array input to the expected model input. Numpy arrays can only be used as input for MLflow ONNX models that have a single input."+
			" This model requires %d inputs. Please pass in data as either a dictionary or a DataFrame with the following tensors: %s.", len(m.portNames()), pyList(m.portNames()))
	}
	n := &r.nests[m.fields[0].port]
	if err := d.value(n, 0); err != nil {
		return err
	}
	return r.feedTensor(&m.fields[0], n)
}

// feedTensor checks a tensor's shape and feeds it.
func (r *Request) feedTensor(f *field, n *nest) error {
	shape := n.shape(r.shapes[f.port][:0])
	r.shapes[f.port] = shape
	if r.model.enforced == tensors && !sameShape(f.shape, shape) {
		return r.model.violation("Shape of input %s does not match expected shape %s.", pyShape(shape), pyShape(f.shape))
	}
	r.feed(f.port, &n.sink, n.n, shape)
	return nil
}

func sameShape(want, got []int64) bool {
	if len(want) != len(got) {
		return false
	}
	for i, d := range want {
		if d != -1 && d != got[i] {
			return false
		}
	}
	return true
}

// namedTensors reads {"a": nested lists, "b": …}.
func (r *Request) namedTensors() error {
	d, m := &r.d, r.model
	if !m.named {
		return errUnnamed
	}
	var scratch [64]byte
	var extras []string
	guess, rows := 0, int64(-1)
	for more := !d.enter('}'); more; guess++ {
		k, err := d.key(scratch[:0])
		if err != nil {
			return err
		}
		f := r.find(k, guess)
		d.space()
		switch {
		case f < 0:
			extras = append(extras, string(k))
			err = d.skip(2)
		case r.fed[m.fields[f].port]:
			return twice(k)
		default:
			n := &r.nests[m.fields[f].port]
			if err = d.value(n, 0); err == nil {
				err = r.feedTensor(&m.fields[f], n)
			}
			if err == nil && r.kind == instances && n.rank > 0 {
				if rows >= 0 && n.dims[0] != rows {
					return errUnequal
				}
				rows = n.dims[0]
			}
		}
		if err != nil {
			return inTensor(err, k)
		}
		if more, err = d.next('}'); err != nil {
			return err
		}
	}
	return r.checkTensors(extras)
}

// instanceRows reads [{"a": …, "b": …}, …]: every tensor's first dimension is the rows.
func (r *Request) instanceRows() error {
	d, m := &r.d, r.model
	if !m.named {
		return m.notTensors("<class 'dict'>")
	}
	var scratch [64]byte
	var extras []string
	rows := 0
	d.enter(']')
	for more := true; more; rows++ {
		if c := d.space(); c != '{' {
			return noItems(d.b[d.i:])
		}
		guess := 0
		for within := !d.enter('}'); within; guess++ {
			k, err := d.key(scratch[:0])
			if err != nil {
				return err
			}
			f := r.find(k, guess)
			d.space()
			if f < 0 {
				if rows == 0 {
					extras = append(extras, string(k))
				}
				err = d.skip(3)
			} else {
				n := &r.nests[m.fields[f].port]
				if n.rows != rows {
					if n.rows > rows {
						return twice(k)
					}
					return errUnequal
				}
				n.place[0] = int64(rows)
				n.rows++
				err = d.value(n, 1)
			}
			if err != nil {
				return inTensor(err, k)
			}
			if within, err = d.next('}'); err != nil {
				return err
			}
		}
		var err error
		if more, err = d.next(']'); err != nil {
			return err
		}
	}
	for i := range m.fields {
		f := &m.fields[i]
		n := &r.nests[f.port]
		if n.rows == 0 {
			continue
		}
		if n.rows != rows {
			return errUnequal
		}
		n.dims[0] = int64(rows)
		if err := r.feedTensor(f, n); err != nil {
			return err
		}
	}
	return r.checkTensors(extras)
}

// noItems is what Python says where an instance is no object.
func noItems(raw []byte) error {
	if len(raw) == 0 {
		return errNotRequest
	}
	return badRequest("Invalid input. Ensure that the input is a valid JSON-formatted string.\nError: AttributeError(\"'%s' object has no attribute 'items'\")", pyName(raw))
}

func twice(k []byte) error {
	return &shapeError{"the input " + pyString(string(k)) + " appears twice"}
}

// checkTensors fails where a tensor of the signature is missing, or, without a signature,
// where there is one that the graph does not know.
func (r *Request) checkTensors(extras []string) error {
	m := r.model
	if m.enforced != tensors {
		if len(extras) > 0 {
			return evaluation("Invalid input name: %s. The graph's inputs are %s", pyList(extras), pyList(m.portNames()))
		}
		return nil // finish looks for those missing
	}
	var missing []string
	for _, f := range m.fields {
		if !r.fed[f.port] {
			missing = append(missing, f.name)
		}
	}
	if missing != nil {
		return m.missing(missing, extrasText(extras, 0))
	}
	return nil
}

// reshape is the shape of a table's column that a tensor schema declares
// (mlflow/models/utils.py, _reshape_and_cast_pandas_column_values).
func (r *Request) reshape(dst []int64, f *field, n *nest) ([]int64, error) {
	free := len(f.shape) > 0 && f.shape[0] == -1
	elements := int64(1)
	for _, d := range f.shape[min(1, len(f.shape)):] {
		free = free && d >= 0
		elements = min(elements, 1<<40) * min(max(d, 0), 1<<20)
	}
	if !free {
		input := "the unnamed input"
		if f.name != "" {
			input = "input " + f.name
		}
		return nil, r.model.violation("For pandas dataframe input, the first dimension of shape must be a variable dimension and other dimensions must be fixed,"+
			" but in model signature the shape of %s is %s.", input, pyShape(f.shape))
	}
	rows := int64(r.t.rows)
	name := f.name
	if name == "" {
		name = "None"
	}
	if n.rank > 2 {
		return nil, r.model.violation("Because the model signature requires tensor spec input, the input pandas dataframe values should be either scalar value, python list" +
			" containing scalar values or numpy array containing scalar values, other types are not supported.")
	}
	if n.rank <= 1 {
		if len(f.shape) > 2 || elements != 1 {
			return nil, r.model.violation("The input pandas dataframe column '%s' contains scalar values, which requires the shape to be (-1,) or (-1, 1),"+
				" but got tensor spec shape of %s.", name, pyShape(f.shape))
		}
	} else if int64(n.n) != rows*elements {
		return nil, r.model.violation("The value in the Input DataFrame column '%s' could not be converted to the expected shape of: '%s'. Ensure that each of the input list"+
			" elements are of uniform length and that the data can be coerced to the tensor type '%s'", name, pyShape(f.shape), f.cast.as)
	}
	dst = append(dst, f.shape...)
	dst[0] = rows
	return dst, nil
}

// missingFeed says which of the graph's inputs a request lacks, as the runtime would.
func (m *Model) missingFeed(fed []bool) error {
	var missing, given []string
	for i, p := range m.inputs {
		switch {
		case fed[i]:
			given = append(given, p.Name)
		case !p.Optional:
			missing = append(missing, p.Name)
		}
	}
	return evaluation("Required inputs (%s) are missing from input feed (%s).", pyList(missing), pyList(given))
}

func (m *Model) notTensors(got string) error {
	switch {
	case m.enforced != tensors:
		return evaluation("Input should be a dictionary or a numpy array or a pandas.DataFrame, got '%s'", got)
	case m.named && got == "<class 'list'>":
		return m.missing(m.fieldNames(), "")
	case m.named:
		return m.violation("This model contains a tensor-based model signature with input names, which suggests a dictionary input mapping input name to tensor, or a pandas"+
			" DataFrame input containing columns mapping input name to flattened list value from tensor, but an input of type %s was found.", got)
	}
	return m.violation("This model contains a tensor-based model signature with no input names, which suggests a numpy array input or a pandas dataframe input with"+
		" proper column values, but an input of type %s was found.", got)
}

func (m *Model) fieldNames() []string {
	names := make([]string, len(m.fields))
	for i, f := range m.fields {
		names[i] = f.name
	}
	return names
}

// graphType is ONNX Runtime's name of a tensor's type, in its errors.
func graphType(t tensor.Type) string {
	name := t.String()
	switch t {
	case tensor.Float32:
		name = "float"
	case tensor.Float64:
		name = "double"
	case tensor.String:
		name = "string"
	}
	return "tensor(" + name + ")"
}
