package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Catalog is the top of a model's full name. Pictures of it never change.
type Catalog struct {
	ID                   string // a UUID
	Name                 string
	Comment, Owner       string
	CreatedAt, UpdatedAt time.Time
	CreatedBy, UpdatedBy string
}

// Schema is the middle of a model's full name: what a catalog holds, and what holds models.
type Schema struct {
	ID                   string // a UUID
	Catalog, Name        string
	Comment, Owner       string
	CreatedAt, UpdatedAt time.Time
	CreatedBy, UpdatedBy string
}

// FullName is "catalog.schema".
func (s Schema) FullName() string { return s.Catalog + "." + s.Name }

// The catalog and schema that a new data folder has, and the schema that every new catalog has.
const (
	firstCatalog = "main"
	firstSchema  = "default"
)

// The keys are "catalog/" and the name, "schema/" and the full name.
const (
	catalogPrefix = "catalog/"
	schemaPrefix  = "schema/"
)

// placeRecord is a catalog's or a schema's record. The fields' names are the stored form.
type placeRecord struct {
	ID        string    `json:"id"`
	Comment   string    `json:"comment,omitempty"`
	Owner     string    `json:"owner,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by,omitempty"`
	UpdatedAt time.Time `json:"updated_at"`
	UpdatedBy string    `json:"updated_by,omitempty"`
}

// Place says what a new catalog or schema is like.
type Place struct {
	Catalog   string
	Schema    string // "" for a catalog
	Comment   string // at most 64 KiB
	CreatedBy string // a user's name, who becomes the owner
}

// places are all catalogs and schemas at one time, or some that are to be added to them.
type places struct {
	catalogs []Catalog // by name
	schemas  []Schema  // by full name
}

func (p places) catalog(name string) (int, bool) {
	return slices.BinarySearchFunc(p.catalogs, name, func(c Catalog, name string) int { return strings.Compare(c.Name, name) })
}

func (p places) schema(full string) (int, bool) {
	return slices.BinarySearchFunc(p.schemas, full, func(s Schema, full string) int { return strings.Compare(s.FullName(), full) })
}

// with is p with more; what it has already is replaced.
func (p places) with(more places) places {
	catalogs, schemas := map[string]Catalog{}, map[string]Schema{}
	for _, c := range slices.Concat(p.catalogs, more.catalogs) {
		catalogs[c.Name] = c
	}
	for _, s := range slices.Concat(p.schemas, more.schemas) {
		schemas[s.FullName()] = s
	}
	return places{
		slices.SortedFunc(maps.Values(catalogs), func(a, b Catalog) int { return cmp.Compare(a.Name, b.Name) }),
		slices.SortedFunc(maps.Values(schemas), func(a, b Schema) int { return cmp.Compare(a.FullName(), b.FullName()) }),
	}
}

// records are the changes that store p.
func (p places) records() (map[string][]byte, error) {
	changes := make(map[string][]byte, len(p.catalogs)+len(p.schemas))
	var err error
	for _, c := range p.catalogs {
		r := placeRecord{c.ID, c.Comment, c.Owner, c.CreatedAt, c.CreatedBy, c.UpdatedAt, c.UpdatedBy}
		if changes[catalogPrefix+c.Name], err = json.Marshal(r); err != nil {
			return nil, err
		}
	}
	for _, s := range p.schemas {
		r := placeRecord{s.ID, s.Comment, s.Owner, s.CreatedAt, s.CreatedBy, s.UpdatedAt, s.UpdatedBy}
		if changes[schemaPrefix+s.FullName()], err = json.Marshal(r); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

// missing are the catalog and the schema of a name that p does not have.
func (p places) missing(catalog, schema, by string, at time.Time) (made places) {
	if _, ok := p.catalog(catalog); !ok {
		made.catalogs = []Catalog{{ID: newID(), Name: catalog, Owner: by, CreatedAt: at, UpdatedAt: at, CreatedBy: by, UpdatedBy: by}}
	}
	if _, ok := p.schema(catalog + "." + schema); !ok {
		made.schemas = []Schema{{ID: newID(), Catalog: catalog, Name: schema, Owner: by, CreatedAt: at, UpdatedAt: at, CreatedBy: by, UpdatedBy: by}}
	}
	return made
}

// loadPlaces reads catalogs and schemas, and makes those that a new data folder has and
// those of models from releases that kept none. Where they cannot be stored, on a full
// disk, the next start makes them again.
func (r *Registry) loadPlaces(models []Model) (places, error) {
	var all places
	read := func(prefix string, take func(name string, p placeRecord)) error {
		return r.table.Each(prefix, func(key string, value []byte) error {
			var p placeRecord
			if err := json.Unmarshal(value, &p); err != nil {
				return fmt.Errorf("the catalog's record %q cannot be read: %w", key, err)
			}
			take(key[len(prefix):], p)
			return nil
		})
	}
	err := read(catalogPrefix, func(name string, p placeRecord) {
		all.catalogs = append(all.catalogs, Catalog{p.ID, name, p.Comment, p.Owner, p.CreatedAt, p.UpdatedAt, p.CreatedBy, p.UpdatedBy})
	})
	if err == nil {
		err = read(schemaPrefix, func(full string, p placeRecord) {
			catalog, name, _ := strings.Cut(full, ".")
			all.schemas = append(all.schemas, Schema{p.ID, catalog, name, p.Comment, p.Owner, p.CreatedAt, p.UpdatedAt, p.CreatedBy, p.UpdatedBy})
		})
	}
	if err != nil {
		return places{}, err
	}
	all = all.with(places{}) // sorted by names, which keys are not
	var made places
	add := func(catalog, schema, by string, at time.Time) {
		made = made.with(all.with(made).missing(catalog, schema, by, at))
	}
	if len(all.catalogs) == 0 {
		add(firstCatalog, firstSchema, "", r.time())
	}
	for _, m := range slices.SortedStableFunc(slices.Values(models), func(a, b Model) int { return a.CreatedAt.Compare(b.CreatedAt) }) {
		add(m.Catalog, m.Schema, m.CreatedBy, m.CreatedAt)
	}
	if changes, err := made.records(); err != nil {
		return places{}, err
	} else if len(changes) > 0 {
		_ = r.table.Apply(changes)
	}
	return all.with(made), nil
}

// Catalogs lists all catalogs by name. The slice is shared and must not be changed.
func (r *Registry) Catalogs() []Catalog { return r.current.Load().places.catalogs }

// Schemas lists the schemas of all catalogs by full name. The slice is shared and must not
// be changed.
func (r *Registry) Schemas() []Schema { return r.current.Load().places.schemas }

// Catalog returns one catalog by its name, in any case, or *NotFoundError.
func (r *Registry) Catalog(name string) (Catalog, error) {
	p := r.current.Load().places
	if i, ok := p.catalog(strings.ToLower(name)); ok {
		return p.catalogs[i], nil
	}
	return Catalog{}, &NotFoundError{What: partCatalog, Name: name}
}

// Schema returns one schema by its full name, "catalog.schema" in any case, or *NotFoundError.
func (r *Registry) Schema(fullName string) (Schema, error) {
	p := r.current.Load().places
	if i, ok := p.schema(strings.ToLower(fullName)); ok {
		return p.schemas[i], nil
	}
	return Schema{}, &NotFoundError{What: partSchema, Name: fullName}
}

// CreateCatalog makes a catalog with an empty schema named default, as Unity Catalog does.
// Errors: *NameError, *ValueError, *ExistsError, *DiskError.
func (r *Registry) CreateCatalog(ctx context.Context, in Place) (Catalog, error) {
	name, err := parsePart(partCatalog, in.Catalog)
	if err == nil {
		err = errorOf(ctx, checkComment(in.Comment))
	}
	if err != nil {
		return Catalog{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.current.Load().places
	if _, there := all.catalog(name); there {
		return Catalog{}, &ExistsError{What: partCatalog, Name: name}
	}
	made := all.missing(name, firstSchema, in.CreatedBy, r.time())
	made.catalogs[0].Comment = in.Comment
	return made.catalogs[0], r.putPlaces(made)
}

// CreateSchema makes a schema in a catalog that exists. Errors: *NameError, *ValueError,
// *NotFoundError, *ExistsError, *DiskError.
func (r *Registry) CreateSchema(ctx context.Context, in Place) (Schema, error) {
	catalog, err := parsePart(partCatalog, in.Catalog)
	if err != nil {
		return Schema{}, err
	}
	name, err := parsePart(partSchema, in.Schema)
	if err == nil {
		err = errorOf(ctx, checkComment(in.Comment))
	}
	if err != nil {
		return Schema{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.current.Load().places
	if _, there := all.catalog(catalog); !there {
		return Schema{}, &NotFoundError{What: partCatalog, Name: in.Catalog}
	}
	made := all.missing(catalog, name, in.CreatedBy, r.time())
	if len(made.schemas) == 0 {
		return Schema{}, &ExistsError{What: partSchema, Name: catalog + "." + name}
	}
	made.schemas[0].Comment = in.Comment
	return made.schemas[0], r.putPlaces(made)
}

// putPlaces stores catalogs and schemas and then shows them. The caller holds mu.
func (r *Registry) putPlaces(made places) error {
	changes, err := made.records()
	if err == nil {
		err = r.apply(changes)
	}
	if err != nil {
		return err
	}
	now := r.current.Load()
	r.current.Store(&snapshot{now.models, now.index, now.places.with(made)})
	return nil
}

// DeleteCatalog removes a catalog that holds no model. Without force it may hold no schema
// either, but the empty one that it was made with. Errors: *NotFoundError, *NotEmptyError,
// *DiskError.
func (r *Registry) DeleteCatalog(ctx context.Context, name string, force bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now, catalog := r.current.Load(), strings.ToLower(name)
	if _, there := now.places.catalog(catalog); !there {
		return &NotFoundError{What: partCatalog, Name: name}
	}
	if n := now.modelsIn(catalog + "."); n > 0 {
		return &NotEmptyError{What: partCatalog, Name: catalog, Models: n}
	}
	changes := map[string][]byte{catalogPrefix + catalog: nil}
	others := 0
	for _, s := range now.places.schemas {
		if s.Catalog == catalog {
			changes[schemaPrefix+s.FullName()] = nil
			if s.Name != firstSchema {
				others++
			}
		}
	}
	if others > 0 && !force {
		return &NotEmptyError{What: partCatalog, Name: catalog, Schemas: others}
	}
	return r.dropPlaces(changes)
}

// DeleteSchema removes a schema that holds no model. Errors: *NotFoundError,
// *NotEmptyError, *DiskError.
func (r *Registry) DeleteSchema(ctx context.Context, fullName string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now, full := r.current.Load(), strings.ToLower(fullName)
	if _, there := now.places.schema(full); !there {
		return &NotFoundError{What: partSchema, Name: fullName}
	}
	if n := now.modelsIn(full + "."); n > 0 {
		return &NotEmptyError{What: partSchema, Name: full, Models: n}
	}
	return r.dropPlaces(map[string][]byte{schemaPrefix + full: nil})
}

// dropPlaces deletes records of catalogs and schemas and then shows them no more. The
// caller holds mu.
func (r *Registry) dropPlaces(changes map[string][]byte) error {
	if err := r.apply(changes); err != nil {
		return err
	}
	gone := func(key string) bool { _, gone := changes[key]; return gone }
	now := r.current.Load()
	r.current.Store(&snapshot{now.models, now.index, places{
		slices.DeleteFunc(slices.Clone(now.places.catalogs), func(c Catalog) bool { return gone(catalogPrefix + c.Name) }),
		slices.DeleteFunc(slices.Clone(now.places.schemas), func(s Schema) bool { return gone(schemaPrefix + s.FullName()) }),
	}})
	return nil
}

// modelsIn counts the models whose full names begin with prefix.
func (s *snapshot) modelsIn(prefix string) (n int) {
	for _, m := range s.models {
		if strings.HasPrefix(m.FullName(), prefix) {
			n++
		}
	}
	return n
}

// parsePart reads one part of a full name and writes it in lower case.
func parsePart(part, name string) (string, error) {
	if !plain(name) {
		return "", &NameError{Part: part, Got: name, Takes: takesPart}
	}
	return strings.ToLower(name), nil
}

// errorOf is err, or that of a context which has ended.
func errorOf(ctx context.Context, err error) error {
	if err != nil {
		return err
	}
	return ctx.Err()
}
