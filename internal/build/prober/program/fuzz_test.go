package main

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"strings"
	"testing"
)

// FuzzAnswer: what net/http reads as an answer is read as the same one here.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 204\nA: b\n c\n\nx", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\nA: b\r\n\r\n", "HTTP/1.1  200  OK\r\n\r\n",
		"HTTP/1.1 101 x\r\n\r\n", "HTTP/1.1 200 OK\r\n: x\r\n\r\n", "HTTP/1.1 200 OK\r\n x\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 +20 OK\r\n\r\n", "", "\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 099 x\r\n\r\n", "HTTP/1.1 200 \"\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := readAnswer(bytes.NewReader(data))
		if err == nil && (found.status < 100 || found.status > 999 || strings.ContainsAny(found.text, "\r\n\x1b")) {
			t.Errorf("%q was read as %+v", data, found)
		}
		want := final(data[:min(len(data), longest)])
		if want == nil {
			return
		}
		if err != nil || found.status != want.StatusCode {
			t.Errorf("%q was read as %d (%v), want %d", data, found.status, err, want.StatusCode)
		}
	})
}

// final returns the answer that net/http reads, nil for what it refuses, and for
// what only it takes: other versions, and a sign before the status.
func final(data []byte) *http.Response {
	text := bufio.NewReader(bytes.NewReader(data))
	for {
		found, err := http.ReadResponse(text, nil)
		if err != nil || found.ProtoMajor != 1 || found.StatusCode < 100 || strings.HasPrefix(found.Status, "+") {
			return nil
		}
		if found.StatusCode >= 200 || found.StatusCode == http.StatusSwitchingProtocols {
			return found
		}
	}
}

// FuzzTarget: a URL that is taken names a host and a port, and makes a request
// of the lines that it should have.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{
		"http://127.0.0.1:8080/healthz?a=b#c", "tcp://[::1]:5432", "http://[::1]", "http://a/ä\r\nX: y", "http://a\r\nb:1/", "https://a", "http://$HOME:1",
		"http://${A}:$(B)/$C", "tcp://a", "://", "http://:80", "http://a:", "http://a?b", "$(", "${", "$", "http://[a", "http://a]:1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, err := parseTarget(text)
		if err != nil {
			return
		}
		host, port, err := net.SplitHostPort(found.address)
		if err != nil || host == "" || port == "" || !strings.HasPrefix(found.path, "/") {
			t.Errorf("%q was read as %+v: %v", text, found, err)
		}
		for _, part := range []string{found.host, found.path} {
			if strings.IndexFunc(part, func(r rune) bool { return r <= ' ' || r == 0x7f }) >= 0 {
				t.Errorf("%q puts %q into a request", text, part)
			}
		}
	})
}

func TestExpand(t *testing.T) {
	t.Setenv("A", "1")
	t.Setenv("A_B2", "$A")
	for text, want := range map[string]string{
		"": "", "a": "a", "$A": "1", "$A$A": "11", "x${A}y": "x1y", "x$(A)y$A/": "x1y1/", "$A_B2.": "$A.", "$": "$", "$$A": "$1", "$(A": "$(A", "${A": "${A",
		"$NONE/$A": "$NONE/1", "$(NONE)$A": "$(NONE)1", "${}": "${}", "$()": "$()", "$(A}": "$(A}", "$-A": "$-A",
	} {
		if got := expand(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
