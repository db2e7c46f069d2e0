package app

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReliability22ForeignPagesAreRefused is what a page in the operator's browser could try
// on a loopback address.
func TestReliability22ForeignPagesAreRefused(t *testing.T) {
	handler := guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	for _, test := range []struct {
		host, origin string
		want         int
	}{
		{"127.0.0.1:7070", "", 200},
		{"localhost:7070", "http://localhost:7070", 200},
		{"[::1]:7070", "", 200},
		{"127.0.0.1:7070", "http://evil.example", 403},
		{"127.0.0.1:7070", "http://127.0.0.1:8080", 403},
		{"127.0.0.1:7070", "null", 403},
		{"evil.example:7070", "", 403},
		{"localhost.evil.example", "", 403},
		{"", "", 403},
	} {
		req := httptest.NewRequest(http.MethodPost, "/v2/", nil)
		req.Host = test.host
		if test.origin != "" {
			req.Header.Set("Origin", test.origin)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, req)
		if w.Code != test.want {
			t.Errorf("Host %q, Origin %q: %d, want %d", test.host, test.origin, w.Code, test.want)
		}
	}
}

func TestOnlyLoopbackIsListenedOn(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:7070": true, "localhost:0": true, "[::1]:1": true,
		"0.0.0.0:7070": false, ":7070": false, "192.168.1.1:1": false, "127.0.0.1": false, "": false,
	} {
		if loopback(address) != want {
			t.Errorf("%q: %v", address, !want)
		}
	}
}

func TestSocketsOfALongFolderAreShort(t *testing.T) {
	paths, err := NewPaths(filepath.Join(t.TempDir(), strings.Repeat("long", 40)))
	if err != nil {
		t.Fatal(err)
	}
	for _, socket := range []string{paths.API(), paths.EdgeSocket()} {
		if len(socket) > 107 {
			t.Errorf("%s has %d bytes", socket, len(socket))
		}
	}
}

func TestAFolderOfOthersIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	paths, err := NewPaths(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := paths.Make(); err == nil {
		t.Error("a folder that everybody can write to was taken")
	}
}

func TestOneControlForAFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	held, err := lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(path); !errors.Is(err, ErrServing) {
		t.Errorf("got %v", err)
	}
	held.Close()
	again, err := lock(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
