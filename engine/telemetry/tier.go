package telemetry

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
)

// tier is an endpoint's figures at one resolution. What happens is added to units that are
// open; a unit that is over is closed: it goes into a chunk, and into a unit of the next
// tier. A unit in which nothing happened and the levels stayed as they were leaves no trace,
// so that an endpoint at rest takes no room.
type tier struct {
	*resolution
	archive *archive
	next    *tier // coarser; nil for the last

	open   map[int64]*unit
	chunks map[int64]*chunk // in memory: all of seconds and hours, of minutes this hour's
	before standing         // of the chunks that were dropped from memory
	stands standing         // as last written
}

// resolution is what all endpoints' tiers of one kind have in common. A unit is counted
// since 1970: minute 29,000,000 is in 2025.
type resolution struct {
	letter byte  // of the keys in the table
	width  int64 // of a unit, in seconds
	per    int64 // units in a chunk
}

var resolutions = [...]resolution{
	{'s', 1, 60},
	{'m', 60, 60},
	{'h', 3600, 1},
}

// Indices of resolutions and of an archive's tiers.
const (
	bySecond = iota
	byMinute
	byHour
)

// unit is what happened in a unit that is open.
type unit struct {
	traffic *traffic // nil for none
	levels  mean
}

func (u *unit) add(t *traffic) {
	if u.traffic == nil {
		u.traffic = &traffic{}
	}
	u.traffic.add(t, true)
}

// standing is the levels that hold until others come; ok is false where there are none.
type standing struct {
	levels levels
	ok     bool
}

func (s *standing) follow(x *sample) {
	switch {
	case x.changed:
		*s = standing{x.levels, true}
	case x.gone:
		*s = standing{}
	}
}

// chunk is a chunk of samples in memory.
type chunk struct {
	data  []byte
	last  int  // offset of the last sample
	dirty bool // not written as it is
}

func newTier(a *archive, r *resolution, next *tier) *tier {
	return &tier{resolution: r, archive: a, next: next, open: map[int64]*unit{}, chunks: map[int64]*chunk{}}
}

func (t *tier) unit(n int64) *unit {
	u := t.open[n]
	if u == nil {
		u = &unit{}
		t.open[n] = u
	}
	return u
}

// floor is the whole part of a quotient, also below zero: the clock may say 1969.
func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// close ends the units that are over at the second until.
func (t *tier) close(until int64) {
	var over []int64
	for n := range t.open {
		if (n+1)*t.width <= until {
			over = append(over, n)
		}
	}
	slices.Sort(over)
	for _, n := range over {
		u := t.open[n]
		delete(t.open, n)
		t.write(n, u)
		if t.next == nil {
			continue
		}
		up := t.next.unit(floor(n*t.width, t.next.width))
		if u.traffic != nil {
			up.add(u.traffic)
		}
		up.levels.add(u.levels.value(), u.levels.n)
	}
}

// write keeps a unit that is over.
func (t *tier) write(n int64, u *unit) {
	s := sample{traffic: u.traffic, levels: u.levels.value()}
	s.changed = u.levels.n > 0 && (!t.stands.ok || !s.levels.like(t.stands.levels))
	if s.empty() && !t.marks(n) {
		return
	}
	t.stands.follow(&s)
	t.put(n, &s)
}

// marks tells whether a unit needs a sample although nothing happened in it: an hour of
// which some minute has one, so that the hour counts as done.
func (t *tier) marks(n int64) bool {
	return t.letter == 'h' && t.archive.tiers[byMinute].chunks[n] != nil
}

func (t *tier) put(n int64, s *sample) {
	number := floor(n, t.per)
	c := t.chunks[number]
	if c == nil {
		c = t.load(number)
		t.chunks[number] = c
	}
	offset := int(n - number*t.per)
	c.data = merge(c.data, c.last, offset, s)
	c.last, c.dirty = max(c.last, offset), true
}

// vanish ends the levels that stand where no readings came after the second last.
func (t *tier) vanish(last, until int64) {
	n := floor(last+holds, t.width) + 1
	if t.stands.ok && (n+1)*t.width <= until {
		t.stands = standing{}
		t.put(n, &sample{gone: true})
	}
}

// save has the chunks that are over at the second until written, and drops those from
// memory that are not needed there.
func (t *tier) save(until int64, changes map[string][]byte) {
	for number, c := range t.chunks {
		if !c.dirty || (number+1)*t.per*t.width > until {
			continue
		}
		c.dirty = false
		changes[t.key(number)] = c.data
		if t.letter == 'm' {
			delete(t.chunks, number)
		}
	}
}

// expire drops the chunks that were over at the second before.
func (t *tier) expire(before int64, changes map[string][]byte) {
	var old []int64
	for number := range t.chunks {
		if (number+1)*t.per*t.width <= before {
			old = append(old, number)
		}
	}
	slices.Sort(old)
	for _, number := range old {
		d := newDecoder(t.chunks[number].data)
		for _, ok := d.peek(); ok; _, ok = d.peek() {
			s := d.next(nil, false)
			t.before.follow(&s)
		}
		delete(t.chunks, number)
		changes[t.key(number)] = nil
		if t.letter == 'h' { // the minutes of that hour, which are on the disk only
			changes[resolutions[byMinute].key(number, t.archive.name)] = nil
		}
	}
}

// load is a chunk that is not in memory; an empty one where there is none.
func (t *tier) load(number int64) *chunk {
	c := &chunk{last: -1}
	if t.letter != 'm' {
		return c
	}
	data := t.archive.writer.get(t.key(number))
	last, err := lastOffset(data)
	if err == nil {
		c.data, c.last = data, last
	}
	return c
}

// numbers are the chunks in memory, in the order of time.
func (t *tier) numbers() []int64 { return slices.Sorted(maps.Keys(t.chunks)) }

func (t *tier) key(number int64) string { return t.resolution.key(number, t.archive.name) }

// key is "m/000000000007738b/digits": all endpoints' chunks of one hour lie together, and
// are deleted together.
func (r *resolution) key(number int64, name string) string {
	return fmt.Sprintf("%c/%016x/%s", r.letter, uint64(number), url.PathEscape(name))
}

// data is a chunk's samples, from memory or the disk.
func (t *tier) data(number int64) []byte {
	if c := t.chunks[number]; c != nil {
		return c.data
	}
	return t.load(number).data
}

// standingBefore is the levels that stood when a chunk began.
func (t *tier) standingBefore(number int64) standing {
	numbers := t.numbers()
	for _, n := range slices.Backward(numbers) {
		if n >= number {
			continue
		}
		s, told := standing{}, false
		d := newDecoder(t.chunks[n].data)
		for _, ok := d.peek(); ok; _, ok = d.peek() {
			x := d.next(nil, false)
			s.follow(&x)
			told = told || x.changed || x.gone
		}
		if told {
			return s
		}
	}
	return t.before
}
