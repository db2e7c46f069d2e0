package verify_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davit-dev/davit/internal/verify"
)

// shop answers like a small service; under /broken it does not.
func shop() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Location", "/orders/7")
		w.Header().Set("X-Type", r.Header.Get("Content-Type"))
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"id":7,"key":"a/b ?","host":%q,"agent":%q,"sent":%s,"none":null,"big":9007199254740993}`, r.Host, r.UserAgent(), body)
	})
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"id":%s,"key":%q,"query":%q,"auth":%q}`, r.PathValue("id"), r.URL.Query().Get("key"), r.URL.RawQuery, r.Header.Get("Authorization"))
	})
	mux.HandleFunc("GET /keys/{key}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.PathValue("key")) })
	mux.HandleFunc("GET /text", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello\n") })
	mux.HandleFunc("GET /away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/text", http.StatusFound) })
	mux.HandleFunc("GET /broken/long", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, strings.Repeat("möve\n", 1000), http.StatusInternalServerError)
	})
	mux.HandleFunc("GET /broken/huge", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 5<<20)) })
	mux.HandleFunc("GET /broken/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("GET /broken/json", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"a":1}{`) })
	return mux
}

// ask runs the assertions against the shop.
func ask(t *testing.T, text string) verify.Report {
	t.Helper()
	server := httptest.NewServer(shop())
	defer server.Close()
	suite := verify.Suite{Files: []verify.File{parsed(t, text)}}
	report, err := verify.Run(t.Context(), suite, verify.Site{URL: server.URL, Host: "orders.localhost"})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestGoodAnswersPass(t *testing.T) {
	report := ask(t, `
- request: POST /orders
  headers: {Content-Type: application/json}
  body: '{"item":"rope","n":1.50,"tags":["a",{"b":null}]}'
  expect:
    status: [200, 201]
    headers: {location: /orders/*, X-Type: application/json}
    json:
      $.host: orders.localhost
      $.agent: davit-verify
      $.sent.n: 1.5
      $.sent.tags: [a, {b: null}]
      $.sent: {equals: {tags: [a, {b: null}], n: 15e-1, item: rope}}
      $.none: null
      $.nothing: {exists: false}
      $.sent.tags[1].b: {exists: true}
      $.big: 9007199254740993
    latency: 20s
  save: {id: $.id, key: $.key}
- request: GET /orders/{{id}}?key={{ key }}
  headers: {Authorization: "Key {{id}}"}
  expect:
    json: {$.id: "{{id}}", $.key: "{{key}}", $.query: "key=a%2Fb+%3F", $.auth: "Key {{id}}"}
- request: GET /keys/{{key}}
  expect: {body: "{{key}}"}
- request: GET /text
  expect: {body: "hello\n", contains: [hell, lo]}
- request: GET /away
  expect: {status: 3xx, headers: {Location: /text}}
`)
	if !report.Passed || len(report.Checks) != 5 {
		for _, check := range report.Checks {
			t.Errorf("%s: %s", check.Title(), check.Reason())
		}
	}
	if got := report.Summary(); got != "5 checks passed" {
		t.Errorf("summary is %q", got)
	}
}

func TestWrongAnswersFail(t *testing.T) {
	post := "- request: POST /orders\n  body: '{\"item\":\"rope\"}'\n  expect: "
	get := "- request: GET /text\n  expect: "
	for text, want := range map[string]string{
		get + "{status: 201}":        "status: expected 201, got 200 OK: hello",
		get + "{status: [404, 5xx]}": "status: expected 404 or 5xx, got 200 OK: hello",
		"- request: GET /none":       "status: expected 2xx, got 404 Not Found: 404 page not found",
		"- request: GET /away":       `status: expected 2xx, got 302 Found: <a href="/text">Found</a>.`,

		get + "{headers: {X-None: '*', Content-Type: text/html*}}":               "header Content-Type: expected text/html*, got text/plain; charset=utf-8; header X-None: expected *, got no such header",
		get + "{contains: [hello, bye]}":                                         "body: expected contains bye, got hello",
		get + "{body: hello}":                                                    "body: expected hello, got hello",
		get + "{json: {$.a: 1}}":                                                 "body: expected JSON, got invalid character 'h' looking for beginning of value: hello",
		get + "{latency: 0.000000001s}":                                          "latency: expected at most 1ns, got ",
		post + "{json: {$.id: 8}}":                                               "json $.id: expected 8, got 7",
		post + "{json: {$.id: '7'}}":                                             `json $.id: expected "7", got 7`,
		post + "{json: {$.big: 9007199254740992}}":                               "json $.big: expected 9007199254740992, got 9007199254740993",
		post + "{json: {$.sent: {equals: {item: rope, n: 1}}}}":                  `json $.sent: expected {"item":"rope","n":1}, got {"item":"rope"}`,
		post + "{json: {$.id: {exists: false}, $.x: {exists: true}, $.y: null}}": "json $.id: expected no value, got 7; json $.x: expected a value, got no value; json $.y: expected null, got no value",
		post + "{}\n  save: {a: $.none, b: $.sent, c: $.x}":                      "json $.none: expected text, a number or a boolean to save as a, got null; json $.sent: expected text, a number or a boolean to save as b, got an object; json $.x: expected a value to save as c, got no value",
		"- request: GET /text\n  save: {a: $.x}":                                 "body: expected JSON, got invalid character 'h' looking for beginning of value: hello",
		"- request: HEAD /text\n  save: {a: $.x}":                                "body: expected JSON, got it is empty: ",
		"- request: GET /broken/json\n  expect: {json: {$.a: 1}}":                `body: expected JSON, got more follows after the first value: {"a":1}{`,
		"- request: GET /broken/huge":                                            "GET /broken/huge: expected an answer, got the body is larger than 4 MiB",
		"- request: GET /broken/abort":                                           "GET /broken/abort: expected an answer, got a closed connection",
	} {
		report := ask(t, text)
		if got := report.Checks[0].Reason(); report.Passed || !strings.HasPrefix(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", text, got, want)
		}
	}
}

func TestReportHoldsNoLongBodies(t *testing.T) {
	report := ask(t, "- request: GET /broken/long")
	got := report.Checks[0].Failures[0].Got
	if want := "500 Internal Server Error: möve möve"; !strings.HasPrefix(got, want) || len(got) > 250 || !strings.HasSuffix(got, "…") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

// What needs a value that was not saved is not sent, and what needs none is.
func TestFailureDoesNotStopTheRest(t *testing.T) {
	report := ask(t, `
- request: GET /none
  save: {id: $.id}
- request: GET /orders/{{id}}
- request: GET /text
`)
	if report.Passed || len(report.Checks) != 3 || !report.Checks[2].Passed {
		t.Fatalf("got %+v", report.Checks)
	}
	if got := report.Checks[1].Reason(); got != "{{id}}: expected a value saved before, got none, since that failed" {
		t.Errorf("got %q", got)
	}
	want := "2 of 3 checks failed: acceptance/a.yaml: GET /none: status: expected 2xx, got 404 Not Found: 404 page not found"
	if got := report.Summary(); got != want {
		t.Errorf("summary is %q, want %q", got, want)
	}
}

func TestLoadRunsOnlyWhenAssertionsHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hits := 0
		transport := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			hits++
			w.WriteHeader(http.StatusTeapot)
		})
		suite := verify.Suite{Files: []verify.File{parsed(t, one)}, Load: run()}
		report, err := verify.RunOver(t.Context(), transport, suite, here)
		if err != nil || report.Passed || report.Load != nil || hits != 1 {
			t.Errorf("got %+v, %v after %d requests", report, err, hits)
		}
	})
}

func TestAnswerIsNotWaitedForForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		begin := time.Now()
		report, err := verify.RunOver(t.Context(), transport, verify.Suite{Files: []verify.File{parsed(t, one)}}, here)
		if err != nil || time.Since(begin) != 30*time.Second {
			t.Fatalf("got %v after %s", err, time.Since(begin))
		}
		if got := report.Checks[0].Reason(); got != "GET /: expected an answer, got none within 30s" {
			t.Errorf("got %q", got)
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := errors.New("somebody pressed Ctrl-C")
		ctx, cancel := context.WithCancelCause(t.Context())
		transport := serve(t, func(http.ResponseWriter, *http.Request) { cancel(ended) })
		_, err := verify.RunOver(ctx, transport, verify.Suite{Files: []verify.File{parsed(t, one)}}, here)
		if !errors.Is(err, ended) {
			t.Errorf("got %v", err)
		}
	})
}

func TestReportDigest(t *testing.T) {
	report := verify.Report{Passed: true, Suite: "sha256:00", Checks: []verify.Check{{Name: "a", Passed: true}}}
	first, err := report.Digest()
	if err != nil || !strings.HasPrefix(first, "sha256:") {
		t.Fatalf("got %s, %v", first, err)
	}
	report.Checks[0].Passed = false
	if second, err := report.Digest(); err != nil || second == first {
		t.Errorf("a failed check does not change the digest: %s, %v", second, err)
	}
}
