// Package backup writes and reads backups: one file with the records of a data folder and
// the files of its models. It checks what it reads against the checksum at the file's end,
// the counts in its contents and the digests of the models. It never knows what a record
// means, which database it comes from, or where a backup is to go.
//
// A backup is a tar archive and a line behind it:
//
//	servery-backup.json   Head: what this is
//	state/000001 ...      records, whole ones, up to 1 MiB an entry: for each the length of
//	                      its key and the key, the length of its value and the value, with
//	                      lengths as varints
//	models/FOLDER/FILE    the files of the models' versions
//	contents.json         Contents: what is in all of them
//
// The line is "servery-backup sha256 ", the hex SHA-256 of every byte before the line, and
// a newline. It stands behind the archive's end, where tar does not look: `tar -xf` unpacks
// a backup.
package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// format is the number of the form above.
const format = 1

const (
	headName     = "servery-backup.json"
	contentsName = "contents.json"
	stateFolder  = "state/"
	modelsFolder = "models/"

	sealStart = "servery-backup sha256 "
	sealSize  = len(sealStart) + 2*sha256.Size + 1

	// piece is how much of records an entry takes, before one more record goes into it.
	piece = 1 << 20
	// maxPiece is the most that an entry of records can have: a record is less than 2 MiB.
	maxPiece = 4 << 20
	// maxDescription bounds the two JSON entries: 100 bytes a version.
	maxDescription = 64 << 20
)

// Head is the beginning of a backup.
type Head struct {
	Format    int       `json:"format"`
	Servery   string    `json:"servery"` // the version that wrote it
	Schema    int       `json:"schema"`  // the number of the records' format
	CreatedAt time.Time `json:"created_at"`
}

// Contents is what a backup holds.
type Contents struct {
	Records int            `json:"records"`
	Tables  map[string]int `json:"tables"` // records by what their keys begin with
	// Versions are the models' versions whose files are in it.
	Versions []Version `json:"versions"`
	// Bytes are those of the versions' files.
	Bytes int64 `json:"bytes"`
}

// Version is a version of a model.
type Version struct {
	Model  string `json:"model"`
	Number int    `json:"number"`
	Folder string `json:"folder"` // below models/
	Files  int    `json:"files"`
	Size   int64  `json:"size"`   // bytes of all files
	SHA256 string `json:"sha256"` // of all files as they are in the backup, see artifact.Digest
	// Problem says why the files are not those that were imported: they were damaged or
	// gone when the backup was made. "" is right.
	Problem string `json:"problem,omitempty"`
}

// Problems are the versions whose files were damaged or gone when the backup was made.
func (c Contents) Problems() []Version {
	var all []Version
	for _, v := range c.Versions {
		if v.Problem != "" {
			all = append(all, v)
		}
	}
	return all
}

// Progress is how far a backup or a restore is.
type Progress struct {
	Stage       string // StageWrite ...
	Done, Total int64  // bytes; Total is 0 where it is not known
}

// The stages.
const (
	StageWrite   = "Writing"
	StageCheck   = "Checking"
	StageRestore = "Restoring"
)

// DamagedError says that a file is no backup, or one that is damaged.
type DamagedError struct {
	Path   string
	Reason string // as the end of a sentence
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s cannot be used as a backup: %s; nothing was changed. Use another backup", e.Path, e.Reason)
}

// NewerError says that a newer Servery wrote a backup in a form that this one does not know.
type NewerError struct {
	Path   string
	Format int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s was written by a newer version of Servery (format %d, this one reads %d): install the newest Servery; nothing was changed", e.Path, e.Format, format)
}

func seal(sum []byte) string { return sealStart + hex.EncodeToString(sum) + "\n" }
