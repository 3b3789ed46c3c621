package headless

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"servery/engine"
	"servery/engine/atomicfile"
	"servery/engine/gateway/inference"
)

func tables(args []string, stdout io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) > 0 {
		switch args[0] {
		case "list":
			return listTables(ctx, args[1:], stdout)
		case "export":
			return exportTable(ctx, args[1:], stdout)
		}
	}
	return &usageError{"say what to do with inference tables: servery tables list, or servery tables export NAME"}
}

// listedTable is what the list shows, in the words of GET /api/2.0/servery/tables.
type listedTable struct {
	Name         string  `json:"name"`
	EndpointName string  `json:"endpoint_name"`
	EndpointID   string  `json:"endpoint_id"`
	Rows         int64   `json:"rows"`
	Bytes        int64   `json:"bytes"`
	KeepDays     float64 `json:"keep_days"`
}

func listTables(ctx context.Context, args []string, stdout io.Writer) error {
	flags := newFlags("tables list", "tables list [--data-dir DIR]", stdout)
	dataDir := dataDirFlag(flags)
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return &usageError{fmt.Sprintf("tables list takes no argument, but got %q", rest[0])}
	}
	list, err := onTables(ctx, *dataDir,
		func(r engine.Running) ([]listedTable, error) {
			var got struct{ Tables []listedTable }
			err := call(ctx, r, http.MethodGet, "/api/2.0/servery/tables", nil, &got)
			return got.Tables, err
		},
		func(r *inference.Reader) (list []listedTable, err error) {
			all, err := r.List()
			for _, t := range all {
				list = append(list, listedTable{t.Name, t.Endpoint, t.EndpointID, t.Rows, t.Bytes, t.Keep.Hours() / 24})
			}
			return list, err
		})
	if err != nil {
		return err
	}
	if len(list) == 0 {
		fmt.Fprintln(stdout, "There is no inference table yet. It begins with the first request to an endpoint that has one.")
		return nil
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TABLE\tENDPOINT\tENDPOINT ID\tROWS\tBYTES\tKEPT FOR")
	for _, t := range list {
		kept := fmt.Sprintf("%g days", t.KeepDays)
		if t.KeepDays == 0 {
			kept = "as long as there is room"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\n", t.Name, t.EndpointName, t.EndpointID, t.Rows, t.Bytes, kept)
	}
	return w.Flush()
}

func exportTable(ctx context.Context, args []string, stdout io.Writer) error {
	flags := newFlags("tables export", "tables export NAME [--output FILE] [--format csv|jsonl|parquet] [--endpoint-id ID] [--data-dir DIR]", stdout)
	dataDir := dataDirFlag(flags)
	output := flags.String("output", "", "file to write (default: standard output)")
	format := flags.String("format", "", "csv, jsonl or parquet (default: what FILE ends with, else csv)")
	id := flags.String("endpoint-id", "", "which table, where several have the name")
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return &usageError{"tables export takes the NAME of one table, as servery tables list shows it"}
	}
	if *format == "" {
		*format = string(inference.CSV)
		if ends := strings.TrimPrefix(filepath.Ext(*output), "."); inference.Formats[inference.Format(ends)] != "" {
			*format = ends
		}
	}
	if inference.Formats[inference.Format(*format)] == "" {
		return &usageError{fmt.Sprintf("--format is %q: give csv, jsonl or parquet", *format)}
	}
	write := func(w io.Writer) error { return exportTo(ctx, *dataDir, rest[0], *id, inference.Format(*format), w) }
	if *output == "" {
		return write(stdout)
	}
	return atomicfile.Write(*output, write)
}

// exportTo writes a table, oldest row first.
func exportTo(ctx context.Context, dataDir, name, endpointID string, format inference.Format, w io.Writer) error {
	_, err := onTables(ctx, dataDir,
		func(r engine.Running) (struct{}, error) {
			query := url.Values{"format": {string(format)}, "order": {"asc"}, "endpoint_id": {endpointID}}
			return struct{}{}, download(ctx, r, "/api/2.0/servery/tables/"+url.PathEscape(name)+"/export?"+query.Encode(), w)
		},
		func(r *inference.Reader) (struct{}, error) {
			all, err := r.List()
			if err != nil {
				return struct{}{}, err
			}
			i := slices.IndexFunc(all, func(t inference.Table) bool {
				return strings.EqualFold(t.Name, name) && (endpointID == "" || t.EndpointID == endpointID)
			})
			if i < 0 {
				return struct{}{}, &inference.NotFoundError{Name: name}
			}
			return struct{}{}, r.Export(ctx, all[i], inference.Query{Oldest: true}, format, w)
		})
	return err
}

// onTables asks the engine that runs on a data folder, or reads its rows where none does.
func onTables[T any](ctx context.Context, dataDir string, ask func(engine.Running) (T, error), read func(*inference.Reader) (T, error)) (T, error) {
	if dataDir == "" {
		var err error
		if dataDir, err = engine.DefaultDataDir(); err != nil {
			var none T
			return none, err
		}
	}
	return onFolder(ctx, dataDir, ask, func(*engine.Folder) (T, error) {
		tables, end := engine.OpenTables(dataDir)
		got, err := read(tables)
		return got, errors.Join(err, end())
	})
}

// download writes the body of a running engine's answer.
func download(ctx context.Context, r engine.Running, path string, w io.Writer) error {
	answer, err := send(ctx, r, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer answer.Close()
	if _, err := io.Copy(w, answer); err != nil {
		return fmt.Errorf("the export was cut short: %w", err)
	}
	return nil
}
