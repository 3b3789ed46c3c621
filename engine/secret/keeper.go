package secret

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync/atomic"

	"servery/engine/atomicfile"
)

// keyRecord says which key the secrets are encrypted under and where it lies.
type keyRecord struct {
	Place   string `json:"place"`             // inKeyring or inFile
	Account string `json:"account,omitempty"` // in the keyring
	Check   []byte `json:"check"`
}

const (
	inKeyring = "keyring"
	inFile    = "file"
)

// keeper finds the key once, and keeps it in memory.
type keeper struct {
	table Table
	file  string
	ring  Keyring
	log   *slog.Logger

	turn chan struct{} // holds one while the key is looked for, which may take a person's time
	key  atomic.Pointer[key]
}

// begin waits for its turn until ctx ends.
func (k *keeper) begin(ctx context.Context) error {
	select {
	case k.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// forReading is the key that the stored secrets are encrypted under.
func (k *keeper) forReading(ctx context.Context) (*key, error) {
	if known := k.key.Load(); known != nil {
		return known, nil
	}
	if err := k.begin(ctx); err != nil {
		return nil, err
	}
	defer func() { <-k.turn }()
	if known := k.key.Load(); known != nil {
		return known, nil
	}
	record, err := k.record()
	if err != nil {
		return nil, err
	}
	if record == nil {
		return nil, &KeyError{Message: "The secrets have no key: the record that says where it lies is gone.", Lost: true}
	}
	return k.find(ctx, *record)
}

// forWriting is the key, made where there is none yet. Where the old one is lost and empty
// says that nothing is encrypted under it, a new one takes its place.
func (k *keeper) forWriting(ctx context.Context, empty func() bool) (*key, error) {
	if known := k.key.Load(); known != nil {
		return known, nil
	}
	if err := k.begin(ctx); err != nil {
		return nil, err
	}
	defer func() { <-k.turn }()
	if known := k.key.Load(); known != nil {
		return known, nil
	}
	record, err := k.record()
	if err != nil {
		return nil, err
	}
	if record != nil {
		found, err := k.find(ctx, *record)
		var broken *KeyError
		if err == nil || !errors.As(err, &broken) || !broken.Lost || !empty() {
			return found, err
		}
	} else if !empty() {
		return nil, &KeyError{Message: "The secrets have no key: the record that says where it lies is gone. Delete their scopes and put them anew.", Lost: true}
	}
	return k.make(ctx)
}

func (k *keeper) record() (*keyRecord, error) {
	var record *keyRecord
	err := k.table.Each(keyKey, func(name string, value []byte) error {
		if name != keyKey {
			return nil
		}
		record = new(keyRecord)
		return json.Unmarshal(value, record)
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read where the key of the secrets lies: %w", err)
	}
	return record, nil
}

// find fetches the key and makes sure that it is the one.
func (k *keeper) find(ctx context.Context, record keyRecord) (*key, error) {
	raw, err := k.fetch(ctx, record)
	if err != nil {
		return nil, err
	}
	found, err := newKey(raw)
	if err != nil {
		return nil, &KeyError{Message: "The key of the secrets is not one of 32 bytes. " + mend, Lost: true, Err: err}
	}
	if !hmac.Equal(found.check, record.Check) {
		return nil, &KeyError{Message: "The key that was found is not the one that the secrets are encrypted under. " + mend, Lost: true}
	}
	k.key.Store(found)
	return found, nil
}

const mend = "Put the right one back, or delete the scopes and put their secrets anew."

func (k *keeper) fetch(ctx context.Context, record keyRecord) ([]byte, error) {
	if record.Place == inFile {
		raw, err := k.readFile()
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &KeyError{Message: "The file with the key of the secrets is gone from the data folder. " + mend, Lost: true, Err: err}
		}
		return raw, err
	}
	text, err := k.ring.Get(ctx, record.Account)
	switch {
	case errors.Is(err, ErrNoEntry):
		return nil, &KeyError{Message: "The key of the secrets is no longer in the operating system's keyring. " + mend, Lost: true, Err: err}
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &KeyError{Message: "The key of the secrets lies in the operating system's keyring, which cannot be reached. Unlock it, then try again.", Err: err}
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		return nil, &KeyError{Message: "What the operating system's keyring holds is not the key of the secrets. " + mend, Lost: true}
	}
	return raw, nil
}

// make makes a key, puts it away, and only then says where.
func (k *keeper) make(ctx context.Context) (*key, error) {
	raw := make([]byte, keySize)
	rand.Read(raw) // it never fails: the process ends where there is no randomness
	record := keyRecord{Place: inKeyring, Account: account()}
	if err := k.toKeyring(ctx, record.Account, raw); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		k.log.Warn("the key of the secrets goes into a file of the data folder: whoever copies the folder whole can read them", "keyring", err)
		record = keyRecord{Place: inFile}
		if raw, err = k.toFile(raw); err != nil {
			return nil, err
		}
	}
	made, err := newKey(raw)
	if err != nil {
		return nil, err
	}
	record.Check = made.check
	value, err := json.Marshal(record)
	if err != nil {
		return nil, err
	}
	if err := k.table.Apply(map[string][]byte{keyKey: value}); err != nil {
		return nil, fmt.Errorf("cannot store where the key of the secrets lies: %w", err)
	}
	k.key.Store(made)
	return made, nil
}

// account names the key in the keyring: each data folder has its own.
func account() string {
	var b [8]byte
	rand.Read(b[:])
	return "data folder " + hex.EncodeToString(b[:])
}

// toKeyring stores the key, and sees that it can be had again.
func (k *keeper) toKeyring(ctx context.Context, account string, raw []byte) error {
	text := hex.EncodeToString(raw)
	if err := k.ring.Set(ctx, account, text); err != nil {
		return err
	}
	back, err := k.ring.Get(ctx, account)
	if err != nil {
		return err
	}
	if back != text {
		return errors.New("the keyring gives back something else than it was given")
	}
	return nil
}

// toFile stores the key in the file. One that lies there already, from a start that was
// cut short or a state that was put back, is taken instead: it may open something yet.
func (k *keeper) toFile(raw []byte) ([]byte, error) {
	there, err := k.readFile()
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return there, err
	}
	if err := atomicfile.WriteBytes(k.file, []byte(hex.EncodeToString(raw)+"\n")); err != nil {
		return nil, fmt.Errorf("cannot write the key of the secrets: %w", err)
	}
	return raw, nil
}

// readFile reads the key, and takes others' right to read it, which a copy may have given
// them.
func (k *keeper) readFile() ([]byte, error) {
	info, err := os.Lstat(k.file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the key of the secrets: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > 4096 {
		return nil, k.notAKey()
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		k.log.Warn("other users of this machine could read the key of the secrets: the file is closed to them now", "mode", info.Mode().Perm().String())
		if err := os.Chmod(k.file, 0o600); err != nil {
			return nil, fmt.Errorf("other users of this machine can read the key of the secrets: %w", err)
		}
	}
	text, err := os.ReadFile(k.file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the key of the secrets: %w", err)
	}
	raw, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(raw) != keySize {
		return nil, k.notAKey()
	}
	return raw, nil
}

func (k *keeper) notAKey() error {
	return &KeyError{Message: "The file secrets.key in the data folder does not hold the key of the secrets. Move it away. " + mend, Lost: true}
}
