package store

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

// to2 and to3 are made-up migrations that can be repeated.
var to2 = migration{2, "names in capitals", func(txn *badger.Txn) error {
	item, err := txn.Get([]byte("model/name"))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	v, err := item.ValueCopy(nil)
	if err != nil {
		return err
	}
	return txn.Set([]byte("model/name"), []byte(strings.ToUpper(string(v))))
}}

var to3 = migration{3, "a mark", func(txn *badger.Txn) error { return txn.Set([]byte("model/mark"), []byte("3")) }}

func openWith(dir string, steps ...migration) (*DB, error) {
	return open(dir, Options{}, steps, freeBytes)
}

func schemaOf(t *testing.T, db *DB) int {
	t.Helper()
	schema, err := readSchema(db)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func oldFolder(t *testing.T) (data, dir string) {
	t.Helper()
	data = t.TempDir()
	dir = filepath.Join(data, "state")
	db := mustOpen(t, dir)
	if got := schemaOf(t, db); got != 1 {
		t.Fatalf("a new folder has schema %d", got)
	}
	mustApply(t, db.Table("model"), map[string][]byte{"name": []byte("fraud"), "n": []byte("1")})
	mustClose(t, db)
	return data, dir
}

func backups(t *testing.T, data string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(data, "backups", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestMigrationsRunOnceInOrderAfterABackup(t *testing.T) {
	data, dir := oldFolder(t)
	if got := backups(t, data); len(got) != 0 {
		t.Errorf("backups without a migration: %v", got)
	}
	for range 2 {
		db, err := openWith(dir, to2, to3)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"name": "FRAUD", "n": "1", "mark": "3"}
		if got := content(t, db.Table("model"), ""); !maps.Equal(got, want) {
			t.Errorf("migrated to %v, want %v", got, want)
		}
		if got := schemaOf(t, db); got != 3 {
			t.Errorf("schema %d", got)
		}
		mustClose(t, db)
	}
	made := backups(t, data)
	if len(made) != 1 || filepath.Base(made[0]) != "state-schema1-001.badger" {
		t.Fatalf("backups: %v", made)
	}
	info, err := os.Stat(made[0])
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the backup has mode %o", info.Mode().Perm())
	}
	copied, err := loadBackup(made[0])
	if err != nil {
		t.Fatal(err)
	}
	old := &DB{badger: copied}
	defer copied.Close()
	if got := content(t, old.Table("model"), ""); !maps.Equal(got, map[string]string{"name": "fraud", "n": "1"}) {
		t.Errorf("the backup holds %v", got)
	}
	if got := schemaOf(t, old); got != 1 {
		t.Errorf("the backup has schema %d", got)
	}
}

func TestAFailedMigrationLeavesTheStepsBeforeIt(t *testing.T) {
	data, dir := oldFolder(t)
	broken := migration{3, "does not work", func(txn *badger.Txn) error {
		if err := txn.Set([]byte("model/half"), []byte("x")); err != nil {
			return err
		}
		return errors.New("no")
	}}
	if _, err := openWith(dir, to2, broken); err == nil || !strings.Contains(err.Error(), "state-schema1-001.badger") {
		t.Errorf("the error does not name the backup: %v", err)
	}
	db, err := openWith(dir, to2)
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, db.Table("model"), ""); !maps.Equal(got, map[string]string{"name": "FRAUD", "n": "1"}) {
		t.Errorf("left %v", got)
	}
	mustClose(t, db)
	db, err = openWith(dir, to2, to3) // a later version that works
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, db)
	if got := backups(t, data); len(got) != 2 {
		t.Errorf("backups %v", got)
	}
}

func TestWithoutABackupNothingIsMigrated(t *testing.T) {
	data, dir := oldFolder(t)
	if err := os.WriteFile(filepath.Join(data, "backups"), nil, 0o600); err != nil { // a file in the way
		t.Fatal(err)
	}
	if _, err := openWith(dir, to2); err == nil {
		t.Fatal("migrated without a backup")
	}
	db := mustOpen(t, dir)
	if got := content(t, db.Table("model"), "name"); got["name"] != "fraud" {
		t.Errorf("changed to %v", got)
	}
}

func TestANewerFolderIsRefusedAndStays(t *testing.T) {
	_, dir := oldFolder(t)
	db, err := openWith(dir, to2, to3)
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, db)
	_, err = Open(dir, Options{})
	var newer *NewerSchemaError
	if !errors.As(err, &newer) || newer.Schema != 3 || newer.Known != 1 {
		t.Fatalf("Open: %v", err)
	}
	if !strings.Contains(err.Error(), "install the newest Servery") {
		t.Errorf("%q does not say what to do", err)
	}
	if db, err = openWith(dir, to2, to3); err != nil {
		t.Fatal(err)
	}
	mustClose(t, db)
}

func TestRecordsWithoutASchemaAreRefused(t *testing.T) {
	_, dir := oldFolder(t)
	for _, schema := range []string{"", "x", "0", "-1"} {
		db := mustOpen(t, dir)
		err := db.badger.Update(func(txn *badger.Txn) error {
			if schema == "" {
				return txn.Delete([]byte(schemaKey))
			}
			return txn.Set([]byte(schemaKey), []byte(schema))
		})
		if err != nil {
			t.Fatal(err)
		}
		mustClose(t, db)
		var corrupt *CorruptError
		if _, err := Open(dir, Options{}); !errors.As(err, &corrupt) {
			t.Errorf("schema %q: %v", schema, err)
		}
		_, dir = oldFolder(t)
	}
}
