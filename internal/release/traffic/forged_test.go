package traffic_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestReliability18ForgedHeaders sends what only the edge may say, in the forms that
// apps take for it, and looks at the bytes that reach the version. 6.6.6.6 and evil
// are what must not.
func TestReliability18ForgedHeaders(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	version, target := newWitness(t, "r1")
	r.route(t, target, nil, 0)
	names := []string{
		"X-Forwarded-For", "x-forwarded-for", "X_Forwarded_For", "X-Forwarded_For", "X-Forwarded-Host", "X-FORWARDED-PROTO",
		"X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Prefix", "X-Forwarded-Ssl", "Forwarded", "FORWARDED",
		"X-Real-IP", "X_Real_IP", "x-real-ip", "X-Davit-Anything", "x_davit_anything",
	}
	said := map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "a", "X-Forwarded-Proto": "http"}
	expect := func(t *testing.T, raw string) {
		t.Helper()
		if strings.Contains(raw, "6.6.6.6") || strings.Contains(raw, "evil") {
			t.Errorf("the version got %q", raw)
		}
		for name, value := range said {
			if strings.Count(strings.ToLower(raw), strings.ToLower(name)+": ") != 1 || !strings.Contains(raw, name+": "+value+"\r\n") {
				t.Errorf("want %s once, as %s: %q", name, value, raw)
			}
		}
		if !strings.Contains(raw, "X-Mine: kept") {
			t.Errorf("another field is missing: %q", raw)
		}
	}
	const value = "6.6.6.6, for=6.6.6.6;host=evil"
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			for kind, sent := range map[string]string{
				"once":          "GET / HTTP/1.1\r\nHost: a\r\nX-Mine: kept\r\n" + name + ": " + value + "\r\nConnection: close\r\n\r\n",
				"twice":         "GET / HTTP/1.1\r\nHost: a\r\n" + name + ": 127.0.0.1\r\n" + name + ": " + value + "\r\nX-Mine: kept\r\nConnection: close\r\n\r\n",
				"as hop-by-hop": "GET / HTTP/1.1\r\nHost: a\r\nX-Mine: kept\r\n" + name + ": " + value + "\r\nConnection: close, X-Forwarded-For, X-Forwarded-Proto, " + name + "\r\n\r\n",
				"as a trailer": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Mine\r\nConnection: close\r\n\r\n" +
					"1\r\na\r\n0\r\nX-Mine: kept\r\n" + name + ": " + value + "\r\n\r\n",
				"as an announced trailer": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Mine, " + name + "\r\nConnection: close\r\n\r\n" +
					"1\r\na\r\n0\r\nX-Mine: kept\r\n" + name + ": " + value + "\r\n\r\n",
			} {
				if got := r.raw(t, sent); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
					t.Errorf("%s: answered %q", kind, got)
				}
				raw, whole := version.seen()
				expect(t, raw)
				if len(whole) != 1 {
					t.Errorf("%s: the version got %q", kind, whole)
				}
			}
		})
	}
	t.Run("HTTP/2", func(t *testing.T) {
		f := dialFrames(t, r.url)
		fields := []string{":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a", "x-mine", "kept"}
		for _, name := range names {
			fields = append(fields, strings.ToLower(name), value)
		}
		f.request(t, 1, "", fields...)
		if got := f.status(t, 1); got != "200" {
			t.Fatalf("answered %s", got)
		}
		raw, _ := version.seen()
		_, asked, _ := strings.Cut(raw, "GET ") // behind the question for HTTP/2
		expect(t, asked)
	})
	t.Run("bare", func(t *testing.T) {
		send(t, func() *http.Request {
			req := request(t, http.MethodGet, r.url, "a", "")
			req.Header.Set("X-Mine", "kept")
			return req
		}())
		raw, _ := version.seen()
		expect(t, raw)
	})
}
