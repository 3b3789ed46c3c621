package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"servery/engine/artifact"
	"servery/engine/onnx"
)

// descriptionFile is what makes a folder an MLflow model.
const descriptionFile = "MLmodel"

// limits bound what one version may hold. Models of tens of gigabytes exist; folders of
// ten thousand files are a mistake, a home folder say.
type limits struct {
	files int   // files and folders
	bytes int64 // of all files
	main  int64 // of an .onnx file: protobuf's limit for one message
}

var defaultLimits = limits{files: 10_000, bytes: 64 << 30, main: 1<<31 - 1}

// refusal is a reason to make a Failed version without an artifact: what was given is
// not safe to copy, or no model at all. It is a sentence for a person.
type refusal struct{ reason string }

func (e *refusal) Error() string { return e.reason }

func refuse(format string, args ...any) error { return &refusal{fmt.Sprintf(format, args...)} }

// source is what is imported.
type source struct {
	given string   // as the caller wrote it
	path  string   // of the .onnx file or the folder
	root  *os.Root // the folder, or the one that the file is in
	main  string   // the .onnx file's name; "" for a folder
}

// piece is one file to copy.
type piece struct {
	name string // below root, with forward slashes
	size int64
}

// openSource looks at what is to be imported. The error is a *SourceError.
func openSource(given string) (*source, error) {
	if !filepath.IsAbs(given) {
		return nil, &SourceError{Path: given, Message: "is not an absolute path"}
	}
	s := &source{given: given, path: filepath.Clean(given)}
	info, err := os.Stat(s.path)
	if err == nil && info.Mode().IsRegular() && filepath.Base(s.path) == descriptionFile {
		s.path = filepath.Dir(s.path) // a model folder, pointed at by its best-known file
		info, err = os.Stat(s.path)
	}
	if err != nil {
		return nil, s.unreadable(err)
	}
	folder := s.path
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			return nil, &SourceError{Path: given, Message: "is neither a file nor a folder"}
		}
		folder, s.main = filepath.Dir(s.path), filepath.Base(s.path)
	}
	if s.root, err = os.OpenRoot(folder); err != nil {
		return nil, s.unreadable(err)
	}
	return s, nil
}

// name is what is shown of the source: no path.
func (s *source) name() string { return filepath.Base(s.path) }

func (s *source) unreadable(err error) error {
	message := "cannot be read: " + err.Error()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		message = "does not exist"
	case errors.Is(err, fs.ErrPermission):
		message = "cannot be read: this user has no permission to"
	}
	return &SourceError{Path: s.given, Message: message, Err: err}
}

// pieces lists the files to copy. Errors: *refusal, *SourceError, ctx's.
func (s *source) pieces(ctx context.Context, l limits) ([]piece, error) {
	if s.main == "" {
		return s.folderPieces(ctx, l)
	}
	return s.filePieces(l)
}

// filePieces are an .onnx file and the files with its weights. A file that cannot be read
// as a model is copied alone: why it cannot is found once more in the copy.
func (s *source) filePieces(l limits) ([]piece, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return nil, s.unreadable(err)
	}
	m, err := onnx.Read(s.path)
	switch {
	case err != nil && !verdict(err):
		return nil, s.unreadable(err)
	case err != nil && info.Size() > l.main:
		return nil, refuse("%s", sentence(err))
	}
	pieces := []piece{{s.main, info.Size()}}
	if err != nil {
		return pieces, nil
	}
	twins := twins{}
	if err := twins.add(s.main, false); err != nil {
		return nil, err
	}
	for _, location := range m.External {
		name := path.Clean(location)
		if name == s.main || twins.has(name) {
			continue
		}
		if strings.EqualFold(name, descriptionFile) {
			return nil, refuse("The model's weights lie in a file %q, the name of an MLflow model's description; give that file another name.", location)
		}
		if err := twins.add(name, false); err != nil {
			return nil, err
		}
		info, err := s.root.Lstat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // onnx says so of the copy, with advice
		case errors.Is(err, fs.ErrPermission):
			return nil, s.unreadable(err)
		case err != nil:
			return nil, refuse("The model is refused because it is not safe: its file %q leads outside the model's folder or cannot be opened.", location)
		case !info.Mode().IsRegular():
			return nil, irregular(location, info.Mode())
		}
		pieces = append(pieces, piece{name, info.Size()})
	}
	return pieces, s.bounded(pieces, len(pieces), l)
}

// folderPieces are all files of a model folder.
func (s *source) folderPieces(ctx context.Context, l limits) ([]piece, error) {
	if _, err := s.root.Lstat(descriptionFile); errors.Is(err, fs.ErrNotExist) {
		return nil, refuse("The folder is not an MLflow model: it has no file MLmodel. To import an ONNX model, choose the .onnx file itself.")
	}
	var pieces []piece
	seen, twins := 0, twins{}
	err := fs.WalkDir(s.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return s.unreadable(err)
		case ctx.Err() != nil:
			return ctx.Err()
		case name == ".":
			return nil
		case !entry.IsDir() && !entry.Type().IsRegular():
			return irregular(name, entry.Type())
		}
		if seen++; seen > l.files {
			return tooMany(l)
		}
		if err := twins.add(name, entry.IsDir()); err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return s.unreadable(err)
		}
		pieces = append(pieces, piece{name, info.Size()})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return pieces, s.bounded(pieces, seen, l)
}

// bounded refuses more than the limits.
func (s *source) bounded(pieces []piece, files int, l limits) error {
	if files > l.files {
		return tooMany(l)
	}
	left := l.bytes
	for _, p := range pieces {
		if p.size > left {
			return tooLarge(l)
		}
		left -= p.size
	}
	return nil
}

func tooMany(l limits) error {
	return refuse("The model has more than %d files; choose the folder of one model.", l.files)
}

func tooLarge(l limits) error {
	return refuse("The model has more than %s, the most that a version may have.", bytesText(l.bytes))
}

func irregular(name string, mode fs.FileMode) error {
	return refuse("The model is refused because it is not safe: its file %q %s.", name, artifact.Irregular(mode))
}

// twins finds names that are one on systems that do not tell cases apart: a copy there
// would write one file over the other.
type twins map[string]string

func (t twins) has(name string) bool { return t[strings.ToLower(name)] == name }

// add adds a name and, of a file, the folders that it is in.
func (t twins) add(name string, folder bool) error {
	for ; name != "."; name = path.Dir(name) {
		folded := strings.ToLower(name)
		if other, ok := t[folded]; ok && other != name {
			return refuse("The model's files %q and %q differ only in upper and lower case, which not every disk tells apart; rename one.", other, name)
		}
		t[folded] = name
		if folder {
			return nil // its own folders were added when the walk came by
		}
	}
	return nil
}

// bytesText writes a number of bytes for a person: "2.6 MB".
func bytesText(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	value, unit := float64(n), 0
	for value >= 1000 && unit < len(units)-1 {
		value, unit = value/1000, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}
