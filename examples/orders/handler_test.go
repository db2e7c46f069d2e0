package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// call sends one request to a service with the seed orders.
func call(t *testing.T, h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, httptest.NewRequest(method, path, strings.NewReader(body)))
	return recorder
}

func service(cfg config) http.Handler {
	return newHandler(cfg, newStore(seed()), slog.New(slog.DiscardHandler))
}

func TestStatus(t *testing.T) {
	for _, test := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/healthz", "", 200},
		{"GET", "/version", "", 200},
		{"GET", "/orders", "", 200},
		{"GET", "/orders/1", "", 200},
		{"GET", "/orders/99", "", 404},
		{"GET", "/orders/rope", "", 404},
		{"DELETE", "/orders/1", "", 204},
		{"DELETE", "/orders/99", "", 404},
		{"PUT", "/orders", "", 405},
		{"GET", "/elsewhere", "", 404},
		{"POST", "/orders", `{"item":"rope","quantity":2}`, 201},
		{"POST", "/orders", `{"item":"rope","quantity":0}`, 400},
		{"POST", "/orders", `{"item":" ","quantity":1}`, 400},
		{"POST", "/orders", `{"item":"rope","pieces":1}`, 400},
		{"POST", "/orders", `rope`, 400},
		{"POST", "/orders", `{"item":"` + strings.Repeat("x", maxBody) + `"}`, 413},
	} {
		got := call(t, service(config{}), test.method, test.path, test.body)
		if got.Code != test.want {
			t.Errorf("%s %s %.40s: status %d, want %d: %s", test.method, test.path, test.body, got.Code, test.want, got.Body)
		}
	}
}

func TestOrderIsKept(t *testing.T) {
	h := service(config{})
	created := call(t, h, "POST", "/orders", `{"item":"rope","quantity":2}`)
	var o order
	if err := json.Unmarshal(created.Body.Bytes(), &o); err != nil {
		t.Fatal(err)
	}
	location := created.Header().Get("Location")
	if want := fmt.Sprintf("/orders/%d", o.ID); location != want {
		t.Errorf("Location is %q, want %q", location, want)
	}
	if got := call(t, h, "GET", location, ""); got.Body.String() != created.Body.String() {
		t.Errorf("got %s, created was %s", got.Body, created.Body)
	}
	if got := call(t, h, "GET", "/orders", ""); !strings.HasPrefix(got.Body.String(), fmt.Sprintf(`{"orders":[{"id":%d,`, o.ID)) {
		t.Errorf("the newest order is not the first one listed: %s", got.Body)
	}
	call(t, h, "DELETE", location, "")
	if got := call(t, h, "GET", location, ""); got.Code != http.StatusNotFound {
		t.Errorf("a removed order is answered with %d", got.Code)
	}
}

func TestVersion(t *testing.T) {
	got := call(t, service(config{version: "v7"}), "GET", "/version", "")
	if got.Body.String() != `{"version":"v7"}`+"\n" || got.Header().Get(versionHeader) != "v7" {
		t.Errorf("got %s, header %q", got.Body, got.Header().Get(versionHeader))
	}
}

func TestFailShareHitsSingleOrdersOnly(t *testing.T) {
	h := service(config{failShare: 1})
	if got := call(t, h, "GET", "/orders/1", ""); got.Code != http.StatusInternalServerError {
		t.Errorf("GET /orders/1: status %d, want 500", got.Code)
	}
	for _, path := range []string{"/orders", "/healthz", "/version"} {
		if got := call(t, h, "GET", path, ""); got.Code != http.StatusOK {
			t.Errorf("GET %s: status %d, want 200", path, got.Code)
		}
	}
}
