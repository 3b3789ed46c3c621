// Package ptx reads PTX, the text that the driver compiles for a GPU, and translates it to C++
// that the stand-in for the driver executes on the CPU: what tests run is the very text that
// ships. It covers what clang emits for ordinary kernels, and refuses all else by name and line.
//
// The meaning of every instruction is that of NVIDIA's "Parallel Thread Execution ISA", version
// 7.0. The C++ stands on the headers in machine/.
package ptx

import (
	"bytes"
	"fmt"
	"hash/fnv"
)

// Module is one PTX text.
type Module struct {
	// Version and Target are of the directives of those names: "7.0", "sm_80".
	Version, Target string
	// Digest is the FNV-1a of 64 bits of the text without the white space around it. The stand-in
	// finds the translation by it.
	Digest    uint64
	Variables []Variable
	Functions []*Function
}

// Variable is a declaration outside registers: of a module, a function or a parameter list.
type Variable struct {
	Line int
	// Space is "global", "const", "shared", "local" or "param".
	Space string
	Name  string
	// Type is that of an element, without the dot: "f32", "b8".
	Type string
	// Align is in bytes, at least that of the type.
	Align int
	// Count is the number of elements: 1 where it is no array, 0 where the size is left open,
	// as of dynamic shared memory.
	Count int64
	// Values are the bits of the elements' initial values; fewer than Count where the rest is 0.
	Values []uint64
}

// Bytes is the size of v.
func (v Variable) Bytes() int64 { return v.Count * int64(sizeOf(v.Type)) }

// Function is an entry or a device function. One that is only declared has no Body.
type Function struct {
	Line    int
	Name    string
	Entry   bool
	Returns []Variable
	Params  []Variable
	// Registers gives the type of each: "pred", "b16", "b32", "b64", "f32" and so on. A register
	// of an inner scope is named with the scope's number.
	Registers map[string]string
	// Variables are of the spaces shared, local and param, the last for calls.
	Variables []Variable
	// Tables are the targets of brx.idx by the table's label.
	Tables map[string][]string
	Body   []Statement
}

// Statement is a label, or an instruction.
type Statement struct {
	Line  int
	Label string

	// Guard is the predicate that the instruction is executed under, "" where it always is.
	Guard string
	// Negated says that it is executed where the guard is false.
	Negated bool
	// Name is the first part of the opcode, "ld", and Modifiers are the others, without dots.
	Name      string
	Modifiers []string
	Operands  []Operand
}

// Opcode is the opcode as the text has it.
func (s Statement) Opcode() string {
	name := s.Name
	for _, m := range s.Modifiers {
		name += "." + m
	}
	return name
}

// OperandKind tells the fields of an operand that count.
type OperandKind int

// The kinds of operands.
const (
	Register OperandKind = iota // Name, Negated
	Special                     // Name: %tid.x
	Symbol                      // Name, Offset: a variable, a function or a label
	Integer                     // Bits
	Float                       // Bits, of 32 or 64 as Wide says
	Address                     // Name (of a register or variable, may be ""), Offset
	Vector                      // Parts: {a, b}
	List                        // Parts: (a, b), of a call
	Sink                        // _
)

// Operand is an operand of an instruction.
type Operand struct {
	Kind    OperandKind
	Name    string
	Negated bool
	Offset  int64
	Bits    uint64
	Wide    bool
	Parts   []Operand
	// Second is the predicate of a pair of destinations: %r1|%p1.
	Second string
}

// Error is what is wrong with a text, and where.
type Error struct {
	Line int
	// What names the instruction or directive and what is wrong with it.
	What string
}

func (e *Error) Error() string { return fmt.Sprintf("ptx: line %d: %s", e.Line, e.What) }

func errorf(line int, format string, args ...any) error {
	return &Error{line, fmt.Sprintf(format, args...)}
}

func digest(text []byte) uint64 {
	h := fnv.New64a()
	h.Write(bytes.Trim(text, " \t\r\n"))
	return h.Sum64()
}

// sizeOf is the size of a type in bytes, 0 where there is no such type in memory.
func sizeOf(kind string) int {
	switch kind {
	case "b8", "u8", "s8":
		return 1
	case "b16", "u16", "s16", "f16":
		return 2
	case "b32", "u32", "s32", "f32", "f16x2":
		return 4
	case "b64", "u64", "s64", "f64":
		return 8
	}
	return 0
}
