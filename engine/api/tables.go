package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"servery/engine/access"
	"servery/engine/gateway/inference"
)

// Inference tables, on Servery's own routes: the product shows them as tables of Unity
// Catalog, to SQL. Who may manage the endpoint may read and change its table; of an
// endpoint that is gone, administrators.
var tableRoutes = []route{
	at("GET", "/api/2.0/servery/tables", (*Server).listTables),
	at("GET", "/api/2.0/servery/tables/{full_name}", (*Server).getTable),
	at("PATCH", "/api/2.0/servery/tables/{full_name}", (*Server).patchTable),
	at("DELETE", "/api/2.0/servery/tables/{full_name}", (*Server).deleteTable),
	at("GET", "/api/2.0/servery/tables/{full_name}/rows", (*Server).listRows),
	at("DELETE", "/api/2.0/servery/tables/{full_name}/rows", (*Server).deleteRows),
	at("GET", "/api/2.0/servery/tables/{full_name}/count", (*Server).countRows),
	at("GET", "/api/2.0/servery/tables/{full_name}/export", (*Server).exportRows),
}

type (
	wireTable struct {
		Name         string       `json:"name"`
		EndpointName string       `json:"endpoint_name"`
		EndpointID   string       `json:"endpoint_id"`
		Exists       bool         `json:"endpoint_exists"`
		Form         string       `json:"form"` // ai_gateway or auto_capture
		Rows         int64        `json:"rows"`
		Bytes        int64        `json:"bytes"`     // before compression
		KeepDays     float64      `json:"keep_days"` // 0: as long as there is room
		Columns      []wireColumn `json:"columns,omitempty"`
	}
	wireColumn struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	wireTables struct {
		Tables []wireTable `json:"tables"`
		// Problem says why rows are not kept at the moment.
		Problem string `json:"problem,omitempty"`
	}
	wireRows struct {
		Rows []any  `json:"rows"`
		Next string `json:"next_page_token,omitempty"`
	}
	wireCount struct {
		Rows int64 `json:"rows"`
	}
)

func tableWire(t inference.Table, exists, columns bool) wireTable {
	w := wireTable{Name: t.Name, EndpointName: t.Endpoint, EndpointID: t.EndpointID, Exists: exists, Form: "ai_gateway",
		Rows: t.Rows, Bytes: t.Bytes, KeepDays: t.Keep.Hours() / 24}
	if t.Legacy {
		w.Form = "auto_capture"
	}
	if columns {
		for _, c := range inference.Columns(t.Legacy) {
			w.Columns = append(w.Columns, wireColumn{c[0], c[1]})
		}
	}
	return w
}

// owned tells whether the endpoint of a table is there, and whether the caller may read it.
func (s *Server) owned(user access.User, t inference.Table) (exists, mayRead bool) {
	e, err := s.services.Endpoint(t.Endpoint)
	exists = err == nil && e.ID == t.EndpointID
	return exists, user.Admin || exists && s.services.Permission(user, e) >= access.CanManage
}

func (s *Server) listTables(w http.ResponseWriter, r *http.Request, _ values) error {
	all, err := s.services.Tables().List()
	if err != nil {
		return err
	}
	user, _ := access.UserFrom(r.Context())
	list := wireTables{Tables: []wireTable{}, Problem: s.services.TablesFailed()}
	for _, t := range all {
		if exists, ok := s.owned(user, t); ok {
			list.Tables = append(list.Tables, tableWire(t, exists, false))
		}
	}
	return sendJSON(w, list)
}

// table is the table of a request's path. Where an endpoint was made anew with the names of
// an old one there are several: endpoint_id chooses, else the one whose endpoint is there.
func (s *Server) table(r *http.Request, v values) (t inference.Table, exists bool, err error) {
	all, err := s.services.Tables().List()
	if err != nil {
		return t, false, err
	}
	user, _ := access.UserFrom(r.Context())
	id, known := r.URL.Query().Get("endpoint_id"), false
	for _, c := range all {
		if !strings.EqualFold(c.Name, v[0]) || id != "" && id != c.EndpointID {
			continue
		}
		alive, may := s.owned(user, c)
		if known = true; may && (t.Name == "" || alive && !exists) {
			t, exists = c, alive
		}
	}
	switch {
	case t.Name != "":
		return t, exists, nil
	case known:
		return t, false, &requestError{code: codePermissionDenied, message: fmt.Sprintf(
			"User %s may not read the inference table '%s': that takes CAN_MANAGE on its endpoint, and an administrator where the endpoint is gone.", user.Name, cut(v[0], 200))}
	}
	return t, false, &inference.NotFoundError{Name: v[0]}
}

func (s *Server) getTable(w http.ResponseWriter, r *http.Request, v values) error {
	t, exists, err := s.table(r, v)
	if err != nil {
		return err
	}
	return sendJSON(w, tableWire(t, exists, true))
}

// maxKeepDays is a hundred years.
const maxKeepDays = 36_500

func (s *Server) patchTable(w http.ResponseWriter, r *http.Request, v values) error {
	o, done, err := readObject(w, r)
	if err != nil {
		return err
	}
	defer done()
	days := o.fraction("keep_days")
	if err := o.failed(); err != nil {
		return err
	}
	if days == nil || !(*days >= 0 && *days <= maxKeepDays) {
		return invalid("'keep_days' takes a number of days from 0, which is as long as there is room, to %d.", maxKeepDays)
	}
	t, exists, err := s.table(r, v)
	if err != nil {
		return err
	}
	t.Keep = time.Duration(*days * 24 * float64(time.Hour))
	if err := s.services.Tables().SetKeep(t, t.Keep); err != nil {
		return err
	}
	return sendJSON(w, tableWire(t, exists, true))
}

func (s *Server) deleteTable(w http.ResponseWriter, r *http.Request, v values) error {
	t, _, err := s.table(r, v)
	if err != nil {
		return err
	}
	if err := s.services.Tables().Delete(t); err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}

func (s *Server) deleteRows(w http.ResponseWriter, r *http.Request, v values) error {
	before, err := timeQuery(r.URL.Query(), "end_time")
	switch {
	case err != nil:
		return err
	case before.IsZero():
		return invalid("end_time is missing: rows of requests that ended before it are deleted. To delete all, delete the table.")
	}
	t, _, err := s.table(r, v)
	if err != nil {
		return err
	}
	if err := s.services.Tables().DeleteBefore(t, before); err != nil {
		return err
	}
	return sendJSON(w, struct{}{})
}

func (s *Server) listRows(w http.ResponseWriter, r *http.Request, v values) error {
	q, err := tableQuery(r.URL.Query())
	if err != nil {
		return err
	}
	t, _, err := s.table(r, v)
	if err != nil {
		return err
	}
	p, err := s.services.Tables().Search(r.Context(), t, q)
	if err != nil {
		return err
	}
	list := wireRows{Rows: []any{}}
	for i := range p.Rows {
		list.Rows = append(list.Rows, p.Rows[i].Wire(t.Legacy))
	}
	if p.Next != (inference.Position{}) {
		list.Next = p.Next.String()
	}
	return sendJSON(w, list)
}

func (s *Server) countRows(w http.ResponseWriter, r *http.Request, v values) error {
	q, err := tableQuery(r.URL.Query())
	if err != nil {
		return err
	}
	t, _, err := s.table(r, v)
	if err != nil {
		return err
	}
	n, err := s.services.Tables().Count(r.Context(), t, q)
	if err != nil {
		return err
	}
	return sendJSON(w, wireCount{n})
}

// exportRows sends a file while it is made. What fails in the middle ends the connection,
// so that the client does not take a part for the whole.
func (s *Server) exportRows(w http.ResponseWriter, r *http.Request, v values) error {
	query := r.URL.Query()
	q, err := tableQuery(query)
	if err != nil {
		return err
	}
	format := inference.Format(query.Get("format"))
	media, ok := inference.Formats[format]
	if !ok {
		return invalid("format is %q: give csv, jsonl or parquet.", cut(string(format), 40))
	}
	t, _, err := s.table(r, v)
	if err != nil {
		return err
	}
	requestID(w)
	h := w.Header()
	h["Content-Type"] = []string{media}
	h["X-Content-Type-Options"] = noSniff
	h["Content-Disposition"] = []string{"attachment; filename*=UTF-8''" + url.PathEscape(t.Name+"."+string(format))}
	out := &patient{ResponseWriter: w}
	err = s.services.Tables().Export(r.Context(), t, q, format, out)
	if err != nil && out.begun {
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		h.Del("Content-Disposition")
	}
	return err
}

// patient gives the client its time anew with each piece of a long answer.
type patient struct {
	http.ResponseWriter
	begun bool
}

func (p *patient) Write(b []byte) (int, error) {
	p.begun = true
	allow(p.ResponseWriter, len(b))
	return p.ResponseWriter.Write(b)
}

// tableQuery reads what a search, a count or an export is to have.
func tableQuery(v url.Values) (q inference.Query, err error) {
	if q.From, err = timeQuery(v, "start_time"); err != nil {
		return q, err
	}
	if q.To, err = timeQuery(v, "end_time"); err != nil {
		return q, err
	}
	q.Requester, q.EntityID, q.Entity = v.Get("requester"), v.Get("served_entity_id"), v.Get("served_entity_name")
	q.RequestID, q.Contains = v.Get("request_id"), v.Get("contains")
	if text := v.Get("status_code"); text != "" {
		if q.StatusFrom, q.StatusTo, err = statusQuery(text); err != nil {
			return q, err
		}
	}
	switch order := v.Get("order"); order {
	case "", "desc":
	case "asc":
		q.Oldest = true
	default:
		return q, invalid("order is %q: give desc, newest first, or asc.", cut(order, 40))
	}
	if text := v.Get("max_results"); text != "" {
		if q.Limit, err = strconv.Atoi(text); err != nil || q.Limit < 1 || q.Limit > inference.MaxPage {
			return q, invalid("max_results is %q: give a whole number from 1 to %d.", cut(text, 40), inference.MaxPage)
		}
	}
	if text := v.Get("page_token"); text != "" {
		if q.After, err = inference.ParsePosition(text); err != nil {
			return q, invalid("page_token is %q: give the next_page_token of the page before.", cut(text, 80))
		}
	}
	return q, nil
}

// statusQuery reads "404" or a class, "4xx".
func statusQuery(text string) (from, to int, err error) {
	class, isClass := strings.CutSuffix(strings.ToLower(text), "xx")
	n, err := strconv.Atoi(class)
	switch {
	case err == nil && isClass && n >= 1 && n <= 5:
		return 100 * n, 100*n + 99, nil
	case err == nil && !isClass && n >= 100 && n <= 599:
		return n, n, nil
	}
	return 0, 0, invalid("status_code is %q: give a status such as 404, or a class such as 4xx.", cut(text, 40))
}

// timeQuery reads Unix milliseconds, or a time such as 2026-03-01T12:00:00Z.
func timeQuery(v url.Values, name string) (time.Time, error) {
	text := v.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms > 0 && ms < 1<<43 {
		return time.UnixMilli(ms), nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil && at.Year() >= 1970 && at.Year() < 2200 {
		return at, nil
	}
	return time.Time{}, invalid("%s is %q: give Unix time in milliseconds, or a time such as 2026-03-01T12:00:00Z.", name, cut(text, 60))
}
