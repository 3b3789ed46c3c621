package telemetry

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// LogKind tells a served entity's two logs apart.
type LogKind string

// The logs, as the product has them.
const (
	ServiceLog LogKind = "service" // what the model's process writes and what becomes of it
	BuildLog   LogKind = "build"   // how a configuration was deployed
)

// LogLine is one line of a log. Replica and PID are left out of the text where they are
// "" and 0.
type LogLine struct {
	At      time.Time // now where it is zero
	Replica string    // names the process's place, "94cbbdpbb8"
	PID     int
	Level   string // INFO, WARNING or ERROR; "" is INFO
	Text    string
}

// format is the line as a person reads it, in the form of the product's:
// "[94cbbdpbb8] [2024-02-18 12:39:44 +0000] [115] [INFO] Booting worker with pid: 115".
func (l LogLine) format() string {
	var b strings.Builder
	if l.Replica != "" {
		b.WriteString("[" + l.Replica + "] ")
	}
	b.WriteString(l.At.UTC().Format("[2006-01-02 15:04:05 -0700] "))
	if l.PID != 0 {
		fmt.Fprintf(&b, "[%d] ", l.PID)
	}
	level := l.Level
	if level == "" {
		level = "INFO"
	}
	text := l.Text
	if len(text) > maxMessage {
		text = text[:maxMessage] + " ..."
	}
	b.WriteString("[" + level + "] " + strings.Map(plain, strings.ToValidUTF8(text, "�")) + "\n")
	// What a model writes cannot pass for another line.
	return strings.ReplaceAll(strings.TrimRight(b.String(), "\n"), "\n", "\n    ") + "\n"
}

// plain keeps a log from steering the terminal that shows it.
func plain(r rune) rune {
	if (r < ' ' && r != '\n' && r != '\t') || (r >= 0x7f && r < 0xa0) {
		return utf8.RuneError
	}
	return r
}

const (
	maxLog   = 256 << 10           // bytes of one log, the newest
	maxLogs  = 64                  // per endpoint: two for each of 32 served entities
	maxChunk = 4 << 10             // bytes after which a new chunk begins
	logsLast = 30 * 24 * time.Hour // as the product keeps build logs
)

// logs are an endpoint's logs, the one written longest ago first.
type logs []*entityLog

// entityLog is one log: chunks in the order in which they were written.
type entityLog struct {
	kind   LogKind
	entity string
	chunks []lines
	next   uint64 // the number of the next chunk
	size   int    // bytes of all chunks
}

// lines are some lines of one configuration. They are one record of the table, written anew
// for each line that comes: 4 KiB at most, once a second at most.
type lines struct {
	number  uint64
	Version int       `json:"version"`
	At      time.Time `json:"at"` // of the last line
	Text    string    `json:"text"`
}

// Log adds a line to a log of a served entity and returns at once: it is on the disk
// about a second later. version is the configuration's.
func (r *Recorder) Log(kind LogKind, entity string, version int, line LogLine) {
	if line.At.IsZero() {
		line.At = r.now()
	}
	text := line.format()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return
	}
	changes := map[string][]byte{}
	l := r.logOf(kind, entity, changes)
	last := len(l.chunks) - 1
	if last < 0 || l.chunks[last].Version != version || len(l.chunks[last].Text)+len(text) > maxChunk {
		l.chunks = append(l.chunks, lines{number: l.next, Version: version})
		l.next++
		last++
	}
	c := &l.chunks[last]
	c.At, c.Text = line.At, c.Text+text
	l.size += len(text)
	if b, err := json.Marshal(*c); err == nil { // a year beyond 9999 is kept in memory only
		changes[r.logKey(l, c.number)] = b
	}
	for len(l.chunks) > 1 && (l.size > maxLog || line.At.Sub(l.chunks[0].At) > logsLast) {
		changes[r.logKey(l, l.chunks[0].number)] = nil
		l.size -= len(l.chunks[0].Text)
		l.chunks = slices.Delete(l.chunks, 0, 1)
	}
	r.log.add(changes)
}

// logOf finds a log or makes it, and puts it behind all others; where there are too many
// the first goes, with its records. The caller holds mu.
func (r *Recorder) logOf(kind LogKind, entity string, changes map[string][]byte) *entityLog {
	i := slices.IndexFunc(r.logs, func(l *entityLog) bool { return l.kind == kind && l.entity == entity })
	if i < 0 {
		if len(r.logs) >= maxLogs {
			r.eraseLog(r.logs[0], changes)
			r.logs = slices.Delete(r.logs, 0, 1)
		}
		i = len(r.logs)
		r.logs = append(r.logs, &entityLog{kind: kind, entity: entity})
	}
	l := r.logs[i]
	r.logs = append(slices.Delete(r.logs, i, i+1), l)
	return l
}

func (r *Recorder) eraseLog(l *entityLog, changes map[string][]byte) {
	for _, c := range l.chunks {
		changes[r.logKey(l, c.number)] = nil
	}
}

// Log is the text of a served entity's log, oldest line first, at most 256 KiB and 30
// days of it. version takes a configuration's lines, 0 those of all. known is false where
// the endpoint never had such a log.
func (t *Telemetry) Log(endpoint string, kind LogKind, entity string, version int) (text string, known bool) {
	r := t.find(endpoint)
	if r == nil {
		return "", false
	}
	oldest := t.now().Add(-logsLast)
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.logs, func(l *entityLog) bool { return l.kind == kind && l.entity == entity })
	if i < 0 {
		return "", false
	}
	var b strings.Builder
	for _, c := range r.logs[i].chunks {
		if (version == 0 || c.Version == version) && !c.At.Before(oldest) {
			b.WriteString(c.Text)
		}
	}
	return b.String(), true
}

// logKey is "name/log/build/digits-1/0000000000000007"; names that hold slashes are
// escaped. Keys of events have no second slash.
func (r *Recorder) logKey(l *entityLog, number uint64) string {
	return fmt.Sprintf("%s/log/%s/%s/%016x", url.PathEscape(r.name), l.kind, url.PathEscape(l.entity), number)
}

// readLog takes a record of a log into logs; false where it is none.
func readLog(all map[string]logs, key string, value []byte) bool {
	parts := strings.Split(key, "/")
	if len(parts) != 5 || parts[1] != "log" {
		return false
	}
	name, err1 := url.PathUnescape(parts[0])
	entity, err2 := url.PathUnescape(parts[3])
	number, err3 := strconv.ParseUint(parts[4], 16, 64)
	c := lines{number: number}
	if err1 != nil || err2 != nil || err3 != nil || json.Unmarshal(value, &c) != nil {
		return true // left alone
	}
	kind := LogKind(parts[2])
	i := slices.IndexFunc(all[name], func(l *entityLog) bool { return l.kind == kind && l.entity == entity })
	if i < 0 {
		i = len(all[name])
		all[name] = append(all[name], &entityLog{kind: kind, entity: entity})
	}
	l := all[name][i]
	l.chunks = append(l.chunks, c)
	l.next, l.size = number+1, l.size+len(c.Text)
	return true
}

// takeLogs has the logs that were read, without what has become too old.
func (r *Recorder) takeLogs(all logs) {
	changes := map[string][]byte{}
	oldest := r.now().Add(-logsLast)
	for _, l := range all {
		l.chunks = slices.DeleteFunc(l.chunks, func(c lines) bool {
			old := c.At.Before(oldest)
			if old {
				changes[r.logKey(l, c.number)] = nil
				l.size -= len(c.Text)
			}
			return old
		})
		if len(l.chunks) > 0 {
			r.logs = append(r.logs, l)
		}
	}
	slices.SortStableFunc(r.logs, func(a, b *entityLog) int {
		return a.chunks[len(a.chunks)-1].At.Compare(b.chunks[len(b.chunks)-1].At)
	})
	r.log.add(changes)
}
