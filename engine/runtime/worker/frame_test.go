package worker

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func anyHeader(t *rapid.T) header {
	h := header{Kind: kind(rapid.IntRange(1, int(kindEnd)-1).Draw(t, "kind")),
		ID: rapid.Uint32().Draw(t, "id"), Status: rapid.Uint16().Draw(t, "status")}
	for i := range h.Figures {
		h.Figures[i] = rapid.Int64Min(0).Draw(t, "figure")
	}
	return h
}

// collect makes a link whose output is kept.
type collect struct {
	net.Conn
	out bytes.Buffer
}

func (c *collect) Write(b []byte) (int, error) { return c.out.Write(b) }

func TestFramesComeOutAsTheyWentIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		out := &collect{}
		l := link{conn: out}
		type sent struct {
			header
			text string
			body []byte
		}
		var all []sent
		for range rapid.IntRange(1, 5).Draw(t, "frames") {
			s := sent{anyHeader(t), rapid.StringN(0, 40, 200).Draw(t, "text"),
				bytes.Repeat([]byte{7}, rapid.SampledFrom([]int{0, 1, 100, copied, copied + 1, 200_000}).Draw(t, "body"))}
			all = append(all, s)
			if err := l.send(s.header, s.text, s.body); err != nil {
				t.Fatal(err)
			}
		}
		r := newFrameReader(iotest.HalfReader(&out.out))
		for i, want := range all {
			got, err := r.next()
			if err != nil {
				t.Fatalf("frame %d: %v", i, err)
			}
			want.Size, want.Text = uint32(len(want.text)+len(want.body)), uint16(len(want.text))
			if got.header != want.header || got.Text != want.text || !bytes.Equal(got.bytes(), want.body) {
				t.Fatalf("frame %d: got %+v, want %+v", i, got.header, want.header)
			}
			got.release()
		}
		if _, err := r.next(); !errors.Is(err, io.EOF) {
			t.Fatalf("at the end: %v", err)
		}
	})
}

// impatient gives a few bytes at a time, with an error that passes before each.
type impatient struct {
	r     io.Reader
	ready bool
}

func (i *impatient) Read(b []byte) (int, error) {
	if i.ready = !i.ready; i.ready {
		return 0, syscall.EAGAIN
	}
	return i.r.Read(b[:min(7, len(b))])
}

func TestAFrameIsReadOnAfterATimeout(t *testing.T) {
	out := &collect{}
	l := link{conn: out}
	const n = 5
	for i := range n {
		l.send(header{Kind: kindResponse, ID: uint32(i)}, "text/plain", bytes.Repeat([]byte{byte(i)}, i*100))
	}
	r := newFrameReader(&impatient{r: &out.out})
	timeouts := 0
	for i := 0; i < n; {
		f, err := r.next()
		if errors.Is(err, syscall.EAGAIN) {
			timeouts++
			continue
		}
		if err != nil || f.ID != uint32(i) || f.Text != "text/plain" || !bytes.Equal(f.bytes(), bytes.Repeat([]byte{byte(i)}, i*100)) {
			t.Fatalf("frame %d: %v, %+v", i, err, f.header)
		}
		f.release()
		i++
	}
	if timeouts < n*headerSize/7 {
		t.Errorf("only %d timeouts", timeouts)
	}
}

func TestMalformedHeadersAreRefused(t *testing.T) {
	good := (&header{Kind: kindRequest, Size: 10, Text: 3, ID: 1}).append(nil)
	if len(good) != headerSize {
		t.Fatalf("a header of %d bytes", len(good))
	}
	if _, err := parseHeader(good); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		at    int
		value byte
		says  string
	}{
		"no kind":            {4, 0, "kind 0"},
		"an unknown kind":    {4, byte(kindEnd), "known are 1 to"},
		"a reserved byte":    {5, 1, "reserved"},
		"another":            {15, 1, "reserved"},
		"a giant payload":    {3, 0xff, "bytes of payload"},
		"more text than all": {6, 11, "11 bytes of text in 10"},
		"a negative figure":  {23, 0x80, "figure 0 is negative"},
	} {
		b := bytes.Clone(good)
		b[c.at] = c.value
		_, err := parseHeader(b)
		var bad *frameError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAFrameThatIsCutOffIsAnError(t *testing.T) {
	out := &collect{}
	l := link{conn: out}
	l.send(header{Kind: kindRequest, ID: 1}, "text/csv", []byte("body"))
	whole := out.out.Bytes()
	for n := 1; n < len(whole); n++ {
		if _, err := newFrameReader(bytes.NewReader(whole[:n])).next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// A header alone must not make the reader take a gigabyte.
func TestAClaimIsNotBelieved(t *testing.T) {
	b := (&header{Kind: kindRequest, Size: maxPayload}).append(nil)
	r := newFrameReader(io.MultiReader(bytes.NewReader(b), iotest.ErrReader(io.EOF)))
	if _, err := r.next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if p := newBuffer(believed); cap(p.b) != believed {
		t.Errorf("a buffer of %d bytes", cap(p.b))
	}
}

func FuzzFrames(f *testing.F) {
	out := &collect{}
	l := link{conn: out}
	l.send(header{Kind: kindResponse, ID: 3, Status: 200, Figures: [4]int64{1, 2, 3, 4}}, "application/json", []byte("{}"))
	f.Add(out.out.Bytes())
	f.Add(append(out.out.Bytes(), 1, 2, 3))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newFrameReader(bytes.NewReader(b))
		rest := b
		for {
			frame, err := r.next()
			if err != nil {
				var bad *frameError
				if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &bad) {
					t.Fatalf("an untyped error: %v", err)
				}
				return
			}
			again := &collect{}
			l := link{conn: again}
			if err := l.send(frame.header, frame.Text, frame.bytes()); err != nil {
				t.Fatal(err)
			}
			n := again.out.Len()
			if n > len(rest) || !bytes.Equal(again.out.Bytes(), rest[:n]) {
				t.Fatalf("% x was read as %+v and written as % x", rest, frame.header, again.out.Bytes())
			}
			rest = rest[n:]
			frame.release()
		}
	})
}

func TestBuffersAreUsedAgainInTheirClass(t *testing.T) {
	for _, c := range []struct{ n, capacity int }{{0, 4 << 10}, {1, 4 << 10}, {4 << 10, 4 << 10}, {4<<10 + 1, 8 << 10}, {16 << 20, 16 << 20}, {32 << 20, 32 << 20}} {
		b := newBuffer(c.n)
		if len(b.b) != 0 || cap(b.b) < c.n || cap(b.b) > 2*c.capacity {
			t.Errorf("%d: a buffer of %d for %d", c.n, cap(b.b), c.capacity)
		}
		b.release()
	}
	// One that has grown is filed where it is big enough.
	b := newBuffer(1)
	b.b = append(b.b, make([]byte, 9<<10)...)
	b.release()
	for _, n := range []int{1, 8 << 10, 16 << 10} {
		if b := newBuffer(n); cap(b.b) < n {
			t.Errorf("a buffer of %d for %d", cap(b.b), n)
		}
	}
}

// A worker that breaks the protocol, and an engine that does, end the connection with an
// error and no panic.
func TestAWorkerRefusesWhatItDoesNotExpect(t *testing.T) {
	for name, frames := range map[string][]header{
		"a request before the load": {{Kind: kindRequest, ID: 1}},
		"a worker's frame":          {{Kind: kindResponse, ID: 1}},
		"orders without end":        {{Kind: kindLoad}, {Kind: kindLoad}, {Kind: kindLoad}, {Kind: kindLoad}, {Kind: kindLoad}},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer ours.Close()
			go io.Copy(io.Discard, ours)
			result, b := make(chan error), make(blocked)
			defer close(b)
			go func() { result <- serve(theirs, nil, b) }()
			go func() {
				l := link{conn: ours}
				for _, h := range frames {
					l.send(h, "", []byte("{}"))
				}
			}()
			var bad *frameError
			if err := <-result; !errors.As(err, &bad) {
				t.Errorf("got %v", err)
			}
			theirs.Close()
		})
	}
}

// blocked is a backend whose load does not end while the channel is open.
type blocked chan struct{}

func (blocked) open(string) (string, error) { return "", nil }

func (b blocked) load(loadOrder, func()) ([]evaluator, loadReport, error) {
	<-b
	return nil, loadReport{}, errors.New("nothing to load")
}

func TestTheDocumentsExampleIsWhatGoesOver(t *testing.T) {
	out := &collect{}
	l := link{conn: out}
	l.send(header{Kind: kindRequest, ID: 1, Figures: [4]int64{int64(defaultTimeout)}}, "application/json", []byte(`{"inputs":[[1,2]]}`))
	l.send(header{Kind: kindResponse, ID: 1, Status: 200, Figures: [4]int64{1500, 900, 5200, 700}}, "application/json",
		[]byte(`{"predictions": {"y": [[2.0, 3.0]]}}`))
	text, err := os.ReadFile("../../../docs/worker-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []byte
	for _, line := range regexp.MustCompile(`(?m)^(?:[0-9a-f]{2} ){1,15}[0-9a-f]{2}(?:  .*)$`).FindAllString(string(text), -1) {
		for _, b := range strings.Fields(line[:min(len(line), 48)]) {
			n, err := strconv.ParseUint(b, 16, 8)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			documented = append(documented, byte(n))
		}
	}
	if !bytes.Equal(documented, out.out.Bytes()) {
		t.Errorf("docs/worker-protocol.md shows\n% x\nbut what goes over is\n% x", documented, out.out.Bytes())
	}
}
