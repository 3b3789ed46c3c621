package api

import (
	"errors"
	"io/fs"
	"mime"
	"mime/multipart"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// uploadNames are the names of an upload's files, checked as they come.
type uploadNames struct {
	count   int
	folded  map[string]struct{}
	tops    map[string]struct{}
	plain   bool     // a file lies outside any folder
	onnx    []string // names that end in .onnx
	mlmodel bool     // there is an MLmodel at the top
}

// fileNameOf is a part's file name with its folders, which multipart.Part.FileName cuts
// off.
func fileNameOf(part *multipart.Part) string {
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil {
		return ""
	}
	return params["filename"]
}

// take checks one more name and returns it.
func (n *uploadNames) take(name string) (string, error) {
	if n.count++; n.count > maxFiles {
		return "", invalid("The form has more than %d files.", maxFiles)
	}
	if err := checkPath(name); err != nil {
		return "", invalid("File name %q is refused: %s.", cut(name, 200), err)
	}
	if n.folded == nil {
		n.folded, n.tops = map[string]struct{}{}, map[string]struct{}{}
	}
	folded := strings.ToLower(name)
	if _, again := n.folded[folded]; again {
		return "", invalid("File name %q comes twice; names that differ only in case count as one.", cut(name, 200))
	}
	n.folded[folded] = struct{}{}
	if top, _, inFolder := strings.Cut(name, "/"); inFolder {
		n.tops[top] = struct{}{}
	} else {
		n.plain = true
	}
	if strings.HasSuffix(folded, ".onnx") {
		n.onnx = append(n.onnx, name)
	}
	if path.Base(name) == "MLmodel" && strings.Count(name, "/") <= 1 {
		n.mlmodel = true
	}
	return name, nil
}

// common is the one folder that all files lie in, or "".
func (n *uploadNames) common() string {
	if n.plain || len(n.tops) != 1 {
		return ""
	}
	for top := range n.tops {
		return top
	}
	return ""
}

const (
	maxPath  = 1024 // bytes of a name with its folders
	maxDepth = 16
)

// checkPath accepts a relative path with forward slashes that names the same file on
// every system, and nothing that leads out of its folder on any.
func checkPath(name string) error {
	switch {
	case name == "":
		return errors.New("it is empty")
	case len(name) > maxPath:
		return errors.New("it is too long")
	case strings.HasPrefix(name, "/"):
		return errors.New("it must be relative to the model's folder")
	case !fs.ValidPath(name) || name == ".":
		return errors.New("it must be a path inside the model's folder, without . and ..")
	case strings.Count(name, "/") >= maxDepth:
		return errors.New("its folders are nested too deep")
	}
	for part := range strings.SplitSeq(name, "/") {
		if err := checkFileName(part); err != nil {
			return err
		}
	}
	return nil
}

// reserved are names that Windows gives to devices, whatever follows the first dot.
var reserved = map[string]bool{"con": true, "prn": true, "aux": true, "nul": true, "conin$": true, "conout$": true}

// checkFileName accepts one part of a path.
func checkFileName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return errors.New("a part of it is empty, . or ..")
	case len(name) > 255:
		return errors.New("a part of it is longer than 255 bytes")
	case !utf8.ValidString(name):
		return errors.New("it is not UTF-8")
	case strings.ContainsAny(name, `\/:*?"<>|`):
		return errors.New(`it has one of \ / : * ? " < > |`)
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") || strings.HasPrefix(name, " "):
		return errors.New("a part of it begins with a space or ends with a dot or a space")
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return errors.New("it has a character that cannot be seen")
		}
	}
	stem, _, _ := strings.Cut(strings.ToLower(name), ".")
	stem = strings.TrimRight(stem, " ")
	device := strings.TrimRight(stem, "0123456789¹²³")
	if reserved[stem] || (device != stem && (device == "com" || device == "lpt")) {
		return errors.New("a part of it is a device's name on Windows")
	}
	return nil
}
