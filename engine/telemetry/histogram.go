package telemetry

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// A histogram's buckets grow by growth, so a value between the bounds of a bucket differs
// from the one that stands for it by at most (growth-1)/(growth+1) = 4.8 %, from shortest
// up to longest.
const (
	growth   = 1.1
	buckets  = 216
	shortest = time.Microsecond
)

// longest is 1.1^215 µs, 13 minutes: no request may take so long.
var longest = time.Duration(float64(shortest) * math.Pow(growth, buckets-1))

// bounds are the first durations, in ns, that do not fit into a bucket any more: 1 µs,
// 1.1 µs, 1.21 µs ...; the last bucket takes all.
var bounds = func() (b [buckets]int64) {
	for i := range b {
		b[i] = int64(math.Ceil(float64(shortest) * math.Pow(growth, float64(i))))
	}
	b[buckets-1] = math.MaxInt64
	return b
}()

// starts has the bucket of the least duration of each slot. A slot is all durations with
// the same length in bits and the same 3 bits behind the first, so at most 12.5 % wide:
// two buckets, and the search in bucketOf takes at most two steps. A logarithm would cost
// as much as all the rest of Record.
var starts = func() (s [64 * 8]uint8) {
	for length := 4; length < 64; length++ {
		for next := range 8 {
			least := int64(8+next) << (length - 4)
			i := 0
			for i < buckets-1 && least >= bounds[i] {
				i++
			}
			s[length*8+next] = uint8(i)
		}
	}
	return s
}()

// bucketOf is 0 for all below shortest, then i for [growth^(i-1), growth^i) µs, and the
// last for all above.
func bucketOf(d time.Duration) int {
	if d < shortest {
		return 0
	}
	length := bits.Len64(uint64(d))
	i := int(starts[length*8+int(d>>(length-4))&7])
	for i < buckets-1 && int64(d) >= bounds[i] {
		i++
	}
	return i
}

// milliseconds stands for a bucket's values: the value whose relative distance to both
// bounds is the same.
func milliseconds(bucket int) float64 {
	unit := float64(shortest) / float64(time.Millisecond)
	if bucket == 0 {
		return unit / 2
	}
	return unit * math.Pow(growth, float64(bucket-1)) * 2 * growth / (growth + 1)
}

// histogram is written by requests.
type histogram [buckets]atomic.Uint32

func (h *histogram) add(d time.Duration) { h[bucketOf(d)].Add(1) }

// counts is a sum of histograms, for a reader.
type counts struct {
	n      uint64
	bucket [buckets]uint64
}

func (c *counts) add(h *histogram) {
	for i := range h {
		if n := uint64(h[i].Load()); n > 0 {
			c.bucket[i] += n
			c.n += n
		}
	}
}

// percentile is the value, in milliseconds, that at least the fraction p of all values
// does not exceed (nearest rank); NaN without values.
func (c *counts) percentile(p float64) float64 {
	if c.n == 0 {
		return math.NaN()
	}
	rank := max(1, uint64(math.Ceil(p*float64(c.n))))
	var seen uint64
	for i, n := range c.bucket {
		if seen += n; seen >= rank {
			return milliseconds(i)
		}
	}
	return milliseconds(buckets - 1)
}

func (c *counts) spent() Spent { return Spent{c.mean(), c.percentile(0.5), c.percentile(0.99)} }

// mean is in milliseconds, from the values that stand for the buckets; NaN without values.
func (c *counts) mean() float64 {
	all := 0.0
	for i, n := range c.bucket {
		if n > 0 {
			all += float64(n) * milliseconds(i)
		}
	}
	return all / float64(c.n)
}
