package framing

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// served is what a handler saw of one request.
type served struct {
	host, body string
	whole      bool // the body came to its end
	last       bool // the client asked for the connection to be closed
}

// record serves on l until the test ends and hands out what the handler saw.
func record(tb testing.TB, l net.Listener) func() []served {
	tb.Helper()
	var mu sync.Mutex
	var all []served
	s := &http.Server{
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, served{host: r.Host, body: string(body), whole: err == nil, last: r.Close})
		}),
		ConnState: func(c net.Conn, state http.ConnState) {
			if scanned, ok := c.(*Conn); ok && state == http.StateHijacked {
				scanned.Release()
			}
		},
		DisableGeneralOptionsHandler: true,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l) // ends with the listener
	}()
	tb.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return func() []served {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

func ignore(net.Addr, error) {}

// tell sends all of it on a connection to address and returns what comes back
// until the server closes.
func tell(tb testing.TB, address, sent string) string {
	tb.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, sent); err != nil {
		tb.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	got, err := io.ReadAll(c)
	if err != nil {
		tb.Errorf("the connection was not closed in order: %v", err)
	}
	return string(got)
}

func TestNetHTTPAnswers400(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	reasons := make(chan error, 1)
	seen := record(t, Listen(l, func(_ net.Addr, reason error) { reasons <- reason }))
	for name, c := range refused {
		if name == "half of an HTTP/2 preface" {
			continue // net/http takes its first half for a request without a host
		}
		t.Run(name, func(t *testing.T) {
			before := len(seen())
			whole, _, _, _ := bodies([]byte(c.sent))
			// What follows, as much as a client may send, is nobody's request.
			got := tell(t, l.Addr().String(), c.sent+crlf("", "GET /smuggled HTTP/1.1", "Host: a", "")+strings.Repeat("x", 64<<10))
			if reason := <-reasons; !errors.Is(reason, c.rule) {
				t.Errorf("refused because %v, want %v", reason, c.rule)
			}
			requests := seen()[before:]
			for i, r := range requests {
				if r.whole != (i < len(whole)) {
					t.Errorf("request %d: %+v, only %q is whole", i, r, whole)
				}
			}
			// A handler that has begun answers for itself; otherwise it is net/http.
			begun := len(requests) > len(whole)
			if !begun && !strings.Contains(got, "HTTP/1.1 400 ") {
				t.Errorf("the answer is %q", got)
			}
			if strings.Count(got, "HTTP/1.1 ") != len(requests)+count(!begun) {
				t.Errorf("%d requests, answers: %q", len(requests), got)
			}
		})
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestNetHTTPReadsWhatPasses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seen := record(t, Listen(l, func(_ net.Addr, reason error) { t.Error(reason) }))
	for name, c := range passing {
		if name == "HTTP/2" {
			continue // this server does not speak it
		}
		t.Run(name, func(t *testing.T) {
			before := len(seen())
			sent := c.sent
			if name != "HTTP/1.0" {
				sent += crlf("GET / HTTP/1.1", "Host: end", "Connection: close", "")
			}
			tell(t, l.Addr().String(), sent)
			var got []string
			for _, r := range seen()[before:] {
				if r.host != "end" {
					got = append(got, r.body)
				}
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.bodies) {
				t.Errorf("net/http read %q, the scanner %q", got, c.bodies)
			}
		})
	}
}

func TestAHijackedConnectionIsReleased(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	scanned := Listen(l, func(_ net.Addr, reason error) { t.Error(reason) })
	s := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c, buffered, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			_, _ = io.Copy(c, buffered)
		}),
		ConnState: func(c net.Conn, state http.ConnState) {
			if state == http.StateHijacked {
				c.(*Conn).Release()
			}
		},
	}
	go func() { _ = s.Serve(scanned) }()
	defer s.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, crlf("GET / HTTP/1.1", "Host: a", ""))
	from := bufio.NewReader(c)
	for _, want := range []string{"HTTP/1.1 101 Switching Protocols\r\n", "\r\n"} {
		if got, err := from.ReadString('\n'); got != want {
			t.Fatalf("%q, %v", got, err)
		}
	}
	for range 3 {
		const frame = "\x81\x00\n"
		_, _ = io.WriteString(c, frame)
		if got, err := from.ReadString('\n'); got != frame {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

// memory is a connection whose client has sent everything already.
type memory struct {
	from io.Reader
	to   bytes.Buffer
	done chan struct{}
	once sync.Once
}

func (m *memory) Read(p []byte) (int, error)       { return m.from.Read(p) }
func (m *memory) Write(p []byte) (int, error)      { return m.to.Write(p) }
func (m *memory) Close() error                     { m.once.Do(func() { close(m.done) }); return nil }
func (m *memory) CloseWrite() error                { return nil }
func (m *memory) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (m *memory) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (m *memory) SetDeadline(time.Time) error      { return nil }
func (m *memory) SetReadDeadline(time.Time) error  { return nil }
func (m *memory) SetWriteDeadline(time.Time) error { return nil }

// once is a listener with one connection.
type once struct {
	conn  net.Conn
	taken bool
	until chan struct{}
}

func (o *once) Accept() (net.Conn, error) {
	if !o.taken {
		o.taken = true
		return o.conn, nil
	}
	<-o.until
	return nil, net.ErrClosed
}
func (o *once) Close() error   { return nil }
func (o *once) Addr() net.Addr { return &net.TCPAddr{} }

// FuzzNetHTTPAgrees: of what the scanner lets pass, net/http reads the same
// requests with the same bodies, until it refuses one itself; and nothing of what
// follows a broken rule becomes a request.
func FuzzNetHTTPAgrees(f *testing.F) {
	for _, c := range passing {
		f.Add([]byte(c.sent))
	}
	for _, c := range refused {
		f.Add([]byte(c.sent + crlf("", "GET / HTTP/1.1", "Host: a", "")))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		whole, end, s, broken := bodies(sent)
		if s.place == beyond || s.place == inPreface {
			return // not HTTP/1, or half of an HTTP/2 preface
		}
		conn := &memory{from: bytes.NewReader(sent), done: make(chan struct{})}
		l := &once{conn: conn, until: conn.done}
		seen := record(t, Listen(l, ignore))
		<-conn.done
		requests := seen()
		for i, r := range requests {
			if r.whole != (i < len(whole)) || r.whole && r.body != whole[i] {
				t.Fatalf("request %d is %+v, the scanner read %q", i, r, whole)
			}
		}
		answers := conn.to.String()
		stopped := len(requests) > 0 && requests[len(requests)-1].last || refuses(answers)
		if len(requests) < len(whole) && !stopped {
			t.Fatalf("net/http read %d requests of %q and answered %q", len(requests), whole, answers)
		}
		begun := len(requests) > len(whole)
		if broken != nil && !stopped && !begun {
			t.Fatalf("%v, behind byte %d, was answered %q", broken, end, answers)
		}
	})
}

// refuses reports whether net/http answered something by itself.
func refuses(answers string) bool {
	for _, status := range []string{"HTTP/1.0 4", "HTTP/1.1 4", "HTTP/1.0 5", "HTTP/1.1 5"} {
		if strings.Contains(answers, status) {
			return true
		}
	}
	return false
}

// BenchmarkServe shows the scanning beside net/http alone. They take turns, so
// that both see the same machine.
func BenchmarkServe(b *testing.B) {
	const turn = 500 // requests
	one := []byte(crlf("POST /orders/17?full=1 HTTP/1.1", "Host: orders.example.org", "User-Agent: bench/1.0",
		"Accept: application/json", "Accept-Encoding: gzip, br", "Authorization: Bearer "+strings.Repeat("x", 120),
		"Cookie: session="+strings.Repeat("y", 64), "Content-Type: application/json", "Content-Length: 1024", "") + strings.Repeat("z", 1024))
	serve := func(wrap func(net.Listener) net.Listener) time.Duration {
		conn := &memory{from: &repeated{what: one, times: turn}, done: make(chan struct{})}
		s := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			conn.to.Reset()
		})}
		start := time.Now()
		_ = s.Serve(wrap(&once{conn: conn, until: conn.done}))
		return time.Since(start)
	}
	var alone, scanned time.Duration
	for range b.N {
		alone += serve(func(l net.Listener) net.Listener { return l })
		scanned += serve(func(l net.Listener) net.Listener { return Listen(l, ignore) })
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(alone.Nanoseconds())/float64(b.N*turn), "ns/request-alone")
	b.ReportMetric(float64(scanned)/float64(alone), "x-alone")
}

// repeated reads the same bytes again and again.
type repeated struct {
	what      []byte
	times, at int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.times == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.what[r.at:])
	r.at += n
	if r.at == len(r.what) {
		r.at, r.times = 0, r.times-1
	}
	return n, nil
}
