package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"pgregory.net/rapid"

	"servery/engine/rows"
)

// epoch is when the tests' rows begin.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testRows(t testing.TB, dir string) *Rows {
	t.Helper()
	r := OpenRows(dir, RowsOptions{})
	r.now = func() time.Time { return epoch }
	t.Cleanup(func() { r.Close() })
	return r
}

func mustAppend(t testing.TB, r *Rows, table string, rows ...NewRow) {
	t.Helper()
	if n, err := r.Append(table, rows); err != nil || n != len(rows) {
		t.Fatalf("Append added %d of %d rows: %v", n, len(rows), err)
	}
}

// scanned is what a scan gives, as text.
func scanned(t testing.TB, r *Rows, table string, s Scan) (values []string, positions []Position) {
	t.Helper()
	err := r.Scan(table, s, func(at Position, value []byte) error {
		values = append(values, string(value))
		positions = append(positions, at)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return values, positions
}

func seconds(n int) time.Time { return epoch.Add(time.Duration(n) * time.Second) }

func TestRowsComeBackInTheOrderOfAppending(t *testing.T) {
	r := testRows(t, filepath.Join(t.TempDir(), "rows"))
	if values, _ := scanned(t, r, "a", Scan{}); values != nil {
		t.Errorf("a new folder has %v", values)
	}
	if _, err := os.Stat(r.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("reading made the folder: %v", err)
	}
	big := strings.Repeat("x", MaxRow)
	mustAppend(t, r, "a", NewRow{At: seconds(0), Value: []byte("0")}, NewRow{At: seconds(2), Value: nil}, NewRow{At: seconds(1), Value: []byte(big)})
	mustAppend(t, r, "ab", NewRow{At: seconds(1), Value: []byte("other")})
	mustAppend(t, r, "a", NewRow{At: seconds(3), Value: []byte("3")})
	want := []string{"0", "", big, "3"}
	forward, positions := scanned(t, r, "a", Scan{})
	if !slices.Equal(forward, want) {
		t.Errorf("forward: %.40q", forward)
	}
	if !slices.IsSortedFunc(positions, Position.Compare) {
		t.Errorf("positions %v", positions)
	}
	backward, _ := scanned(t, r, "a", Scan{Newest: true})
	slices.Reverse(backward)
	if !slices.Equal(backward, want) {
		t.Errorf("backward: %.40q", backward)
	}
	if got, _ := scanned(t, r, "a", Scan{From: seconds(2), To: seconds(3)}); !slices.Equal(got, want[1:3]) {
		t.Errorf("second 2: %.40q", got)
	}
	p, err := rows.ParsePosition(positions[1].String())
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := scanned(t, r, "a", Scan{After: p}); !slices.Equal(got, want[2:]) {
		t.Errorf("after the second row: %.40q", got)
	}
	if got, _ := scanned(t, r, "a", Scan{After: p, Newest: true}); !slices.Equal(got, want[:1]) {
		t.Errorf("before the second row: %.40q", got)
	}
	if c, err := r.Count("a"); err != nil || c != (RowCounts{Rows: 4, Bytes: MaxRow + 2}) {
		t.Errorf("Count %v, %v", c, err)
	}
	if tables, err := r.Tables(); err != nil || !slices.Equal(tables, []string{"a", "ab"}) {
		t.Errorf("Tables %v, %v", tables, err)
	}
}

func TestARowThatIsTooLargeAddsNothing(t *testing.T) {
	r := testRows(t, filepath.Join(t.TempDir(), "rows"))
	n, err := r.Append("a", []NewRow{{At: epoch, Value: []byte("1")}, {At: epoch, Value: make([]byte, MaxRow+1)}, {At: epoch, Value: []byte("2")}})
	var tooLarge *TooLargeError
	if n != 1 || !errors.As(err, &tooLarge) {
		t.Errorf("added %d, %v", n, err)
	}
	if got, _ := scanned(t, r, "a", Scan{}); !slices.Equal(got, []string{"1"}) {
		t.Errorf("%.40q", got)
	}
	for _, name := range []string{"", "a\x00b", strings.Repeat("n", maxTable+1)} {
		if _, err := r.Append(name, []NewRow{{At: epoch, Value: nil}}); err == nil {
			t.Errorf("%.10q is a name", name)
		}
	}
}

// A table of rows against a slice, over everything that can be done to it.
func TestATableOfRowsIsAListThatLasts(t *testing.T) {
	dir := t.TempDir()
	folder := 0
	rapid.Check(t, func(rt *rapid.T) {
		folder++
		r := testRows(t, filepath.Join(dir, strconv.Itoa(folder)))
		m := &rowsModel{rows: map[string][]modelRow{}, keep: map[string]time.Duration{}, now: epoch}
		// The database tidies up by itself, too.
		var clock sync.Mutex
		now := func() time.Time {
			clock.Lock()
			defer clock.Unlock()
			return m.now
		}
		reopen := func() {
			if err := r.Close(); err != nil {
				rt.Fatal(err)
			}
			r = testRows(t, r.dir)
			r.quota = leastQuota
			r.now = now
		}
		r.quota = leastQuota
		r.now = now
		table := rapid.SampledFrom([]string{"a", "ab", "b\x01"})
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) { m.add(rt, r, table.Draw(rt, "table")) },
			"clock": func(rt *rapid.T) {
				hours := time.Duration(rapid.IntRange(-4, 40).Draw(rt, "hours"))
				clock.Lock()
				defer clock.Unlock()
				m.now = m.now.Add(hours * time.Hour)
			},
			"keep": func(rt *rapid.T) {
				name, keep := table.Draw(rt, "table"), time.Duration(rapid.IntRange(0, 60).Draw(rt, "keep"))*time.Hour
				if err := r.SetKeep(name, keep); err != nil {
					rt.Fatal(err)
				}
				m.keep[name] = keep
			},
			"expire": func(rt *rapid.T) {
				if err := r.expire(); err != nil {
					rt.Fatal(err)
				}
				m.expire()
			},
			"drop": func(rt *rapid.T) {
				name := table.Draw(rt, "table")
				if err := r.Drop(name); err != nil {
					rt.Fatal(err)
				}
				m.rows[name] = nil
			},
			"dropBefore": func(rt *rapid.T) {
				name, before := table.Draw(rt, "table"), m.now.Add(-time.Duration(rapid.IntRange(0, 50).Draw(rt, "before"))*time.Hour)
				if err := r.DropBefore(name, before); err != nil {
					rt.Fatal(err)
				}
				m.rows[name] = slices.DeleteFunc(m.rows[name], func(row modelRow) bool { return row.at.Time().Before(before) })
			},
			"reopen": func(*rapid.T) { reopen() },
			"":       func(rt *rapid.T) { m.compare(rt, r, table.Draw(rt, "table")) },
		})
		if err := r.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

type modelRow struct {
	at    Position
	value string
}

type rowsModel struct {
	rows map[string][]modelRow
	keep map[string]time.Duration
	now  time.Time
	n    int
}

func (m *rowsModel) add(rt *rapid.T, r *Rows, table string) {
	var rows []NewRow
	for range rapid.IntRange(1, 20).Draw(rt, "rows") {
		m.n++
		value := strconv.Itoa(m.n)
		if rapid.IntRange(0, 40).Draw(rt, "large") == 0 {
			value += strings.Repeat("x", rapid.IntRange(0, MaxRow-10).Draw(rt, "size"))
		}
		at := m.now.Add(time.Duration(rapid.IntRange(-3, 3).Draw(rt, "second")) * time.Second)
		rows = append(rows, NewRow{At: at, Value: []byte(value)})
	}
	if n, err := r.Append(table, rows); err != nil || n != len(rows) {
		rt.Fatalf("Append added %d of %d: %v", n, len(rows), err)
	}
	// Where they stand is the database's to say, behind all others.
	var after Position
	if old := m.rows[table]; len(old) > 0 {
		after = old[len(old)-1].at
	}
	values := 0
	err := r.scan(r.badger, table, Scan{After: after}, func(at Position, value []byte) error {
		if values < len(rows) && string(value) == string(rows[values].Value) {
			if d := at.Time().Sub(rows[values].At); d < 0 || d > clockBack {
				rt.Fatalf("the row of %v stands at %v", rows[values].At, at.Time())
			}
			m.rows[table] = append(m.rows[table], modelRow{at, string(value)})
			values++
		}
		return nil
	})
	if err != nil || values != len(rows) {
		rt.Fatalf("%d of %d rows come back, %v", values, len(rows), err)
	}
}

// expire forgets what goes: what a segment has of a table, once all of it has expired.
func (m *rowsModel) expire() {
	for table, keep := range m.keep {
		last := map[uint32]int64{}
		for _, row := range m.rows[table] {
			last[row.at.Segment] = row.at.At
		}
		oldest := m.now.Add(-keep).UnixNano()
		m.rows[table] = slices.DeleteFunc(m.rows[table], func(row modelRow) bool {
			return keep > 0 && last[row.at.Segment] < oldest
		})
	}
}

// visible is what a scan must give: expired rows are hidden, though they may be there.
func (m *rowsModel) visible(table string, s Scan) (values []string) {
	for _, row := range m.rows[table] {
		at := row.at.Time()
		switch keep := m.keep[table]; {
		case keep > 0 && at.Before(m.now.Add(-keep)):
		case !s.From.IsZero() && at.Before(s.From), !s.To.IsZero() && !at.Before(s.To):
		case s.After != (Position{}) && (row.at.Compare(s.After) <= 0) != s.Newest:
		case s.After == row.at:
		default:
			values = append(values, row.value)
		}
	}
	if s.Newest {
		slices.Reverse(values)
	}
	return values
}

func (m *rowsModel) compare(rt *rapid.T, r *Rows, table string) {
	s := Scan{Newest: rapid.Bool().Draw(rt, "newest")}
	hours := func(name string) time.Time {
		return m.now.Add(-time.Duration(rapid.IntRange(0, 60).Draw(rt, name)) * time.Hour)
	}
	if rapid.Bool().Draw(rt, "bounded") {
		s.From, s.To = hours("from"), hours("to")
	}
	if rows := m.rows[table]; len(rows) > 0 && rapid.Bool().Draw(rt, "paged") {
		s.After = rows[rapid.IntRange(0, len(rows)-1).Draw(rt, "after")].at
	}
	var got []string
	err := r.Scan(table, s, func(_ Position, value []byte) error {
		got = append(got, string(value))
		return nil
	})
	if want := m.visible(table, s); err != nil || !slices.Equal(got, want) {
		rt.Fatalf("%+v of %q gives %.60q, %v, want %.60q", s, table, got, err, want)
	}
	c, err := r.Count(table)
	var bytes int64
	all := m.visible(table, Scan{})
	for _, value := range all {
		bytes += int64(len(value))
	}
	if want := (RowCounts{Rows: int64(len(all)), Bytes: bytes}); err != nil || c != want {
		rt.Fatalf("Count of %q is %v, %v, want %v", table, c, err, want)
	}
}

func TestTheQuotaTakesTheOldestRowsOfAllTables(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 200 MB")
	}
	r := testRows(t, filepath.Join(t.TempDir(), "rows"))
	r.quota = leastQuota
	random := rand.NewChaCha8([32]byte{9})
	const size, total = 200_000, 1000
	for i := range total {
		value := make([]byte, size)
		random.Read(value) // never fails; it does not compress
		copy(value, fmt.Sprintf("%08d", i))
		mustAppend(t, r, []string{"a", "b"}[i%2], NewRow{At: seconds(i), Value: value})
		if i%50 == 49 {
			if err := r.rotate(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 5 {
		if err := r.rotate(); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.measure(); got > leastQuota {
		t.Errorf("%d bytes on the disk, the quota is %d", got, leastQuota)
	}
	for k, table := range []string{"a", "b"} {
		values, _ := scanned(t, r, table, Scan{Newest: true})
		if len(values) < leastQuota/size/4 || len(values) > leastQuota/size {
			t.Errorf("%d rows of %s are left", len(values), table)
		}
		for i, value := range values { // the newest, without a gap
			if want := fmt.Sprintf("%08d", total-2+k-2*i); value[:8] != want {
				t.Fatalf("row %d of %s is %s, want %s", i, table, value[:8], want)
			}
		}
		if c, err := r.Count(table); err != nil || c.Rows != int64(len(values)) {
			t.Errorf("Count of %s is %v, %v", table, c, err)
		}
	}
	for _, table := range []string{"a", "b"} {
		if err := r.Drop(table); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.measure(); got > 1<<20 {
		t.Errorf("with all rows deleted %d bytes are left on the disk", got)
	}
}

func TestRowsStopBeforeTheDiskIsFull(t *testing.T) {
	r := testRows(t, filepath.Join(t.TempDir(), "rows"))
	var left atomic.Int64
	left.Store(roomForRows)
	r.free = func(string) (int64, error) { return left.Load(), nil }
	mustAppend(t, r, "a", NewRow{At: epoch, Value: []byte("1")})
	left.Store(roomForRows - 1)
	if n, err := r.Append("a", []NewRow{{At: epoch, Value: []byte("2")}}); n != 0 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("on a full disk %d rows, %v", n, err)
	}
	if s := r.Status(); !s.Full || s.Err != nil {
		t.Errorf("status %+v", s)
	}
	if got, _ := scanned(t, r, "a", Scan{}); !slices.Equal(got, []string{"1"}) {
		t.Errorf("%q", got)
	}
	left.Store(roomForRows)
	mustAppend(t, r, "a", NewRow{At: epoch, Value: []byte("3")})
	if s := r.Status(); s.Full {
		t.Errorf("status %+v with room again", s)
	}
	left.Store(0) // and a close on a full disk leaves the log
	if err := r.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Close: %v", err)
	}
	copied := t.TempDir()
	copyFolder(t, r.dir, copied)
	if got, _ := scanned(t, testRows(t, copied), "a", Scan{}); !slices.Equal(got, []string{"1", "3"}) {
		t.Errorf("the next start finds %q", got)
	}
}

func TestRowsOpenOnceThereIsRoom(t *testing.T) {
	r := testRows(t, filepath.Join(t.TempDir(), "rows"))
	var left atomic.Int64
	now := epoch
	r.free, r.now = func(string) (int64, error) { return left.Load(), nil }, func() time.Time { return now }
	if _, err := r.Append("a", []NewRow{{At: epoch, Value: nil}}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("on a full disk: %v", err)
	}
	left.Store(1 << 40)
	if _, err := r.Append("a", []NewRow{{At: epoch, Value: nil}}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("at once: %v", err)
	}
	if r.Status().Err == nil {
		t.Error("the status does not tell")
	}
	now = now.Add(retryRows)
	mustAppend(t, r, "a", NewRow{At: epoch, Value: nil})
	if err := r.Status().Err; err != nil {
		t.Errorf("the status tells of %v still", err)
	}
}

func TestClosedRowsSaySo(t *testing.T) {
	r := testRows(t, filepath.Join(t.TempDir(), "rows"))
	mustAppend(t, r, "a", NewRow{At: epoch, Value: []byte("1")})
	for range 2 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := r.Append("a", []NewRow{{At: epoch, Value: nil}})
	_, countErr := r.Count("a")
	for _, err := range []error{err, countErr, r.Drop("a"), r.Scan("a", Scan{}, nil)} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%v", err)
		}
	}
}

func TestANewerFolderOfRowsIsLeftAlone(t *testing.T) {
	r := testRows(t, filepath.Join(t.TempDir(), "rows"))
	mustAppend(t, r, "a", NewRow{At: epoch, Value: []byte("1")})
	err := r.badger.Update(func(txn *badger.Txn) error { return txn.Set([]byte(schemaRow), []byte("2")) })
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	again := testRows(t, r.dir)
	var newer *NewerSchemaError
	if _, err := again.Append("a", []NewRow{{At: epoch, Value: nil}}); !errors.As(err, &newer) {
		t.Errorf("%v", err)
	}
}

func TestDroppedRowsWhoseDroppingWasCutShortAreGone(t *testing.T) {
	r := testRows(t, filepath.Join(t.TempDir(), "rows"))
	mustAppend(t, r, "a", NewRow{At: epoch, Value: []byte("1")})
	mustAppend(t, r, "b", NewRow{At: epoch, Value: []byte("2")})
	// What drop has done at the moment of a crash.
	err := r.badger.Update(func(txn *badger.Txn) error { return txn.Delete(countRecord(1, "a")) })
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	again := testRows(t, r.dir)
	mustAppend(t, again, "a", NewRow{At: epoch, Value: []byte("3")})
	for table, want := range map[string]string{"a": "3", "b": "2"} {
		if got, _ := scanned(t, again, table, Scan{}); !slices.Equal(got, []string{want}) {
			t.Errorf("%s holds %q", table, got)
		}
	}
}

// No damage keeps rows from being written: a folder that cannot be read is set aside.
func TestDamagedRowsAreSetAside(t *testing.T) {
	closed, crashed := t.TempDir(), t.TempDir()
	want := map[string]bool{}
	r := testRows(t, closed)
	for i := range 60 {
		value := strings.Repeat(fmt.Sprintf("value %d ", i), 100)
		want[value] = true
		mustAppend(t, r, "a", NewRow{At: seconds(i), Value: []byte(value)})
		if i == 30 { // into a table
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			r = testRows(t, closed)
		}
	}
	copyFolder(t, closed, crashed)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 5))
	aside, tried := 0, 0
	for _, source := range []string{closed, crashed} {
		names, err := databaseFiles(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range append(names, lockName) {
			info, err := os.Stat(filepath.Join(source, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range damages(random) {
				if info.Size() == 0 {
					continue
				}
				dir := filepath.Join(t.TempDir(), "rows")
				if err := os.Mkdir(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				copyFolder(t, source, dir)
				if err := d.do(filepath.Join(dir, name), info.Size()); err != nil {
					t.Fatal(err)
				}
				tried++
				if damagedRows(t, name+": "+d.name, dir, want) {
					aside++
				}
			}
		}
	}
	if aside == 0 || aside == tried {
		t.Errorf("%d of %d damaged folders were set aside", aside, tried)
	}
}

// damagedRows appends to a damaged folder and reads it.
func damagedRows(t *testing.T, what, dir string, want map[string]bool) (aside bool) {
	t.Helper()
	r := testRows(t, dir)
	defer r.Close()
	if n, err := r.Append("a", []NewRow{{At: seconds(100), Value: []byte("after")}}); n != 1 {
		t.Errorf("%s: %v", what, err)
		return false
	}
	values, _ := scanned(t, r, "a", Scan{})
	for _, value := range values[:len(values)-1] {
		if !want[value] {
			t.Errorf("%s: %.20q... was never written", what, value)
		}
	}
	if values[len(values)-1] != "after" {
		t.Errorf("%s: the last row is %.20q", what, values[len(values)-1])
	}
	where := r.Status().SetAside
	if where == "" {
		return false
	}
	if _, err := os.Stat(where); err != nil || len(values) != 1 {
		t.Errorf("%s: %d rows in a new folder, %v", what, len(values), err)
	}
	return true
}

func TestScanDoesNotKeepAppendFromGoingOn(t *testing.T) {
	r := testRows(t, filepath.Join(t.TempDir(), "rows"))
	mustAppend(t, r, "a", NewRow{At: epoch, Value: []byte("1")}, NewRow{At: epoch, Value: []byte("2")})
	n := 0
	err := r.Scan("a", Scan{}, func(Position, []byte) error {
		n++
		mustAppend(t, r, "a", NewRow{At: epoch, Value: bytes.Repeat([]byte("x"), 100)})
		return nil
	})
	if err != nil || n != 2 {
		t.Errorf("%d rows, %v: a scan sees the table as it was", n, err)
	}
}

func BenchmarkAppendRows(b *testing.B) {
	r := testRows(b, filepath.Join(b.TempDir(), "rows"))
	rows := make([]NewRow, 500)
	for i := range rows {
		rows[i] = NewRow{At: epoch, Value: bytes.Repeat([]byte("0123456789"), 50)}
	}
	for b.Loop() {
		mustAppend(b, r, "a", rows...)
	}
	b.ReportMetric(float64(b.N*len(rows))/b.Elapsed().Seconds(), "rows/s")
}

func TestATableStandsByItsOwnTimes(t *testing.T) {
	r := testRows(t, filepath.Join(t.TempDir(), "rows"))
	mustAppend(t, r, "late", NewRow{At: seconds(30), Value: []byte("late")})
	mustAppend(t, r, "early", NewRow{At: seconds(1), Value: []byte("1")}, NewRow{At: seconds(2), Value: []byte("2")})
	if got, _ := scanned(t, r, "early", Scan{To: seconds(2)}); !slices.Equal(got, []string{"1"}) {
		t.Errorf("before second 2: %q", got)
	}
}
