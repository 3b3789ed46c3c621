package telemetry

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func logText(t *testing.T, x *Telemetry, kind LogKind, entity string, version int) string {
	t.Helper()
	text, known := x.Log("digits", kind, entity, version)
	if !known {
		t.Errorf("no %s log of %s", kind, entity)
	}
	return text
}

func TestALogLineIsInTheProductsForm(t *testing.T) {
	at := time.Date(2024, 2, 18, 13, 39, 44, 5e8, time.FixedZone("", 3600))
	for want, line := range map[string]LogLine{
		"[94cbbdpbb8] [2024-02-18 12:39:44 +0000] [115] [INFO] Booting worker with pid: 115\n": {At: at, Replica: "94cbbdpbb8", PID: 115, Text: "Booting worker with pid: 115"},
		"[2024-02-18 12:39:44 +0000] [ERROR] no\n    [x] forged\n":                             {At: at, Level: "ERROR", Text: "no\n[x] forged\n\n"},
		"[2024-02-18 12:39:44 +0000] [INFO] \ufffd[31mred\t\ufffd\ufffd\n":                     {At: at, Text: "\x1b[31mred\t\u009b\xff"},
	} {
		if got := line.format(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if n := len(LogLine{Text: strings.Repeat("€", maxMessage)}.format()); n > maxMessage+100 {
		t.Errorf("a line of %d bytes", n)
	}
}

func TestLogsOutliveARestart(t *testing.T) {
	c := newClock()
	m := newMemory()
	x := New(c.now, m, nil)
	r := x.Endpoint("digits")
	r.Log(ServiceLog, "digits-1", 1, LogLine{Text: "one"})
	r.Log(ServiceLog, "digits-1", 2, LogLine{Text: "two"})
	r.Log(BuildLog, "a/b", 2, LogLine{Text: "built"})
	r.Event(Event{Message: "an event"})
	check := func() {
		t.Helper()
		if got := logText(t, x, ServiceLog, "digits-1", 0); got != "[2026-03-04 05:06:07 +0000] [INFO] one\n[2026-03-04 05:06:07 +0000] [INFO] two\n" {
			t.Errorf("all: %q", got)
		}
		if got := logText(t, x, ServiceLog, "digits-1", 2); !strings.HasSuffix(got, "two\n") || strings.Contains(got, "one") {
			t.Errorf("configuration 2: %q", got)
		}
		if got := logText(t, x, BuildLog, "a/b", 1); got != "" {
			t.Errorf("configuration 1: %q", got)
		}
		if got := logText(t, x, BuildLog, "a/b", 2); !strings.HasSuffix(got, "built\n") {
			t.Errorf("%q", got)
		}
		if got := messages(x.Events("digits", 9)); len(got) != 1 {
			t.Errorf("events %v", got)
		}
	}
	check()
	mustClose(t, x)
	x = New(c.now, m, nil)
	check()
	for _, c := range [][2]string{{"digits", "digits-2"}, {"none", "digits-1"}} {
		if text, known := x.Log(c[0], ServiceLog, c[1], 0); text != "" || known {
			t.Errorf("%v has a log: %q", c, text)
		}
	}
	x.Forget("digits")
	x.Endpoint("digits").Log(BuildLog, "digits-1", 1, LogLine{Text: "of the next"})
	mustClose(t, x)
	if n, _ := m.size(); n != 1 {
		t.Errorf("%d records after Forget: %v", n, m.records)
	}
}

func TestLogsAreKeptForThirtyDays(t *testing.T) {
	c := newClock()
	m := newMemory()
	x := New(c.now, m, nil)
	x.Endpoint("digits").Log(BuildLog, "digits-1", 1, LogLine{Text: "old"})
	c.add(29 * 24 * time.Hour)
	x.Endpoint("digits").Log(BuildLog, "digits-1", 2, LogLine{Text: "new"})
	if got := logText(t, x, BuildLog, "digits-1", 0); !strings.Contains(got, "old") {
		t.Errorf("after 29 days: %q", got)
	}
	c.add(2 * 24 * time.Hour)
	if got := logText(t, x, BuildLog, "digits-1", 0); strings.Contains(got, "old") || !strings.Contains(got, "new") {
		t.Errorf("after 31 days: %q", got)
	}
	mustClose(t, x)
	x = New(c.now, m, nil)
	mustClose(t, x)
	if n, _ := m.size(); n != 1 {
		t.Errorf("after 31 days and a start %d records", n)
	}
	c.add(30 * 24 * time.Hour)
	x = New(c.now, m, nil)
	if text, known := x.Log("digits", BuildLog, "digits-1", 0); known {
		t.Errorf("after 61 days and a start: %q", text)
	}
	mustClose(t, x)
	if n, _ := m.size(); n != 0 {
		t.Errorf("after 61 days and a start %d records", n)
	}
}

// However much is written, a log is its newest lines, in order, in memory and on the disk.
func TestALogIsItsNewestLines(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newMemory()
		x := New(newClock().now, m, nil)
		r := x.Endpoint("digits")
		n := rapid.IntRange(1, 300).Draw(rt, "lines")
		width := rapid.IntRange(1, maxMessage+10).Draw(rt, "width")
		all := ""
		for i := range n {
			l := LogLine{At: newClock().now(), Text: fmt.Sprint(i) + strings.Repeat("x", rapid.IntRange(0, width).Draw(rt, "bytes"))}
			r.Log(ServiceLog, "digits-1", 1+i/100, l)
			all += l.format()
		}
		for range 2 {
			got, _ := x.Log("digits", ServiceLog, "digits-1", 0)
			switch {
			case !strings.HasSuffix(all, got) || got == "" || got[0] != '[':
				rt.Fatalf("a log of %d bytes is not the end of the %d that were written", len(got), len(all))
			case len(got) > maxLog || len(got) < min(len(all), maxLog-2*maxChunk):
				rt.Fatalf("%d bytes of %d are kept", len(got), len(all))
			}
			if err := x.Close(); err != nil {
				rt.Fatal(err)
			}
			x = New(newClock().now, m, nil)
		}
	})
}

func TestAnEndpointHasSoManyLogs(t *testing.T) {
	c := newClock()
	m := newMemory()
	x := New(c.now, m, nil)
	r := x.Endpoint("digits")
	for i := range maxLogs + 9 {
		c.add(time.Second)
		r.Log(BuildLog, fmt.Sprint(i), 1, LogLine{Text: "built"})
		r.Log(BuildLog, "kept", 1, LogLine{Text: "again"})
	}
	mustClose(t, x)
	if n, _ := m.size(); n != maxLogs {
		t.Errorf("%d logs", n)
	}
	x = New(c.now, m, nil)
	if _, known := x.Log("digits", BuildLog, "0", 0); known {
		t.Error("the oldest is still there")
	}
	x.Endpoint("digits").Log(BuildLog, "one more", 1, LogLine{Text: "built"})
	if got := logText(t, x, BuildLog, "kept", 0); strings.Count(got, "again") != maxLogs+9 {
		t.Errorf("%d lines of the one that is written often", strings.Count(got, "again"))
	}
	mustClose(t, x)
}

func TestOddRecordsOfLogsAreLeftAlone(t *testing.T) {
	m := newMemory()
	for _, key := range []string{"digits/log/build/digits-1/zz", "digits/log/build/%zz/0000000000000000", "digits/log", "digits/log/build/digits-1/0000000000000003"} {
		m.records[key] = []byte("not JSON")
	}
	x := New(time.Now, m, nil)
	if _, known := x.Log("digits", BuildLog, "digits-1", 0); known {
		t.Error("a log of records that cannot be read")
	}
	mustClose(t, x)
	if n, _ := m.size(); n != 4 {
		t.Errorf("%d records stay", n)
	}
}

func BenchmarkLog(b *testing.B) {
	r := New(time.Now, newMemory(), nil).Endpoint("digits")
	b.ReportAllocs()
	for b.Loop() {
		r.Log(ServiceLog, "digits-1", 1, LogLine{Replica: "94cbbdpbb8", PID: 115, Text: "a line of about the usual length that a runtime writes"})
	}
}

// Whatever a key is, it is a log's only where that log would write it.
func FuzzReadLog(f *testing.F) {
	f.Add("digits/log/build/digits-1/0000000000000007", []byte(`{"version":1,"at":"2026-03-04T05:06:07Z","text":"a\n"}`))
	f.Add("%2F/log//%2F/ff", []byte(`{}`))
	f.Add("digits/0000000000000007", []byte(`{}`))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		all := map[string]logs{}
		isLog := readLog(all, key, value)
		if _, _, err := parseKey(key); err == nil && isLog {
			t.Errorf("%q is an event's and a log's", key)
		}
		for name, of := range all {
			r := New(time.Now, nil, nil).Endpoint(name)
			if !isLog || len(of) != 1 || len(of[0].chunks) != 1 || of[0].size != len(of[0].chunks[0].Text) {
				t.Fatalf("%q is read as %+v", key, of)
			}
			again := map[string]logs{}
			readLog(again, r.logKey(of[0], of[0].chunks[0].number), value)
			if l := again[name]; len(l) != 1 || l[0].kind != of[0].kind || l[0].entity != of[0].entity || l[0].next != of[0].next {
				t.Errorf("%q does not come back", key)
			}
		}
	})
}
