package inference

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"servery/engine/endpoint"
	"servery/engine/rows"
)

// The words of logging_error_codes.
const (
	requestTooLarge  = "MAX_REQUEST_SIZE_EXCEEDED"
	responseTooLarge = "MAX_RESPONSE_SIZE_EXCEEDED"
)

// Row is one logged request. A nil Request or Response is null.
type Row struct {
	Position rows.Position // where it stands in its table

	RequestID       string
	ClientRequestID string
	Time            time.Time // when the request came, to the microsecond
	Status          int
	Sampling        float64
	Execution       time.Duration // of the model alone
	Request         *string
	Response        *string
	ErrorCodes      []string
	EntityID        string
	Requester       string

	// What the older form's request_metadata tells.
	Endpoint, Model, ModelVersion string
	// Entity is the served entity's name; no column has it.
	Entity string
}

// row is the record of a taken request.
func (w *waiting) row() rows.New {
	r := &w.request
	row := Row{
		RequestID: r.ID, ClientRequestID: r.ClientID(), Time: r.At, Status: r.Status,
		Sampling: w.sampling, Execution: r.Timing.Run,
		EntityID: r.EntityID(), Requester: r.Requester.Name, Endpoint: r.Endpoint.Name, Entity: r.Entity,
	}
	if w.tooLarge[0] {
		row.ErrorCodes = append(row.ErrorCodes, requestTooLarge)
	} else {
		row.Request = payload(r.Body)
	}
	if w.tooLarge[1] {
		row.ErrorCodes = append(row.ErrorCodes, responseTooLarge)
	} else {
		row.Response = payload(r.Answer)
	}
	row.Model, row.ModelVersion = model(r.Endpoint, r.ConfigVersion, r.Entity)
	return rows.New{At: r.At.Add(r.Took), Value: row.encode()}
}

// payload is a body as text: a column of text holds no other bytes. KServe's binary
// tensors are logged with U+FFFD where they are none.
func payload(b []byte) *string {
	s := string(b)
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
		for len(s) > MaxPayload { // each replaced byte takes three
			_, size := utf8.DecodeLastRuneInString(s[:MaxPayload])
			s = s[:MaxPayload-size]
		}
	}
	return &s
}

// model is the model that a served entity had.
func model(e *endpoint.Endpoint, version int, entity string) (name, number string) {
	for _, c := range []*endpoint.Config{e.Active, e.Pending} {
		if c == nil || c.Version != version {
			continue
		}
		for i := range c.Entities {
			if c.Entities[i].Name == entity {
				return c.Entities[i].ModelName, fmt.Sprint(c.Entities[i].ModelVersion)
			}
		}
	}
	return "", ""
}

// A record is protobuf's wire form, whose unknown fields a reader passes over.
const (
	fieldRequestID protowire.Number = 1 + iota
	fieldClientRequestID
	fieldTime
	fieldStatus
	fieldSampling
	fieldExecution
	fieldRequest
	fieldResponse
	fieldErrorCode
	fieldEntityID
	fieldRequester
	fieldEndpoint
	fieldModel
	fieldModelVersion
	fieldEntity
)

func (r *Row) encode() []byte {
	size := 512
	for _, p := range []*string{r.Request, r.Response} {
		if p != nil {
			size += len(*p)
		}
	}
	b := make([]byte, 0, size)
	text := func(n protowire.Number, s string) {
		if s != "" {
			b = protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), s)
		}
	}
	number := func(n protowire.Number, v int64) {
		b = protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), uint64(v))
	}
	text(fieldRequestID, r.RequestID)
	text(fieldClientRequestID, r.ClientRequestID)
	number(fieldTime, r.Time.UnixMicro())
	number(fieldStatus, int64(r.Status))
	b = protowire.AppendFixed64(protowire.AppendTag(b, fieldSampling, protowire.Fixed64Type), math.Float64bits(r.Sampling))
	number(fieldExecution, int64(r.Execution))
	for n, p := range map[protowire.Number]*string{fieldRequest: r.Request, fieldResponse: r.Response} {
		if p != nil { // also an empty one
			b = protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), *p)
		}
	}
	for _, code := range r.ErrorCodes {
		text(fieldErrorCode, code)
	}
	text(fieldEntityID, r.EntityID)
	text(fieldRequester, r.Requester)
	text(fieldEndpoint, r.Endpoint)
	text(fieldModel, r.Model)
	text(fieldModelVersion, r.ModelVersion)
	text(fieldEntity, r.Entity)
	return b
}

// decodeRow reads what encode wrote.
func decodeRow(b []byte) (r Row, err error) {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return r, protowire.ParseError(size)
		}
		b = b[size:]
		switch {
		case kind == protowire.BytesType:
			v, size := protowire.ConsumeBytes(b)
			if size < 0 {
				return r, protowire.ParseError(size)
			}
			b = b[size:]
			r.setText(n, string(v))
		case kind == protowire.VarintType:
			v, size := protowire.ConsumeVarint(b)
			if size < 0 {
				return r, protowire.ParseError(size)
			}
			b = b[size:]
			switch n {
			case fieldTime:
				r.Time = time.UnixMicro(int64(v)).UTC()
			case fieldStatus:
				r.Status = int(v)
			case fieldExecution:
				r.Execution = time.Duration(v)
			}
		case kind == protowire.Fixed64Type && n == fieldSampling:
			v, size := protowire.ConsumeFixed64(b)
			if size < 0 {
				return r, protowire.ParseError(size)
			}
			b = b[size:]
			r.Sampling = math.Float64frombits(v)
		default:
			size := protowire.ConsumeFieldValue(n, kind, b)
			if size < 0 {
				return r, protowire.ParseError(size)
			}
			b = b[size:]
		}
	}
	return r, nil
}

func (r *Row) setText(n protowire.Number, s string) {
	switch n {
	case fieldRequestID:
		r.RequestID = s
	case fieldClientRequestID:
		r.ClientRequestID = s
	case fieldRequest:
		r.Request = &s
	case fieldResponse:
		r.Response = &s
	case fieldErrorCode:
		r.ErrorCodes = append(r.ErrorCodes, s)
	case fieldEntityID:
		r.EntityID = s
	case fieldRequester:
		r.Requester = s
	case fieldEndpoint:
		r.Endpoint = s
	case fieldModel:
		r.Model = s
	case fieldModelVersion:
		r.ModelVersion = s
	case fieldEntity:
		r.Entity = s
	}
}
