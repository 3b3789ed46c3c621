package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rowsChild appends numbered rows for ever, some of them large, and says after each batch
// which was the last. Now and then it drops another table, so that kills meet that too.
func rowsChild(dir string) {
	r := OpenRows(dir, RowsOptions{})
	n := 0
	err := r.Scan("kept", Scan{Newest: true}, func(_ Position, value []byte) error {
		n = numberOf(value)
		return errEnough
	})
	if err != nil && err != errEnough {
		fmt.Println("read:", err)
		os.Exit(1)
	}
	random := rand.New(rand.NewPCG(2, uint64(n)))
	for batch := 0; ; batch++ {
		var rows []NewRow
		for range 1 + random.IntN(50) {
			n++
			filler := 100
			if random.IntN(20) == 0 {
				filler = random.IntN(MaxRow - 20)
			}
			rows = append(rows, NewRow{At: time.Now(), Value: []byte(fmt.Sprintf("%d %s", n, strings.Repeat("x", filler)))})
		}
		for _, table := range []string{"passing", "kept"} {
			if k, err := r.Append(table, rows); err != nil || k != len(rows) {
				fmt.Println("append:", k, err)
				os.Exit(1)
			}
		}
		fmt.Println("done", n)
		if batch%20 == 19 {
			if err := r.Drop("passing"); err != nil {
				fmt.Println("drop:", err)
				os.Exit(1)
			}
		}
	}
}

func numberOf(value []byte) int {
	head, _, _ := strings.Cut(string(value), " ")
	n, err := strconv.Atoi(head)
	if err != nil {
		return -1
	}
	return n
}

// A kill takes no row that was appended: only a power cut can, as nothing is synced.
func TestAKillTakesNoAppendedRow(t *testing.T) {
	kills := 5
	dir := filepath.Join(t.TempDir(), "rows")
	random := rand.New(rand.NewPCG(8, 8))
	acknowledged := 0
	for range kills {
		cmd, _, out := child(t, "rows", dir)
		stopAt := acknowledged + 1 + random.IntN(1500)
		acknowledged = killAt(t, cmd, out, stopAt, time.Duration(random.IntN(30_000))*time.Microsecond)
		rowsAfterKill(t, dir, acknowledged)
	}
	t.Logf("%d kills, %d acknowledged rows", kills, acknowledged)
}

func rowsAfterKill(t *testing.T, dir string, acknowledged int) {
	t.Helper()
	copied := t.TempDir()
	copyFolder(t, dir, copied)
	r := OpenRows(copied, RowsOptions{})
	defer r.Close()
	next := 1
	err := r.Scan("kept", Scan{}, func(_ Position, value []byte) error {
		if n := numberOf(value); n != next {
			t.Fatalf("row %d comes where %d should", n, next)
		}
		next++
		return nil
	})
	if err != nil || next <= acknowledged {
		t.Fatalf("%d rows, %d were acknowledged: %v", next-1, acknowledged, err)
	}
	if c, err := r.Count("kept"); err != nil || c.Rows != int64(next-1) {
		t.Errorf("Count is %v, %v, of %d rows", c, err, next-1)
	}
	if aside := r.Status().SetAside; aside != "" {
		t.Fatal("a kill is taken for damage")
	}
}
