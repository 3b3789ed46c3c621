package batch

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"servery/engine/tensor"
)

// waits is a request of a kind: only those of the same kind are alike.
type waits struct {
	id, rows int
	kind     string
}

func (w *waits) Share() ([]tensor.Named, int) {
	return []tensor.Named{{Name: w.kind, Value: tensor.Value{Tensor: &tensor.Tensor{Shape: []int64{int64(w.rows)}}}}}, w.rows
}

func ids(all []*waits) (n []int) {
	for _, w := range all {
		n = append(n, w.id)
	}
	return n
}

func TestTheOldestAndWhatIsLikeItRun(t *testing.T) {
	for name, c := range map[string]struct {
		queue          []waits // rows and kind
		requests, rows int
		want           []int
	}{
		"nothing":                        {nil, 16, 16, nil},
		"one":                            {[]waits{{rows: 1}}, 16, 16, []int{0}},
		"all":                            {[]waits{{rows: 1}, {rows: 2}, {rows: 1}}, 16, 16, []int{0, 1, 2}},
		"as many rows as fit":            {[]waits{{rows: 2}, {rows: 1}, {rows: 1}}, 16, 3, []int{0, 1}},
		"as many requests as may":        {[]waits{{rows: 1}, {rows: 1}, {rows: 1}}, 2, 16, []int{0, 1}},
		"none overtakes its like":        {[]waits{{rows: 2}, {rows: 3}, {rows: 1}}, 16, 4, []int{0}},
		"others are passed over":         {[]waits{{rows: 1}, {rows: 1, kind: "b"}, {rows: 1}}, 16, 16, []int{0, 2}},
		"more rows than fit run alone":   {[]waits{{rows: 20}, {rows: 1}}, 16, 16, []int{0}},
		"without rows it runs alone":     {[]waits{{rows: 0}, {rows: 1}, {rows: 0}}, 16, 16, []int{0}},
		"what has no rows is not joined": {[]waits{{rows: 1}, {rows: 0}, {rows: 1}}, 16, 16, []int{0, 2}},
	} {
		var queue []*waits
		for i := range c.queue {
			c.queue[i].id = i
			queue = append(queue, &c.queue[i])
		}
		got, _ := Pick(nil, queue, c.requests, c.rows)
		if !slices.Equal(ids(got), c.want) {
			t.Errorf("%s: got %v, want %v", name, ids(got), c.want)
		}
	}
}

// However a queue is worked off: everything runs once, the oldest is always in the next
// run, what is alike keeps its order, and no bound is passed.
func TestAQueueIsWorkedOff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		maxRequests, maxRows := rapid.IntRange(1, 6).Draw(t, "requests"), rapid.IntRange(1, 8).Draw(t, "rows")
		var queue []*waits
		n := rapid.IntRange(0, 20).Draw(t, "n")
		for i := range n {
			queue = append(queue, &waits{id: i, rows: rapid.IntRange(0, 10).Draw(t, "r"), kind: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "kind")})
		}
		last := map[string]int{}
		done := 0
		for len(queue) > 0 {
			oldest := queue[0].id
			var picked []*waits
			picked, queue = Pick(picked, queue, maxRequests, maxRows)
			rows := 0
			for _, w := range picked {
				rows += w.rows
				done++
				if w.kind != picked[0].kind {
					t.Fatalf("kinds %s and %s in one run", w.kind, picked[0].kind)
				}
				if before, ok := last[w.kind]; ok && w.rows > 0 && before > w.id {
					t.Fatalf("%d runs after %d", w.id, before)
				}
				if w.rows > 0 {
					last[w.kind] = w.id
				}
			}
			switch {
			case picked[0].id != oldest:
				t.Fatalf("%d runs while %d waits", picked[0].id, oldest)
			case len(picked) > maxRequests, len(picked) > 1 && rows > maxRows:
				t.Fatalf("%d requests of %d rows", len(picked), rows)
			}
		}
		if done != n {
			t.Fatalf("%d of %d ran", done, n)
		}
	})
}
