package api

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"servery/engine/registry"
)

const (
	// maxFiles bounds a model's files: a large MLflow folder has some dozens, an ONNX
	// model with external data a file a tensor at most.
	maxFiles = 4096
	// maxFormField bounds a field of the form that is no file.
	maxFormField = 16 << 10
	// uploadStep is what must arrive within bodyPatience: at least 17 kB/s.
	uploadStep = 1 << 20
)

// upload is a model on its way in, in a folder of its own below UploadDir. All files are
// made through root, which no name can leave.
type upload struct {
	dir    string // absolute
	root   *os.Root
	names  uploadNames
	fields map[string]string
	left   int64 // bytes that may still come
	limit  int64
}

// filesDir is the folder of an upload's files, until the model's name is known.
const filesDir = "model"

// importUpload imports the files of a form: fields name, alias and comment, and parts
// "files", each with its path inside the model's folder as file name. They are streamed
// to the disk, never held in memory.
func (s *Server) importUpload(w http.ResponseWriter, r *http.Request) error {
	if s.options.UploadDir == "" {
		return &requestError{code: codeNotImplemented, message: "This server takes no uploads: send the path of a model on its machine."}
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return &requestError{code: codeUnsupportedMedia, message: fmt.Sprintf("Content-Encoding %q is not supported for uploads: send the files as they are.", cut(encoding, 60))}
	}
	form, err := r.MultipartReader()
	if err != nil {
		return malformed("The form cannot be read: %s.", err)
	}
	u, err := s.newUpload()
	if err != nil {
		return err
	}
	defer u.remove()
	deadline := http.NewResponseController(w) // a test's recorder has none
	patience := func() { _ = deadline.SetReadDeadline(time.Now().Add(bodyPatience)) }
	if err := u.receive(form, patience); err != nil {
		return err
	}
	// Only at the end of the body does net/http begin to watch for a client that leaves,
	// which ends its import.
	if _, err := io.CopyN(io.Discard, r.Body, maxFormField); !errors.Is(err, io.EOF) {
		return malformed("The request goes on after the form's end.")
	}
	// What patience set last would end that watch, and with it the import.
	_ = deadline.SetReadDeadline(time.Time{})
	in := registry.Import{Name: u.fields["name"], Alias: u.fields["alias"], Comment: u.fields["comment"]}
	if in.Source, err = u.source(in.Name); err != nil {
		return err
	}
	return s.importFrom(w, r, in)
}

func (s *Server) newUpload() (*upload, error) {
	if err := os.MkdirAll(s.options.UploadDir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the folder for uploads: %w", err)
	}
	dir, err := os.MkdirTemp(s.options.UploadDir, "upload-")
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for the upload: %w", err)
	}
	u := &upload{dir: dir, fields: map[string]string{}, left: s.options.MaxUpload, limit: s.options.MaxUpload}
	if u.root, err = os.OpenRoot(dir); err == nil {
		err = u.root.Mkdir(filesDir, 0o700)
	}
	if err != nil {
		u.remove()
		return nil, fmt.Errorf("cannot make a folder for the upload: %w", err)
	}
	return u, nil
}

func (u *upload) remove() {
	if u.root != nil {
		u.root.Close()
	}
	os.RemoveAll(u.dir) // what stays is removed at the next start
}

// receive reads the whole form. patience is called as long as something arrives.
func (u *upload) receive(form *multipart.Reader, patience func()) error {
	for {
		patience()
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return u.broken(err)
		}
		if part.FormName() == "files" {
			err = u.file(part, patience)
		} else {
			err = u.field(part)
		}
		if err != nil {
			return err
		}
	}
	if u.names.count == 0 {
		return invalid("The form has no part 'files': send the model's file, or all files of its folder.")
	}
	return nil
}

func (u *upload) field(part *multipart.Part) error {
	name := part.FormName()
	switch name {
	case "name", "alias", "comment":
	default:
		return invalid("The form has a part %q: it takes name, alias, comment and files.", cut(name, 40))
	}
	if _, again := u.fields[name]; again {
		return invalid("The form has part %q twice.", name)
	}
	b, err := io.ReadAll(io.LimitReader(part, maxFormField+1))
	switch {
	case err != nil:
		return u.broken(err)
	case len(b) > maxFormField:
		return invalid("Part %q of the form is longer than %d bytes.", name, maxFormField)
	}
	u.fields[name] = string(b)
	return nil
}

func (u *upload) file(part *multipart.Part, patience func()) error {
	name, err := u.names.take(fileNameOf(part))
	if err != nil {
		return err
	}
	full := path.Join(filesDir, name)
	if err := u.root.MkdirAll(path.Dir(full), 0o700); err != nil {
		return unmade(name, err)
	}
	f, err := u.root.OpenFile(full, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return unmade(name, err)
	}
	err = u.copy(f, part, patience)
	return errors.Join(err, f.Close())
}

// unmade is a file that cannot be made: its name and another's are one to this file
// system, or one is a folder to the other.
func unmade(name string, err error) error {
	if errors.Is(err, os.ErrExist) || errors.Is(err, syscall.ENOTDIR) {
		return invalid("File %q cannot be made beside the others: another file has its name.", cut(name, 200))
	}
	return fmt.Errorf("cannot store the uploaded file: %w", err)
}

func (u *upload) copy(f io.Writer, part io.Reader, patience func()) error {
	for {
		n, err := io.CopyN(f, part, min(uploadStep, u.left+1))
		u.left -= n
		switch {
		case u.left < 0:
			return &requestError{code: codeTooLarge, message: fmt.Sprintf(
				"The files are larger than %d bytes together, the most that one upload may carry. Import the model by its path instead.", u.limit)}
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return u.broken(err)
		}
		patience()
	}
}

// broken tells a form that breaks off or is none from a disk that cannot take it.
func (u *upload) broken(err error) error {
	var disk *os.PathError
	switch {
	case errors.As(err, &disk):
		return fmt.Errorf("cannot store the uploaded file: %w", err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &requestError{code: codeRequestTimeout, message: "The upload stood still for too long and was given up."}
	}
	return &requestError{code: codeMalformedRequest, message: "The form is not complete multipart/form-data: " + cut(err.Error(), 120) + ".", cause: err}
}

// source is what is to be imported: the only ONNX file, with what lies beside it, or else
// the folder. A folder that holds all of an upload ("model/MLmodel", "model/model.onnx")
// is the model's folder; one without a name takes the model's.
func (u *upload) source(model string) (string, error) {
	base, top := filesDir, u.names.common()
	if last := model[strings.LastIndexByte(model, '.')+1:]; top == "" && checkFileName(last) == nil {
		if err := u.root.Rename(base, last); err != nil {
			return "", fmt.Errorf("cannot store the uploaded files: %w", err)
		}
		base = last
	}
	inside := top
	if len(u.names.onnx) == 1 && !u.names.mlmodel {
		inside = u.names.onnx[0]
	}
	return filepath.Join(u.dir, base, filepath.FromSlash(inside)), nil
}

// clearUploads removes what an earlier process left behind.
func (s *Server) clearUploads() {
	if s.options.UploadDir == "" {
		return
	}
	left, err := filepath.Glob(filepath.Join(s.options.UploadDir, "upload-*"))
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		s.log.Warn("old uploads could not be removed", "error", err)
	}
}

func malformed(format string, args ...any) error {
	return &requestError{code: codeMalformedRequest, message: fmt.Sprintf(format, args...)}
}
