package traffic_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/davit-dev/davit/internal/release/traffic"
)

func TestRequestsAreRoutedByHost(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	if status, _ := r.do(t, http.MethodGet, ""); status != http.StatusServiceUnavailable {
		t.Errorf("without a table: %d, want 503", status)
	}
	err := r.PutTable(t.Context(), traffic.Table{Version: 1, Routes: []traffic.Route{
		{App: "a", Version: 1, Listener: traffic.Production, Hosts: []string{"a.localhost", "A2.localhost"}, Stable: named(t, "a")},
		{App: "b", Version: 1, Listener: traffic.Production, Hosts: []string{"b.localhost"}, Stable: named(t, "b")},
		{App: "a", Version: 1, Listener: traffic.Staging, Hosts: []string{"a.localhost"}, Stable: named(t, "staged")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url, host string
		status    int
		text      string
	}{
		{r.url, "a.localhost", 200, "a"},
		{r.url, "A.LocalHost:8080", 200, "a"},
		{r.url, "a.localhost.", 200, "a"},
		{r.url, "a2.localhost", 200, "a"},
		{r.url, "b.localhost", 200, "b"},
		{r.url, "xb.localhost", 404, ""},
		{r.url, "localhost", 404, ""},
		{r.staging, "a.localhost", 200, "staged"},
		{r.staging, "b.localhost", 404, ""},
	} {
		status, text := send(t, request(t, http.MethodGet, c.url, c.host, ""))
		if status != c.status || status == 200 && text != c.text {
			t.Errorf("%s on %s: got %d %q", c.host, c.url, status, text)
		}
		if status == 404 && strings.Contains(text, "b.localhost") {
			t.Errorf("the answer for an unknown host names others: %q", text)
		}
	}
}

func TestForgedHeadersAreNotPassedOn(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	got := make(chan *http.Request, 1)
	r.route(t, backend(t, "r1", func(_ http.ResponseWriter, req *http.Request) { got <- req }), nil, 0)
	req := request(t, http.MethodGet, r.url+"/a%2Fb/../c?x=1;y=%zz", "a", "")
	for name, value := range map[string]string{
		"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Host": "evil", "X-Forwarded-Proto": "https",
		"X-Forwarded-Port": "1", "Forwarded": "for=6.6.6.6", "X-Real-Ip": "6.6.6.6",
		"X-Davit-Version": "r2", "Traceparent": "bad", "Tracestate": "x=1", "X-Request-Id": "no spaces here",
		"Connection": "X-Forwarded-For, Keep, Upgrade", "Keep": "hop", "Upgrade": "h2c", "Accept-Encoding": "br", "X-Mine": "kept",
	} {
		req.Header.Set(name, value)
	}
	send(t, req)
	seen := <-got
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "a", "X-Forwarded-Proto": "http",
		"X-Forwarded-Port": "", "Forwarded": "", "X-Real-Ip": "", "X-Davit-Version": "", "Tracestate": "",
		"Keep": "", "Upgrade": "", "Accept-Encoding": "br", "X-Mine": "kept",
	} {
		if v := strings.Join(seen.Header.Values(name), "|"); v != want {
			t.Errorf("%s: got %q, want %q", name, v, want)
		}
	}
	if seen.Host != "a" || seen.RequestURI != "/a%2Fb/../c?x=1;y=%zz" {
		t.Errorf("got %s %s", seen.Host, seen.RequestURI)
	}
	id, trace := seen.Header.Get("X-Request-Id"), seen.Header.Get("Traceparent")
	if len(id) != 32 || len(trace) != 55 {
		t.Errorf("made request id %q and traceparent %q", id, trace)
	}

	req = request(t, http.MethodGet, r.url, "a", "")
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	req.Header.Set("X-Request-Id", "mine")
	req.Header.Set("Traceparent", parent)
	req.Header.Set("Tracestate", "x=1")
	send(t, req)
	seen = <-got
	if seen.Header.Get("X-Request-Id") != "mine" || seen.Header.Get("Traceparent") != parent || seen.Header.Get("Tracestate") != "x=1" {
		t.Errorf("good identifiers were not kept: %v", seen.Header)
	}
}

func TestTrailersInformationAndStreamedBodies(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	began := make(chan struct{})
	r.route(t, backend(t, "r1", func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Link", "</style.css>")
		w.WriteHeader(http.StatusEarlyHints)
		first := make([]byte, 5)
		_, _ = io.ReadFull(req.Body, first)
		close(began)
		rest, _ := io.ReadAll(req.Body)
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprintf(w, "%s%s", first, rest)
		w.Header().Set("X-Sum", "from "+req.Trailer.Get("X-Check"))
	}), nil, 0)

	body, pipe := io.Pipe()
	req := request(t, http.MethodPost, r.url, "a", "")
	req.Body, req.ContentLength = body, -1
	req.Trailer = http.Header{"X-Check": nil}
	var hints []string
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			hints = append(hints, fmt.Sprint(code, h.Get("Link")))
			return nil
		},
	}))
	go func() {
		_, _ = io.WriteString(pipe, "first")
		<-began // the version has it before the rest is sent
		_, _ = io.WriteString(pipe, " and rest")
		req.Trailer.Set("X-Check", "client")
		_ = pipe.Close()
	}()
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil || string(data) != "first and rest" {
		t.Errorf("got %q, %v", data, err)
	}
	if res.Trailer.Get("X-Sum") != "from client" {
		t.Errorf("trailers: %v", res.Trailer)
	}
	if len(hints) != 1 || hints[0] != "103</style.css>" {
		t.Errorf("early hints: %v", hints)
	}
	if v := r.label(t, "r1"); v.Bytes != uint64(len(data)) {
		t.Errorf("counted %d bytes of %d", v.Bytes, len(data))
	}
}

// echo is a version that says over a WebSocket what it hears.
func echo(w http.ResponseWriter, req *http.Request) {
	c, err := websocket.Accept(w, req, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	for {
		kind, data, err := c.Read(req.Context())
		if err != nil || c.Write(req.Context(), kind, data) != nil {
			return
		}
	}
}

// converse opens a WebSocket through the edge; say checks one echo.
func (r *rig) converse(t *testing.T) (c *websocket.Conn, say func(string)) {
	t.Helper()
	url := strings.Replace(r.url, "http", "ws", 1)
	c, res, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Host: "a"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	if res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(res.Status)
	}
	return c, func(text string) {
		t.Helper()
		if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(t.Context()); err != nil || string(got) != text {
			t.Fatalf("got %q, %v; want the echo of %q", got, err, text)
		}
	}
}

// A version may answer before it has read the body: neither waits for the other.
func TestAnswersBeforeTheBodyIsRead(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	r.route(t, backend(t, "r1", func(w http.ResponseWriter, req *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(w, req.Body)
	}), nil, 0)
	body, more := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Host, req.ContentLength = "a", int64(len("early late"))
	go func() { _, _ = io.WriteString(more, "early ") }()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	go func() {
		_, _ = io.WriteString(more, "late")
		_ = more.Close()
	}()
	if got, err := io.ReadAll(res.Body); string(got) != "early late" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestWebSocketLivesThroughTheGrace(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	r.route(t, backend(t, "r1", echo), nil, 0)
	c, say := r.converse(t)
	say("before")
	ended := make(chan error)
	go func() { ended <- r.stop() }()
	eventually(t, "the edge stops accepting", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	for range 20 {
		say("during the grace")
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestWebSocketLivesThroughASwap(t *testing.T) {
	r, s := newSteered(t)
	r.route(t, backend(t, "r1", echo), named(t, "r2"), 0)
	c, say := r.converse(t)
	say("before")
	if got := s.only(t, r); got.Stable.Units[traffic.OK] != 1 {
		t.Errorf("an open stream was not scored: %+v", got)
	}
	r.route(t, named(t, "r3"), nil, 0)
	say("after")
	if v := r.label(t, "r1"); v.InFlight != 1 {
		t.Errorf("%d in flight; want the open socket", v.InFlight)
	}
	say("still")
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	r.drained(t, "r1", time.Minute)
}

func TestEventsArriveOneByOneThroughASwap(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	events := make(chan string)
	r.route(t, backend(t, "r1", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for e := range events {
			fmt.Fprintf(w, "data: %s\n\n", e)
			_ = http.NewResponseController(w).Flush()
		}
	}), nil, 0)
	go func() { events <- "one" }()
	res, err := http.DefaultTransport.RoundTrip(request(t, http.MethodGet, r.url, "a", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	next := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != "data: "+want || !lines.Scan() {
			t.Fatalf("got %q, %v; want %q", lines.Text(), lines.Err(), want)
		}
	}
	next("one") // only then is the second sent
	r.route(t, named(t, "r2"), nil, 0)
	events <- "two"
	next("two")
	close(events)
	if lines.Scan() {
		t.Errorf("something follows the end: %q", lines.Text())
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	r.route(t, named(t, "r1"), nil, 0)
	for what, c := range map[string]struct{ send, want string }{
		"tunnel":       {"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", "405"},
		"two hosts":    {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
		"huge headers": {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", "431"},
		"bad chunk":    {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", "400"},
	} {
		t.Run(what, func(t *testing.T) {
			c1, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer c1.Close()
			go func() { _, _ = io.WriteString(c1, c.send) }()
			line, err := bufio.NewReader(c1).ReadString('\n')
			if err != nil || !strings.HasPrefix(line, "HTTP/1.1 "+c.want) {
				t.Errorf("got %q, %v; want %s", line, err, c.want)
			}
		})
	}
}
