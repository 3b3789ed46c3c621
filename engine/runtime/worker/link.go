package worker

import (
	"io"
	goruntime "runtime"
	"sync"
	"sync/atomic"
)

const (
	// copied is the body up to which a frame is copied into the output buffer, so that
	// several small ones go out with one write. A longer one is written from where it
	// lies: copying 32 KiB costs about as much as a second write.
	copied = 32 << 10
	// flushAt is the output that is written even if another sender is about to come.
	flushAt = 64 << 10
)

// link is the sending half of a connection. Any goroutine may send.
type link struct {
	conn    io.Writer
	senders atomic.Int32 // that hold mu or are about to
	gather  func() bool  // whether others are likely to send this moment; nil for never

	mu  sync.Mutex
	out []byte
	err error
}

// send writes a frame; Size and Text of the header are filled in. body may be reused when
// it returns. A sender that sees another one waiting behind it leaves its small frame for
// that one to write; where others are likely to send this moment it lets them go first, for
// a write costs more than the wait: it wakes the reader. The error is final: the connection
// is of no use after it.
func (l *link) send(h header, text string, body []byte) error {
	if l.gather == nil || len(body) > copied || !l.gather() {
		return l.put(h, text, body, false)
	}
	if err := l.put(h, text, body, true); err != nil {
		return err
	}
	goruntime.Gosched()
	return l.flush()
}

// put is send, or leaves a small frame for the next put or flush to write where hold is
// set: whoever holds one must see to that.
func (l *link) put(h header, text string, body []byte, hold bool) error {
	if len(text)+len(body) > maxPayload || len(text) > 1<<16-1 {
		return malformed("%d bytes of text and %d of body are too long to send", len(text), len(body))
	}
	h.Size, h.Text = uint32(len(text)+len(body)), uint16(len(text))
	l.senders.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	more := l.senders.Add(-1) > 0
	if l.err != nil {
		return l.err
	}
	l.out = append(h.append(l.out), text...)
	if len(body) > copied {
		if _, l.err = l.conn.Write(l.out); l.err == nil {
			_, l.err = l.conn.Write(body)
		}
		l.out = l.out[:0]
		return l.err
	}
	l.out = append(l.out, body...)
	if (more || hold) && len(l.out) < flushAt {
		return nil
	}
	_, l.err = l.conn.Write(l.out)
	l.out = l.out[:0]
	return l.err
}

// flush writes what put has held.
func (l *link) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && len(l.out) > 0 {
		_, l.err = l.conn.Write(l.out)
		l.out = l.out[:0]
	}
	return l.err
}

// close closes the connection once no frame is on its way into it.
func (l *link) close(conn io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = io.ErrClosedPipe
	}
	conn.Close()
}
