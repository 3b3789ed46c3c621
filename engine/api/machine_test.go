package api

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"servery/engine/endpoint"
)

func (f *fake) Scaling() endpoint.Scaling {
	if f.scaling == (endpoint.Scaling{}) {
		return endpoint.Scaling{ScaleToZeroAfter: 30 * time.Minute, Timings: endpoint.Local}
	}
	return f.scaling
}

func (f *fake) SetScaling(_ context.Context, c endpoint.ScalingChange) (endpoint.Scaling, error) {
	next := f.Scaling()
	if wrong := endpoint.CheckScaling(c); len(wrong) > 0 {
		return next, &endpoint.ValidationError{Fields: wrong}
	}
	if c.ScaleToZeroAfter != nil {
		next.ScaleToZeroAfter = *c.ScaleToZeroAfter
	}
	if c.Timings != nil {
		next.Timings = *c.Timings
	}
	if f.fails == nil {
		f.scaling = next
	}
	return next, f.fails
}

func TestTheMachinesSettings(t *testing.T) {
	f := newFake()
	s := New(f, Options{})
	const path = "/api/2.0/servery/settings"
	for _, c := range []struct{ method, body, want string }{
		{"GET", "", `{"scale_to_zero_after_seconds":1800,"timings":"local"}`},
		{"PATCH", `{"scale_to_zero_after_seconds":300}`, `{"scale_to_zero_after_seconds":300,"timings":"local"}`},
		{"PATCH", `{"timings":"databricks"}`, `{"scale_to_zero_after_seconds":300,"timings":"databricks"}`},
		{"PATCH", `{}`, `{"scale_to_zero_after_seconds":300,"timings":"databricks"}`},
		{"PATCH", `{"scale_to_zero_after_seconds":"60","timings":"local"}`, `{"scale_to_zero_after_seconds":60,"timings":"local"}`},
		{"GET", "", `{"scale_to_zero_after_seconds":60,"timings":"local"}`},
	} {
		a := ask(t, s, c.method, path, c.body)
		if a.status != 200 || strings.TrimSpace(a.body) != c.want {
			t.Errorf("%s %s: status %d %s", c.method, c.body, a.status, a.body)
		}
	}
	for _, c := range []struct{ body, code, says string }{
		{`{"scale_to_zero_after_seconds":5}`, "INVALID_PARAMETER_VALUE", "is 5s: give one from 10s to 24h"},
		{`{"scale_to_zero_after_seconds":9223372036854775807}`, "INVALID_PARAMETER_VALUE", "give one from 10s to 24h"},
		{`{"scale_to_zero_after_seconds":-9223372036854775808}`, "INVALID_PARAMETER_VALUE", "give one from 10s to 24h"},
		{`{"scale_to_zero_after_seconds":1.5}`, "MALFORMED_REQUEST", "a whole number"},
		{`{"timings":""}`, "INVALID_PARAMETER_VALUE", "are not known"},
		{`{"timings":"Databricks"}`, "INVALID_PARAMETER_VALUE", "are not known"},
		{`{"timings":1}`, "MALFORMED_REQUEST", "a string"},
	} {
		ask(t, s, "PATCH", path, c.body).wantError(t, 400, c.code, c.says)
	}
	f.fails = errors.New("no")
	if a := ask(t, s, "PATCH", path, `{"timings":"databricks"}`); a.status != 500 {
		t.Errorf("where it cannot be stored: status %d %s", a.status, a.body)
	}
}
