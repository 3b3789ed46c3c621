package registry

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Tag is a key with a value that a person or a client gave a model or a version.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
}

const (
	// maxComment bounds comments in bytes, maxText what clients say of a version's source.
	maxComment = 64 << 10
	maxText    = 4 << 10
	// maxTagKey and maxTagValue are MLflow's limits (mlflow/utils/validation.py), in bytes;
	// maxTags bounds the tags of one model or version together.
	maxTagKey   = 250
	maxTagValue = 5000
	maxTags     = 64 << 10
)

func checkComment(comment string) error { return checkText("comment", comment, maxComment) }

// checkText refuses what is too long for a record, or no text.
func checkText(field, text string, most int) error {
	if len(text) > most {
		return &ValueError{fmt.Sprintf("The %s has %d bytes and may have %d.", field, len(text), most)}
	}
	if !utf8.ValidString(text) {
		return &ValueError{fmt.Sprintf("The %s is not encoded as UTF-8.", field)}
	}
	return nil
}

// withTags is the list with tags added or changed, by key.
func withTags(tags []Tag, more ...Tag) ([]Tag, error) {
	all := map[string]string{}
	for _, t := range slices.Concat(tags, more) {
		if t.Key == "" {
			return nil, &ValueError{"A tag has no key: give it one of 1 to 250 bytes."}
		}
		if err := checkText("key of a tag", t.Key, maxTagKey); err != nil {
			return nil, err
		}
		if err := checkText("value of tag "+t.Key, t.Value, maxTagValue); err != nil {
			return nil, err
		}
		all[t.Key] = t.Value
	}
	size := 0
	list := make([]Tag, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		list = append(list, Tag{key, all[key]})
		size += len(key) + len(all[key])
	}
	if size > maxTags {
		return nil, &ValueError{fmt.Sprintf("The tags have %s together and may have %s.", bytesText(int64(size)), bytesText(maxTags))}
	}
	return list, nil
}

func withoutTag(tags []Tag, key string) []Tag {
	return slices.DeleteFunc(slices.Clone(tags), func(t Tag) bool { return t.Key == key })
}

// SetTag gives a model a tag, or a version of it where version is not 0; a tag of that key
// changes. Errors: *ValueError, *NotFoundError, *DiskError.
func (r *Registry) SetTag(ctx context.Context, fullName string, version int, tag Tag, by string) error {
	return r.changeTags(ctx, fullName, version, by, func(tags []Tag) ([]Tag, error) { return withTags(tags, tag) })
}

// DeleteTag takes a tag from a model, or from a version of it where version is not 0. A tag
// that is not there is gone already. Errors: *NotFoundError, *DiskError.
func (r *Registry) DeleteTag(ctx context.Context, fullName string, version int, key, by string) error {
	return r.changeTags(ctx, fullName, version, by, func(tags []Tag) ([]Tag, error) { return withoutTag(tags, key), nil })
}

func (r *Registry) changeTags(ctx context.Context, fullName string, version int, by string, change func([]Tag) ([]Tag, error)) error {
	if version != 0 {
		_, err := r.editVersion(ctx, fullName, version, by, func(v *Version) (err error) {
			v.Tags, err = change(v.Tags)
			return err
		})
		return err
	}
	return r.edit(ctx, fullName, func(m *Model) (err error) {
		m.UpdatedBy = by
		m.Tags, err = change(m.Tags)
		return err
	})
}

// editVersion changes what a person may change of a version's record.
func (r *Registry) editVersion(ctx context.Context, fullName string, version int, by string, change func(*Version) error) (v Version, err error) {
	if err := ctx.Err(); err != nil {
		return Version{}, err
	}
	full := strings.ToLower(fullName)
	err = func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		m, ok := r.current.Load().find(full)
		if !ok {
			return &NotFoundError{Name: fullName}
		}
		i := slices.IndexFunc(m.Versions, func(v Version) bool { return v.Number == version })
		if i < 0 {
			return &NotFoundError{Name: full, Version: version}
		}
		v = m.Versions[i]
		if v.Status == Pending && !v.Uploading { // its import stores what it knew at its beginning
			return &InUseError{Name: full, Version: version}
		}
		if err := change(&v); err != nil {
			return err
		}
		v.UpdatedAt, v.UpdatedBy = r.time(), by
		m.Versions = slices.Clone(m.Versions)
		m.Versions[i] = v
		return r.store(m, r.next[full], &v, 0)
	}()
	if err == nil {
		r.tell(full)
	}
	return v, err
}
