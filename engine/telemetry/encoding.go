package telemetry

import (
	"encoding/binary"
	"errors"
	"math"
)

// A chunk is samples of consecutive units (60 seconds of a minute, 60 minutes of an hour)
// in one record: the byte format, then the samples in the order of time. Units in which
// nothing happened have none. A sample is
//
//	uvarint offset    of the unit in the chunk
//	byte    flags     hasTraffic, hasLevels or hasGone
//	        traffic   uvarints: ok, 4xx, 5xx, the length of what follows; for each stage the
//	                  number of buckets that are not empty, and for each of them how many lie
//	                  between it and the last one, and its count
//	        levels    uvarints: hundredths of provisioned, in flight, queued and CPU %; KiB
//
// A second of 1,000 requests takes about 170 bytes, one of a single request 25.
const format = 1

const (
	hasTraffic = 1 << iota
	hasLevels  // the levels changed
	hasGone    // from here on there are no readings of levels
)

var errEncoding = errors.New("telemetry: not a chunk of samples")

// sample is one unit as it is kept.
type sample struct {
	traffic *traffic // nil for none
	levels  levels
	changed bool // levels are other ones than before
	gone    bool
}

func (s *sample) empty() bool { return s.traffic == nil && !s.changed && !s.gone }

func (s *sample) append(b []byte, offset int) []byte {
	b = binary.AppendUvarint(b, uint64(offset))
	flags := byte(0)
	if s.traffic != nil {
		flags |= hasTraffic
	}
	switch {
	case s.changed:
		flags |= hasLevels
	case s.gone:
		flags |= hasGone
	}
	b = append(b, flags)
	if t := s.traffic; t != nil {
		for _, n := range [...]uint64{t.ok, t.errors4, t.errors5} {
			b = binary.AppendUvarint(b, n)
		}
		var room [256]byte
		spent := room[:0]
		for i := range t.spent {
			spent = t.spent[i].append(spent)
		}
		b = append(binary.AppendUvarint(b, uint64(len(spent))), spent...)
	}
	if s.changed {
		l := &s.levels
		for _, v := range [...]float64{100 * l.provisioned, 100 * l.inFlight, 100 * l.queued, 100 * l.cpu, l.memory / 1024} {
			b = binary.AppendUvarint(b, uint64(math.Round(max(0, min(v, 1<<52)))))
		}
	}
	return b
}

func (c *counts) append(b []byte) []byte {
	filled := 0
	for _, n := range c.bucket {
		if n > 0 {
			filled++
		}
	}
	b = binary.AppendUvarint(b, uint64(filled))
	for i, last := 0, -1; filled > 0; i++ {
		if n := c.bucket[i]; n > 0 {
			b = binary.AppendUvarint(b, uint64(i-last-1))
			b = binary.AppendUvarint(b, n)
			last = i
			filled--
		}
	}
	return b
}

// decoder reads a chunk. What is not one ends with err.
type decoder struct {
	rest []byte
	err  error
}

func newDecoder(chunk []byte) decoder {
	if len(chunk) == 0 {
		return decoder{}
	}
	if chunk[0] != format {
		return decoder{err: errEncoding}
	}
	return decoder{rest: chunk[1:]}
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 || n > 1<<52 {
		d.rest, d.err = nil, errEncoding
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

// peek is the offset of the next sample; false at the end.
func (d *decoder) peek() (offset int, ok bool) {
	if len(d.rest) == 0 || d.err != nil {
		return 0, false
	}
	n, size := binary.Uvarint(d.rest)
	if size <= 0 || n > 59 {
		d.rest, d.err = nil, errEncoding
		return 0, false
	}
	return int(n), true
}

// next reads the next sample: its traffic is added to t, where that is not nil, its levels
// are s's. s.traffic is t where there was traffic.
func (d *decoder) next(t *traffic, latencies bool) (s sample) {
	d.number()
	if len(d.rest) == 0 {
		d.err = errEncoding
		return s
	}
	flags := d.rest[0]
	d.rest = d.rest[1:]
	if flags&hasTraffic != 0 {
		ok, errors4, errors5 := d.number(), d.number(), d.number()
		if s.traffic = t; t != nil {
			t.ok, t.errors4, t.errors5 = t.ok+ok, t.errors4+errors4, t.errors5+errors5
		}
		d.spent(t, latencies)
	}
	if flags&hasLevels != 0 {
		s.changed = true
		s.levels = levels{float64(d.number()) / 100, float64(d.number()) / 100, float64(d.number()) / 100,
			float64(d.number()) / 100, float64(d.number()) * 1024}
	}
	s.gone = flags&hasGone != 0
	return s
}

// spent reads the stages, or leaps over them.
func (d *decoder) spent(t *traffic, latencies bool) {
	length := d.number()
	if length > uint64(len(d.rest)) {
		d.rest, d.err = nil, errEncoding
		return
	}
	after := d.rest[length:]
	if t != nil && latencies {
		d.rest = d.rest[:length]
		for i := range t.spent {
			d.counts(&t.spent[i])
		}
		if len(d.rest) > 0 {
			d.err = errEncoding
		}
	}
	if d.rest = after; d.err != nil {
		d.rest = nil
	}
}

func (d *decoder) counts(c *counts) {
	at := -1
	for range d.number() {
		skip, n := d.number(), d.number()
		if d.err != nil || skip >= uint64(buckets-at-1) {
			d.rest, d.err = nil, errEncoding
			return
		}
		at += int(skip) + 1
		c.bucket[at] += n
		c.n += n
	}
}

// merge puts s into a chunk at offset: behind all others in most cases; else what is there
// of that unit is added to it.
func merge(chunk []byte, last, offset int, s *sample) []byte {
	if len(chunk) == 0 {
		chunk = []byte{format}
	}
	if offset > last {
		return s.append(chunk, offset)
	}
	d := newDecoder(chunk)
	merged := []byte{format}
	put := false
	for {
		at, ok := d.peek()
		if !put && (!ok || at >= offset) {
			put = true
			if ok && at == offset {
				t := &traffic{}
				old := d.next(t, true)
				merged = old.plus(s).append(merged, at)
				continue
			}
			merged = s.append(merged, offset)
		}
		if !ok {
			return merged
		}
		t := &traffic{}
		old := d.next(t, true)
		merged = old.append(merged, at)
	}
}

// plus is what both are together; s's levels are the later ones.
func (old *sample) plus(s *sample) *sample {
	both := *s
	if both.empty() || !both.changed && !both.gone {
		both.levels, both.changed, both.gone = old.levels, old.changed, old.gone
	}
	if old.traffic != nil {
		t := *old.traffic
		if s.traffic != nil {
			t.add(s.traffic, true)
		}
		both.traffic = &t
	}
	return &both
}

// lastOffset is the offset of a chunk's last sample, -1 for an empty one; an error where it
// is none.
func lastOffset(chunk []byte) (int, error) {
	d := newDecoder(chunk)
	last := -1
	for {
		at, ok := d.peek()
		if !ok {
			return last, d.err
		}
		if at <= last {
			return last, errEncoding
		}
		last = at
		d.next(&traffic{}, true)
	}
}
