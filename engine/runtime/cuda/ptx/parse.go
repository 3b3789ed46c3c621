package ptx

import (
	"slices"
	"strconv"
	"strings"
)

// Parse reads a text. An error is an *Error.
func Parse(text []byte) (*Module, error) {
	tokens, err := lex(string(text))
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens, module: &Module{Digest: digest(text)}}
	for p.peek() != "" {
		if err := p.topLevel(); err != nil {
			return nil, err
		}
	}
	if p.module.Version == "" || p.module.Target == "" {
		return nil, errorf(1, "the text has no .version or no .target: it is not PTX")
	}
	return p.module, nil
}

type parser struct {
	tokens []token
	at     int
	module *Module

	f *Function
	// scopes are the registers and variables that each open brace has declared: the name in the
	// text to the name in the Function.
	scopes []map[string]string
	opened int
}

func (p *parser) peek() string { return p.tokens[p.at].text }
func (p *parser) line() int    { return p.tokens[p.at].line }

func (p *parser) next() string {
	t := p.tokens[p.at].text
	if t != "" {
		p.at++
	}
	return t
}

func (p *parser) accept(text string) bool {
	if p.peek() != text {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(text string) error {
	if !p.accept(text) {
		return errorf(p.line(), "%q where %q must come", p.peek(), text)
	}
	return nil
}

// skip reads over a directive that means nothing here, up to its line's end.
func (p *parser) skip() {
	for line := p.line(); p.peek() != "" && p.line() == line; {
		p.next()
	}
}

func (p *parser) topLevel() error {
	line := p.line()
	switch word := p.peek(); word {
	case ".version", ".target":
		p.next()
		value := p.next()
		if word == ".version" {
			p.module.Version = value
		} else {
			p.module.Target = value
		}
		for p.accept(",") { // .target sm_80, debug
			p.next()
		}
		return nil
	case ".address_size":
		p.next()
		if size := p.next(); size != "64" {
			return errorf(line, ".address_size %s: only 64 is translated", size)
		}
		return nil
	case ".file", ".loc":
		p.skip()
		return nil
	case ".section":
		for p.peek() != "" && !p.accept("}") {
			p.next()
		}
		return nil
	}
	extern := false
	for slices.Contains([]string{".visible", ".extern", ".weak", ".common"}, p.peek()) {
		extern = p.next() == ".extern" || extern
	}
	switch word := p.peek(); word {
	case ".entry", ".func":
		return p.function()
	case ".global", ".const", ".shared":
		p.next()
		vars, err := p.variables(word[1:])
		if err != nil {
			return err
		}
		if extern && word != ".shared" {
			return errorf(line, ".extern %s: other modules are not linked", word)
		}
		p.module.Variables = append(p.module.Variables, vars...)
		return nil
	default:
		return errorf(line, "%q is not a directive that is translated", word)
	}
}

// function reads .entry or .func, which is next.
func (p *parser) function() (err error) {
	f := &Function{Line: p.line(), Entry: p.next() == ".entry", Registers: map[string]string{}, Tables: map[string][]string{}}
	p.f = f
	if p.peek() == "(" {
		if f.Returns, err = p.parameters(); err != nil {
			return err
		}
	}
	f.Name = p.next()
	if f.Name == "" || !isWord(f.Name[0]) {
		return errorf(f.Line, "a function without a name")
	}
	if p.peek() == "(" {
		if f.Params, err = p.parameters(); err != nil {
			return err
		}
	}
	for strings.HasPrefix(p.peek(), ".") { // .maxntid 256, 1, 1 and its like
		if !slices.Contains([]string{".maxntid", ".minnctapersm", ".maxnreg", ".reqntid", ".noreturn", ".pragma"}, p.peek()) {
			return errorf(p.line(), "%s: %q is not translated", f.Name, p.peek())
		}
		p.skip()
	}
	if p.accept(";") {
		return nil
	}
	if err := p.expect("{"); err != nil {
		return err
	}
	p.scopes, p.opened = []map[string]string{{}}, 0
	for _, v := range slices.Concat(f.Params, f.Returns) {
		p.scopes[0][v.Name] = v.Name
	}
	for len(p.scopes) > 0 {
		if p.peek() == "" {
			return errorf(f.Line, "%s has no end", f.Name)
		}
		if err := p.statement(); err != nil {
			return err
		}
	}
	p.module.Functions = append(p.module.Functions, f)
	return nil
}

// parameters reads "(.param .u64 a, .param .align 8 .b8 b[136])".
func (p *parser) parameters() ([]Variable, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var all []Variable
	for !p.accept(")") {
		if len(all) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		if err := p.expect(".param"); err != nil {
			return nil, err
		}
		v, err := p.declaration("param")
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// variables reads what follows the space's name, up to the semicolon.
func (p *parser) variables(space string) ([]Variable, error) {
	v, err := p.declaration(space)
	if err != nil {
		return nil, err
	}
	vars := []Variable{v}
	for p.accept(",") {
		more := v
		if err := p.declarator(&more); err != nil {
			return nil, err
		}
		vars = append(vars, more)
	}
	return vars, p.expect(";")
}

// declaration reads ".align 8 .b8 name[136] = {1, 2}".
func (p *parser) declaration(space string) (Variable, error) {
	v := Variable{Space: space, Line: p.line()}
	for {
		switch word := p.next(); {
		case word == ".align":
			n, err := strconv.Atoi(p.next())
			if err != nil || n < 1 || n > 4096 || n&(n-1) != 0 {
				return v, errorf(v.Line, ".align must be a power of two")
			}
			v.Align = n
		case word == ".ptr" || word == ".global" || word == ".shared" || word == ".const":
			// of a parameter: what it points to
		case strings.HasPrefix(word, ".") && sizeOf(word[1:]) > 0:
			v.Type = word[1:]
			v.Align = max(v.Align, sizeOf(v.Type))
			if space == "param" && p.peek() == ".ptr" {
				continue
			}
			return v, p.declarator(&v)
		default:
			return v, errorf(v.Line, "%q in the declaration of a .%s variable", word, space)
		}
	}
}

// declarator reads the name, the length and the values.
func (p *parser) declarator(v *Variable) error {
	for p.peek() == ".ptr" || p.peek() == ".align" || p.peek() == ".global" || p.peek() == ".shared" || p.peek() == ".const" {
		if p.next() == ".align" {
			p.next()
		}
	}
	v.Name, v.Count, v.Values = p.next(), 1, nil
	if v.Name == "" || !isWord(v.Name[0]) {
		return errorf(v.Line, "%q is no name", v.Name)
	}
	if p.accept("[") {
		v.Count = 0
		if p.peek() != "]" {
			n, err := strconv.ParseInt(p.next(), 0, 64)
			if err != nil || n < 1 || n > 1<<30 {
				return errorf(v.Line, "the length of %s", v.Name)
			}
			v.Count = n
		}
		if err := p.expect("]"); err != nil {
			return err
		}
		if p.peek() == "[" {
			return errorf(v.Line, "%s: an array of arrays is not translated", v.Name)
		}
	}
	if !p.accept("=") {
		return nil
	}
	braces := p.accept("{")
	for {
		o, err := p.number()
		if err != nil {
			return err
		}
		v.Values = append(v.Values, o.Bits)
		if !braces {
			break
		}
		if p.accept("}") {
			break
		}
		if err := p.expect(","); err != nil {
			return err
		}
	}
	if v.Count == 0 {
		v.Count = int64(len(v.Values))
	}
	if int64(len(v.Values)) > v.Count {
		return errorf(v.Line, "%s has more values than elements", v.Name)
	}
	return nil
}
