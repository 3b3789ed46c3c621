package telemetry

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// memory is a Table without a disk that counts its transactions.
type memory struct {
	mu      sync.Mutex
	records map[string][]byte
	applies int
	largest int
	fail    error
	block   chan struct{} // where set, Apply waits for it
}

func newMemory() *memory { return &memory{records: map[string][]byte{}} }

func (m *memory) Each(prefix string, fn func(string, []byte) error) error {
	m.mu.Lock()
	records, fail := maps.Clone(m.records), m.fail
	m.mu.Unlock()
	if fail != nil {
		return fail
	}
	for _, k := range slices.Sorted(maps.Keys(records)) {
		if strings.HasPrefix(k, prefix) {
			if err := fn(k, records[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) Apply(changes map[string][]byte) error {
	if m.block != nil {
		<-m.block
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.applies++
	if m.fail != nil {
		return m.fail
	}
	size := 0
	for k, v := range changes {
		size += len(k) + len(v)
		if v == nil {
			delete(m.records, k)
		} else {
			m.records[k] = slices.Clone(v)
		}
	}
	m.largest = max(m.largest, size)
	return nil
}

func (m *memory) setFail(err error) {
	m.mu.Lock()
	m.fail = err
	m.mu.Unlock()
}

func (m *memory) size() (records, applies int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.records), m.applies
}

func messages(events []Event) []string {
	var got []string
	for _, e := range events {
		got = append(got, e.Message)
	}
	return got
}

func mustClose(t *testing.T, x *Telemetry) {
	t.Helper()
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEventsAreKeptOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		x := New(time.Now, m, nil)
		want := Event{At: time.Now(), Type: EntityFailed, Entity: "digits-1", Version: 3, Actor: "bob", Message: "no such file", Reason: "6 wait > 2"}
		x.Endpoint("digits").Event(Event{Type: Created, Message: "made"})
		x.Endpoint("digits").Event(want)
		want.ID = 1 // the second of this endpoint
		x.Endpoint("a/b é").Event(Event{Type: Created, Message: "odd name"})
		mustClose(t, x)
		x.Endpoint("digits").Event(Event{Message: "too late for the disk"})

		x = New(time.Now, m, nil)
		got := x.Events("digits", 10)
		if !slices.Equal(messages(got), []string{"no such file", "made"}) {
			t.Fatalf("read back %+v", got)
		}
		if !got[0].At.Equal(want.At) {
			t.Errorf("at %v, want %v", got[0].At, want.At)
		}
		if got[0].At = want.At; got[0] != want {
			t.Errorf("read back %+v, want %+v", got[0], want)
		}
		if got[1].At.IsZero() {
			t.Error("an event has no time")
		}
		if got := messages(x.Events("a/b é", 10)); !slices.Equal(got, []string{"odd name"}) {
			t.Errorf("read back %v", got)
		}
		x.Endpoint("digits").Event(Event{Message: "later"})
		if got := messages(x.Events("digits", 2)); !slices.Equal(got, []string{"later", "no such file"}) {
			t.Errorf("the newest 2 are %v", got)
		}
		for _, n := range []int{0, -1} {
			if got := x.Events("digits", n); len(got) != 0 {
				t.Errorf("%d events are %v", n, got)
			}
		}
		if got := x.Events("unknown", 5); len(got) != 0 {
			t.Errorf("an unknown endpoint has events %v", got)
		}
		mustClose(t, x)
		mustClose(t, x)
	})
}

func TestEventsAreWrittenInBatchesAtMostOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		x := New(time.Now, m, nil)
		for i := range 1000 { // 10 s
			x.Endpoint("digits").Event(Event{Message: fmt.Sprint(i)})
			time.Sleep(10 * time.Millisecond) // the bubble's clock
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if records, applies := m.size(); applies > 12 || applies < 9 || records != maxEvents {
			t.Errorf("%d transactions, %d records", applies, records)
		}
		if x.log.running {
			t.Error("the goroutine stays although there is nothing to write")
		}
	}) // fails if a goroutine stays
}

func TestTheNewestEventsAreKept(t *testing.T) {
	m := newMemory()
	for round := range 3 {
		x := New(time.Now, m, nil)
		for i := range 300 {
			x.Endpoint("digits").Event(Event{Message: fmt.Sprint(round, " ", i)})
			x.Endpoint("other").Event(Event{Message: "x"})
		}
		mustClose(t, x)
	}
	got := messages(New(time.Now, m, nil).Events("digits", 1000))
	if len(got) != 500 || got[0] != "2 299" || got[299] != "2 0" || got[499] != "1 100" {
		t.Errorf("%d events: %v ...", len(got), got[:1])
	}
	if records, _ := m.size(); records != 1000 {
		t.Errorf("%d records are stored", records)
	}
}

func TestLongMessagesAreCutAndBatchesBounded(t *testing.T) {
	m := newMemory()
	x := New(time.Now, m, nil)
	for range 400 {
		x.Endpoint("digits").Event(Event{Message: strings.Repeat("ä", 1<<20)})
	}
	mustClose(t, x)
	if m.largest > maxBatch {
		t.Errorf("a transaction had %d bytes", m.largest)
	}
	got := New(time.Now, m, nil).Events("digits", 1)[0].Message
	if len(got) > maxMessage+4 || !strings.HasPrefix(got, "ää") || !strings.HasSuffix(got, "ä ...") {
		t.Errorf("a message of %d bytes is kept, it ends with %q", len(got), got[len(got)-8:])
	}
}

func TestAForgottenEndpointLeavesNothing(t *testing.T) {
	m := newMemory()
	x := New(time.Now, m, nil)
	old := x.Endpoint("digits")
	old.Event(Event{Message: "old"})
	old.Record(Sample{Status: 200, Total: time.Second})
	x.Endpoint("digits2").Event(Event{Message: "another"})
	x.Forget("digits")
	x.Forget("unknown")
	old.Event(Event{Message: "late"})
	old.Record(Sample{Status: 200, Total: time.Second})
	if got := x.Events("digits", 9); len(got) != 0 {
		t.Errorf("events %v", got)
	}
	if s := x.Summary("digits"); s.RequestsPerSecond != 0 {
		t.Errorf("figures %+v", s)
	}
	mustClose(t, x)
	if got := slices.Collect(maps.Keys(m.records)); !slices.Equal(got, []string{"digits2/0000000000000000"}) {
		t.Errorf("the table holds %v", got)
	}

	x = New(time.Now, m, nil) // made again under the same name, before the disk has caught up
	x.Endpoint("digits").Event(Event{Message: "old"})
	x.Forget("digits")
	x.Endpoint("digits").Event(Event{Message: "new"})
	mustClose(t, x)
	if got := messages(New(time.Now, m, nil).Events("digits", 9)); !slices.Equal(got, []string{"new"}) {
		t.Errorf("read back %v", got)
	}
}

func TestEventsOfEndpointsThatAreGoneGo(t *testing.T) {
	m := newMemory()
	x := New(time.Now, m, nil)
	for _, name := range []string{"digits", "gone"} {
		x.Endpoint(name).Event(Event{Message: "of " + name})
	}
	mustClose(t, x)
	x = New(time.Now, m, nil)
	x.Keep(func(name string) bool { return name == "digits" })
	mustClose(t, x)
	if got := slices.Collect(maps.Keys(m.records)); !slices.Equal(got, []string{"digits/0000000000000000"}) {
		t.Errorf("the table holds %v", got)
	}
}

func TestNobodyWaitsForTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.block = make(chan struct{})
		x := New(time.Now, m, nil)
		r := x.Endpoint("digits")
		began := time.Now()
		for i := range 10 {
			r.Event(Event{Message: fmt.Sprint(i)})
			r.Record(Sample{Status: 200})
			synctest.Wait() // the writer hangs in Apply
		}
		if got := x.Events("digits", 99); len(got) != 10 || !time.Now().Equal(began) {
			t.Errorf("%d events after %v", len(got), time.Since(began))
		}
		close(m.block)
		mustClose(t, x)
		if got := New(time.Now, m, nil).Events("digits", 99); len(got) != 10 {
			t.Errorf("%d events were written", len(got))
		}
	})
}

func TestEventsAreWrittenOnceTheDiskHasRoomAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("full")
		m := newMemory()
		x := New(time.Now, m, nil)
		m.setFail(full)
		for i := range 2000 {
			x.Endpoint("digits").Event(Event{Message: fmt.Sprint(i)})
		}
		time.Sleep(5 * time.Second) // the bubble's clock
		m.setFail(nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if records, _ := m.size(); records != maxEvents {
			t.Errorf("%d records", records)
		}
		m.setFail(full)
		x.Endpoint("digits").Event(Event{Message: "last"})
		if err := x.Close(); !errors.Is(err, full) {
			t.Errorf("Close: %v", err)
		}
	})
}

func TestAnUnreadableTableIsNotWritten(t *testing.T) {
	m := newMemory()
	m.setFail(errors.New("damaged"))
	x := New(time.Now, m, nil)
	x.Endpoint("digits").Event(Event{Message: "in memory"})
	if got := x.Events("digits", 9); len(got) != 1 {
		t.Errorf("events %v", got)
	}
	m.setFail(nil)
	if err := x.Close(); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("Close: %v", err)
	}
	if records, applies := m.size(); records != 0 || applies != 0 {
		t.Errorf("%d records after %d transactions", records, applies)
	}
}

func TestOddRecordsAreLeftAlone(t *testing.T) {
	m := newMemory()
	x := New(time.Now, m, nil)
	for i := range 5 {
		x.Endpoint("digits").Event(Event{Message: fmt.Sprint(i)})
	}
	mustClose(t, x)
	m.records["digits/zz"] = []byte("{}")
	m.records["%zz/0000000000000000"] = []byte("{}")
	m.records["other"] = []byte("{}")
	m.records["digits/0000000000000009"] = []byte("not JSON")
	delete(m.records, keyOf("digits", 2)) // a hole: what is before it goes
	x = New(time.Now, m, nil)
	if got := messages(x.Events("digits", 9)); !slices.Equal(got, []string{"4", "3"}) {
		t.Errorf("read back %v", got)
	}
	mustClose(t, x)
	if n, _ := m.size(); n != 4+2 {
		t.Errorf("%d records stay: %v", n, slices.Sorted(maps.Keys(m.records)))
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("digits/0000000000000007")
	f.Add("%2F/ff")
	f.Add("")
	f.Fuzz(func(t *testing.T, key string) {
		name, number, err := parseKey(key)
		if err != nil {
			return
		}
		again, n, err := parseKey(keyOf(name, number))
		if err != nil || again != name || n != number {
			t.Errorf("%q is %q, %d, which comes back as %q, %d, %v", key, name, number, again, n, err)
		}
	})
}

// Events of before actors and reasons were kept are read as they are, and keep their ids.
func TestOlderEventsAreRead(t *testing.T) {
	m := newMemory()
	m.records["digits/0000000000000007"] = []byte(`{"at":"2026-03-04T05:06:07Z","type":"SCALED","entity":"digits-1","version":2,"message":"4 → 8."}`)
	want := Event{ID: 7, At: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), Type: Scaled, Entity: "digits-1", Version: 2, Message: "4 → 8."}
	x := New(time.Now, m, nil)
	if got := x.Events("digits", 9); len(got) != 1 || got[0] != want {
		t.Errorf("read %+v, want %+v", got, want)
	}
	x.Endpoint("digits").Event(Event{})
	if got := x.Events("digits", 1); got[0].ID != 8 {
		t.Errorf("the next one is %d", got[0].ID)
	}
	mustClose(t, x)
}
