package worker

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

func newTestBodies(t testing.TB) (*bodyMemory, []byte) {
	t.Helper()
	s, file, err := newBodyMemory()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	theirs := mapBodies(fd)
	if theirs == nil {
		t.Fatal("the memory cannot be mapped for reading")
	}
	t.Cleanup(func() { s.close(); unmapBodies(theirs) })
	return s, theirs
}

// No two bodies lie in the same place, whatever comes and goes; each is read as it was
// written; all can be given back.
func TestBodiesInSharedMemoryKeepApart(t *testing.T) {
	s, theirs := newTestBodies(t)
	rapid.Check(t, func(t *rapid.T) {
		type held struct {
			span
			n    int
			fill byte
		}
		var all []held
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(all) > 0 && rapid.Bool().Draw(t, "gives") {
				i := rapid.IntRange(0, len(all)-1).Draw(t, "which")
				s.give(all[i].span)
				all = slices.Delete(all, i, i+1)
				continue
			}
			h := held{n: rapid.IntRange(1, 5<<20).Draw(t, "size"), fill: byte(len(all) + 1)}
			var ok bool
			h.span, ok = s.put(bytes.Repeat([]byte{h.fill}, h.n))
			taken := 0
			for _, o := range all {
				taken += o.size
				if ok && h.at < o.at+o.size && o.at < h.at+h.size {
					t.Fatalf("%v lies in %v", h.span, o.span)
				}
			}
			if !ok && taken+len(all)*5<<20 < sharedSize-5<<20 && len(all) < 2 {
				t.Fatalf("no room for %d beside %d", h.n, taken)
			}
			if ok {
				all = append(all, h)
			}
		}
		for _, h := range all {
			if b := theirs[h.at : h.at+h.n]; b[0] != h.fill || b[h.n-1] != h.fill {
				t.Fatalf("%v holds %d and %d, not %d", h.span, b[0], b[h.n-1], h.fill)
			}
			s.give(h.span)
		}
		if len(s.used) != 0 {
			t.Fatalf("%v are not given back", s.used)
		}
	})
}

func TestABodyThatDoesNotFitGoesAnotherWay(t *testing.T) {
	s, _ := newTestBodies(t)
	if _, ok := s.put(make([]byte, sharedSize+1)); ok {
		t.Error("a body longer than all of the memory was taken")
	}
	whole, ok := s.put(make([]byte, sharedSize))
	if !ok {
		t.Error("a body of the memory's size was not taken")
	}
	if _, ok := s.put([]byte("x")); ok {
		t.Error("a second one was taken")
	}
	s.give(whole)
	if _, ok := s.put(nil); ok {
		t.Error("an empty body was taken")
	}
	s.close()
	if _, ok := s.put([]byte("x")); ok {
		t.Error("one was taken after close")
	}
}

// Nobody but the engine can write there.
func TestSharedMemoryIsMappedForReadingOnly(t *testing.T) {
	s, file, err := newBodyMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	defer s.close()
	if _, err := file.WriteAt([]byte("x"), 0); err == nil {
		t.Error("the file can be written")
	}
	if _, err := syscall.Mmap(int(file.Fd()), 0, 4096, syscall.PROT_WRITE, syscall.MAP_SHARED); err == nil {
		t.Error("the file can be mapped for writing")
	}
}

func TestMemoryOfLongBodiesGoesBack(t *testing.T) {
	s, theirs := newTestBodies(t)
	p, _ := s.put(bytes.Repeat([]byte{1}, 40<<20))
	s.give(p)
	if s.peak != sharedKept || theirs[sharedKept] != 0 {
		t.Errorf("after the last body %d bytes are kept, and %d lies behind them", s.peak, theirs[sharedKept])
	}
}

func TestSharedMemoryClosesUnderCopies(t *testing.T) {
	for range 50 {
		s, _ := newTestBodies(t)
		var work sync.WaitGroup
		for g := range 4 {
			work.Go(func() {
				body := make([]byte, 100_000+rand.IntN(1<<20))
				for range 20 {
					if p, ok := s.put(body[g:]); ok {
						s.give(p)
					}
				}
			})
		}
		s.close()
		work.Wait()
	}
}
