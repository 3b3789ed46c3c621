package worker

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// protocolVersion changes with every change of the wire format. The two sides differ only
// where the program's file was replaced under a running engine.
const protocolVersion = 3

const (
	// headerSize is the bytes before a frame's payload.
	headerSize = 48
	// maxPayload bounds text and body of a frame, in bytes: 1 GiB.
	maxPayload = 1 << 30
	// readBuffer must hold a header and the longest text.
	readBuffer = 128 << 10
)

// kind is what a frame is.
type kind uint8

// The kinds of frame. E is the engine, W the worker.
const (
	kindHello    kind = 1 + iota // W→E, first: Figures[0] is the protocol's version
	kindOpen                     // E→W: body is the path of ONNX Runtime's library
	kindOpened                   // W→E: the library is loaded; body is its version
	kindLoad                     // E→W: body is a loadOrder in JSON
	kindProbing                  // W→E: the model is loaded, a trial run begins
	kindLoaded                   // W→E: body is a loadReport in JSON
	kindFailed                   // W→E: Open or Load failed; body is a failure in JSON
	kindRequest                  // E→W: text is the content type, body the client's; Figures: the timeout, and where in shared memory the body is and its length, 0 where the frame has it
	kindResponse                 // W→E: text is the content type, Figures the runtime.Timing
	kindCancel                   // E→W: the request of this ID is not waited for any more
	kindEnd                      // no frame: one past the last kind
)

// header is the fixed part of a frame, little-endian on the wire:
//
//	 0 uint32    Size     bytes of text and body together
//	 4 uint8     Kind
//	 5 uint8     reserved, 0
//	 6 uint16    Text     bytes of text; the body is the rest
//	 8 uint32    ID       of the request; 0 outside requests, responses and cancels
//	12 uint16    Status   HTTP's, of a response
//	14 uint16    reserved, 0
//	16 4 × int64 Figures  durations in nanoseconds, never negative
type header struct {
	Size    uint32
	Kind    kind
	Text    uint16
	ID      uint32
	Status  uint16
	Figures [4]int64
}

// append writes the header behind b.
func (h *header) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, h.Size)
	b = append(b, byte(h.Kind), 0)
	b = binary.LittleEndian.AppendUint16(b, h.Text)
	b = binary.LittleEndian.AppendUint32(b, h.ID)
	b = binary.LittleEndian.AppendUint16(b, h.Status)
	b = append(b, 0, 0)
	for _, f := range h.Figures {
		b = binary.LittleEndian.AppendUint64(b, uint64(f))
	}
	return b
}

// frameError is a frame that breaks the protocol. The connection is of no use after it.
type frameError struct{ message string }

func (e *frameError) Error() string { return "a malformed frame: " + e.message }

func malformed(format string, args ...any) error { return &frameError{fmt.Sprintf(format, args...)} }

// parseHeader reads the first headerSize bytes of b, which must be there.
func parseHeader(b []byte) (header, error) {
	_ = b[headerSize-1]
	h := header{
		Size:   binary.LittleEndian.Uint32(b),
		Kind:   kind(b[4]),
		Text:   binary.LittleEndian.Uint16(b[6:]),
		ID:     binary.LittleEndian.Uint32(b[8:]),
		Status: binary.LittleEndian.Uint16(b[12:]),
	}
	switch {
	case h.Kind == 0 || h.Kind >= kindEnd:
		return h, malformed("kind %d, known are 1 to %d", h.Kind, kindEnd-1)
	case b[5] != 0 || b[14] != 0 || b[15] != 0:
		return h, malformed("reserved bytes %d, %d, %d, all must be 0", b[5], b[14], b[15])
	case h.Size > maxPayload:
		return h, malformed("%d bytes of payload, at most %d are allowed", h.Size, maxPayload)
	case uint32(h.Text) > h.Size:
		return h, malformed("%d bytes of text in %d bytes of payload", h.Text, h.Size)
	}
	for i := range h.Figures {
		f := binary.LittleEndian.Uint64(b[16+8*i:])
		if f > math.MaxInt64 {
			return h, malformed("figure %d is negative", i)
		}
		h.Figures[i] = int64(f)
	}
	return h, nil
}

// frame is a frame that was read. Body is nil where it is empty; its owner releases it.
type frame struct {
	header
	Text string
	Body *buffer

	shared []byte // the body, where it came through shared memory
}

// bytes is the body.
func (f *frame) bytes() []byte {
	if f.Body == nil {
		return f.shared
	}
	return f.Body.b
}

// release gives the body's memory back.
func (f *frame) release() {
	if f.Body != nil {
		f.Body.release()
		f.Body = nil
	}
}

// frameReader reads frames from a stream.
type frameReader struct {
	r *bufio.Reader
	f frame // whose header and text are read already; Kind 0 for none
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, readBuffer)}
}

// next reads one frame. The error is io.EOF where the stream ends between two frames,
// io.ErrUnexpectedEOF inside one, a *frameError, or the stream's. After an error of the
// stream that passes, as a timeout does, next goes on where it was.
func (r *frameReader) next() (frame, error) {
	if r.f.Kind == 0 {
		if err := r.begin(); err != nil {
			return frame{}, err
		}
	}
	if err := r.body(int(r.f.Size) - int(r.f.header.Text)); err != nil {
		return frame{}, err
	}
	f := r.f
	r.f = frame{}
	return f, nil
}

// ready tells whether a whole frame has come already, so that next does not wait.
func (r *frameReader) ready() bool {
	if r.f.Kind != 0 || r.r.Buffered() < headerSize {
		return false
	}
	head, _ := r.r.Peek(headerSize)
	return r.r.Buffered() >= headerSize+int(binary.LittleEndian.Uint32(head))
}

// begin reads header and text of a frame, both or none of them.
func (r *frameReader) begin() error {
	head, err := r.r.Peek(headerSize)
	if err != nil {
		if len(head) > 0 {
			err = unexpected(err)
		}
		return err
	}
	h, err := parseHeader(head)
	if err != nil {
		return err
	}
	text := ""
	if h.Text > 0 {
		both, err := r.r.Peek(headerSize + int(h.Text))
		if err != nil {
			return unexpected(err)
		}
		text = intern(both[headerSize:])
	}
	r.r.Discard(headerSize + len(text))
	r.f = frame{header: h, Text: text}
	return nil
}

// believed is how much memory a header alone can claim: beyond it, memory grows with
// what has really come.
const believed = 32 << 20

// body reads what is missing of the n bytes of r.f's body.
func (r *frameReader) body(n int) error {
	if n > 0 && r.f.Body == nil {
		r.f.Body = newBuffer(min(n, believed))
	}
	for body := r.f.Body; body != nil && len(body.b) < n; {
		from := len(body.b)
		if from == cap(body.b) {
			body.b = append(make([]byte, 0, min(n, 2*from)), body.b...)
		}
		got, err := io.ReadFull(r.r, body.b[from:min(n, cap(body.b))])
		body.b = body.b[:from+got]
		if err != nil {
			return unexpected(err)
		}
	}
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// intern makes a string of a content type, without an allocation for the usual ones.
func intern(b []byte) string {
	switch string(b) {
	case "application/json":
		return "application/json"
	case "application/json; charset=utf-8":
		return "application/json; charset=utf-8"
	case "text/csv":
		return "text/csv"
	}
	return string(b)
}
