package api

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
)

const (
	// maxScoringBody is the product's limit of a scoring request (spec E), also after
	// inflating.
	maxScoringBody = 16 << 20
	// maxControlBody bounds every other JSON body: ten served entities with 50
	// environment variables each of 1 KiB are half of it.
	maxControlBody = 1 << 20
)

// buffer is a request body read whole. Bodies of like size share a pool, so that a row
// of a table never holds on to a picture's megabytes.
type buffer struct {
	data  []byte
	class int // index into pools, or -1 where it is not pooled
}

// classes are the capacities that are pooled: a picture of 1.4 MB takes 4 MiB, not the
// longest body's 16, which the garbage collector would have to clear each time it had taken it.
var classes = [...]int{4 << 10, 64 << 10, 256 << 10, maxControlBody + 1, 4 << 20, maxScoringBody + 1}

var pools [len(classes)]sync.Pool

// newBuffer returns a buffer of length 0 with room for n bytes.
func newBuffer(n int64) *buffer {
	for i, size := range classes {
		if n > int64(size) {
			continue
		}
		if b, ok := pools[i].Get().(*buffer); ok {
			b.data = b.data[:0]
			return b
		}
		return &buffer{data: make([]byte, 0, size), class: i}
	}
	return &buffer{data: make([]byte, 0, n), class: -1}
}

// free gives the buffer back. Nobody may read it afterwards: a caller that is not sure
// whether a cancelled reader has let go leaves it to the garbage collector instead.
func (b *buffer) free() {
	if b != nil && b.class >= 0 {
		pools[b.class].Put(b)
	}
}

// readBody reads a request's body whole, inflated where it came as gzip, within limit
// bytes. The server's ReadTimeout bounds the time; net/http lifts it when the body has
// been read to its end, so that it never cuts a long run short.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) (*buffer, error) {
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	inflate := false
	if encoding := r.Header["Content-Encoding"]; len(encoding) > 0 {
		switch {
		case len(encoding) == 1 && strings.EqualFold(encoding[0], "gzip"):
			inflate = true
		case len(encoding) == 1 && (encoding[0] == "" || strings.EqualFold(encoding[0], "identity")):
		default:
			return nil, &requestError{code: codeUnsupportedMedia, message: fmt.Sprintf(
				"Content-Encoding %q is not supported: send the body as it is, or with gzip.", cut(strings.Join(encoding, ", "), 60))}
		}
	}
	var b *buffer
	var err error
	switch {
	case inflate:
		b, err = inflated(http.MaxBytesReader(w, r.Body, limit), limit)
	case r.ContentLength >= 0:
		b = newBuffer(r.ContentLength)
		b.data = b.data[:r.ContentLength]
		_, err = io.ReadFull(r.Body, b.data)
	default:
		b, err = readAll(http.MaxBytesReader(w, r.Body, limit), limit)
	}
	if err != nil {
		b.free()
		return nil, bodyError(err, limit)
	}
	return b, nil
}

// readAll reads a body of unknown length, moving to a larger buffer as it grows. It
// reads at most limit+1 bytes.
func readAll(r io.Reader, limit int64) (*buffer, error) {
	b := newBuffer(0)
	for {
		if len(b.data) == cap(b.data) {
			if int64(len(b.data)) > limit {
				return b, &http.MaxBytesError{Limit: limit}
			}
			larger := newBuffer(min(int64(cap(b.data))*8, limit) + 1)
			larger.data = append(larger.data, b.data...)
			b.free()
			b = larger
		}
		n, err := r.Read(b.data[len(b.data):cap(b.data)])
		b.data = b.data[:len(b.data)+n]
		switch {
		case int64(len(b.data)) > limit:
			return b, &http.MaxBytesError{Limit: limit}
		case err == io.EOF:
			return b, nil
		case err != nil:
			return b, err
		}
	}
}

var inflaters sync.Pool

// inflated reads a gzip stream within limit bytes of plain text, whatever its ratio.
func inflated(r io.Reader, limit int64) (*buffer, error) {
	z, ok := inflaters.Get().(*gzip.Reader)
	var err error
	if ok {
		err = z.Reset(r)
	} else {
		z, err = gzip.NewReader(r)
	}
	if err != nil {
		return nil, err
	}
	defer inflaters.Put(z)
	return readAll(z, limit)
}

func tooLarge(limit int64) error {
	return &requestError{code: codeTooLarge, message: fmt.Sprintf(
		"The request body is larger than %d MiB, the most that one request may carry. Send fewer rows at a time.", limit>>20)}
}

// bodyError says why a body could not be read.
func bodyError(err error, limit int64) error {
	var large *http.MaxBytesError
	var corrupt flate.CorruptInputError
	switch {
	case errors.As(err, &large):
		return tooLarge(limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &requestError{code: codeRequestTimeout, message: "The request body did not arrive in time."}
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return &requestError{code: codeMalformedRequest, message: "The request body says Content-Encoding: gzip but is not valid gzip."}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &requestError{code: codeMalformedRequest, message: "The request body ended before it was complete."}
	}
	return &requestError{code: codeMalformedRequest, message: "The request body could not be read.", cause: err}
}
