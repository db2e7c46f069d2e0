package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// shows makes a request as it comes from an address.
func shows(t *testing.T, from string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/status", http.NoBody)
	r.RemoteAddr = from
	return r
}

func TestWrongKeysDoNotLockOutTheRightOne(t *testing.T) {
	var said bytes.Buffer
	d := Door{Log: slog.New(slog.NewTextHandler(&said, nil))}
	_, key := grant(t, &d.Book, Token{Name: "ci", Role: Viewer})
	_, old := grant(t, &d.Book, Token{Name: "old", Role: Viewer, Expires: noon})
	wrong := newKey().String()
	from := "[2001:db8::1]:1"
	var held *HeldError
	for n := range maxFailures + 5 {
		if _, err := d.Admit(shows(t, from), wrong); errors.As(err, &held) != (n >= maxFailures) {
			t.Fatalf("%d: %v", n, err)
		}
	}
	if _, err := d.Admit(shows(t, "[2001:db8::2]:1"), wrong); !errors.As(err, &held) {
		t.Errorf("its neighbour: %v", err)
	}
	if token, err := d.Admit(shows(t, from), key); err != nil || token.Name != "ci" {
		t.Errorf("the right one: %v", err)
	}
	var expired *ExpiredError
	if _, err := d.Admit(shows(t, from), old); !errors.As(err, &expired) {
		t.Errorf("one whose time is over: %v", err)
	}
	if lines := strings.Count(said.String(), "\n"); lines != maxFailures {
		t.Errorf("the log has %d lines: %s", lines, &said)
	}
	if strings.Contains(said.String(), wrong) {
		t.Errorf("the key is in the log: %s", &said)
	}
}

// under is a server where everything is done under a token, HTTP/2 or not.
func under(t *testing.T, http2 bool, do http.HandlerFunc) (*httptest.Server, *Door, Token) {
	t.Helper()
	d := &Door{}
	token, _ := grant(t, &d.Book, Token{Name: "ci", Role: Viewer})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.Under(w, r, token, do) }))
	s.EnableHTTP2 = http2
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, d, token
}

func revoke(t *testing.T, d *Door, token Token) {
	t.Helper()
	if err := d.Apply(KindRevoked, json.RawMessage(`{"id":"`+token.ID+`"}`)); err != nil {
		t.Error(err)
	}
}

// TestABodyEndsWithItsToken revokes the token of somebody who sends, and then sends
// no more.
func TestABodyEndsWithItsToken(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		ended, begun := make(chan error, 1), make(chan struct{})
		s, d, token := under(t, http2, func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.ReadFull(r.Body, make([]byte, 5))
			close(begun)
			if err == nil {
				_, err = io.Copy(io.Discard, r.Body)
			}
			ended <- err
		})
		read, write := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, read)
		if err != nil {
			t.Fatal(err)
		}
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			if res, err := s.Client().Do(req); err == nil { // it is cut, one way or another
				res.Body.Close()
			}
		}()
		if _, err := write.Write([]byte("begin")); err != nil {
			t.Fatal(err)
		}
		<-begun
		revoke(t, d, token)
		if err := <-ended; err == nil {
			t.Errorf("HTTP/2 %v: the body came to its end", http2)
		}
		if err := write.Close(); err != nil {
			t.Error(err)
		}
		<-answered
	}
}

// TestAnAnswerEndsWithItsToken revokes the token of somebody who does not read what
// is sent to them.
func TestAnAnswerEndsWithItsToken(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		ended := make(chan struct{})
		s, d, token := under(t, http2, func(w http.ResponseWriter, _ *http.Request) {
			var err error
			for err == nil {
				_, err = w.Write(make([]byte, 1<<16))
			}
			close(ended)
		})
		res, err := s.Client().Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		revoke(t, d, token)
		<-ended
		if _, err := io.Copy(io.Discard, res.Body); err == nil {
			t.Errorf("HTTP/2 %v: it looks like a whole answer", http2)
		}
		res.Body.Close()
	}
}

func TestNobodyTakesAllConnections(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Bound(inner, slog.New(slog.DiscardHandler))
	defer l.Close()
	came := make(chan net.Conn)
	go func() {
		defer close(came)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			came <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	var first net.Conn
	for range maxFromClient {
		dial()
		first = <-came
		t.Cleanup(func() { first.Close() })
	}
	if _, err := dial().Read(make([]byte, 1)); err == nil {
		t.Error("one above the limit is let in")
	}
	first.Close()
	first.Close() // gives its place back once
	dial()
	if c, ok := <-came; !ok {
		t.Error("the place of one that was closed stays taken")
	} else {
		t.Cleanup(func() { c.Close() })
	}
	if _, err := dial().Read(make([]byte, 1)); err == nil {
		t.Error("one that was closed twice leaves two places")
	}
}
