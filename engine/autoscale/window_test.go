package autoscale

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestWindowMeanIsThatOfTheLastTwentySeconds(t *testing.T) {
	var w Window
	if w.Mean(noon) != 0 || w.Wanted(noon) != 0 {
		t.Fatal("a new window knows something")
	}
	for range 100 { // many looks in one second weigh as much as one look in another
		w.Observe(noon, 10)
	}
	w.Observe(noon.Add(time.Second), 20)
	if got := w.Mean(noon.Add(time.Second)); got != 1.5 {
		t.Errorf("mean %v of two seconds with 10 and 20 and 18 without, want 1.5", got)
	}
	if got := w.Mean(noon.Add(20 * time.Second)); got != 1 {
		t.Errorf("mean %v when the first second is out of the window, want 1", got)
	}
	if got := w.Mean(noon.Add(25 * time.Second)); got != 0 {
		t.Errorf("mean %v of seconds nobody looked at", got)
	}
	for s := range 60 {
		w.Observe(noon.Add(time.Duration(s)*time.Second), 7)
	}
	if got := w.Mean(noon.Add(59 * time.Second)); got != 7 {
		t.Errorf("mean %v of a constant 7", got)
	}
}

func TestWantedIsKeptForTheQuietTime(t *testing.T) {
	var w Window
	w.Want(noon, 16)
	w.Want(noon.Add(5*time.Second), 8)
	for after, want := range map[time.Duration]int{5 * time.Second: 16, QuietTime - time.Second: 16, QuietTime: 8} {
		v := w
		if got := v.Wanted(noon.Add(after)); got != want {
			t.Errorf("after %v %d, want %d", after, got, want)
		}
	}
}

func TestAJumpOfTheClock(t *testing.T) {
	var w Window
	w.Observe(noon, 50)
	w.Want(noon, 64)
	asleep := w
	if later := noon.Add(8 * time.Hour); asleep.Mean(later) != 0 || asleep.Wanted(later) != 0 {
		t.Error("the load before a sleep of eight hours is still counted")
	}
	back := w
	earlier := noon.Add(-time.Hour)
	if got := back.Wanted(earlier); got != 64 {
		t.Errorf("a clock set back forgets the size wanted: %d", got)
	}
	if got := back.Wanted(earlier.Add(QuietTime)); got != 0 {
		t.Errorf("and keeps it for longer than the quiet time: %d", got)
	}
}

// No clock, however wild, makes a window ask for more than was ever seen, or panic.
func TestNoClockBreaksAWindow(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var w Window
		most, largest := 0, 0
		for range rapid.IntRange(1, 50).Draw(r, "looks") {
			now := time.Unix(rapid.Int64Range(-100, 100).Draw(r, "second"), 0)
			n := rapid.IntRange(0, 100).Draw(r, "at once")
			most, largest = max(most, n), max(largest, 2*n)
			w.Observe(now, n)
			w.Want(now, 2*n)
			if m := w.Mean(now); m < 0 || m > float64(most) {
				r.Fatalf("mean %v, most was %d", m, most)
			}
			if g := w.Wanted(now); g < 2*n || g > largest {
				r.Fatalf("wanted %d, now %d, largest %d", g, 2*n, largest)
			}
		}
	})
}
