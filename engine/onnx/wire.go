package onnx

import (
	"fmt"
	"io"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Limits against hostile files. Protobuf's own parser stops at 100 nested messages, so
// no runtime reads a deeper file either; a subgraph takes three of them (graph, node,
// attribute). The others are far above every published model: the largest have some
// 100,000 nodes and names of a few hundred bytes.
const (
	maxDepth     = 100
	maxName      = 64 << 10 // bytes of one name
	maxKept      = 64 << 20 // bytes of all names kept, each counted with its overhead
	keptEach     = 64       // the overhead counted for each name kept
	maxPorts     = 10_000   // inputs, and outputs, of the graph
	maxRank      = 64       // dimensions of a tensor, numpy's limit
	maxOperators = 100_000  // different operators, and functions
	bufferBytes  = 32 << 10
)

// field is one field of a message. value holds a number's bits; for a field of bytes,
// end is the position behind its content and the parser stands at its beginning.
type field struct {
	number protowire.Number
	kind   protowire.Type
	value  uint64
	end    int64
}

// wire walks over the fields of protobuf messages in a file, holding one buffer of it.
// The first error stays in err and stops every walk, so that only the end of a parse
// needs to look at it.
type wire struct {
	file   io.ReaderAt
	size   int64
	pos    int64
	buffer []byte // what is held: buffer[0] is the byte at start
	start  int64
	space  [bufferBytes]byte
	depth  int
	kept   int
	names  map[string]string
	err    error
}

// fail keeps the first error, with the place where it was found.
func (w *wire) fail(format string, args ...any) {
	if w.err == nil {
		w.err = &FormatError{Offset: w.pos, Message: fmt.Sprintf(format, args...)}
	}
}

// fields calls fn with each field of the message that ends at end. What fn leaves
// unread of a field is skipped.
func (w *wire) fields(end int64, fn func(f field)) {
	if w.depth++; w.depth > maxDepth {
		w.fail("its messages are nested more than %d deep", maxDepth)
	}
	for w.err == nil && w.pos < end {
		f := w.next(end)
		if w.err != nil {
			break
		}
		fn(f)
		if f.kind == protowire.BytesType {
			w.pos = f.end
		}
	}
	w.depth--
}

// next reads a field's tag and its number, or where its bytes end.
func (w *wire) next(end int64) field {
	tag := w.varint(end)
	if w.err != nil {
		return field{}
	}
	number, kind := protowire.DecodeTag(tag)
	f := field{number: number, kind: kind}
	if number < protowire.MinValidNumber {
		w.fail("it is no protobuf message")
		return f
	}
	switch kind {
	case protowire.VarintType:
		f.value = w.varint(end)
	case protowire.Fixed32Type:
		if b := w.take(end, 4); b != nil {
			v, _ := protowire.ConsumeFixed32(b)
			f.value = uint64(v)
		}
	case protowire.Fixed64Type:
		if b := w.take(end, 8); b != nil {
			f.value, _ = protowire.ConsumeFixed64(b)
		}
	case protowire.BytesType:
		length := w.varint(end)
		if w.err == nil && length > uint64(end-w.pos) {
			w.fail("it is cut off or damaged: %d bytes should follow and %d are left", length, end-w.pos)
			return f
		}
		f.end = w.pos + int64(length)
	default:
		w.fail("it is no protobuf message")
	}
	return f
}

// varint reads a number of 1 to 10 bytes that ends before end.
func (w *wire) varint(end int64) uint64 {
	if w.err != nil {
		return 0
	}
	b := w.peek(int(min(10, end-w.pos)))
	v, n := protowire.ConsumeVarint(b)
	if n < 0 {
		w.fail("it is cut off or damaged")
		return 0
	}
	w.pos += int64(n)
	return v
}

// take reads n bytes, at most len(space), that end before end. The slice holds until
// the next read.
func (w *wire) take(end int64, n int) []byte {
	if w.err != nil {
		return nil
	}
	if end-w.pos < int64(n) {
		w.fail("it is cut off or damaged")
		return nil
	}
	b := w.peek(n)
	if len(b) < n {
		w.fail("it is cut off or damaged")
		return nil
	}
	w.pos += int64(n)
	return b
}

// peek returns n bytes from pos on, fewer only where the file ends or cannot be read.
func (w *wire) peek(n int) []byte {
	offset := w.pos - w.start
	if offset >= 0 && offset+int64(n) <= int64(len(w.buffer)) {
		return w.buffer[offset : offset+int64(n)]
	}
	got, err := w.file.ReadAt(w.space[:min(int64(len(w.space)), w.size-w.pos)], w.pos)
	if err != nil && err != io.EOF && w.err == nil {
		w.err = fmt.Errorf("reading the model's file: %w", err)
	}
	w.start, w.buffer = w.pos, w.space[:got]
	return w.buffer[:min(n, got)]
}

// int64 is the value of a number field.
func (w *wire) int64(f field) int64 {
	if f.kind != protowire.VarintType {
		w.fail("field %d is not a number", f.number)
	}
	return int64(f.value)
}

// int64s calls fn with each number of a repeated field, packed or not.
func (w *wire) int64s(f field, fn func(int64)) {
	if f.kind != protowire.BytesType {
		fn(w.int64(f))
		return
	}
	for w.err == nil && w.pos < f.end {
		if v := w.varint(f.end); w.err == nil {
			fn(int64(v))
		}
	}
}

// message walks over the fields of a field that is a message.
func (w *wire) message(f field, fn func(f field)) {
	if f.kind != protowire.BytesType {
		w.fail("field %d is not a message", f.number)
		return
	}
	w.fields(f.end, fn)
}

// text is the value of a string field of at most maxName bytes. Equal texts share their
// memory, and only new ones count against maxKept.
func (w *wire) text(f field) string {
	if w.err != nil {
		return ""
	}
	if f.kind != protowire.BytesType {
		w.fail("field %d is not a text", f.number)
		return ""
	}
	length := f.end - w.pos
	if length > maxName {
		w.fail("a name in it has %d bytes, more than %d", length, maxName)
		return ""
	}
	b := w.long(int(length))
	if w.err != nil {
		return ""
	}
	if s, ok := w.names[string(b)]; ok {
		return s
	}
	if !utf8.Valid(b) {
		w.fail("a name in it is not UTF-8")
		return ""
	}
	if w.kept += len(b) + keptEach; w.kept > maxKept {
		w.fail("its names take more than %d MiB", maxKept>>20)
		return ""
	}
	s := string(b)
	w.names[s] = s
	return s
}

// long reads n bytes that may be more than the buffer holds.
func (w *wire) long(n int) []byte {
	if n <= len(w.space) {
		return w.take(w.pos+int64(n), n)
	}
	b := make([]byte, n)
	if got, err := w.file.ReadAt(b, w.pos); got < n {
		if err != nil && err != io.EOF {
			w.err = fmt.Errorf("reading the model's file: %w", err)
			return nil
		}
		w.fail("it is cut off")
		return nil
	}
	w.pos += int64(n)
	return b
}
