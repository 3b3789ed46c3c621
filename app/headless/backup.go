package headless

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"servery/engine"
	"servery/engine/backup"
)

func backUp(args []string, stdout, stderr io.Writer) error {
	flags := newFlags("backup", "backup [--data-dir DIR] FILE", stdout)
	dataDir := dataDirFlag(flags)
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return &usageError{"backup takes one FILE, which it writes"}
	}
	if *dataDir == "" {
		if *dataDir, err = engine.DefaultDataDir(); err != nil {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(*dataDir, "state")); err != nil {
		return fmt.Errorf("there is nothing to back up: %s is no data folder of Servery. Name one with --data-dir", *dataDir)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	bar := newProgressLine(stderr)
	contents, err := onFolder(ctx, *dataDir,
		func(r engine.Running) (backup.Contents, error) { return fetchBackup(ctx, r, rest[0], bar.show) },
		func(f *engine.Folder) (backup.Contents, error) { return f.BackupFile(ctx, Version, rest[0], bar.show) })
	bar.clear()
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s holds %s.\n", rest[0], contentsWords(contents))
	warn(stderr, contents, "is in the backup as it is")
	return nil
}

// fetchBackup has the engine that runs on the folder stream a backup.
func fetchBackup(ctx context.Context, r engine.Running, path string, progress func(backup.Progress)) (backup.Contents, error) {
	return backup.WriteFile(ctx, path, func(w io.Writer) error {
		answer, err := send(ctx, r, http.MethodGet, "/api/2.0/servery/backup", nil)
		if err != nil {
			return err
		}
		defer answer.Close()
		done := int64(0)
		_, err = io.Copy(w, tap{answer, func(n int) {
			done += int64(n)
			progress(backup.Progress{Stage: backup.StageWrite, Done: done})
		}})
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("the engine broke the backup off; its log tells why: %w", err)
		}
		return err
	}, progress)
}

// tap tells how much is read.
type tap struct {
	from io.Reader
	tell func(n int)
}

func (t tap) Read(b []byte) (int, error) {
	n, err := t.from.Read(b)
	t.tell(n)
	return n, err
}

func restore(args []string, stdout, stderr io.Writer) error {
	flags := newFlags("restore", "restore [--data-dir DIR] [--force] FILE", stdout)
	dataDir := dataDirFlag(flags)
	force := flags.Bool("force", false, "put the backup in the place of a data folder that holds something; that folder is kept beside it")
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return &usageError{"restore takes one FILE, which servery backup wrote"}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	bar := newProgressLine(stderr)
	done, err := engine.Restore(ctx, rest[0], engine.RestoreOptions{DataDir: *dataDir, Replace: *force, Progress: bar.show})
	bar.clear()
	if errors.Is(err, context.Canceled) {
		return errors.New("the restore was given up, and nothing was changed")
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s is restored as of %s: %s.\n", done.Dir, done.Head.CreatedAt.Local().Format("2006-01-02 15:04:05"), contentsWords(done.Contents))
	if done.Before != "" {
		fmt.Fprintf(stdout, "What was there is in %s; remove it once you do not need it any more.\n", done.Before)
	}
	warn(stderr, done.Contents, "was so when the backup was made: import it again")
	return nil
}

// contentsWords says what a backup holds: "3 endpoints and 12 model versions (1.2 GB)".
func contentsWords(c backup.Contents) string {
	return fmt.Sprintf("%s and %s with %s, in %s", counted(c.Tables["endpoint"], "endpoint"), counted(len(c.Versions), "model version"),
		bytesWords(c.Bytes), counted(c.Records, "record"))
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func warn(stderr io.Writer, c backup.Contents, what string) {
	for _, v := range c.Problems() {
		fmt.Fprintf(stderr, "servery: version %d of %s: %s; it %s\n", v.Number, v.Model, v.Problem, what)
	}
}

func bytesWords(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1e6:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// progressLine is one line of a terminal that is written over and over. Where the output
// is no terminal nothing is written.
type progressLine struct {
	to   io.Writer // nil is no terminal
	last time.Time
	wide int
}

func newProgressLine(to io.Writer) *progressLine {
	if f, ok := to.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return &progressLine{to: to}
		}
	}
	return &progressLine{}
}

func (p *progressLine) show(now backup.Progress) {
	if p.to == nil || time.Since(p.last) < 100*time.Millisecond {
		return
	}
	p.last = time.Now()
	text := now.Stage + ": " + bytesWords(now.Done)
	if now.Total > 0 {
		text += fmt.Sprintf(" of %s (%d %%)", bytesWords(now.Total), 100*now.Done/now.Total)
	}
	p.write(text)
}

func (p *progressLine) write(text string) {
	fmt.Fprint(p.to, "\r", text, strings.Repeat(" ", max(0, p.wide-len(text))), "\r")
	p.wide = len(text)
}

// clear leaves the line empty.
func (p *progressLine) clear() {
	if p.to != nil {
		p.write("")
	}
}
