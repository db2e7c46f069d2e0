package traffic_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// witness is a version that keeps every byte that reaches it, and the requests
// that came to their end.
type witness struct {
	mu    sync.Mutex
	bytes bytes.Buffer
	whole []string
}

func newWitness(tb testing.TB, label string) (*witness, *traffic.Target) {
	tb.Helper()
	w := &witness{}
	s := httptest.NewUnstartedServer(w)
	s.Listener = tapped{s.Listener, w}
	s.Start()
	tb.Cleanup(s.Close)
	return w, at(label, s)
}

func (w *witness) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		w.whole = append(w.whole, r.Method+" "+r.Host+r.RequestURI+" "+string(body))
	}
}

// seen returns what came since the last call.
func (w *witness) seen() (raw string, whole []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	raw, whole = w.bytes.String(), w.whole
	w.bytes.Reset()
	w.whole = nil
	return raw, whole
}

type tapped struct {
	net.Listener
	*witness
}

func (t tapped) Accept() (net.Conn, error) {
	c, err := t.Listener.Accept()
	return tappedConn{c, t.witness}, err
}

type tappedConn struct {
	net.Conn
	*witness
}

func (c tappedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes.Write(p[:n])
	return n, err
}

// raw sends bytes to the edge and returns what comes back until it closes.
func (r *rig) raw(tb testing.TB, sent string) string {
	tb.Helper()
	return overRaw(tb, r.dialPlain(tb), sent)
}

func (r *rig) dialPlain(tb testing.TB) net.Conn {
	tb.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func overRaw(tb testing.TB, c net.Conn, sent string) string {
	tb.Helper()
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, sent); err != nil {
		tb.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil {
		tb.Errorf("the connection did not end in order: %v", err)
	}
	return string(got)
}

const (
	smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
	post     = "POST / HTTP/1.1\r\nHost: a\r\n"
	chunked  = post + "Transfer-Encoding: chunked\r\n\r\n"
)

// ambiguous are requests that two readers can read differently. Those that begin
// well are passed on as far as they are good.
var ambiguous = map[string]struct {
	sent   string
	begins bool
}{
	"CL.TE":                       {post + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, false},
	"TE.CL":                       {post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n" + smuggled, false},
	"TE.TE":                       {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + smuggled, false},
	"TE: xchunked":                {post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled, false},
	"TE: chunked,":                {post + "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n" + smuggled, false},
	"TE: gzip, chunked":           {post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + smuggled, false},
	"TE and a tab":                {post + "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n" + smuggled, false},
	"TE and a space":              {post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + smuggled, false},
	"TE folded":                   {post + "X-A: b\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, false},
	"TE behind a bare CR":         {post + "X-A: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, false},
	"TE behind a bare LF":         {post + "X-A: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, false},
	"TE behind a NUL":             {post + "X-A: b\x00\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, false},
	"TE in HTTP/1.0":              {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, false},
	"Transfer_Encoding":           {post + "Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, false},
	"Content_Length":              {post + "Content_Length: 35\r\n\r\n" + smuggled, false},
	"CL.CL":                       {post + "Content-Length: 0\r\nContent-Length: 35\r\n\r\n" + smuggled, false},
	"CL twice":                    {post + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + smuggled, false},
	"CL: 0, 37":                   {post + "Content-Length: 0, 35\r\n\r\n" + smuggled, false},
	"CL: +37":                     {post + "Content-Length: +35\r\n\r\n" + smuggled, false},
	"head ends with LF":           {"POST / HTTP/1.1\nHost: a\n\n" + smuggled, false},
	"two hosts":                   {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + smuggled, false},
	"target of another host":      {"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled, false},
	"no host":                     {"GET / HTTP/1.1\r\n\r\n" + smuggled, false},
	"HTTP/0.9":                    {"GET /\r\n" + smuggled, false},
	"chunk size with a prefix":    {chunked + "0x0\r\n\r\n" + smuggled, true},
	"chunk size with a space":     {chunked + "0 \r\n\r\n" + smuggled, true},
	"chunk size with LF":          {chunked + "0\n\r\n" + smuggled, true},
	"chunk extension with LF":     {chunked + "0;a\n\r\n" + smuggled, true},
	"chunk extension with a NUL":  {chunked + "0;\x00\r\n\r\n" + smuggled, true},
	"chunk size that overflows":   {chunked + "10000000000000000\r\n" + smuggled, true},
	"chunk data that is too long": {chunked + "1\r\nabc\r\n0\r\n\r\n" + smuggled, true},
	"chunk data ends with LF":     {chunked + "1\r\na\n0\r\n\r\n" + smuggled, true},
	"length in trailers":          {chunked + "0\r\nContent-Length: 35\r\n\r\n" + smuggled, true},
	"trailers folded":             {chunked + "0\r\nX-A: b\r\n c\r\n\r\n" + smuggled, true},
}

// TestReliability16AmbiguousFramingIsNotForwarded sends the smuggling set over raw
// connections and looks at every byte that reaches the version.
func TestReliability16AmbiguousFramingIsNotForwarded(t *testing.T) {
	r := newSecureRig(t, traffic.Secure{}, "a")
	t.Run("plain", func(t *testing.T) { r.refuseAmbiguous(t, r.dialPlain) })
	t.Run("TLS", func(t *testing.T) {
		r.refuseAmbiguous(t, r.dialer("http/1.1"))
	})
}

func (r *secureRig) refuseAmbiguous(t *testing.T, dial func(testing.TB) net.Conn) {
	t.Helper()
	// Each has a version of its own: what it got late is not taken for another's.
	witnessed := func(t *testing.T) *witness {
		version, target := newWitness(t, fmt.Sprintf("r%d", r.version+1))
		r.route(t, target, nil, 0)
		return version
	}
	for name, c := range ambiguous {
		t.Run(name, func(t *testing.T) {
			version := witnessed(t)
			got := overRaw(t, dial(t), c.sent)
			if !strings.HasPrefix(got, "HTTP/1.1 400 ") || strings.Count(got, "HTTP/1.1 ") != 1 {
				t.Errorf("answered %q, want one 400", got)
			}
			raw, whole := version.seen()
			if len(whole) > 0 || strings.Contains(raw, "smuggled") {
				t.Errorf("the version got %q: %q", whole, raw)
			}
			if raw != "" && !c.begins {
				t.Errorf("the version got %q of a request with a malformed head", raw)
			}
		})
		t.Run(name+", pipelined", func(t *testing.T) {
			version := witnessed(t)
			got := overRaw(t, dial(t), "GET /good HTTP/1.1\r\nHost: a\r\n\r\n"+c.sent)
			if strings.Count(got, "HTTP/1.1 ") != 2 || !strings.HasPrefix(got, "HTTP/1.1 200 ") || !strings.Contains(got, "HTTP/1.1 400 ") {
				t.Errorf("answered %q, want 200 and 400", got)
			}
			raw, whole := version.seen()
			if len(whole) != 1 || whole[0] != "GET a/good " || strings.Contains(raw, "smuggled") {
				t.Errorf("the version got %q: %q", whole, raw)
			}
		})
	}
}

// TestClearFramingIsForwardedAnew: what is forwarded is written by the edge, not
// as it was sent.
func TestClearFramingIsForwardedAnew(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	version, target := newWitness(t, "r1")
	r.route(t, target, nil, 0)
	got := r.raw(t, "POST /x HTTP/1.1\r\nhOsT:   a\r\ntransfer-encoding: CHUNKED\r\n\r\n003;a=\"b\"\r\nabc\r\n0\r\n\r\n"+
		"GET http://A/y HTTP/1.1\r\nHost: a\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n\r\n")
	if strings.Count(got, "HTTP/1.1 200 ") != 2 {
		t.Errorf("answered %q", got)
	}
	raw, whole := version.seen()
	if len(whole) != 2 || whole[0] != "POST a/x abc" || whole[1] != "GET A/y " {
		t.Errorf("the version got %q", whole)
	}
	for _, odd := range []string{"hOsT", "CHUNKED", "\n003", ";a", "X-Hop", "http://"} {
		if strings.Contains(raw, odd) {
			t.Errorf("%q was forwarded: %q", odd, raw)
		}
	}
}

// frames is an HTTP/2 client that sends what it is told.
type frames struct {
	*http2.Framer
	conn    net.Conn
	encoded bytes.Buffer
	hpack   *hpack.Encoder
}

func dialFrames(tb testing.TB, url string) *frames {
	tb.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		tb.Fatal(err)
	}
	return newFrames(tb, c)
}

func newFrames(tb testing.TB, c net.Conn) *frames {
	tb.Helper()
	tb.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		tb.Fatal(err)
	}
	f := &frames{Framer: http2.NewFramer(c, c), conn: c}
	f.AllowIllegalWrites = true
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.hpack = hpack.NewEncoder(&f.encoded)
	if err := f.WriteSettings(); err != nil {
		tb.Fatal(err)
	}
	return f
}

// field adds one to the block that is sent next.
func (f *frames) field(name, value string) {
	_ = f.hpack.WriteField(hpack.HeaderField{Name: name, Value: value}) // into memory
}

// request sends fields, name and value in turn, and a body unless it is "".
func (f *frames) request(tb testing.TB, stream uint32, body string, fields ...string) {
	tb.Helper()
	f.encoded.Reset()
	for i := 0; i < len(fields); i += 2 {
		f.field(fields[i], fields[i+1])
	}
	err := f.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: f.encoded.Bytes(), EndHeaders: true, EndStream: body == "",
	})
	if err == nil && body != "" {
		err = f.WriteData(stream, true, []byte(body))
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// status returns the status that the stream is answered with, or the kind of
// frame that ends it.
func (f *frames) status(tb testing.TB, stream uint32) string {
	tb.Helper()
	for {
		frame, err := f.ReadFrame()
		if errors.Is(err, io.EOF) {
			return "closed"
		}
		if err != nil {
			tb.Fatal(err)
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			if frame.StreamID == stream {
				return frame.PseudoValue("status")
			}
		case *http2.RSTStreamFrame:
			if frame.StreamID == stream {
				return "reset"
			}
		case *http2.GoAwayFrame:
			if frame.ErrCode != http2.ErrCodeNo {
				return "closed"
			}
		}
	}
}

// TestReliability16HTTP2InjectsNothing puts what would end a line, a field or a
// request in HTTP/1 into the fields of HTTP/2 requests.
func TestReliability16HTTP2InjectsNothing(t *testing.T) {
	r := newSecureRig(t, traffic.Secure{}, "a")
	for name, dial := range map[string]func(testing.TB) net.Conn{
		"plain":    r.dialPlain,
		"TLS":      r.dialer("h2"),
		"TLS, not": r.dialer("http/1.1"), // what was agreed on
	} {
		t.Run(name, func(t *testing.T) { r.refuseInjections(t, dial) })
	}
}

func (r *secureRig) refuseInjections(t *testing.T, dial func(testing.TB) net.Conn) {
	t.Helper()
	version, target := newWitness(t, "r1")
	r.route(t, target, nil, 0)
	defer r.route(t, refusing(t, "r0"), nil, 0)
	start := func(method, path, authority string, more ...string) []string {
		return append([]string{":method", method, ":scheme", "http", ":path", path, ":authority", authority}, more...)
	}
	get := func(more ...string) []string { return start("GET", "/", "a", more...) }
	for name, fields := range map[string][]string{
		"CR LF in a value":           get("x-a", "b\r\nTransfer-Encoding: chunked"),
		"LF in a value":              get("x-a", "b\nx-injected: c"),
		"CR in a value":              get("x-a", "b\rx-injected: c"),
		"NUL in a value":             get("x-a", "b\x00"),
		"CR LF in a name":            get("x-a: b\r\nx-injected", "c"),
		"colon in a name":            get("x-injected: c\nx-a", "b"),
		"space in a name":            get("content-length ", "35"),
		"upper case in a name":       get("Transfer-Encoding", "chunked"),
		"empty name":                 get("", "b"),
		"a coding":                   get("transfer-encoding", "chunked"),
		"a connection":               get("connection", "x-injected"),
		"CR LF in the path":          start("GET", "/ HTTP/1.1\r\nHost: a\r\n\r\nGET /smuggled", "a"),
		"space in the path's query":  start("GET", "/?a HTTP/1.1 smuggled", "a"),
		"tab in the path":            start("GET", "/\tsmuggled", "a"),
		"path without a slash":       start("GET", "smuggled", "a"),
		"absolute path":              start("GET", "http://b/smuggled", "a"),
		"path is a star":             start("GET", "*", "a"),
		"CR LF in the method":        start("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /smuggled", "/", "a"),
		"space in the method":        start("GET /smuggled HTTP/1.1", "/", "a"),
		"CR LF in the authority":     start("GET", "/", "a\r\nx-injected: b"),
		"CR LF in the port":          start("GET", "/", "a:\r\nx-injected"),
		"space in the authority":     start("GET", "/", "a:80 smuggled"),
		"user in the authority":      start("GET", "/", "smuggled@a"),
		"another host":               get("host", "smuggled"),
		"one of two hosts":           get("host", "a", "host", "smuggled"),
		"another scheme":             {":method", "GET", ":scheme", "http://smuggled", ":path", "/", ":authority", "a"},
		"two paths":                  append(get(), ":path", "/smuggled"),
		"pseudo field behind others": {":method", "GET", ":scheme", "http", ":authority", "a", "x-a", "b", ":path", "/smuggled"},
		"an unknown pseudo field":    get(":x-injected", "a"),
		"a tunnel":                   {":method", "CONNECT", ":authority", "a:80"},
		"extended CONNECT":           start("CONNECT", "/", "a", ":protocol", "websocket"),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFrames(t, dial(t))
			f.request(t, 1, "", fields...)
			switch got := f.status(t, 1); got {
			case "400", "405", "reset", "closed":
			default:
				t.Errorf("answered %s", got)
			}
			if raw, _ := version.seen(); raw != "" {
				t.Errorf("the version got %q", raw)
			}
		})
	}
	// Where the length is not what comes, net/http may answer or reset; the body is
	// either framed by what came, or not forwarded.
	for name, fields := range map[string][]string{
		"length too short":    start("POST", "/", "a", "content-length", "0"),
		"length too long":     start("POST", "/", "a", "content-length", "100"),
		"length is no number": start("POST", "/", "a", "content-length", "0x1"),
		"two lengths":         start("POST", "/", "a", "content-length", "0", "content-length", "35"),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFrames(t, dial(t))
			f.request(t, 1, smuggled, fields...)
			f.status(t, 1)
			r.raw(t, "GET /after HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			_, whole := version.seen()
			for _, w := range whole {
				if strings.HasPrefix(w, "GET a/smuggled") {
					t.Errorf("the version took a body for a request: %q", whole)
				}
			}
		})
	}
	f := newFrames(t, dial(t))
	f.request(t, 1, smuggled, start("POST", "/?good", "a", "host", "a", "content-length", "35")...)
	if got := f.status(t, 1); got != "200" {
		t.Errorf("a good request was answered %s", got)
	}
	_, whole := version.seen()
	whole = slices.DeleteFunc(whole, func(w string) bool { return w == "POST a/ " }) // one of those before, late
	if len(whole) != 1 || whole[0] != "POST a/?good "+smuggled {
		t.Errorf("of a good request the version got %q", whole)
	}
}
