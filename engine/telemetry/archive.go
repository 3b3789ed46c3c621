package telemetry

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	fineWindow = time.Hour           // kept by the second
	longWindow = 14 * 24 * time.Hour // kept by the minute and by the hour
	// settles is how many seconds pass until a second is closed: cores read the clock a
	// little apart, and readings of levels come a little late.
	settles = 2
	// fineKept is for how many seconds chunks of seconds are kept: an hour, and the minute
	// at its beginning.
	fineKept = int64(fineWindow/time.Second) + 120
)

// archive is an endpoint's figures over time. Requests write into present, without a lock;
// once a second, tick brings what is over into the tiers and has it written.
//
// After a kill the seconds are there that were written at the end of each minute, and the
// minutes and hours are built from them anew: an hour counts as done once its own chunk is
// on the disk, which is written last.
type archive struct {
	name   string
	writer *writer
	up     *uptime

	present present

	mu      sync.Mutex // guards the following
	taken   []*second  // that somebody still writes into
	tiers   [len(resolutions)]*tier
	reading int64 // the second of the last reading of levels
	minute  int64 // that was under way at the last tick
	gone    bool
	long    longSeries
}

// longSeries is the last answer about more than an hour: charts ask again each second for
// what changes once a minute.
type longSeries struct {
	window time.Duration
	points int
	minute int64
	series Series
}

func newArchive(name string, w *writer, up *uptime) *archive {
	a := &archive{name: name, writer: w, up: up}
	var next *tier
	for i := len(resolutions) - 1; i >= 0; i-- {
		next = newTier(a, &resolutions[i], next)
		a.tiers[i] = next
	}
	return a
}

// setLevels takes a reading of the second now.
func (a *archive) setLevels(now int64, g Gauges) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return
	}
	if now-a.reading > holds { // before the new one, so that what stood ends there
		a.advance(now)
	}
	u := a.tiers[bySecond].unit(now)
	u.levels = mean{}
	u.levels.add(levelsOf(g), 1)
	a.reading = now
}

// tick closes what is over and has it written. An endpoint at rest has nothing that is.
func (a *archive) tick(now int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.advance(now)
}

func (a *archive) advance(now int64) {
	if a.gone {
		return
	}
	a.collect(a.present.take(now))
	until := now - settles
	a.tiers[bySecond].close(until)
	minute := floor(until, 60)
	if minute != a.minute {
		a.tiers[byMinute].close(until)
		a.tiers[byHour].close(until)
	}
	if a.reading != 0 {
		for _, t := range a.tiers {
			t.vanish(a.reading, until)
		}
	}
	if minute != a.minute {
		a.minute = minute
		a.save(now)
	}
}

// save has what is over written, and drops what is too old.
func (a *archive) save(now int64) {
	changes := map[string][]byte{}
	for _, t := range a.tiers {
		t.save(now-settles, changes)
	}
	a.tiers[bySecond].expire(now-fineKept, changes)
	a.tiers[byHour].expire(now-int64(longWindow/time.Second), changes)
	a.writer.add(changes)
}

// collect brings seconds that are over into the tiers.
func (a *archive) collect(taken []*second) {
	a.taken = slices.DeleteFunc(append(a.taken, taken...), func(s *second) bool {
		if !s.written() {
			return false
		}
		if s.ok.Load()+s.errors4.Load()+s.errors5.Load() > 0 {
			u := a.tiers[bySecond].unit(s.at)
			if u.traffic == nil {
				u.traffic = &traffic{}
			}
			u.traffic.addSecond(s, true)
		}
		return true
	})
}

// end writes what there is: Servery ends, and nobody writes any more.
func (a *archive) end(now int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return
	}
	a.collect(a.present.takeAll())
	seconds, changes := a.tiers[bySecond], map[string][]byte{}
	seconds.close(now + 1)
	seconds.save(now+fineKept, changes)
	a.advance(now)
	a.writer.add(changes)
}

// forget erases all: the endpoint was deleted.
func (a *archive) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	changes := map[string][]byte{}
	for _, t := range a.tiers {
		for number := range t.chunks {
			changes[t.key(number)] = nil
			if t.letter == 'h' {
				changes[resolutions[byMinute].key(number, a.name)] = nil
			}
		}
		t.chunks, t.open = map[int64]*chunk{}, map[int64]*unit{}
		t.stands, t.before = standing{}, standing{}
	}
	a.gone, a.taken, a.long = true, nil, longSeries{}
	a.writer.add(changes)
}

// restore takes what the table holds: chunks of seconds and of hours.
func (a *archive) restore(r *resolution, number int64, data []byte) {
	last, err := lastOffset(data)
	if err != nil || last < 0 || last >= int(r.per) {
		return // left alone
	}
	for _, t := range a.tiers {
		if t.resolution == r {
			t.chunks[number] = &chunk{data: slices.Clone(data), last: last}
		}
	}
}

// rebuild makes the minutes and hours that were under way when Servery ended, from their
// seconds.
func (a *archive) rebuild(now int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	seconds, minutes, hours := a.tiers[bySecond], a.tiers[byMinute], a.tiers[byHour]
	numbers := seconds.numbers()
	if len(numbers) > 0 {
		seconds.before = hours.standingBefore(floor(numbers[0], 60) + 1)
	} else {
		seconds.before = hours.standingBefore(floor(now, 3600) + 1)
	}
	for _, minute := range numbers {
		if hours.chunks[floor(minute, 60)] != nil {
			continue
		}
		u := minutes.unit(minute)
		r := a.reader(bySecond, minute*60, now)
		for second := minute * 60; second < (minute+1)*60; second++ {
			s := sum{latencies: true}
			r.unit(second, &s)
			if s.requests() > 0 {
				u.add(&s.traffic)
			}
			if s.levels.n > 0 {
				u.levels.add(s.levels.value(), 1)
			}
		}
	}
	minutes.close(now - settles)
	hours.close(now - settles)
	a.save(now)
	for _, t := range a.tiers { // what runs from now on tells its levels anew
		t.stands = standing{}
	}
}

// parseChunkKey is the inverse of resolution.key.
func parseChunkKey(key string) (r *resolution, number int64, name string, ok bool) {
	parts := strings.SplitN(key, "/", 3)
	if len(parts) != 3 || len(parts[0]) != 1 {
		return nil, 0, "", false
	}
	n, err := strconv.ParseUint(parts[1], 16, 64)
	name, err2 := url.PathUnescape(parts[2])
	for i := range resolutions {
		if resolutions[i].letter == parts[0][0] && err == nil && err2 == nil {
			return &resolutions[i], int64(n), name, true
		}
	}
	return nil, 0, "", false
}
