package endpoint

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// VersionsKept is how many configurations that ended are kept of an endpoint, those that
// ended last; the active and the pending one are kept beside them. A configuration of two
// served entities takes 0.8 kB.
const VersionsKept = 100

// messageReplaced is what is shown of the served entities of a configuration that served.
const messageReplaced = "Replaced by a later configuration."

// versionRecord is the stored form of a configuration that ended, under the key
// "<endpoint's id>/<version>". It is written once, before the endpoint's record ceases to
// have the configuration: a crash between the two leaves it in both, and the endpoint's
// record counts. The id keeps it from an endpoint that gets the same name later.
type versionRecord struct {
	Schema int          `json:"schema"`
	State  VersionState `json:"state"`
	configRecord
}

func versionKey(id string, version int) string { return id + "/" + versionNumber(version) }

func versionNumber(version int) string { return fmt.Sprintf("%010d", version) }

// keepVersions stores the configurations that before has and next has no more. The caller
// holds storing.
func (o *owner) keepVersions(before, next *Endpoint) error {
	changes := map[string][]byte{}
	for _, v := range before.versions() {
		if next.has(v.Config.Version) {
			continue
		}
		if v.Config.EndedAt.IsZero() { // it served to this moment
			v.Config.EndedAt = time.Now()
		}
		if v.State == VersionActive {
			v.State = VersionReplaced
		}
		b, err := json.Marshal(versionRecord{schema, v.State, *configToRecord(&v.Config, v.State.neverServed())})
		if err != nil {
			return err
		}
		changes[versionKey(before.ID, v.Config.Version)] = b
	}
	if len(changes) == 0 || o.gone.Load() || o.unreadable {
		return nil
	}
	if err := o.dropOldest(changes); err != nil {
		return &storeError{err}
	}
	if err := o.s.options.History.Apply(changes); err != nil {
		return &storeError{err}
	}
	return nil
}

// has tells whether a version is the active or the pending one.
func (e *Endpoint) has(version int) bool {
	return e.Active != nil && e.Active.Version == version || e.Pending != nil && e.Pending.Version == version
}

// dropOldest adds to changes that what is more than VersionsKept is deleted: what ended
// first goes first, so that a configuration that served for a year outlives the hundred
// that failed meanwhile.
func (o *owner) dropOldest(changes map[string][]byte) error {
	ended := map[string]int64{}
	err := o.s.options.History.Each(o.picture.Load().ID+"/", func(key string, b []byte) error {
		var r struct {
			EndedAt int64 `json:"ended_at"`
		}
		_ = json.Unmarshal(b, &r) // what cannot be read goes first
		ended[strings.Clone(key)] = r.EndedAt
		return nil
	})
	if err != nil {
		return err
	}
	for key := range changes {
		delete(ended, key)
	}
	over := len(ended) + len(changes) - VersionsKept
	if over <= 0 {
		return nil
	}
	oldest := slices.SortedFunc(maps.Keys(ended), func(a, b string) int {
		return cmp.Or(cmp.Compare(ended[a], ended[b]), cmp.Compare(a, b))
	})
	for _, key := range oldest[:over] {
		changes[key] = nil
	}
	return nil
}

// forgetVersions deletes all that is kept of a deleted endpoint. What a failure leaves is
// found by forgetOrphans.
func (o *owner) forgetVersions() {
	changes := map[string][]byte{}
	err := o.s.options.History.Each(o.picture.Load().ID+"/", func(key string, _ []byte) error {
		changes[strings.Clone(key)] = nil
		return nil
	})
	if err == nil {
		_ = o.s.options.History.Apply(changes)
	}
}

// forgetOrphans deletes what is kept of endpoints that are gone: a crash came between the
// two writes of a delete. Where a record of an endpoint cannot be read nothing is deleted:
// its id is not known.
func (s *Service) forgetOrphans() {
	found := map[string][]byte{}
	err := s.options.History.Each("", func(key string, _ []byte) error {
		found[strings.Clone(key)] = nil
		return s.ctx.Err()
	})
	if err != nil {
		return
	}
	ids := map[string]bool{} // after the look: what was made meanwhile is among them
	for _, o := range *s.owners.Load() {
		if o.unreadable {
			return
		}
		ids[o.picture.Load().ID] = true
	}
	maps.DeleteFunc(found, func(key string, _ []byte) bool {
		id, _, _ := strings.Cut(key, "/")
		return ids[id]
	})
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(found)), 1000) {
		changes := map[string][]byte{}
		for _, key := range keys {
			changes[key] = nil
		}
		if s.options.History.Apply(changes) != nil {
			return
		}
	}
}

// decodeVersion reads what keepVersions has written. What cannot be read is shown as such.
func decodeVersion(key string, b []byte) ConfigVersion {
	_, number, _ := strings.Cut(key, "/")
	version, _ := strconv.Atoi(number)
	var r versionRecord
	err := json.Unmarshal(b, &r)
	switch {
	case err != nil:
	case r.Schema > schema:
		err = fmt.Errorf("it was written by a newer Servery (form %d, this one reads up to %d)", r.Schema, schema)
	case r.Schema != schema:
		err = errors.New("it does not say its form")
	case r.Version != version:
		err = fmt.Errorf("it is of version %d", r.Version)
	}
	var c *Config
	if err == nil {
		c, err = r.config(DeploymentStopped, messageReplaced, r.State.neverServed())
	}
	if err != nil {
		return ConfigVersion{Config: Config{Version: version}, State: VersionUnreadable, Reason: fmt.Sprintf("The stored record of this configuration cannot be read: %v.", err)}
	}
	return ConfigVersion{Config: *c, State: r.State, Reason: r.State.reason(c)}
}
