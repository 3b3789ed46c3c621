package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"servery/engine/artifact"
	"servery/engine/crashpoint"
)

// Import says what is to become a new version of a model.
type Import struct {
	// Source is the absolute path of an .onnx file, whose files with weights are found
	// beside it, or of an MLflow model folder (or of its file MLmodel).
	Source string
	// Name is the model's full name; the model is made where it does not exist.
	Name string
	// Alias, where not "", points at the new version once it is Ready.
	Alias     string
	Comment   string // of the version
	CreatedBy string // a user's name
	// Example is the body of a scoring request, for models that bring none themselves; at
	// most 128 KiB of JSON. Nil otherwise.
	Example []byte
}

// Progress is how far an import is.
type Progress struct {
	Stage       string // StageCopy, StageRead or StageStore
	Done, Total int64  // bytes copied, and in all
}

// The stages of an import.
const (
	StageCopy  = "Copying"
	StageRead  = "Reading the model"
	StageStore = "Registering"
)

// Import copies a model into the data folder and makes a version of it. While it copies,
// the version is Pending and has its number. A model that is broken, unsafe or not
// supported is no error: its version is Failed, with the reason, and keeps its files
// where they could be copied. When Import returns, the version survives a crash of the
// machine. An import that is cancelled or fails leaves nothing but a number that is not
// given again. progress may be nil; it is called on this goroutine.
//
// Errors: *NameError, *SourceError, *DiskError, and ctx's error.
func (r *Registry) Import(ctx context.Context, in Import, progress func(Progress)) (v Version, err error) {
	name, err := r.check(&in)
	if err != nil {
		return Version{}, err
	}
	from, err := openSource(in.Source)
	if err != nil {
		return Version{}, err
	}
	defer from.root.Close()
	if progress == nil {
		progress = func(Progress) {}
	}
	pending, made, err := r.begin(ctx, name, in, from)
	if err != nil {
		return Version{}, err
	}
	crashpoint.Here("import.begun")
	full := name.String()
	r.tell(full)
	defer r.tell(full)
	finished := false
	defer func() {
		if !finished { // also where progress panicked
			err = errors.Join(err, r.giveUp(full, pending.Number, made))
		}
	}()
	if v, err = r.fill(ctx, name, in, from, pending, progress); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("the import of %s was cancelled: %w", full, ctx.Err())
		}
		return Version{}, err
	}
	finished = true
	return v, nil
}

// check refuses what cannot be imported under any circumstances.
func (r *Registry) check(in *Import) (name Name, err error) {
	if name, err = ParseName(in.Name); err != nil {
		return Name{}, err
	}
	if in.Alias != "" {
		if in.Alias, err = ParseAlias(in.Alias); err != nil {
			return Name{}, err
		}
	}
	if len(in.Example) > maxExample {
		return Name{}, fmt.Errorf("the input example has %s and may have %s", bytesText(int64(len(in.Example))), bytesText(maxExample))
	}
	if in.Example != nil && !json.Valid(in.Example) {
		return Name{}, errors.New("the input example is not valid JSON")
	}
	in.Example = slices.Clone(in.Example)
	return name, nil
}

// begin stores a Pending version with the next number. made tells whether the model is new,
// and what was made to hold it.
func (r *Registry) begin(ctx context.Context, name Name, in Import, from *source) (v Version, made creation, err error) {
	if err := ctx.Err(); err != nil {
		return Version{}, creation{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.time()
	m, known := r.current.Load().find(name.String())
	if made.model = !known; made.model {
		m = r.newModel(name, in.CreatedBy, now)
		made.places = r.current.Load().places.missing(name.Catalog, name.Schema, in.CreatedBy, now)
	}
	number := max(r.next[name.String()], 1)
	v = Version{Number: number, Status: Pending, Source: from.name(), Comment: in.Comment, CreatedAt: now, CreatedBy: in.CreatedBy}
	m.Versions = slices.Insert(slices.Clone(m.Versions), 0, v)
	m.UpdatedAt, m.UpdatedBy = now, in.CreatedBy
	return v, made, r.storeIn(made.places, m, number+1, &v, 0)
}

// creation is what an import made besides its version.
type creation struct {
	model  bool
	places places
}

// fill copies the files of a Pending version, reads them and stores what it found.
func (r *Registry) fill(ctx context.Context, name Name, in Import, from *source, v Version, progress func(Progress)) (Version, error) {
	work, err := os.MkdirTemp(filepath.Join(r.dir, incomingFolder), "import-")
	if err != nil {
		return Version{}, diskError(err, 0)
	}
	defer os.RemoveAll(work)
	files := filepath.Join(work, "version")
	err = r.prepare(ctx, from, files, &v, progress)
	var refused *refusal
	if from.main != "" {
		v.Flavor = "onnx"
	}
	switch {
	case errors.As(err, &refused) && v.SHA256 == "": // nothing is kept
		v = failed(v, err)
		files = ""
	case err != nil && verdict(err):
		v = failed(v, err)
	case err != nil:
		return Version{}, err
	default:
		v.Status = Ready
		withExample(&v, in.Example)
		if _, described, err := encodeVersion(v); err != nil {
			return Version{}, err
		} else if described > maxDescribed {
			v = failed(v, tooMuch(described))
			v.Graph = nil
		}
	}
	if err := ctx.Err(); err != nil {
		return Version{}, err
	}
	crashpoint.Here("import.copied")
	progress(Progress{Stage: StageStore, Done: v.Size, Total: v.Size})
	return r.finish(name, in, v, files)
}

// failed is the version with a reason.
func failed(v Version, err error) Version {
	v.Status, v.Reason = Failed, sentence(err)
	v.Signature, v.FromGraph, v.InputExample = nil, false, nil
	return v
}

// prepare copies the source's files to a new folder and reads them there. v.SHA256 is set
// once all are copied.
func (r *Registry) prepare(ctx context.Context, from *source, files string, v *Version, progress func(Progress)) error {
	pieces, err := from.pieces(ctx, r.limits)
	if err != nil {
		return err
	}
	if err := os.Mkdir(files, 0o700); err != nil {
		return diskError(err, 0)
	}
	to, err := os.OpenRoot(files)
	if err != nil {
		return diskError(err, 0)
	}
	defer to.Close() // before the folder is moved: Windows moves none that is open
	c := &copier{ctx: ctx, source: from, to: to, create: r.create, limits: r.limits, progress: progress}
	if err := c.copy(pieces); err != nil {
		return err
	}
	v.SHA256, v.Size = artifact.Combine(c.files), c.done
	progress(Progress{Stage: StageRead, Done: c.done, Total: c.done})
	return inspect(to, from.main, v)
}

// finish puts a version's files in their place and stores its record; files is "" where
// nothing is kept.
func (r *Registry) finish(name Name, in Import, v Version, files string) (Version, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, _ := r.current.Load().find(name.String())
	if files != "" {
		v.Dir = r.versionDir(nameOf(m), v.Number)
		if err := r.place(nameOf(m), v.Number, files); err != nil {
			return Version{}, diskError(err, v.Size)
		}
		crashpoint.Here("import.synced")
	}
	m.Versions = slices.Clone(m.Versions)
	i := slices.IndexFunc(m.Versions, func(old Version) bool { return old.Number == v.Number })
	m.Versions[i] = v
	if in.Alias != "" && v.Status == Ready {
		m.Aliases = withAlias(m.Aliases, in.Alias, v.Number)
	}
	m.UpdatedAt, m.UpdatedBy = r.time(), in.CreatedBy
	if err := r.store(m, r.next[name.String()], &v, 0); err != nil {
		r.empty(r.discard(v.Dir))
		return Version{}, err
	}
	crashpoint.Here("import.stored")
	return v, nil
}

// place moves a folder of files to where a version's files belong, and makes the move
// durable. What is there already is no version's: its record would hold the number.
func (r *Registry) place(name Name, n int, files string) error {
	dir := r.versionDir(name, n)
	r.empty(r.discard(dir))
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	if err := os.Rename(files, dir); err != nil {
		return err
	}
	crashpoint.Here("import.placed")
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for folder := filepath.Dir(filepath.Join(name.folder(), "version")); ; folder = filepath.Dir(folder) {
		if err := syncFolder(root, folder); err != nil || folder == "." {
			return err
		}
	}
}

// giveUp takes a Pending version back, and with it what the import made to hold it. Where the
// record cannot be deleted, the version is gone all the same until the next start, which
// finds it Pending and makes it Failed.
func (r *Registry) giveUp(full string, number int, made creation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.current.Load().find(full)
	if !ok {
		return nil
	}
	m.Versions = slices.DeleteFunc(slices.Clone(m.Versions), func(v Version) bool { return v.Number == number })
	m.Aliases = slices.DeleteFunc(slices.Clone(m.Aliases), func(a Alias) bool { return a.Version == number })
	if made.model && len(m.Versions) == 0 && len(m.Aliases) == 0 {
		m.Versions = []Version{{Number: number}} // whose record goes too
		err := r.remove(m)
		if err != nil {
			r.current.Store(r.current.Load().without(full))
			return err
		}
		return r.takeBack(made.places)
	}
	err := r.store(m, r.next[full], nil, number)
	if err != nil {
		r.current.Store(r.current.Load().with(m))
	}
	return err
}

// takeBack removes catalogs and schemas that were made, where nothing else is in them. The
// caller holds mu.
func (r *Registry) takeBack(made places) error {
	now, changes := r.current.Load(), map[string][]byte{}
	for _, s := range made.schemas {
		if now.modelsIn(s.FullName()+".") == 0 {
			changes[schemaPrefix+s.FullName()] = nil
		}
	}
	for _, c := range made.catalogs {
		others := slices.ContainsFunc(now.places.schemas, func(s Schema) bool {
			_, goes := changes[schemaPrefix+s.FullName()]
			return s.Catalog == c.Name && !goes
		})
		if !others {
			changes[catalogPrefix+c.Name] = nil
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return r.dropPlaces(changes)
}

// time is now as records keep it: in UTC, in milliseconds.
func (r *Registry) time() time.Time { return r.now().UTC().Truncate(time.Millisecond) }
