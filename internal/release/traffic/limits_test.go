package traffic_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/sys/unix"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// limited starts an edge with limits and a version that says its label.
func limited(tb testing.TB, limits traffic.Limits) *rig {
	tb.Helper()
	r := newRig(tb, tb.TempDir(), func(c *traffic.Config, _ *traffic.Deps) { c.Limits = limits })
	r.route(tb, named(tb, "r1"), nil, 0)
	return r
}

// from opens a connection to the edge from a loopback address of the test's choice.
func (r *rig) from(tb testing.TB, address string) net.Conn {
	tb.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	c, err := d.DialContext(tb.Context(), "tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
	return c
}

const ask = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

// served says whether a request on c is answered by the app.
func served(c net.Conn) bool {
	if _, err := io.WriteString(c, ask); err != nil {
		return false
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err == nil && res.StatusCode == http.StatusOK
}

// TestReliability17Slowloris: clients that do not come to the end of their first
// fields lose their connections.
func TestReliability17Slowloris(t *testing.T) {
	r := limited(t, traffic.Limits{HeaderTime: 200 * time.Millisecond})
	for name, c := range map[string]struct {
		sent string
		more bool // a field every now and then
	}{
		"nothing":                {"", false},
		"half a request line":    {"GET /", false},
		"half a preface":         {http2.ClientPreface[:16], false},
		"a preface and no frame": {http2.ClientPreface, false},
		"fields without an end":  {"GET / HTTP/1.1\r\nHost: a\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := r.from(t, "127.0.0.1")
			_, _ = io.WriteString(conn, c.sent)
			if c.more {
				tick := time.NewTicker(20 * time.Millisecond)
				defer tick.Stop()
				go func() {
					for range tick.C {
						if _, err := io.WriteString(conn, "X: y\r\n"); err != nil {
							return
						}
					}
				}()
			}
			if !served(r.from(t, "127.0.0.2")) {
				t.Error("another client is not served")
			}
			if _, err := io.Copy(io.Discard, conn); isTimeout(err) {
				t.Errorf("the connection was not closed: %v", err)
			}
		})
	}
}

func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// TestReliability17ConnectionsByClient: one address gets its share, and what it
// gives back it gets again.
func TestReliability17ConnectionsByClient(t *testing.T) {
	r := limited(t, traffic.Limits{Connections: 8, ClientConnections: 3})
	var held []net.Conn
	for _, address := range []string{"127.0.0.2", "127.0.0.3"} {
		for range 3 {
			held = append(held, r.from(t, address))
			if !served(held[len(held)-1]) {
				t.Fatalf("%s is not served within its limit", address)
			}
		}
		if served(r.from(t, address)) {
			t.Errorf("%s is served above its limit", address)
		}
	}
	for range 2 {
		held = append(held, r.from(t, "127.0.0.4"))
		if !served(held[len(held)-1]) {
			t.Fatal("a third address is not served")
		}
	}
	if served(r.from(t, "127.0.0.5")) {
		t.Error("a connection above the limit for all is served")
	}
	if got := r.metrics(t)[`davit_edge_closed_connections_total{listener="production"}`]; got != 3 {
		t.Errorf("%v closed connections are counted, want 3", got)
	}
	if got := r.metrics(t)[`davit_edge_open_connections{listener="production"}`]; got != 8 {
		t.Errorf("%v open connections are counted, want 8", got)
	}
	held[0].Close()
	eventually(t, "the closed connection's place is free", func() bool { return served(r.from(t, "127.0.0.2")) })
}

// TestReliability17IdleConnections holds as many idle connections as there are
// descriptors for, 10 000 at most.
func TestReliability17IdleConnections(t *testing.T) {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	const perConnection = 48 << 10 // bytes: two buffers of 4 KiB, stacks of two goroutines, and room
	n := int(min(10_000, (files.Cur-500)/2))
	r := limited(t, traffic.Limits{ // none may end by itself, however slow the machine is
		Connections: n + 100, ClientConnections: n, HeaderTime: time.Hour, IdleTime: time.Hour,
	})
	served(r.from(t, "127.0.0.2"))
	memory, goroutines := footprint(), runtime.NumGoroutine()
	idle := make([]net.Conn, n)
	for i := range idle {
		idle[i] = r.from(t, "127.0.0.3")
		if i%64 == 0 && !served(idle[i]) { // some were used before
			t.Fatalf("connection %d is not served", i)
		}
	}
	if served(r.from(t, "127.0.0.3")) {
		t.Error("a connection above the limit is served")
	}
	if !served(r.from(t, "127.0.0.2")) {
		t.Error("another client is not served")
	}
	used := (footprint() - memory) / int64(n)
	t.Logf("%d connections, %d bytes and %.2f goroutines each", n, used, float64(runtime.NumGoroutine()-goroutines)/float64(n))
	if used > perConnection {
		t.Errorf("an idle connection costs %d bytes, allowed are %d", used, perConnection)
	}
	if got := runtime.NumGoroutine() - goroutines; got > 2*n {
		t.Errorf("%d goroutines for %d connections", got, n)
	}
	for _, c := range idle {
		c.Close()
	}
	eventually(t, "the goroutines of closed connections end", func() bool { return runtime.NumGoroutine() < goroutines+n/10+20 })
}

// footprint is what the process holds of the heap and in stacks.
func footprint() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// TestReliability17RapidReset opens HTTP/2 requests and gives each up: in a flood,
// and then each when the version has it, which is what costs most.
func TestReliability17RapidReset(t *testing.T) {
	const resets, streams = 50, 10
	r := newRig(t, t.TempDir(), func(c *traffic.Config, _ *traffic.Deps) {
		c.Limits = traffic.Limits{Resets: resets, Streams: streams}
	})
	var requests atomic.Int64
	r.route(t, backend(t, "r1", func(_ http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/slow" {
			requests.Add(1)
			<-req.Context().Done()
		}
	}), nil, 0)
	goroutines := runtime.NumGoroutine()
	for name, wait := range map[string]bool{"flood": false, "patient": true} {
		t.Run(name, func(t *testing.T) {
			requests.Store(0)
			f := dialFrames(t, r.url)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_, _ = io.Copy(io.Discard, f.conn)
			}()
			for n := range 20_000 {
				if !f.giveUp(uint32(2*n+1), func() {
					if wait {
						eventually(t, "the version has the request, or the connection is closed", func() bool {
							return requests.Load() > int64(n) || isClosed(ended)
						})
					}
				}) || isClosed(ended) {
					break
				}
			}
			if wait && !isClosed(ended) {
				t.Error("20 000 resets, and the connection is still open")
			}
			if got := requests.Load(); got > resets+5*streams {
				t.Errorf("the version got %d requests", got)
			}
			if !served(r.from(t, "127.0.0.2")) {
				t.Error("another client is not served")
			}
		})
	}
	eventually(t, "what was given up ends", func() bool { return runtime.NumGoroutine() < goroutines+20 })
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// giveUp opens a stream, resets it after meanwhile, and reports whether it could.
func (f *frames) giveUp(stream uint32, meanwhile func()) bool {
	f.encoded.Reset()
	for _, field := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":path", "/slow"}, {":authority", "a"}} {
		f.field(field[0], field[1])
	}
	err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: f.encoded.Bytes(), EndHeaders: true, EndStream: true})
	if err != nil {
		return false
	}
	meanwhile()
	return f.WriteRSTStream(stream, http2.ErrCodeCancel) == nil
}

// TestReliability17HugeHeaders sends a megabyte of fields in every way.
func TestReliability17HugeHeaders(t *testing.T) {
	r := limited(t, traffic.Limits{})
	huge := strings.Repeat("x", 1<<20)
	for name, request := range map[string]struct{ sent, answer string }{
		"one field":      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + huge + "\r\n\r\n", "431"},
		"many fields":    {"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 1<<18) + "\r\n", "400"},
		"one name":       {"GET / HTTP/1.1\r\nHost: a\r\n" + huge + ": x\r\n\r\n", "431"},
		"request target": {"GET /" + huge + " HTTP/1.1\r\nHost: a\r\n\r\n", "431"},
	} {
		t.Run(name, func(t *testing.T) {
			c := r.from(t, "127.0.0.1")
			go func() { _, _ = io.WriteString(c, request.sent) }()
			if line, err := bufio.NewReader(c).ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 "+request.answer+" ") {
				t.Errorf("answered %q, %v", line, err)
			}
		})
	}
	t.Run("continuation frames", func(t *testing.T) {
		f := dialFrames(t, r.url)
		f.field(":method", "GET")
		f.field("x", huge)
		go func() {
			block := f.encoded.Bytes()
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:1<<14]})
			for chunk := range slices.Chunk(block[1<<14:], 1<<14) {
				if f.WriteContinuation(1, false, chunk) != nil {
					return
				}
			}
		}()
		if got := f.status(t, 1); got != "431" && got != "closed" {
			t.Errorf("answered %s", got)
		}
	})
	if !served(r.from(t, "127.0.0.2")) {
		t.Error("another client is not served")
	}
}

func TestLongBodiesAreRefused(t *testing.T) {
	r := limited(t, traffic.Limits{BodyBytes: 10})
	for body, status := range map[string]int{"0123456789": 200, "0123456789x": 413} {
		for name, req := range map[string]*http.Request{
			"announced": request(t, http.MethodPost, r.url, "a", body),
			"chunked":   request(t, http.MethodPost, r.url, "a", body),
		} {
			if name == "chunked" {
				req.ContentLength = -1
			}
			if got, text := send(t, req); got != status {
				t.Errorf("%s, %d bytes: %d %q, want %d", name, len(body), got, text, status)
			}
		}
		f := dialFrames(t, r.url)
		f.request(t, 1, body, ":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a")
		if got := f.status(t, 1); got != fmt.Sprint(status) {
			t.Errorf("HTTP/2, %d bytes: %s, want %d", len(body), got, status)
		}
	}
	if v := r.label(t, "r1"); v.Failed != 0 {
		t.Errorf("long bodies count %d times against the version", v.Failed)
	}
}

func TestNegativeLimitsAreRefused(t *testing.T) {
	production, staging := listen(t), listen(t)
	defer production.Close()
	defer staging.Close()
	for _, l := range []traffic.Limits{{HeaderBytes: -1}, {IdleTime: -1}, {BodyBytes: -1}, {Resets: -1}} {
		_, err := traffic.New(traffic.Config{Socket: "s", TableFile: "t", Limits: l},
			traffic.Deps{Production: production, Staging: staging, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), "negative") {
			t.Errorf("%+v: %v", l, err)
		}
	}
}
