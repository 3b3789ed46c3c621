package telemetry

import "sync/atomic"

// present takes the requests that end now. A second is written by many at once without a
// lock; once it is over, take gives it to the archive, which is done with it when all who
// had begun to write have ended.
type present struct {
	slots [2]atomic.Pointer[second] // this second and the last: cores read the clock a little apart
	over  atomic.Pointer[second]    // a list, by next
}

// second is what requests write, 4.4 KB.
type second struct {
	at   int64 // since 1970
	next *second

	entered              atomic.Uint32 // who began to write; ok, errors4 and errors5 count who ended
	ok, errors4, errors5 atomic.Uint32
	spent                [stages]histogram
}

// enter is the second at, for one add.
func (p *present) enter(at int64) *second {
	slot := &p.slots[uint64(at)%2]
	for {
		s := slot.Load()
		if s == nil || s.at != at {
			fresh := &second{at: at}
			fresh.entered.Store(1)
			if !slot.CompareAndSwap(s, fresh) {
				continue
			}
			if s != nil { // nobody came for it in two seconds, or the clock jumped
				p.leave(s)
			}
			return fresh
		}
		s.entered.Add(1)
		if slot.Load() == s {
			return s
		}
		s.entered.Add(^uint32(0)) // it was taken meanwhile
	}
}

func (p *present) leave(s *second) {
	for {
		s.next = p.over.Load()
		if p.over.CompareAndSwap(s.next, s) {
			return
		}
	}
}

// add counts one request. Its status comes last: with it the writer has ended.
func (s *second) add(x Sample) {
	s.spent[inTotal].add(x.Total)
	switch {
	case x.Model > 0:
		s.spent[inQueue].add(x.Queue)
		s.spent[inDecode].add(x.Decode)
		s.spent[inModel].add(x.Model)
		s.spent[inEncode].add(x.Encode)
	case x.Queue > 0: // it waited, and was refused or given up
		s.spent[inQueue].add(x.Queue)
	}
	switch {
	case x.Status >= 500:
		s.errors5.Add(1)
	case x.Status >= 400:
		s.errors4.Add(1)
	default:
		s.ok.Add(1)
	}
}

// written tells whether all who began to write have ended.
func (s *second) written() bool {
	return s.entered.Load() == s.ok.Load()+s.errors4.Load()+s.errors5.Load()
}

// take removes the seconds that are not at hand any more: neither now's nor its neighbours.
func (p *present) take(now int64) []*second {
	for i := range p.slots {
		s := p.slots[i].Load()
		if s != nil && (s.at < now-1 || s.at > now+1) && p.slots[i].CompareAndSwap(s, nil) {
			p.leave(s)
		}
	}
	var taken []*second
	for s := p.over.Swap(nil); s != nil; s = s.next {
		taken = append(taken, s)
	}
	return taken
}

// takeAll is take when nobody writes any more.
func (p *present) takeAll() []*second {
	for i := range p.slots {
		if s := p.slots[i].Swap(nil); s != nil {
			p.leave(s)
		}
	}
	return p.take(0)
}
