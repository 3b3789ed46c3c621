package serving

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"servery/engine/endpoint"
	"servery/engine/telemetry"
	"servery/views/widgets"
)

// row is an endpoint with the words that the table shows of it, made once per change so
// that scrolling only copies strings.
type row struct {
	endpoint endpoint.Endpoint
	summary  telemetry.Summary
	state    widgets.State
	word     string
	entities [2]string // two lines; the second may be ""
	compute  [2]string
	workers  int
	search   string // what the filter looks in, in lower case
}

func newRow(e endpoint.Endpoint, s telemetry.Summary) row {
	r := row{endpoint: e, summary: s}
	r.state, r.word = widgets.EndpointBadge(e)
	c := e.Active
	if c == nil {
		c = e.Pending
	}
	r.entities, r.compute = [2]string{"—"}, [2]string{"—"}
	words := []string{e.Name, e.Description}
	if c != nil && len(c.Entities) > 0 {
		served := byTraffic(c)
		r.entities = twoLines(served, func(s share) string { return lastPart(s.entity.ModelName) + " " + s.tail() })
		if len(served) == 1 && utf8.RuneCountInString(r.entities[0]) > longEntity {
			r.entities = [2]string{lastPart(served[0].entity.ModelName), served[0].tail()}
		}
		r.compute = twoLines(unlike(served), func(s share) string { return compute(s.entity) })
		for _, s := range served {
			words = append(words, s.entity.Name, s.entity.ModelName)
			if e.Active != nil {
				r.workers += s.entity.Live.Provisioned
			}
		}
	}
	for _, t := range e.Tags {
		words = append(words, tagText(t))
	}
	r.search = strings.ToLower(strings.Join(words, "\n"))
	return r
}

// share is a served entity with its part of the traffic in percent.
type share struct {
	entity  endpoint.ServedEntity
	percent int
}

// longEntity is how many letters of an entity fit on a line of the column at the window's
// first size. A longer one takes two: cut, it would lose its version and its share.
const longEntity = 24

// tail is "v7 · 90 %".
func (s share) tail() string { return fmt.Sprintf("v%d · %d %%", s.entity.ModelVersion, s.percent) }

// byTraffic lists the served entities, most traffic first. Without routes the only entity
// gets everything.
func byTraffic(c *endpoint.Config) []share {
	shares := make([]share, len(c.Entities))
	for i, s := range c.Entities {
		shares[i].entity = s
		if len(c.Routes) == 0 && len(c.Entities) == 1 {
			shares[i].percent = 100
		}
		for _, r := range c.Routes {
			if r.EntityName == s.Name {
				shares[i].percent = r.Percent
			}
		}
	}
	slices.SortStableFunc(shares, func(a, b share) int { return cmp.Compare(b.percent, a.percent) })
	return shares
}

// unlike leaves out the entities whose compute was named before.
func unlike(all []share) []share {
	var out []share
	for _, s := range all {
		if !slices.ContainsFunc(out, func(o share) bool { return compute(o.entity) == compute(s.entity) }) {
			out = append(out, s)
		}
	}
	return out
}

// twoLines says the first two, and how many more there are.
func twoLines(all []share, say func(share) string) [2]string {
	lines := [2]string{say(all[0])}
	switch {
	case len(all) == 2:
		lines[1] = say(all[1])
	case len(all) > 2:
		lines[1] = fmt.Sprintf("and %d more", len(all)-1)
	}
	return lines
}

func compute(s endpoint.ServedEntity) string {
	kind, size := cmp.Or(s.WorkloadType, "CPU"), s.WorkloadSize
	if size == "" {
		size = fmt.Sprintf("%d–%d", s.MinConcurrency, s.MaxConcurrency)
	}
	return kind + " · " + size
}

func lastPart(fullName string) string { return fullName[strings.LastIndexByte(fullName, '.')+1:] }

func tagText(t endpoint.Tag) string {
	if t.Value == "" {
		return t.Key
	}
	return t.Key + ": " + t.Value
}

// latency is "1.9 / 4.2", or a dash without traffic.
func (r *row) latency() string {
	if math.IsNaN(r.summary.P99) {
		return "—"
	}
	return milliseconds(r.summary.P50) + " / " + milliseconds(r.summary.P99)
}

// milliseconds keeps the zero of "6.0", so that the figures of a column stand alike.
func milliseconds(f float64) string {
	if f >= 0.095 && f < 99.95 {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return widgets.Number(f)
}

// busy tells whether there was traffic in the last 15 minutes.
func (r *row) busy() bool {
	return slices.ContainsFunc(r.summary.Recent, func(v float32) bool { return v > 0 })
}

// filter is what the person looks for.
type filter struct {
	text  string
	state string // a badge's words, "" for any
}

func (f filter) none() bool { return strings.TrimSpace(f.text) == "" && f.state == "" }

// match tells whether an endpoint has every word of the text in its name, models,
// entities or tags, and is in the state.
func (f filter) match(r *row) bool {
	if f.state != "" && r.word != f.state {
		return false
	}
	for _, word := range strings.Fields(strings.ToLower(f.text)) {
		if !strings.Contains(r.search, word) {
			return false
		}
	}
	return true
}

// order is what the table is sorted by.
type order struct {
	column     int
	descending bool
}

// sort orders rows; what is equal stays in the order of names.
func (o order) sort(rows []*row) {
	slices.SortFunc(rows, func(a, b *row) int {
		n := o.compare(a, b)
		if o.descending {
			n = -n
		}
		return cmp.Or(n, strings.Compare(a.endpoint.Name, b.endpoint.Name))
	})
}

func (o order) compare(a, b *row) int {
	switch o.column {
	case colState:
		return strings.Compare(a.word, b.word)
	case colCompute:
		return strings.Compare(a.compute[0], b.compute[0])
	case colWorkers:
		return cmp.Compare(a.workers, b.workers)
	case colRate:
		return cmp.Compare(a.summary.RequestsPerSecond, b.summary.RequestsPerSecond)
	case colLatency:
		return cmp.Compare(a.summary.P99, b.summary.P99) // NaN is below every number
	case colModified:
		return b.endpoint.UpdatedAt.Compare(a.endpoint.UpdatedAt) // as read: "just now" first
	default:
		return strings.Compare(a.endpoint.Name, b.endpoint.Name)
	}
}

// states lists the words that endpoints have now, in the order of the alphabet.
func states(rows []row) []string {
	var out []string
	for i := range rows {
		if at, found := slices.BinarySearch(out, rows[i].word); !found {
			out = slices.Insert(out, at, rows[i].word)
		}
	}
	return out
}
