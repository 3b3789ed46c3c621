package inference

import (
	"context"
	"io"

	"github.com/parquet-go/parquet-go"
)

// groupBytes is how much of payloads goes into one row group.
const groupBytes = 16 << 20

type parquetRow struct {
	Date            int32    `parquet:"request_date,date"`
	RequestID       string   `parquet:"databricks_request_id"`
	ClientRequestID *string  `parquet:"client_request_id,optional"`
	Time            int64    `parquet:"request_time,timestamp(microsecond)"`
	Status          int32    `parquet:"status_code"`
	Sampling        float64  `parquet:"sampling_fraction"`
	Execution       int64    `parquet:"execution_duration_ms"`
	Request         *string  `parquet:"request,optional"`
	Response        *string  `parquet:"response,optional"`
	EntityID        *string  `parquet:"served_entity_id,optional"`
	ErrorCodes      []string `parquet:"logging_error_codes,list"`
	Requester       string   `parquet:"requester"`
}

type parquetLegacyRow struct {
	ClientRequestID *string           `parquet:"client_request_id,optional"`
	RequestID       string            `parquet:"databricks_request_id"`
	Date            int32             `parquet:"date,date"`
	TimestampMS     int64             `parquet:"timestamp_ms"`
	Status          int32             `parquet:"status_code"`
	Execution       int64             `parquet:"execution_time_ms"`
	Request         *string           `parquet:"request,optional"`
	Response        *string           `parquet:"response,optional"`
	Sampling        float64           `parquet:"sampling_fraction"`
	Metadata        map[string]string `parquet:"request_metadata"`
}

func (r *Reader) exportParquet(ctx context.Context, t Table, q Query, w io.Writer) error {
	if t.Legacy {
		return writeParquet(ctx, r, t, q, w, func(r *Row) parquetLegacyRow {
			return parquetLegacyRow{orNull(r.ClientRequestID), r.RequestID, r.days(), r.Time.UnixMilli(), int32(r.Status),
				r.millis(), r.Request, r.Response, r.Sampling, r.metadata()}
		})
	}
	return writeParquet(ctx, r, t, q, w, func(r *Row) parquetRow {
		return parquetRow{r.days(), r.RequestID, orNull(r.ClientRequestID), r.Time.UnixMicro(), int32(r.Status), r.Sampling,
			r.millis(), r.Request, r.Response, orNull(r.EntityID), r.ErrorCodes, r.Requester}
	})
}

// days is the date in days since 1970.
func (r *Row) days() int32 { return int32(r.Time.Unix() / 86400) }

func writeParquet[T any](ctx context.Context, r *Reader, t Table, q Query, w io.Writer, convert func(*Row) T) error {
	p := parquet.NewGenericWriter[T](w, parquet.Compression(&parquet.Snappy), parquet.CreatedBy("Servery", "", ""))
	size := 0
	err := r.Each(ctx, t, q, func(row *Row) error {
		if _, err := p.Write([]T{convert(row)}); err != nil {
			return err
		}
		for _, s := range []*string{row.Request, row.Response} {
			if s != nil {
				size += len(*s)
			}
		}
		if size += 100; size < groupBytes {
			return nil
		}
		size = 0
		return p.Flush()
	})
	if err != nil {
		return err
	}
	return p.Close()
}
