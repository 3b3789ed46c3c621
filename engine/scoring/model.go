package scoring

import (
	"fmt"
	"strings"
	"sync"

	"servery/engine/mlmodel"
	"servery/engine/tensor"
)

// Model turns requests into tensors for one graph and its answers into responses. It is
// safe for use by several goroutines at once.
type Model struct {
	inputs, outputs []tensor.Port
	outputKeys      [][]byte // the outputs' names as JSON
	// single is the index of the one input that must be fed, -1 where there are several.
	// Inputs with a default do not count: a request may give them by name.
	single   int
	enforced enforcement
	// fields are what a request is matched with: the signature's columns or tensors, or
	// the graph's inputs where nothing is enforced.
	fields []field
	byName map[string]int
	// named tells that fields go by name; else there is one tensor, or columns go by
	// position.
	named bool
	// free tells that a table may have any columns: they are stacked into the one input.
	free bool
	// uniform tells that all fields are cast the same way.
	uniform bool
	params  []mlmodel.Param
	text    string // Python's text of the schema, for errors
	first   string // Python's text of the schema's first column
	options Options
	pool    sync.Pool
}

type enforcement uint8

const (
	nothing enforcement = iota
	columns
	tensors
)

// field is a column or tensor of the signature and what it feeds.
type field struct {
	name     string
	port     int // of Model.inputs; -1 where the graph takes no such column
	cast     cast
	required bool
	shape    []int64 // that a tensor schema declares
	// scalar tells that the column's cells are single values, not lists.
	scalar bool
	held   *heldType // how to check a column that the graph does not take; nil: not at all
}

// maxColumns bounds the columns of a table.
const maxColumns = 10_000

// New prepares the scoring of a graph with the given inputs and outputs. sig may be nil,
// as may its sides. It fails where the graph cannot take what the signature declares.
func New(sig *mlmodel.Signature, inputs, outputs []tensor.Port) (*Model, error) {
	return NewWith(sig, inputs, outputs, Options{})
}

// NewWith is New with options for the answers.
func NewWith(sig *mlmodel.Signature, inputs, outputs []tensor.Port, options Options) (*Model, error) {
	m := &Model{options: options, inputs: inputs, outputs: outputs, single: -1, byName: map[string]int{}}
	for _, p := range inputs {
		if !p.Optional && !feedable(p) {
			return nil, fmt.Errorf("the graph's input %s is a %s, which no request can hold", p.Name, p.TypeString())
		}
	}
	if err := m.findSingle(); err != nil {
		return nil, err
	}
	for _, p := range outputs {
		m.outputKeys = append(m.outputKeys, appendString(nil, p.Name))
	}
	var err error
	switch {
	case sig == nil || sig.Inputs.Unchecked():
		m.freely()
	case len(sig.Inputs.Tensors) > 0:
		err = m.enforceTensors(sig.Inputs.Tensors)
	case len(sig.Inputs.Columns) > 0:
		err = m.enforceColumns(sig.Inputs.Columns)
	default:
		m.freely()
	}
	if err != nil {
		return nil, err
	}
	if sig != nil {
		m.params = sig.Params
	}
	m.uniform = true
	for i, f := range m.fields {
		m.byName[f.name] = i
		m.uniform = m.uniform && f.cast.kind == m.fields[0].cast.kind && f.cast.kind != anyCast
	}
	m.pool.New = func() any { return m.newRequest() }
	return m, nil
}

func takesJSON(t tensor.Type) bool {
	return t == tensor.String || t == tensor.Bool || isInteger(t) || isFloat(t)
}

// feedable tells whether a request can hold what the input takes.
func feedable(p tensor.Port) bool { return p.Kind == tensor.KindTensor && takesJSON(p.Type) }

func (m *Model) findSingle() error {
	needed, usable := 0, -1
	for i, p := range m.inputs {
		if !p.Optional {
			needed++
			m.single = i
		} else if usable < 0 && feedable(p) {
			usable = i
		}
	}
	switch {
	case needed == 0 && usable < 0:
		return fmt.Errorf("the graph takes no input that a request can hold")
	case needed == 0:
		m.single = usable
	case needed > 1:
		m.single = -1
	}
	return nil
}

// freely takes what the graph takes. The input that must be fed comes first.
func (m *Model) freely() {
	m.named, m.free = true, m.single >= 0
	add := func(i int) {
		p := m.inputs[i]
		m.fields = append(m.fields, field{name: p.Name, port: i, cast: newCast(tensor.Undefined, p.Type), required: !p.Optional})
	}
	if m.free {
		add(m.single)
	}
	for i, p := range m.inputs {
		if i != m.single && feedable(p) {
			add(i)
		}
	}
}

func (m *Model) enforceTensors(specs []mlmodel.TensorSpec) error {
	m.enforced, m.named = tensors, specs[0].Name != ""
	m.free = !m.named
	m.text = tensorsText(specs)
	fed := make([]bool, len(m.inputs))
	for _, s := range specs {
		i := m.port(s.Name)
		if i < 0 && len(specs) == 1 && m.single >= 0 {
			i = m.single // one tensor and one input belong together, whatever their names
		}
		if i < 0 {
			return fmt.Errorf("the signature's tensor %q is no input of the graph, which takes %s", s.Name, pyList(m.portNames()))
		}
		p := m.inputs[i]
		if !takesJSON(p.Type) || !castable(s.Type, p.Type) {
			return fmt.Errorf("the signature's tensor %q is of the type %s, which the graph's input %s cannot take", s.Name, s.Type, p)
		}
		fed[i] = true
		m.fields = append(m.fields, field{name: s.Name, port: i, cast: newCast(s.Type, p.Type), required: true, shape: s.Shape})
	}
	return m.allFed(fed)
}

func (m *Model) enforceColumns(specs []mlmodel.Column) error {
	if len(specs) > maxColumns {
		return fmt.Errorf("the signature has %d columns, more than %d", len(specs), maxColumns)
	}
	m.enforced, m.named = columns, specs[0].Name != ""
	m.first = strings.TrimSuffix(columnsText(specs[:1])[1:], "]")
	m.text = columnsText(specs)
	fed := make([]bool, len(m.inputs))
	for n, s := range specs {
		i := m.single
		if i < 0 {
			if i = m.port(s.Name); i < 0 && !m.named && n < len(m.inputs) {
				i = n
			}
		}
		f := field{name: s.Name, port: i, required: s.Required, scalar: s.Type != mlmodel.Array && s.Type != mlmodel.SparkVector && s.Type != mlmodel.Any}
		if i < 0 {
			if err := f.hold(s); err != nil {
				return err
			}
		} else {
			p := m.inputs[i]
			as, format, ok := columnCast(s)
			if s.Type == mlmodel.Object || s.Type == mlmodel.Map || !ok && s.Type == mlmodel.Array {
				return fmt.Errorf("the signature's column %q is of the type %s, which no graph can take: only a tensor goes into the graph's input %s. Columns of this type can stand beside those"+
					" that the graph takes by name, or be left out of the signature", s.Name, typeText(s), p)
			}
			if !ok || !takesJSON(p.Type) || !castable(as, p.Type) || (format == base64Text && p.Type != tensor.String) ||
				(format == timeText && p.Type != tensor.String && p.Type != tensor.Int64) {
				return fmt.Errorf("the signature's column %q is of the type %s, which the graph's input %s cannot take", s.Name, s.Type, p)
			}
			f.cast = newCast(as, p.Type)
			if f.cast.format = format; format != plainText {
				f.cast.kind = anyCast
			}
			fed[i] = true
		}
		m.fields = append(m.fields, f)
	}
	return m.allFed(fed)
}

// typeText is the text of a column's type: Array(double).
func typeText(c mlmodel.Column) string {
	h, err := heldOf(c.Type, c.Inner)
	if err != nil {
		return string(c.Type)
	}
	return h.String()
}

// columnCast is the element type that MLflow casts a column's values to, or those inside
// its lists.
func columnCast(c mlmodel.Column) (as tensor.Type, format textFormat, ok bool) {
	t := c.Type
	if t == mlmodel.Array {
		t = itemType(c.Inner)
	}
	switch t {
	case mlmodel.Boolean:
		return tensor.Bool, plainText, true
	case mlmodel.Integer:
		return tensor.Int32, plainText, true
	case mlmodel.Long:
		return tensor.Int64, plainText, true
	case mlmodel.Float:
		return tensor.Float32, plainText, true
	case mlmodel.Double, mlmodel.SparkVector:
		return tensor.Float64, plainText, true
	case mlmodel.String:
		return tensor.String, plainText, true
	case mlmodel.Binary:
		return tensor.Undefined, base64Text, true
	case mlmodel.Datetime:
		return tensor.Undefined, timeText, true
	case mlmodel.Any:
		return tensor.Undefined, plainText, true
	}
	return tensor.Undefined, plainText, false
}

// castable tells whether a graph's input can be fed from a signature's type.
func castable(as, to tensor.Type) bool {
	if as == tensor.Undefined || as == to {
		return takesJSON(to)
	}
	// Texts are for inputs of texts only; a number has a text.
	return as != tensor.String && takesJSON(as)
}

// port is the index of the graph's input with the name, -1 where there is none. Without
// a name it is the first.
func (m *Model) port(name string) int {
	if name == "" && m.single >= 0 {
		return m.single
	}
	for i, p := range m.inputs {
		if p.Name == name {
			return i
		}
	}
	return -1
}

// portNames are the inputs that must be fed.
func (m *Model) portNames() []string {
	var names []string
	for i, p := range m.inputs {
		if !p.Optional || i == m.single {
			names = append(names, p.Name)
		}
	}
	return names
}

func (m *Model) allFed(fed []bool) error {
	for i, p := range m.inputs {
		if !fed[i] && !p.Optional {
			return fmt.Errorf("the graph's input %s is missing from the signature, which has %s", p, m.text)
		}
	}
	return nil
}
