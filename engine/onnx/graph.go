package onnx

import (
	"io"
	"math"
	"sort"
	"strings"

	"servery/engine/tensor"
)

// operatorID names an operator; ONNX's own domain is "".
type operatorID struct{ domain, name string }

// parser collects a Model while it walks over a file.
type parser struct {
	wire
	model        Model
	graphs       int // main graphs seen
	inputs       []tensor.Port
	initializers map[string]bool // of the main graph
	operators    map[operatorID]int
	functions    map[operatorID]bool
}

func parse(r io.ReaderAt, size int64) (*Model, error) {
	p := &parser{
		initializers: map[string]bool{},
		operators:    map[operatorID]int{},
		functions:    map[operatorID]bool{},
	}
	p.file, p.size, p.names = r, size, map[string]string{}
	p.model.Opsets = map[string]int64{}
	p.model.references = map[string]extent{}
	p.readModel(size)
	if p.err == nil {
		p.finish()
	}
	if p.err != nil {
		return nil, p.err
	}
	return &p.model, nil
}

// readModel reads the ModelProto.
func (p *parser) readModel(size int64) {
	var producer, version string
	p.fields(size, func(f field) {
		switch f.number {
		case 1:
			p.model.IRVersion = p.int64(f)
		case 2:
			producer = p.text(f)
		case 3:
			version = p.text(f)
		case 7:
			p.graphs++
			p.mainGraph(f)
		case 8:
			p.opset(f)
		case 20: // training_info: its graphs may name external data too
			p.message(f, func(f field) {
				if f.number == 1 || f.number == 2 {
					p.trainingGraph(f)
				}
			})
		case 25:
			p.function(f)
		}
	})
	p.model.Producer = strings.TrimSpace(producer + " " + version)
}

// opset reads an OperatorSetIdProto.
func (p *parser) opset(f field) {
	var domain string
	var version int64
	p.message(f, func(f field) {
		switch f.number {
		case 1:
			domain = p.text(f)
		case 2:
			version = p.int64(f)
		}
	})
	p.model.Opsets[plainDomain(domain)] = version
}

// plainDomain writes ONNX's own domain one way.
func plainDomain(domain string) string {
	if domain == "ai.onnx" {
		return ""
	}
	return domain
}

// mainGraph reads the model's GraphProto.
func (p *parser) mainGraph(f field) {
	p.message(f, func(f field) {
		switch f.number {
		case 2:
			p.model.GraphName = p.text(f)
		case 11:
			p.inputs = p.port(p.inputs, "input", f)
		case 12:
			p.model.Outputs = p.port(p.model.Outputs, "output", f)
		case 5:
			if name := p.initializer(f); name != "" {
				p.initializers[name] = true
			}
		case 15:
			if name := p.sparseInitializer(f); name != "" {
				p.initializers[name] = true
			}
		default:
			p.graphPart(f)
		}
	})
}

// subgraph reads the GraphProto of an attribute, a Loop's body say: its inputs and
// outputs are the business of its node.
func (p *parser) subgraph(f field) {
	p.message(f, p.graphPart)
}

// graphPart reads what counts in every graph.
func (p *parser) graphPart(f field) {
	switch f.number {
	case 1:
		p.node(f)
	case 5:
		p.initializer(f)
	case 15:
		p.sparseInitializer(f)
	}
}

// trainingGraph looks at a graph's tensors only: it is not served, so that neither its
// operators nor its parameters count.
func (p *parser) trainingGraph(f field) {
	counts, nodes, parameters := p.operators, p.model.Nodes, p.model.Parameters
	p.operators = map[operatorID]int{}
	p.subgraph(f)
	p.operators, p.model.Nodes, p.model.Parameters = counts, nodes, parameters
}

// node reads a NodeProto.
func (p *parser) node(f field) {
	var id operatorID
	var held int64
	p.message(f, func(f field) {
		switch f.number {
		case 4:
			id.name = p.text(f)
		case 5:
			held = max(held, p.attribute(f))
		case 7:
			id.domain = plainDomain(p.text(f))
		}
	})
	if id.name == "" {
		p.fail("a node of the graph names no operator")
		return
	}
	if p.operators[id]++; len(p.operators) > maxOperators {
		p.fail("it uses more than %d different operators", maxOperators)
	}
	p.model.Nodes++
	if (id == operatorID{name: "Constant"}) { // paddle2onnx, say, writes all weights so
		p.addParameters(held)
	}
}

// attribute looks into an AttributeProto for graphs and tensors. It returns the elements
// of its one tensor, which for the operator Constant is its value.
func (p *parser) attribute(f field) (elements int64) {
	p.message(f, func(f field) {
		switch f.number {
		case 5: // t
			elements = p.tensor(f).elements
		case 10: // tensors
			p.tensor(f)
		case 6, 11: // g, graphs
			p.subgraph(f)
		case 22: // sparse_tensor
			elements = p.sparse(f).elements
		case 23: // sparse_tensors
			p.sparse(f)
		}
	})
	return elements
}

// function reads a FunctionProto: its body counts once, however often it is called.
func (p *parser) function(f field) {
	var id operatorID
	p.message(f, func(f field) {
		switch f.number {
		case 1:
			id.name = p.text(f)
		case 7:
			p.node(f)
		case 10:
			id.domain = plainDomain(p.text(f))
		case 11: // attribute_proto: attributes with their defaults
			p.attribute(f)
		}
	})
	if p.functions[id] = true; len(p.functions) > maxOperators {
		p.fail("it has more than %d functions of its own", maxOperators)
	}
}

// initializer reads a TensorProto that is a parameter and returns its name.
func (p *parser) initializer(f field) string {
	t := p.tensor(f)
	p.addParameters(t.elements)
	return t.name
}

// sparseInitializer reads a SparseTensorProto that is a parameter: its stored values
// count.
func (p *parser) sparseInitializer(f field) string {
	t := p.sparse(f)
	p.addParameters(t.elements)
	return t.name
}

func (p *parser) addParameters(n int64) {
	if n > math.MaxInt64-p.model.Parameters {
		p.fail("it has more parameters than can be counted")
		return
	}
	p.model.Parameters += n
}

// sparse reads a SparseTensorProto and returns its values, whose name is its own.
func (p *parser) sparse(f field) tensorInfo {
	var values tensorInfo
	p.message(f, func(f field) {
		switch f.number {
		case 1:
			values = p.tensor(f)
		case 2:
			p.tensor(f)
		}
	})
	return values
}

// finish checks what only the whole file tells and fills the Model.
func (p *parser) finish() {
	m := &p.model
	p.pos = -1 // what follows is not at one place
	switch {
	case p.graphs == 0:
		p.fail("it holds no graph; perhaps it is a file of another kind")
	case p.graphs > 1:
		p.fail("it holds %d graphs in place of one", p.graphs)
	case m.IRVersion <= 0:
		p.fail("it does not say which version of the ONNX format it has")
	case m.IRVersion >= 3 && len(m.Opsets) == 0:
		p.fail("it does not say which operator sets it is written for")
	case len(m.Outputs) == 0:
		p.fail("its graph has no output")
	}
	m.Inputs = p.requiredInputs()
	for id, n := range p.operators {
		m.Operators = append(m.Operators, Operator{Domain: id.domain, Name: id.name, Count: n})
	}
	sort.Slice(m.Operators, func(i, j int) bool {
		a, b := m.Operators[i], m.Operators[j]
		switch {
		case a.Count != b.Count:
			return a.Count > b.Count
		case a.Domain != b.Domain:
			return a.Domain < b.Domain
		}
		return a.Name < b.Name
	})
	p.checkDomains()
	for location := range m.references {
		m.External = append(m.External, location)
	}
	sort.Strings(m.External)
}

// requiredInputs leaves out the inputs that have an initializer: files older than IR
// version 4 list every parameter as an input.
func (p *parser) requiredInputs() []tensor.Port {
	var required []tensor.Port
	seen := map[string]bool{}
	for _, in := range p.inputs {
		if seen[in.Name] {
			p.fail("two inputs of its graph have the name %q", in.Name)
		}
		seen[in.Name] = true
		if !p.initializers[in.Name] {
			required = append(required, in)
		}
	}
	return required
}

// checkDomains refuses operators that only a custom library could run: those outside
// ONNX's domains, ONNX Runtime's own (docs/ContribOperators.md) and the model's
// functions.
func (p *parser) checkDomains() {
	for _, o := range p.model.Operators {
		known := o.Domain == "" || strings.HasPrefix(o.Domain, "ai.onnx.") || strings.HasPrefix(o.Domain, "com.microsoft") ||
			p.functions[operatorID{o.Domain, o.Name}]
		if !known && p.err == nil {
			p.err = &UnsupportedError{Message: "it uses the operator " + o.Name + " of the domain " + o.Domain +
				", which needs a custom operator library; export the model with standard ONNX operators"}
		}
	}
}
