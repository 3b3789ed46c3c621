package autoscale

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func after(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

func TestWindowKnowsTheLoadOfItsSeconds(t *testing.T) {
	w := newWindow(20*time.Second, 0, noon)
	if w.quantile(noon, 1) != 0 || w.mean(noon, 20) != 0 {
		t.Fatal("a new window knows something")
	}
	for range 100 { // many looks in one second weigh as much as one look in another
		w.observe(noon, 10)
	}
	if got := w.quantile(noon, 1); got != 0 {
		t.Errorf("the second that runs counts already: %v", got)
	}
	w.observe(after(1), 20)
	w.observe(after(1), 40)
	for q, want := range map[float64]float64{0.5: 0, 0.9: 0, 0.95: 10, 1: 30} {
		if got := w.quantile(after(2), q); got != want {
			t.Errorf("quantile %v of 18 seconds without requests, one of 10 and one of 30 is %v, want %v", q, got, want)
		}
	}
	if got := w.mean(after(2), 20); got != 20 {
		t.Errorf("the mean of the two seconds there were is %v, want 20", got)
	}
	if got := w.mean(after(12), 5); got != 0 {
		t.Errorf("the mean of five idle seconds is %v", got)
	}
	if got := w.quantile(after(21), 1); got != 30 {
		t.Errorf("the highest of the 20 seconds before the 21st is %v, want 30", got)
	}
	if got := w.quantile(after(22), 1); got != 0 {
		t.Errorf("and a second later %v, want 0", got)
	}
}

func TestASizeIsWantedForTheQuietTime(t *testing.T) {
	w := newWindow(20*time.Second, 30*time.Second, noon)
	w.want(noon, 16)
	w.want(after(5), 8)
	for seconds, want := range map[int]int{5: 16, 29: 16, 30: 8, 34: 8, 35: 0} {
		v := w
		v.loads, v.sizes = append([]load(nil), w.loads...), append([]int(nil), w.sizes...)
		if got := v.wanted(after(seconds)); got != want {
			t.Errorf("after %d s %d, want %d", seconds, got, want)
		}
	}
}

func TestAWindowIsFullWhenItKnowsAllItLooksBackOn(t *testing.T) {
	w := newWindow(20*time.Second, 30*time.Second, noon)
	if w.full(after(29)) || !w.full(after(30)) {
		t.Error("it is not full after just 30 s")
	}
	if w.full(after(10)) { // set back
		t.Error("full after the clock was set back")
	}
	if w.full(after(10+29)) || !w.full(after(10+30)) || w.full(after(100000)) {
		t.Error("not full 30 s after that, or full after a jump forward")
	}
}

// No clock, however wild, makes a window tell of more than was ever seen, or panic.
func TestNoClockBreaksAWindow(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWindow(20*time.Second, 30*time.Second, time.Unix(rapid.Int64Range(-100, 100).Draw(r, "begins"), 0))
		most := 0
		for range rapid.IntRange(1, 50).Draw(r, "looks") {
			now := time.Unix(rapid.Int64Range(-100, 100).Draw(r, "second"), 0)
			n := rapid.IntRange(0, 100).Draw(r, "at once")
			most = max(most, n)
			w.observe(now, n)
			w.want(now, 2*n)
			for _, q := range []float64{0.01, 0.5, 1} {
				if m := w.quantile(now, q); m < 0 || m > float64(most) {
					r.Fatalf("quantile %v is %v, most was %d", q, m, most)
				}
			}
			if m := w.mean(now, 20); m < 0 || m > float64(most) {
				r.Fatalf("mean %v, most was %d", m, most)
			}
			if g := w.wanted(now); g < 2*n || g > 2*most {
				r.Fatalf("wanted %d, now %d, most %d", g, 2*n, 2*most)
			}
		}
	})
}
