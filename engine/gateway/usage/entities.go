package usage

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"servery/engine/endpoint"
	"servery/engine/gateway"
)

// Entity is one row of served_entities: a served entity of a configuration that served.
type Entity struct {
	ID                   string `json:"id"` // served_entity_id
	EndpointID, Endpoint string
	Name                 string
	Model                string
	ModelVersion         int
	ConfigVersion        int
	Creator              string // of the configuration
	MinConcurrency       int
	MaxConcurrency       int
	Compute              string    // workload type
	ChangedAt            time.Time // when the configuration took effect
	DeletedAt            time.Time `json:",omitzero"` // the endpoint
}

// keepDeleted is how long it is known what a deleted endpoint served, as by the product.
const keepDeleted = 365 * 24 * time.Hour

// maxDeleted bounds how many deleted endpoints are known.
const maxDeleted = 1000

// Endpoints are those that there are: *endpoint.Service.
type Endpoints interface {
	List() []endpoint.Endpoint
	Versions(name string) ([]endpoint.ConfigVersion, error)
}

// Table is where it is kept what deleted endpoints served.
type Table interface {
	Each(prefix string, fn func(key string, value []byte) error) error
	Apply(changes map[string][]byte) error
}

// Entities knows all served entities. Those of the endpoints that there are follow from
// their configurations, so that nothing is written while they serve; those of a deleted
// endpoint are written when it is deleted.
type Entities struct {
	Endpoints Endpoints
	Table     Table
}

// List is all of them: the newest first, those of deleted endpoints last.
func (x *Entities) List() ([]Entity, error) {
	var list []Entity
	there := map[string]bool{}
	for _, e := range x.Endpoints.List() {
		there[e.ID] = true
		list = append(list, x.of(&e)...)
	}
	slices.SortStableFunc(list, func(a, b Entity) int { return b.ChangedAt.Compare(a.ChangedAt) })
	var gone []Entity
	err := x.Table.Each("", func(id string, value []byte) error {
		var of []Entity
		if err := json.Unmarshal(value, &of); err != nil {
			return fmt.Errorf("what the deleted endpoint %s served cannot be read: %w", id, err)
		}
		if !there[id] { // else its delete was cut short before it went
			gone = append(gone, of...)
		}
		return nil
	})
	slices.SortStableFunc(gone, func(a, b Entity) int {
		return cmp.Or(b.DeletedAt.Compare(a.DeletedAt), b.ChangedAt.Compare(a.ChangedAt))
	})
	return append(list, gone...), err
}

// of are the served entities of an endpoint's configurations that served.
func (x *Entities) of(e *endpoint.Endpoint) (list []Entity) {
	versions, err := x.Endpoints.Versions(e.Name)
	if err != nil { // deleted meanwhile
		return nil
	}
	for _, v := range versions {
		from := v.Config.ActiveFrom
		if from.IsZero() {
			if v.State != endpoint.VersionActive && v.State != endpoint.VersionStopped && v.State != endpoint.VersionReplaced {
				continue
			}
			from = v.Config.StartedAt // a record of before it was kept
		}
		for _, s := range v.Config.Entities {
			list = append(list, Entity{
				ID:         gateway.EntityID(e.ID, v.Config.Version, s.Name),
				EndpointID: e.ID, Endpoint: e.Name, Name: s.Name, Model: s.ModelName, ModelVersion: s.ModelVersion,
				ConfigVersion: v.Config.Version, Creator: cmp.Or(v.Config.Creator, s.Creator, e.Creator),
				MinConcurrency: s.MinConcurrency, MaxConcurrency: s.MaxConcurrency, Compute: s.WorkloadType,
				ChangedAt: from.UTC(),
			})
		}
	}
	return list
}

// Deleting keeps what an endpoint served before it is deleted, and forgets what was deleted
// too long ago. Where the delete fails nothing is to be undone: an endpoint that is there is
// not taken for a deleted one.
func (x *Entities) Deleting(e *endpoint.Endpoint, now time.Time) error {
	changes := map[string][]byte{}
	if err := x.forget(changes, now); err != nil {
		return err
	}
	list := x.of(e)
	if len(list) == 0 && len(changes) == 0 {
		return nil
	}
	if len(list) > 0 {
		for i := range list {
			list[i].DeletedAt = now.UTC()
		}
		b, err := json.Marshal(list)
		if err != nil {
			return err
		}
		changes[e.ID] = b
	}
	return x.Table.Apply(changes)
}

// forget adds to changes the deletion of what was deleted too long ago, or is too much.
func (x *Entities) forget(changes map[string][]byte, now time.Time) error {
	type known struct {
		id string
		at time.Time
	}
	var all []known
	err := x.Table.Each("", func(id string, value []byte) error {
		var of []struct{ DeletedAt time.Time }
		k := known{id: strings.Clone(id)}
		if json.Unmarshal(value, &of) == nil && len(of) > 0 {
			k.at = of[0].DeletedAt
		}
		all = append(all, k)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b known) int { return b.at.Compare(a.at) })
	for i, k := range all {
		if i >= maxDeleted-1 || now.Sub(k.at) > keepDeleted {
			changes[k.id] = nil
		}
	}
	return nil
}
