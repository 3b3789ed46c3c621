package worker

import (
	"io"
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

	mu  sync.Mutex
	out []byte
	err error
}

// send writes a frame; Size and Text of the header are filled in. body may be reused when
// it returns. A sender that sees another one waiting behind it leaves its small frame for
// that one to write. The error is final: the connection is of no use after it.
func (l *link) send(h header, text string, body []byte) error {
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
	if more && len(l.out) < flushAt {
		return nil
	}
	_, l.err = l.conn.Write(l.out)
	l.out = l.out[:0]
	return l.err
}
