package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/gateway"
	"servery/engine/runtime"
)

func textLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func TestInvokeHandsTheBodyOverAndTheAnswerBack(t *testing.T) {
	f := newFake()
	var got runtime.Request
	var entity string
	released := 0
	f.invoke = func(_ context.Context, _, e string, r runtime.Request) (endpoint.Answer, error) {
		got, entity = runtime.Request{ContentType: r.ContentType, Body: bytes.Clone(r.Body)}, e
		return endpoint.Answer{Entity: "m-1", ConfigVersion: 1234, Queue: 12 * time.Microsecond, Response: runtime.Response{
			Status: 415, ContentType: "text/plain", Body: []byte("no such type"), Release: func() { released++ },
			Timing: runtime.Timing{Wait: time.Microsecond, Decode: 34 * time.Microsecond, Run: 12_345_678, Encode: 20 * time.Microsecond},
		}}, nil
	}
	s := New(f, Options{})
	a := ask(t, s, "POST", "/serving-endpoints/m/served-models/m-1/invocations", "a,b\n1,2\n", "Content-Type: text/csv; charset=utf-8")
	if string(got.Body) != "a,b\n1,2\n" || got.ContentType != "text/csv; charset=utf-8" || entity != "m-1" {
		t.Errorf("the engine got %q as %q for %q", got.Body, got.ContentType, entity)
	}
	if a.status != 415 || a.body != "no such type" || released != 1 {
		t.Errorf("status %d %q, released %d times", a.status, a.body, released)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/plain", "Content-Length": "12", "served-model-name": "m-1", "Servery-Config-Version": "1234", "X-Content-Type-Options": "nosniff",
	} {
		if v := a.header.Get(name); v != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	stages, total, _ := strings.Cut(a.header.Get("Server-Timing"), ", total;dur=")
	if stages != "queue;dur=0.013, decode;dur=0.034, model;dur=12.345, encode;dur=0.020" {
		t.Errorf("Server-Timing: %q", stages)
	}
	if _, err := strconv.ParseFloat(total, 64); err != nil {
		t.Errorf("Server-Timing: total %q", total)
	}
	if len(a.header.Get("X-Request-Id")) != 36 {
		t.Errorf("X-Request-Id %q", a.header.Get("X-Request-Id"))
	}
}

func TestBodiesArriveWhole(t *testing.T) {
	f := newFake()
	var got []byte
	f.invoke = func(_ context.Context, _, _ string, r runtime.Request) (endpoint.Answer, error) {
		got = bytes.Clone(r.Body)
		return endpoint.Answer{}, nil
	}
	s := New(f, Options{})
	for _, size := range []int{0, 1, 4095, 4096, 4097, 65536, 65537, 1 << 20, 1<<20 + 2, maxScoringBody - 1, maxScoringBody} {
		body := bytes.Repeat([]byte("0123456789abcde\n"), size/16+1)[:size]
		for _, how := range []string{"length", "chunked", "gzip"} {
			got = nil
			r := newRequest("POST", "/serving-endpoints/m/invocations", bytes.NewReader(body))
			switch how {
			case "length":
				r.ContentLength = int64(size)
			case "chunked":
				r.ContentLength = -1
			case "gzip":
				r.Body = io.NopCloser(bytes.NewReader(zipped(t, body)))
				r.ContentLength = -1
				r.Header.Set("Content-Encoding", "gzip")
			}
			if a := serve(s, r); a.status != 200 || !bytes.Equal(got, body) {
				t.Errorf("%d bytes, %s: status %d, %d bytes arrived", size, how, a.status, len(got))
			}
		}
	}
}

func TestBodiesBeyondTheLimitAreRefused(t *testing.T) {
	f := newFake()
	f.invoke = func(context.Context, string, string, runtime.Request) (endpoint.Answer, error) {
		t.Error("the engine was asked")
		return endpoint.Answer{}, nil
	}
	s := New(f, Options{})
	body := bytes.Repeat([]byte{' '}, maxScoringBody+1)
	for _, how := range []string{"length", "chunked", "bomb"} {
		r := newRequest("POST", "/serving-endpoints/m/invocations", bytes.NewReader(body))
		switch how {
		case "length":
			r.ContentLength = int64(len(body))
		case "chunked":
			r.ContentLength = -1
		case "bomb": // 64 MiB in 64 KiB
			var bomb bytes.Buffer
			z := gzip.NewWriter(&bomb)
			for range 64 {
				_, _ = z.Write(body[:1<<20])
			}
			_ = z.Close()
			r.ContentLength = int64(bomb.Len())
			r.Body = io.NopCloser(&bomb)
			r.Header.Set("Content-Encoding", "gzip")
		}
		serve(s, r).wantError(t, 413, "REQUEST_TOO_LARGE", "16 MiB")
	}
	r := newRequest("POST", "/api/2.0/serving-endpoints", bytes.NewReader(body[:maxControlBody+1]))
	r.ContentLength = -1
	serve(s, r).wantError(t, 413, "REQUEST_TOO_LARGE", "1 MiB")
}

func TestBrokenBodiesAreRefused(t *testing.T) {
	s := New(withDigits(newFake()), Options{})
	const path = "/serving-endpoints/digits/invocations"
	good := string(zipped(t, []byte(`{"inputs":[1]}`)))
	ask(t, s, "POST", path, "{}", "Content-Encoding: br").wantError(t, 415, "UNSUPPORTED_MEDIA_TYPE", `"br"`)
	ask(t, s, "POST", path, "{}", "Content-Encoding: gzip").wantError(t, 400, "MALFORMED_REQUEST")
	ask(t, s, "POST", path, "no gzip at all", "Content-Encoding: gzip").wantError(t, 400, "MALFORMED_REQUEST", "gzip")
	ask(t, s, "POST", path, good[:len(good)-9], "Content-Encoding: gzip").wantError(t, 400, "MALFORMED_REQUEST", "complete")
	ask(t, s, "POST", path, good[:len(good)-8]+"12345678", "Content-Encoding: gzip").wantError(t, 400, "MALFORMED_REQUEST", "gzip")
	ask(t, s, "POST", path, good[:12]+"\xff\xff\xff"+good[12:], "Content-Encoding: gzip").wantError(t, 400, "MALFORMED_REQUEST")
	if a := ask(t, s, "POST", path, good, "Content-Encoding: GZIP"); a.status != 200 {
		t.Errorf("status %d %s", a.status, a.body)
	}
}

// Neither a token nor a body is ever logged, whatever goes wrong with them.
func TestLogsHoldNoSecrets(t *testing.T) {
	var log strings.Builder
	f := withDigits(newFake())
	s := New(f, Options{Log: textLog(&log)})
	const canary = "canary-4711"
	ask(t, s, "POST", "/serving-endpoints/digits/invocations?token="+canary, canary)
	ask(t, s, "POST", "/api/2.0/serving-endpoints", `{"name":"x","environment_vars":"`+canary+`","config":{"served_entities":[{"environment_vars":{"K":"`+canary+`"}}]}}`)
	ask(t, s, "GET", "/api/2.0/serving-endpoints", "", "Authorization: Bearer "+canary)
	f.panics = true
	ask(t, s, "GET", "/api/2.0/serving-endpoints", "")
	if log.Len() == 0 || strings.Contains(log.String(), canary) || strings.Contains(log.String(), goodToken) {
		t.Errorf("the log: %s", log.String())
	}
	log.Reset()
	ask(t, s, "GET", "/api/2.0/serving-endpoints/a%0Alevel=ERROR%1B[31m", "")
	if strings.Count(log.String(), "\nlevel=ERROR") > 0 || strings.Contains(log.String(), "\x1b") {
		t.Errorf("a name wrote into the log: %q", log.String())
	}
}

func TestRequestIDsAreRandomUUIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := gateway.NewRequestID()
		if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[14] != '4' || id[18] != '-' || !strings.ContainsRune("89ab", rune(id[19])) || id[23] != '-' || seen[id] {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
}

// The engine learns who asks, and the id that the answer carries.
func TestTheEngineLearnsWhoAsksAndTheRequestsID(t *testing.T) {
	f := withDigits(newFake())
	var calls []gateway.Call
	inner := f.invoke
	f.invoke = func(ctx context.Context, name, entity string, r runtime.Request) (endpoint.Answer, error) {
		c, _ := gateway.CallFrom(ctx)
		calls = append(calls, c)
		return inner(ctx, name, entity, r)
	}
	s := New(f, Options{})
	f.level = access.CanQuery
	for i, path := range []string{"/serving-endpoints/digits/invocations", "/serving-endpoints/digits/served-models/digits-1/invocations", "/v2/models/digits/infer", "/v2/models/digits/versions/1/infer", "/serving-endpoints/none/invocations"} {
		token, want := goodToken, ada
		if i%2 == 1 {
			token, want = guestToken, bob
		}
		a := ask(t, s, "POST", path, "{}", "Authorization: Bearer "+token)
		if len(calls) != i+1 || calls[i].User != want || calls[i].RequestID == "" || calls[i].RequestID != a.header.Get("X-Request-Id") {
			t.Errorf("%s: the engine learned %+v, the answer's id is %q", path, calls, a.header.Get("X-Request-Id"))
		}
	}
}

func zipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
