package store

import "time"

// What goes on while rows are open, besides calls: twice a second what was appended is
// synced, each 10 seconds the quota is enforced, and each minute expired rows are dropped.
const (
	syncRows   = 500 * time.Millisecond
	quotaRows  = 20 // of syncRows
	expireRows = 120
	// dropsAtOnce is how many segments the quota takes at once: one is what was appended
	// since the last, unless the quota was lowered.
	dropsAtOnce = 4
)

func (r *Rows) tidyUp() {
	ticker := time.NewTicker(syncRows)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-r.stop:
			return
		case <-ticker.C:
		}
		r.report("sync", r.sync())
		if n%quotaRows == 0 {
			r.report("keep within the quota", r.rotate())
		}
		if n%expireRows == 1 { // and soon after the start
			r.report("drop expired rows", r.expire())
		}
	}
}

// report logs what could not be done: it is tried again.
func (r *Rows) report(what string, err error) {
	if err != nil {
		r.log.Warn("rows of requests: cannot "+what, "error", err)
	}
}

// sync brings what was appended to the disk.
func (r *Rows) sync() error {
	if !r.dirty.Swap(false) {
		return nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.badger == nil {
		return nil // Close syncs
	}
	if err := r.badger.Sync(); err != nil {
		r.dirty.Store(true)
		return translate(err)
	}
	return nil
}

// rotate drops the oldest segments while the files take more than the quota. The one that
// is written to stays.
func (r *Rows) rotate() error {
	for range dropsAtOnce {
		segments := r.catalog.Load().segments
		if len(segments) < 2 || r.measure() <= r.quota {
			return nil
		}
		oldest := segments[0].id
		if err := r.drop(func(id uint32, _ string, _ counts) bool { return id == oldest }); err != nil {
			return err
		}
	}
	return nil
}

// expire drops what tables keep no longer, where that is all that a segment has of them.
func (r *Rows) expire() error {
	keep, now := r.catalog.Load().keep, r.now()
	return r.drop(func(_ uint32, table string, c counts) bool {
		d := keep[table]
		return d > 0 && c.last < now.Add(-d).UnixNano()
	})
}
