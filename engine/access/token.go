package access

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"servery/engine/atomicfile"
)

// A token looks as Databricks' personal access tokens do: "dapi" and 32 hexadecimal
// digits, 128 random bits.
const (
	tokenStart  = "dapi"
	tokenBytes  = 16
	tokenLength = len(tokenStart) + 2*tokenBytes
)

// newToken makes something that nobody can guess, behind a beginning that tells what it is.
func newToken(start string) string {
	var b [tokenBytes]byte
	rand.Read(b[:]) // it never fails: the process ends where there is no randomness
	return start + hex.EncodeToString(b[:])
}

func hash(token string) digest {
	var raw [tokenLength]byte
	return sha256.Sum256(raw[:copy(raw[:], token)])
}

// looksLikeToken tells whether s has a token's form, whatever data folder it is of.
func looksLikeToken(s string) bool {
	if len(s) != tokenLength || !strings.HasPrefix(s, tokenStart) {
		return false
	}
	_, err := hex.DecodeString(s[len(tokenStart):])
	return err == nil
}

// maxTokenFile is more than any file with one token in it has.
const maxTokenFile = 4096

// TokenFileError says that a file holds something that is no token of this data folder.
// The file stays as it is.
type TokenFileError struct {
	Path    string
	Foreign bool // it has a token's form, of another data folder
}

func (e *TokenFileError) Error() string {
	what := "holds something that is not a token"
	if e.Foreign {
		what = "holds a token that this data folder does not know: it belongs to another one, or the state was made anew"
	}
	return fmt.Sprintf("%s %s: remove the file, and the next start writes a new token there", e.Path, what)
}

// TokenFile makes sure that the file holds a token of the owner, and returns it. A valid
// token is kept; an absent or empty file gets a new one, readable by this user only;
// anything else is a *TokenFileError. Until Servery ends the token cannot be revoked:
// programs go by the file.
func (a *Access) TokenFile(ctx context.Context, path string) (string, error) {
	t, err := a.tokenFile(ctx, path)
	if err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held[hash(t)] = true
	return t, nil
}

func (a *Access) tokenFile(ctx context.Context, path string) (string, error) {
	held, err := readTokenFile(path)
	if err != nil {
		return "", err
	}
	if held != "" {
		if u, err := a.Authenticate(held); err != nil || u != a.Owner() {
			return "", &TokenFileError{Path: path, Foreign: looksLikeToken(held)}
		}
		if err := closeToOthers(path); err != nil {
			return "", err
		}
		return held, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("cannot make a folder for the token: %w", err)
	}
	t, err := a.CreateToken(ctx, "file "+filepath.Base(path))
	if err != nil {
		return "", err
	}
	if err := atomicfile.WriteBytes(path, []byte(t+"\n")); err != nil {
		return "", fmt.Errorf("cannot write the token to %s: %w", path, err)
	}
	return t, nil
}

// readTokenFile is the file's content without space around it, "" where there is none.
func readTokenFile(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("cannot read the token: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxTokenFile {
		return "", &TokenFileError{Path: path}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("cannot read the token: %w", err)
	}
	return string(bytes.TrimSpace(b)), nil
}

// closeToOthers takes other users' right to read a token's file, which a copy may have
// given them.
func closeToOthers(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("cannot read the token: %w", err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("other users of this machine can read the token in %s: %w", path, err)
	}
	return nil
}
