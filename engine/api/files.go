package api

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"servery/engine/registry"
)

// filesRoutes are the Files API (databricks-sdk-go service/files), for the files of model
// versions: /Models/catalog/schema/model/version/….
var filesRoutes = []route{
	at("GET", filesPath+"/...", (*Server).getFile), // and HEAD
	at("PUT", filesPath+"/...", (*Server).putFile),
	at("DELETE", filesPath+"/...", (*Server).deleteFile),
	at("POST", filesPath+"/...", (*Server).uploadInParts),
	at("GET", foldersPath+"/...", (*Server).getFolder), // and HEAD
	at("PUT", foldersPath+"/...", (*Server).putFolder),
	at("DELETE", foldersPath+"/...", (*Server).deleteFolder),
	at("POST", "/api/2.0/fs/create-upload-url", (*Server).fileURL),
	at("POST", "/api/2.0/fs/create-download-url", (*Server).fileURL),
}

const (
	filesPath   = "/api/2.0/fs/files"
	foldersPath = "/api/2.0/fs/directories"
	filesRoot   = "/Models"
)

// fileOf is the file that a path of the Files API names: "/Models/main/default/digits/1/MLmodel".
func fileOf(parts []string) (f registry.File, err error) {
	if len(parts) < 5 || !strings.EqualFold(parts[0], filesRoot[1:]) {
		return f, &requestError{code: codeNotFound, message: fmt.Sprintf(
			"There is nothing at %q: the paths here are %s/CATALOG/SCHEMA/MODEL/VERSION and what is below.", cut("/"+strings.Join(parts, "/"), 200), filesRoot)}
	}
	f = registry.File{Model: strings.Join(parts[1:4], "."), Path: "."}
	if f.Version, err = versionNumber(parts[4]); err != nil {
		return f, err
	}
	if strings.Count(f.Model, ".") != 2 {
		return f, invalid("%q is no path of a model version: a name has a dot in it.", cut(strings.Join(parts[:5], "/"), 200))
	}
	if inside := strings.Join(parts[5:], "/"); inside != "" {
		if err := checkPath(inside); err != nil {
			return f, invalid("File name %q is refused: %s.", cut(inside, 200), err)
		}
		f.Path = inside
	}
	return f, nil
}

// pathParts are the parts of a request's path after prefix, each decoded on its own: what is
// a slash in a name is refused with the name, and leads nowhere.
func pathParts(r *http.Request, prefix string) ([]string, error) {
	rest := strings.Trim(strings.TrimPrefix(r.URL.EscapedPath(), prefix), "/")
	if len(rest) > 4*maxPath {
		return nil, invalid("The path is longer than %d bytes.", 4*maxPath)
	}
	parts := strings.Split(rest, "/")
	for i, part := range parts {
		decoded, err := url.PathUnescape(part)
		if err != nil {
			return nil, invalid("The path has a broken escape in %q.", cut(part, 80))
		}
		if strings.Contains(decoded, "/") {
			return nil, invalid("The path has a name with a slash in it: %q.", cut(decoded, 80))
		}
		parts[i] = decoded
	}
	return parts, nil
}

func requestedFile(r *http.Request, prefix string) (registry.File, error) {
	parts, err := pathParts(r, prefix)
	if err != nil {
		return registry.File{}, err
	}
	return fileOf(parts)
}

// writable is the file of a request that changes one; the caller must be who uploads.
func (s *Server) writable(r *http.Request, prefix string) (registry.File, error) {
	f, err := requestedFile(r, prefix)
	if err != nil {
		return f, err
	}
	_, _, err = s.ownedVersion(r, f.Model, f.Version)
	return f, err
}

func (s *Server) getFile(w http.ResponseWriter, r *http.Request, _ values) error {
	f, err := requestedFile(r, filesPath)
	if err != nil {
		return err
	}
	file, info, err := s.services.OpenModelFile(f)
	if err != nil {
		return err
	}
	defer file.Close()
	requestID(w)
	h := w.Header()
	h["Content-Type"] = []string{"application/octet-stream"}
	h["X-Content-Type-Options"] = noSniff
	allow(w, int(min(info.Size(), 1<<50)))
	content := &contentWriter{ResponseWriter: w}
	http.ServeContent(content, r, "", info.ModTime(), file)
	switch content.refused {
	case http.StatusRequestedRangeNotSatisfiable:
		return &requestError{code: codeNoRange, message: fmt.Sprintf("Range %q is no part of the file, which has %d bytes.", cut(r.Header.Get("Range"), 80), info.Size())}
	case http.StatusPreconditionFailed:
		return &requestError{code: codePrecondition, message: "The file is not as the request's conditions want it: it was changed, or they are of another file."}
	}
	return nil
}

var (
	codeNoRange      = errorCode{http.StatusRequestedRangeNotSatisfiable, "INVALID_PARAMETER_VALUE"}
	codePrecondition = errorCode{http.StatusPreconditionFailed, "BAD_REQUEST"}
)

// contentWriter keeps back what http.ServeContent answers where it refuses, which is plain
// text or nothing, so that the server can answer in its own form.
type contentWriter struct {
	http.ResponseWriter
	refused int // the status, 0 where the file is sent
}

func (c *contentWriter) WriteHeader(status int) {
	if status == http.StatusRequestedRangeNotSatisfiable || status == http.StatusPreconditionFailed {
		c.refused = status
		return
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *contentWriter) Write(p []byte) (int, error) {
	if c.refused != 0 {
		return len(p), nil
	}
	return c.ResponseWriter.Write(p)
}

// ReadFrom lets the system copy the file, as it does without this writer.
func (c *contentWriter) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(c.ResponseWriter, r)
}

// putFile uploads one file: the body as it is. It may take as long as it likes while
// something arrives.
func (s *Server) putFile(w http.ResponseWriter, r *http.Request, _ values) error {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return &requestError{code: codeUnsupportedMedia, message: fmt.Sprintf("Content-Encoding %q is not supported for files: send them as they are.", cut(encoding, 60))}
	}
	if r.URL.Query().Has("session_token") || r.URL.Query().Has("part_number") {
		return noParts()
	}
	overwrite := true
	if text := r.URL.Query().Get("overwrite"); text != "" {
		var err error
		if overwrite, err = strconv.ParseBool(text); err != nil {
			return invalid("'overwrite' is %q: give true or false.", cut(text, 40))
		}
	}
	f, err := s.writable(r, filesPath)
	if err != nil {
		return err
	}
	if r.ContentLength > s.options.MaxUpload {
		return fileTooLarge(s.options.MaxUpload)
	}
	body := &patientBody{body: r.Body, deadline: http.NewResponseController(w), left: s.options.MaxUpload, limit: s.options.MaxUpload}
	err = s.services.WriteModelFile(r.Context(), f, r.ContentLength, overwrite, body)
	_ = body.deadline.SetReadDeadline(time.Time{})
	if err != nil {
		if body.failed != nil && errors.Is(err, body.failed) || errors.Is(err, io.ErrUnexpectedEOF) {
			return brokenFile(err)
		}
		return err
	}
	return sendNothing(w)
}

func fileTooLarge(limit int64) error {
	return &requestError{code: codeTooLarge, message: fmt.Sprintf(
		"The file is larger than %d bytes, the most that one upload may carry. Import the model by its path instead.", limit)}
}

// brokenFile is an upload that came to no end.
func brokenFile(err error) error {
	var known *requestError
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &requestError{code: codeRequestTimeout, message: "The upload stood still for too long and was given up."}
	}
	return &requestError{code: codeMalformedRequest, message: "The upload ended before the file was complete: nothing of it is kept.", cause: err}
}

// patientBody reads a body of any length: it is given up where it stands still. The rest of
// the body is not read.
type patientBody struct {
	body     io.Reader
	deadline *http.ResponseController // a test's recorder has none
	step     int64                    // bytes until the deadline moves on
	left     int64                    // bytes that may still come
	limit    int64
	failed   error
}

func (b *patientBody) Read(p []byte) (int, error) {
	if b.step <= 0 {
		b.step = uploadStep
		_ = b.deadline.SetReadDeadline(time.Now().Add(bodyPatience))
	}
	n, err := b.body.Read(p)
	b.step, b.left = b.step-int64(n), b.left-int64(n)
	if b.left < 0 {
		err = fileTooLarge(b.limit)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.failed = err
	}
	return n, err
}

func (s *Server) deleteFile(w http.ResponseWriter, r *http.Request, _ values) error {
	return s.removeFile(w, r, filesPath, false)
}

func (s *Server) deleteFolder(w http.ResponseWriter, r *http.Request, _ values) error {
	return s.removeFile(w, r, foldersPath, true)
}

func (s *Server) removeFile(w http.ResponseWriter, r *http.Request, prefix string, folder bool) error {
	f, err := s.writable(r, prefix)
	if err != nil {
		return err
	}
	if err := s.services.RemoveModelFile(r.Context(), f, folder); err != nil {
		return err
	}
	return sendNothing(w)
}

// uploadInParts refuses what the Python SDK tries first with files of 50 MiB and more: it
// then sends them whole.
func (s *Server) uploadInParts(http.ResponseWriter, *http.Request, values) error { return noParts() }

func noParts() error {
	return &requestError{code: codeNotImplemented, message: "Files are not uploaded in parts here: send the whole file with PUT."}
}

type (
	wireFolder struct {
		Contents []wireEntry `json:"contents"`
		Next     string      `json:"next_page_token,omitempty"`
	}
	wireEntry struct {
		Path     string `json:"path"`
		Name     string `json:"name"`
		Folder   bool   `json:"is_directory"`
		Size     int64  `json:"file_size,omitempty"`
		Modified int64  `json:"last_modified,omitempty"`
	}
)

// getFolder lists a folder; with HEAD it tells whether it is there.
func (s *Server) getFolder(w http.ResponseWriter, r *http.Request, _ values) error {
	parts, err := pathParts(r, foldersPath)
	if err != nil {
		return err
	}
	f, err := fileOf(parts)
	if err != nil {
		return err
	}
	all, err := s.services.ModelFolder(f)
	if err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		w.Header()["Content-Type"] = typeJSON
		requestID(w)
		w.WriteHeader(http.StatusOK)
		return nil
	}
	o, err := params(w, r)
	if err != nil {
		return err
	}
	if size := o.fields["page_size"]; size != nil {
		o.fields["max_results"] = size
	}
	list, next, err := page(o, all, fs.FileInfo.Name)
	if err != nil {
		return err
	}
	folder := "/" + strings.Join(parts, "/") // as the client wrote it, which takes paths apart by it
	answer := wireFolder{Contents: make([]wireEntry, len(list)), Next: next}
	for i, info := range list {
		e := wireEntry{Path: path.Join(folder, info.Name()), Name: info.Name(), Folder: info.IsDir(), Modified: info.ModTime().UnixMilli()}
		if !e.Folder {
			e.Size = info.Size()
		}
		answer.Contents[i] = e
	}
	return sendJSON(w, answer)
}

func (s *Server) putFolder(w http.ResponseWriter, r *http.Request, _ values) error {
	f, err := s.writable(r, foldersPath)
	if err != nil {
		return err
	}
	if err := s.services.MakeModelFolder(r.Context(), f); err != nil {
		return err
	}
	return sendNothing(w)
}

// wireFileURL is where a file is sent to or fetched from, and with what.
type wireFileURL struct {
	URL     string       `json:"url"`
	Headers []wireHeader `json:"headers"`
}

type wireHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// fileURL answers clients that want an address of a cloud's storage for a file: it is the
// file's own in the Files API, with the token that the client has sent itself.
func (s *Server) fileURL(w http.ResponseWriter, r *http.Request, _ values) error {
	o, err := params(w, r)
	if err != nil {
		return err
	}
	name, err := given(o, "path", filesRoot+"/main/default/digits/1/MLmodel")
	if err != nil {
		return err
	}
	parts := strings.Split(strings.Trim(name, "/"), "/")
	f, err := fileOf(parts)
	if err != nil {
		return err
	}
	if _, _, err := s.version(f.Model, f.Version); err != nil {
		return err
	}
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return sendJSON(w, wireFileURL{
		URL:     baseOf(r) + filesPath + "/" + strings.Join(parts, "/"),
		Headers: []wireHeader{{"Authorization", r.Header.Get("Authorization")}},
	})
}

// sendNothing answers that something is done.
func sendNothing(w http.ResponseWriter) error {
	requestID(w)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
