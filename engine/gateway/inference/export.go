package inference

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Format is a form of file that a table is exported in.
type Format string

// The formats.
const (
	CSV     Format = "csv"
	JSONL   Format = "jsonl" // JSON Lines: an object a line
	Parquet Format = "parquet"
)

// Formats lists the formats, and the media type of each.
var Formats = map[Format]string{CSV: "text/csv; charset=utf-8", JSONL: "application/jsonl", Parquet: "application/vnd.apache.parquet"}

// Columns are a table's columns in their order, with their types in SQL's words (product
// documentation, AI Gateway inference tables, and the archived page of the older form).
func Columns(legacy bool) [][2]string {
	if legacy {
		return [][2]string{{"client_request_id", "STRING"}, {"databricks_request_id", "STRING"}, {"date", "DATE"},
			{"timestamp_ms", "BIGINT"}, {"status_code", "INT"}, {"execution_time_ms", "BIGINT"}, {"request", "STRING"},
			{"response", "STRING"}, {"sampling_fraction", "DOUBLE"}, {"request_metadata", "MAP<STRING, STRING>"}}
	}
	return [][2]string{{"request_date", "DATE"}, {"databricks_request_id", "STRING"}, {"client_request_id", "STRING"},
		{"request_time", "TIMESTAMP"}, {"status_code", "INT"}, {"sampling_fraction", "DOUBLE"}, {"execution_duration_ms", "BIGINT"},
		{"request", "STRING"}, {"response", "STRING"}, {"served_entity_id", "STRING"}, {"logging_error_codes", "ARRAY<STRING>"},
		{"requester", "STRING"}}
}

// wireRow is a row in JSON, its columns in their order.
type wireRow struct {
	Date            string   `json:"request_date"`
	RequestID       string   `json:"databricks_request_id"`
	ClientRequestID *string  `json:"client_request_id"`
	Time            string   `json:"request_time"`
	Status          int      `json:"status_code"`
	Sampling        float64  `json:"sampling_fraction"`
	Execution       int64    `json:"execution_duration_ms"`
	Request         *string  `json:"request"`
	Response        *string  `json:"response"`
	EntityID        *string  `json:"served_entity_id"`
	ErrorCodes      []string `json:"logging_error_codes"`
	Requester       string   `json:"requester"`
}

// wireLegacyRow is the same in the form before the AI Gateway.
type wireLegacyRow struct {
	ClientRequestID *string           `json:"client_request_id"`
	RequestID       string            `json:"databricks_request_id"`
	Date            string            `json:"date"`
	TimestampMS     int64             `json:"timestamp_ms"`
	Status          int               `json:"status_code"`
	Execution       int64             `json:"execution_time_ms"`
	Request         *string           `json:"request"`
	Response        *string           `json:"response"`
	Sampling        float64           `json:"sampling_fraction"`
	Metadata        map[string]string `json:"request_metadata"`
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

const timeForm = "2006-01-02T15:04:05.000000Z"

func (r *Row) millis() int64 { return r.Execution.Round(time.Millisecond).Milliseconds() }

func (r *Row) metadata() map[string]string {
	return map[string]string{"endpoint_name": r.Endpoint, "model_name": r.Model, "model_version": r.ModelVersion}
}

// Wire is the row as JSON has it, with exactly the table's columns.
func (r *Row) Wire(legacy bool) any {
	at := r.Time.UTC()
	if legacy {
		return &wireLegacyRow{orNull(r.ClientRequestID), r.RequestID, at.Format(time.DateOnly), at.UnixMilli(), r.Status,
			r.millis(), r.Request, r.Response, r.Sampling, r.metadata()}
	}
	codes := r.ErrorCodes
	if codes == nil {
		codes = []string{}
	}
	return &wireRow{at.Format(time.DateOnly), r.RequestID, orNull(r.ClientRequestID), at.Format(timeForm), r.Status,
		r.Sampling, r.millis(), r.Request, r.Response, orNull(r.EntityID), codes, r.Requester}
}

// Export writes the rows of a query in a format. Memory is that of a page of rows and, for
// Parquet, of a group of 16 MiB.
func (r *Reader) Export(ctx context.Context, t Table, q Query, format Format, w io.Writer) error {
	b := bufio.NewWriterSize(w, 64<<10)
	var err error
	switch format {
	case CSV:
		err = r.exportCSV(ctx, t, q, b)
	case JSONL:
		e := json.NewEncoder(b)
		e.SetEscapeHTML(false)
		err = r.Each(ctx, t, q, func(row *Row) error { return e.Encode(row.Wire(t.Legacy)) })
	case Parquet:
		err = r.exportParquet(ctx, t, q, b)
	default:
		err = fmt.Errorf("%q is no format of an export: there are csv, jsonl and parquet", format)
	}
	if err != nil {
		return err
	}
	return b.Flush()
}

// exportCSV writes null as an empty cell, a list and a map as JSON. What a spreadsheet
// would take for a formula gets an apostrophe before it.
func (r *Reader) exportCSV(ctx context.Context, t Table, q Query, b io.Writer) error {
	w := csv.NewWriter(b)
	var record []string
	for _, column := range Columns(t.Legacy) {
		record = append(record, column[0])
	}
	if err := w.Write(record); err != nil {
		return err
	}
	err := r.Each(ctx, t, q, func(row *Row) error {
		record = row.cells(record[:0], t.Legacy)
		return w.Write(record)
	})
	w.Flush()
	if err != nil {
		return err
	}
	return w.Error()
}

func (r *Row) cells(to []string, legacy bool) []string {
	at := r.Time.UTC()
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return inert(*p)
	}
	status, sampling := strconv.Itoa(r.Status), strconv.FormatFloat(r.Sampling, 'g', -1, 64)
	took := strconv.FormatInt(r.millis(), 10)
	if legacy {
		return append(to, inert(r.ClientRequestID), inert(r.RequestID), at.Format(time.DateOnly), strconv.FormatInt(at.UnixMilli(), 10),
			status, took, text(r.Request), text(r.Response), sampling, jsonCell(r.metadata()))
	}
	codes := "[]"
	if len(r.ErrorCodes) > 0 {
		codes = jsonCell(r.ErrorCodes)
	}
	return append(to, at.Format(time.DateOnly), inert(r.RequestID), inert(r.ClientRequestID), at.Format(timeForm),
		status, sampling, took, text(r.Request), text(r.Response), inert(r.EntityID), codes, inert(r.Requester))
}

func jsonCell(v any) string {
	b, _ := json.Marshal(v) // texts only: it cannot fail
	return string(b)
}

// inert is a cell that no spreadsheet takes for a formula: those begin with one of the
// characters below, which some programs also find behind blanks (OWASP, CSV injection).
func inert(s string) string {
	head := strings.TrimLeft(s, " \u00a0\ufeff")
	if head != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(head[:min(len(head), 4)])[0]) {
		return "'" + s
	}
	return s
}
