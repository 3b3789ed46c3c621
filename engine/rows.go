package engine

import (
	"path/filepath"

	"servery/engine/gateway/inference"
	"servery/engine/gateway/usage"
	"servery/engine/store"
	"servery/engine/telemetry"
)

// openRows gives the rows of requests and starts to keep inference tables. Neither can
// fail: what is wrong with the folder is told when it is used.
func (e *Engine) openRows() {
	e.rows = openRows(e.options.DataDir, store.RowsOptions{Log: e.options.Log, Quota: e.options.RowsQuota})
	e.tables = inference.New(inference.Options{
		Rows: e.rows,
		Log:  e.options.Log,
		Dropped: func(name, why string) {
			if e.endpoints.Picture(name) != nil {
				e.telemetry.Endpoint(name).Event(telemetry.Event{Type: telemetry.RowsDropped, Message: why})
			}
		},
	})
}

// openUsage starts to track usage in those rows.
func (e *Engine) openUsage() {
	e.usage = usage.New(usage.Options{Rows: e.rows, Log: e.options.Log})
	e.served = &usage.Entities{Endpoints: e.endpoints, Table: e.db.Table("served")}
}

// Tables reads the inference tables of all endpoints.
func (e *Engine) Tables() *inference.Reader { return e.tables.Reader() }

// TablesFailed says why rows of inference tables are not kept at the moment, "" where they
// are.
func (e *Engine) TablesFailed() string { return e.tables.Failed() }

// OpenTables reads the inference tables of a data folder on which no engine runs: the
// caller has it open (OpenFolder). close ends it.
func OpenTables(dataDir string) (tables *inference.Reader, close func() error) {
	rows := openRows(dataDir, store.RowsOptions{})
	return inference.NewReader(rows), rows.Close
}

func openRows(dataDir string, o store.RowsOptions) *store.Rows {
	return store.OpenRows(filepath.Join(dataDir, "rows"), o)
}

// closeRows writes what rows are in memory. Where it cannot, the next start finds them in
// the log: it is no failure of Close.
func (e *Engine) closeRows() {
	if err := e.rows.Close(); err != nil {
		e.options.Log.Warn("rows of requests", "error", err)
	}
}
