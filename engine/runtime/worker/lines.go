package worker

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// longestLine bounds what is kept of a line, in bytes.
	longestLine = 1 << 10
	// linesASecond bounds what is passed on: a process that writes without end must not
	// fill the log.
	linesASecond = 50
	// linesOfDump are passed on of what Go writes after a fatal error: the stacks of all
	// goroutines, which say nothing about a model.
	linesOfDump = 4
	// lastLines are kept for what is told of the end of the process: what it wrote in its
	// last lastSpan, each cut to longestLast bytes.
	lastLines, longestLast = 3, 200
	lastSpan               = 10 * time.Second
)

// lineReader reads what a process writes to its output.
type lineReader struct {
	file *os.File

	mu    sync.Mutex
	fatal *death // what the process said it ended by
	tail  []tailLine
}

// tailLine is one of the lines that a process wrote last.
type tailLine struct {
	at   time.Time
	text string
}

// read passes lines on until the output ends.
func (l *lineReader) read(pass func(string)) {
	defer l.file.Close()
	r := bufio.NewReaderSize(l.file, longestLine)
	var second time.Time
	passed, left := 0, -1
	for {
		line, more, err := r.ReadLine()
		if err != nil {
			return
		}
		text := string(line)
		for more && err == nil { // the rest of a long line
			_, more, err = r.ReadLine()
		}
		if l.examine(text) {
			left = linesOfDump
		}
		now := time.Now()
		if now.Sub(second) >= time.Second {
			second, passed = now, 0
		}
		if text != "" && left < 0 { // a dump tells the cause, which is known without it
			l.keep(text, now)
		}
		if text == "" || left == 0 || passed > linesASecond {
			continue
		}
		left--
		passed++
		if passed > linesASecond {
			text = "(more lines in this second are left out)"
		}
		pass(text)
	}
}

// examine keeps what a line says about the end of the process.
func (l *lineReader) examine(line string) bool {
	d, sure := written(line)
	if d.cause == "" {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == nil || sure {
		l.fatal = &d
	}
	return true
}

func (l *lineReader) keep(text string, now time.Time) {
	if len(text) > longestLast {
		text = strings.ToValidUTF8(text[:longestLast], "") + "…"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tail) == lastLines {
		l.tail = slices.Delete(l.tail, 0, 1)
	}
	l.tail = append(l.tail, tailLine{now, text})
}

// lastWords is what the process wrote shortly before now, as a sentence that follows the
// cause of its end; "" where it wrote nothing.
func (l *lineReader) lastWords(now time.Time) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for _, t := range l.tail {
		if now.Sub(t.at) <= lastSpan {
			lines = append(lines, "“"+t.text+"”")
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return " It last wrote: " + strings.Join(lines, ", ") + "."
}

// finish ends the reading soon after the process has: a child of it may hold the output open.
func (l *lineReader) finish() { l.file.SetReadDeadline(time.Now().Add(100 * time.Millisecond)) }

// last is what the process said it ended by; nil where it said nothing.
func (l *lineReader) last() *death {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}
