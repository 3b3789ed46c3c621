package ptx

import (
	"fmt"
	"strconv"
	"strings"
)

// statement reads a declaration, a label, a brace or an instruction of a function's body.
func (p *parser) statement() error {
	line := p.line()
	switch word := p.peek(); word {
	case "{":
		p.next()
		p.opened++
		p.scopes = append(p.scopes, map[string]string{})
		return nil
	case "}":
		p.next()
		p.scopes = p.scopes[:len(p.scopes)-1]
		return nil
	case ";":
		p.next()
		return nil
	case ".reg":
		p.next()
		return p.registers()
	case ".shared", ".local", ".param":
		p.next()
		vars, err := p.variables(word[1:])
		for i := range vars {
			vars[i].Name = p.declare(vars[i].Name)
		}
		p.f.Variables = append(p.f.Variables, vars...)
		return err
	case ".loc", ".file":
		p.skip()
		return nil
	case ".pragma":
		for p.peek() != "" && !p.accept(";") {
			p.next()
		}
		return nil
	}
	if p.tokens[p.at].text != "" && p.at+1 < len(p.tokens) && p.tokens[p.at+1].text == ":" {
		label := p.next()
		p.next()
		if p.accept(".branchtargets") {
			return p.table(label)
		}
		p.f.Body = append(p.f.Body, Statement{Line: line, Label: label})
		return nil
	}
	return p.instruction()
}

// declare enters a name into the innermost scope and gives the name that the Function has for it.
func (p *parser) declare(name string) string {
	unique := name
	if len(p.scopes) > 1 {
		unique = fmt.Sprintf("%s.%d", name, p.opened)
	}
	p.scopes[len(p.scopes)-1][name] = unique
	return unique
}

func (p *parser) resolve(name string) (string, bool) {
	for i := len(p.scopes) - 1; i >= 0; i-- {
		if unique, ok := p.scopes[i][name]; ok {
			return unique, true
		}
	}
	return name, false
}

// table reads "$L_1, $L_2;" of .branchtargets.
func (p *parser) table(label string) error {
	for {
		p.f.Tables[label] = append(p.f.Tables[label], p.next())
		if !p.accept(",") {
			return p.expect(";")
		}
	}
}

// registers reads ".b32 %r<14>, %x;".
func (p *parser) registers() error {
	line := p.line()
	kind := strings.TrimPrefix(p.next(), ".")
	if kind != "pred" && (sizeOf(kind) < 2) {
		return errorf(line, ".reg .%s is not translated", kind)
	}
	for {
		name := p.next()
		if !strings.HasPrefix(name, "%") && (name == "" || !isWord(name[0])) {
			return errorf(line, "%q is no register", name)
		}
		if p.accept("<") {
			n, err := strconv.Atoi(p.next())
			if err != nil || n < 0 || n > 1<<16 {
				return errorf(line, "how many registers %s there are", name)
			}
			if err := p.expect(">"); err != nil {
				return err
			}
			for i := range n {
				p.f.Registers[p.declare(name+strconv.Itoa(i))] = kind
			}
		} else {
			p.f.Registers[p.declare(name)] = kind
		}
		if !p.accept(",") {
			return p.expect(";")
		}
	}
}

func (p *parser) instruction() error {
	s := Statement{Line: p.line()}
	if p.accept("@") {
		s.Negated = p.accept("!")
		guard, ok := p.resolve(p.next())
		if !ok || p.f.Registers[guard] != "pred" {
			return errorf(s.Line, "the guard %s is no predicate", guard)
		}
		s.Guard = guard
	}
	parts := strings.Split(p.next(), ".")
	s.Name, s.Modifiers = parts[0], parts[1:]
	if s.Name == "" || s.Name[0] < 'a' || s.Name[0] > 'z' {
		return errorf(s.Line, "%q is no instruction", strings.Join(parts, "."))
	}
	for p.peek() != ";" {
		if len(s.Operands) > 0 {
			if err := p.expect(","); err != nil {
				return errorf(s.Line, "%s: %v", s.Opcode(), err)
			}
		}
		o, err := p.operand()
		if err != nil {
			return err
		}
		s.Operands = append(s.Operands, o)
	}
	p.next()
	p.f.Body = append(p.f.Body, s)
	return nil
}

func (p *parser) operand() (Operand, error) {
	line := p.line()
	switch word := p.peek(); {
	case word == "{" || word == "(":
		return p.sequence()
	case word == "[":
		return p.address()
	case word == "!":
		p.next()
		o, err := p.operand()
		if err != nil || o.Kind != Register || p.f.Registers[o.Name] != "pred" {
			return o, errorf(line, "! before what is no predicate")
		}
		o.Negated = true
		return o, nil
	case word == "_":
		p.next()
		return p.second(Operand{Kind: Sink})
	case word == "-" || word != "" && word[0] >= '0' && word[0] <= '9':
		return p.number()
	case word == "" || !isWord(word[0]):
		return Operand{}, errorf(line, "%q is no operand", word)
	}
	name := p.next()
	unique, declared := p.resolve(name)
	if _, ok := p.f.Registers[unique]; ok && declared {
		return p.second(Operand{Kind: Register, Name: unique})
	}
	if strings.HasPrefix(name, "%") {
		return Operand{Kind: Special, Name: name}, nil
	}
	o := Operand{Kind: Symbol, Name: unique}
	return o, p.offset(&o)
}

// second reads the predicate of a pair of destinations.
func (p *parser) second(o Operand) (Operand, error) {
	if p.accept("|") {
		name, _ := p.resolve(p.next())
		if p.f.Registers[name] != "pred" {
			return o, errorf(p.line(), "%s after | is no predicate", name)
		}
		o.Second = name
	}
	return o, nil
}

func (p *parser) sequence() (Operand, error) {
	o, closing := Operand{Kind: Vector}, "}"
	if p.next() == "(" {
		o.Kind, closing = List, ")"
	}
	for !p.accept(closing) {
		if len(o.Parts) > 0 {
			if err := p.expect(","); err != nil {
				return o, err
			}
		}
		if p.peek() == "{" || p.peek() == "(" {
			return o, errorf(p.line(), "%q inside a vector or a list", p.peek())
		}
		part, err := p.operand()
		if err != nil {
			return o, err
		}
		o.Parts = append(o.Parts, part)
	}
	return o, nil
}

// address reads "[%rd1+16]", "[name]" or "[16]".
func (p *parser) address() (Operand, error) {
	p.next()
	o := Operand{Kind: Address}
	if c := p.peek(); c != "" && (c[0] >= '0' && c[0] <= '9' || c == "-") {
		n, err := p.number()
		if err != nil {
			return o, err
		}
		o.Offset = int64(n.Bits)
		return o, p.expect("]")
	}
	name := p.next()
	if name == "" || !isWord(name[0]) {
		return o, errorf(p.line(), "%q is no address", name)
	}
	o.Name, _ = p.resolve(name)
	if err := p.offset(&o); err != nil {
		return o, err
	}
	return o, p.expect("]")
}

// offset reads "+16", "+-16" or "-16", where it is there.
func (p *parser) offset(o *Operand) error {
	if !p.accept("+") && p.peek() != "-" {
		return nil
	}
	n, err := p.number()
	o.Offset = int64(n.Bits)
	return err
}

// number reads an integer, or a float written as its bits: 0f3F800000, 0d3FF0000000000000.
func (p *parser) number() (Operand, error) {
	line, negative := p.line(), p.accept("-")
	word := p.next()
	bad := errorf(line, "%q is no number that is translated", word)
	if len(word) > 2 && (word[:2] == "0f" || word[:2] == "0F" || word[:2] == "0d" || word[:2] == "0D") {
		wide := word[1] == 'd' || word[1] == 'D'
		bits, err := strconv.ParseUint(word[2:], 16, 64)
		if err != nil || negative || len(word) != 10 && !wide || len(word) != 18 && wide {
			return Operand{}, bad
		}
		return Operand{Kind: Float, Bits: bits, Wide: wide}, nil
	}
	bits, err := strconv.ParseUint(strings.TrimSuffix(word, "U"), 0, 64)
	if err != nil || strings.Contains(word, "_") {
		return Operand{}, bad
	}
	if negative {
		bits = -bits
	}
	return Operand{Kind: Integer, Bits: bits}, nil
}
