// Package ortlib finds ONNX Runtime's shared library on disk and tells whether it is the
// published one. It loads nothing and needs no cgo, so that the engine's process can say
// that the runtime is missing without taking a foreign library in. It knows nothing of
// models and sessions.
package ortlib

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"

	"servery/engine/runtime"
)

// Version is the release of ONNX Runtime that Servery is built for and tested with.
const Version = "1.30.0"

// Name is what runs models here, as a person reads it.
const Name = "ONNX Runtime " + Version + " · CPU"

// Variable is the environment variable that names the library's file or its folder.
const Variable = "SERVERY_ONNXRUNTIME"

// FileName is the library's name on this platform.
func FileName() string { return fileName(goruntime.GOOS) }

func fileName(goos string) string {
	switch goos {
	case "darwin":
		return "libonnxruntime.1.dylib"
	case "windows":
		return "onnxruntime.dll"
	}
	return "libonnxruntime.so.1"
}

// Hint says how a person gets the library. dataDir may be empty.
func Hint(dataDir string) string {
	hint := "Run `make onnxruntime` in Servery's source folder, or set " + Variable +
		" to the path of " + FileName() + " of ONNX Runtime " + Version +
		" (it is in the npm package onnxruntime-node@" + Version + ")"
	if dataDir != "" {
		hint += ", or put the file into " + filepath.Join(dataDir, "lib")
	}
	return hint + "."
}

// Find returns the absolute path of the library's file. It takes the first of: explicit
// (a flag's value), the variable SERVERY_ONNXRUNTIME, the binary's folder, lib/servery
// beside that folder, .onnxruntime in that folder or the one above (a source tree), and
// dataDir's lib folder. explicit and the variable may name the file or its folder, and
// where one of them is set but leads to no file nothing else is tried: whoever names a
// library must not get another one. The error is a *runtime.MissingError.
func Find(explicit, dataDir string) (string, error) {
	return finder{
		explicit: explicit, dataDir: dataDir,
		variable: os.Getenv(Variable), executable: os.Executable, file: FileName(),
	}.find()
}

// finder is Find with what it reads from the process as fields.
type finder struct {
	explicit, dataDir, variable, file string
	executable                        func() (string, error)
}

func (f finder) find() (string, error) {
	if f.explicit != "" {
		return f.named(f.explicit, "the option given to Servery")
	}
	if f.variable != "" {
		return f.named(f.variable, Variable)
	}
	folders := f.folders()
	for _, folder := range folders {
		path := filepath.Join(folder, f.file)
		if isFile(path) {
			return filepath.Abs(path)
		}
	}
	return "", &runtime.MissingError{
		Message: fmt.Sprintf("ONNX Runtime's library %s is in none of: %s.", f.file, strings.Join(folders, ", ")),
		Hint:    Hint(f.dataDir),
	}
}

// named resolves a path that a person gave.
func (f finder) named(path, origin string) (string, error) {
	if inside := filepath.Join(path, f.file); isFile(inside) {
		return filepath.Abs(inside)
	}
	if isFile(path) {
		return filepath.Abs(path)
	}
	return "", &runtime.MissingError{
		Message: fmt.Sprintf("ONNX Runtime's library is not at %s, which %s names.", path, origin),
		Hint:    Hint(f.dataDir),
	}
}

// folders lists where to look, in order. A symlinked binary (/usr/local/bin/servery) is
// looked up where it really lies.
func (f finder) folders() []string {
	var folders []string
	if binary, err := f.executable(); err == nil {
		if real, err := filepath.EvalSymlinks(binary); err == nil {
			binary = real
		}
		dir := filepath.Dir(binary)
		above := filepath.Dir(dir)
		folders = append(folders, dir, filepath.Join(above, "lib", "servery"),
			filepath.Join(dir, ".onnxruntime"), filepath.Join(above, ".onnxruntime"))
	}
	if f.dataDir != "" {
		folders = append(folders, filepath.Join(f.dataDir, "lib"))
	}
	return folders
}

// Fingerprint tells the file at path from any that takes its place: it is another text
// where path, size or time of change differ. It costs one call of the system.
func Fingerprint(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("look at ONNX Runtime's library: %w", err)
	}
	return fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano()), nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Verify reads the file (46 MB, about 0.15 s) and tells whether it is the published
// library of this platform: an *UnknownError where it is another, or where no digest of
// this platform is known. A library that a person built may differ and still be right.
func Verify(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read ONNX Runtime's library: %w", err)
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return fmt.Errorf("read ONNX Runtime's library: %w", err)
	}
	got := hex.EncodeToString(hash.Sum(nil))
	want := SHA256[goruntime.GOOS+"/"+goruntime.GOARCH]
	if got != want {
		return &UnknownError{Path: path, Got: got, Want: want}
	}
	return nil
}

// UnknownError is a library that is not the published one. Want is empty where Servery
// knows no digest for this platform.
type UnknownError struct{ Path, Got, Want string }

func (e *UnknownError) Error() string {
	if e.Want == "" {
		return fmt.Sprintf("%s (SHA-256 %s) cannot be checked: Servery knows no digest of ONNX Runtime %s for this platform",
			e.Path, e.Got, Version)
	}
	return fmt.Sprintf("%s is not ONNX Runtime %s as published: its SHA-256 is %s, not %s", e.Path, Version, e.Got, e.Want)
}
