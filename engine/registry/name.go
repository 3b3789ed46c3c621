package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"
)

// Name is a model's full name in its three parts. Unity Catalog keeps names in lower
// case: "Main.Default.Digits" and "main.default.digits" are one model.
type Name struct {
	Catalog, Schema, Model string
}

// String is "catalog.schema.model".
func (n Name) String() string { return n.Catalog + "." + n.Schema + "." + n.Model }

const (
	partFull    = "full name"
	partCatalog = "catalog"
	partSchema  = "schema"
	partModel   = "model"
	partAlias   = "alias"
	partFile    = "file"

	// maxName is the most characters of one part, and of an alias: Unity Catalog's limit.
	maxName = 255
	// maxFolder is the longest name that is a folder's as it is. Three of them and a data
	// folder stay below the 260 characters that a path has on Windows.
	maxFolder = 40
	// defaultPrefix is where models go that nobody gave a place.
	defaultPrefix = "main.default."

	takesFull  = "three names with dots between them, like main.default.digits"
	takesPart  = "1 to 255 letters (a to z), digits, underscores and hyphens"
	takesAlias = takesPart + ", but neither a number, nor v and a number, nor latest: those stand for versions"
)

// ParseName reads a full name and writes it in lower case. The error is a *NameError.
func ParseName(full string) (Name, error) {
	parts := strings.Split(full, ".")
	if len(parts) != 3 {
		return Name{}, &NameError{Part: partFull, Got: full, Takes: takesFull}
	}
	for i, kind := range []string{partCatalog, partSchema, partModel} {
		if !plain(parts[i]) {
			return Name{}, &NameError{Part: kind, Got: parts[i], Takes: takesPart}
		}
	}
	return Name{strings.ToLower(parts[0]), strings.ToLower(parts[1]), strings.ToLower(parts[2])}, nil
}

// ParseAlias checks an alias and writes it in lower case. MLflow keeps "latest", "v" with
// a number (mlflow/utils/validation.py) and, in its model URIs, plain numbers for
// versions. The error is a *NameError.
func ParseAlias(alias string) (string, error) {
	lower := strings.ToLower(alias)
	if !plain(alias) || lower == "latest" || strings.Trim(strings.TrimPrefix(lower, "v"), "0123456789") == "" && lower != "v" {
		return "", &NameError{Part: partAlias, Got: alias, Takes: takesAlias}
	}
	return lower, nil
}

// plain tells a name of ASCII letters, digits, _ and -. Unity Catalog takes more, but the
// served entities that are named after models take no more than these.
func plain(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for _, c := range []byte(name) {
		if !plainByte(c) {
			return false
		}
	}
	return true
}

func plainByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// SuggestName proposes a full name for the model in a file or folder: "main.default." and
// the file's name, made valid. "/tmp/Silero VAD v5.onnx" gives main.default.silero_vad_v5.
func SuggestName(path string) string {
	path = filepath.Clean(path)
	if filepath.Base(path) == descriptionFile {
		path = filepath.Dir(path)
	}
	stem := strings.ToLower(filepath.Base(path))
	stem = strings.TrimSuffix(stem, ".onnx")
	var b strings.Builder
	gap := false
	for _, c := range stem {
		if c > 0x7f || !plainByte(byte(c)) {
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte('_')
		}
		gap = false
		b.WriteByte(byte(c))
	}
	name := b.String()
	name = strings.Trim(name[:min(len(name), maxName)], "_-")
	if name == "" {
		name = "model"
	}
	return defaultPrefix + name
}

// folder is the path of a model's folder below the registry's.
func (n Name) folder() string {
	return filepath.Join(folderName(n.Catalog), folderName(n.Schema), folderName(n.Model))
}

// folderName is the folder of a valid name. Names that are too long for a path, and those
// that Windows reserves for devices, are cut and told apart by a digest behind a "~",
// which no name holds.
func folderName(name string) string {
	if len(name) <= maxFolder && !reserved(name) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:min(len(name), maxFolder-13)] + "~" + hex.EncodeToString(sum[:6])
}

// reserved tells the names of devices (Microsoft, "Naming Files, Paths, and Namespaces").
func reserved(name string) bool {
	switch name {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(name) == 4 && (name[:3] == "com" || name[:3] == "lpt") && name[3] >= '0' && name[3] <= '9'
}
