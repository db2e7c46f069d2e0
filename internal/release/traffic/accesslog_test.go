package traffic_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// logged is a line of the access log.
type logged struct {
	Time                                time.Time
	Listener, Proto, Method, Host, Path string
	Status                              int
	Bytes                               int64
	Duration                            float64 `json:"duration_ms"`
	App, Release, Traceparent           string
	Pinned                              bool
	RequestID                           string `json:"request_id"`
}

// readLog returns the lines of a log once there are as many as that.
func readLog(t *testing.T, file string, n int) []logged {
	t.Helper()
	var data []byte
	eventually(t, "the lines are in the log", func() bool {
		data, _ = os.ReadFile(file)
		return strings.Count(string(data), "\n") >= n
	})
	var all []logged
	for line := range strings.Lines(string(data)) {
		var l logged
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&l); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, l)
	}
	if len(all) != n {
		t.Fatalf("%d lines, want %d:\n%s", len(all), n, data)
	}
	return all
}

func TestAccessLog(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "access.log")
	r := newRig(t, dir, nil)
	var headers http.Header
	r.route(t, backend(t, "r1", func(w http.ResponseWriter, req *http.Request) {
		headers = req.Header
		if req.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
		}
		_, _ = io.WriteString(w, "four")
	}), nil, 0)
	r.do(t, http.MethodGet, "") // before there is a log
	if err := r.LogAccess(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(-time.Second)
	const trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
	req := request(t, http.MethodPost, r.url+"/a%20b/c?secret=1", "a", "body")
	req.Header.Set("Traceparent", trace)
	req.Header.Set("X-Request-Id", "mine")
	send(t, req)
	readLog(t, file, 1)
	send(t, request(t, http.MethodGet, r.url+"/", "a", ""))
	got := readLog(t, file, 2)
	if l := got[0]; l.Method != "POST" || l.Host != "a" || l.Path != "/a%20b/c" || l.Status != 201 || l.Bytes != 4 || l.App != "a" ||
		l.Release != "r1" || l.RequestID != "mine" || l.Traceparent != trace || l.Listener != "production" || l.Proto != "HTTP/1.1" ||
		l.Time.Before(before) || l.Duration <= 0 || l.Pinned {
		t.Errorf("got %+v", l)
	}
	if l := got[1]; l.RequestID == "" || l.RequestID != headers.Get("X-Request-Id") || l.Traceparent != headers.Get("Traceparent") || l.Status != 200 {
		t.Errorf("got %+v, the version got %v", l, headers)
	}
	send(t, request(t, http.MethodGet, r.staging+"/x?y", "nobody", ""))
	if l := readLog(t, file, 3)[2]; l.Status != 404 || l.Listener != "staging" || l.Host != "nobody" || l.Path != "/x" || l.Release != "" {
		t.Errorf("got %+v", l)
	}
	send(t, request(t, http.MethodGet, r.url+"/"+strings.Repeat("<", 9000), "nobody", ""))
	if l := readLog(t, file, 4)[3]; len(l.Path) > 1100 || !strings.HasSuffix(l.Path, "…") || l.Status != 404 {
		t.Errorf("a long path has become %d bytes: %.40s", len(l.Path), l.Path)
	}
	r.route(t, refusing(t, "r2"), nil, 0)
	r.do(t, http.MethodGet, "")
	if l := readLog(t, file, 5)[4]; l.Status != 502 || l.App != "a" || l.Release != "" {
		t.Errorf("got %+v", l)
	}
}

// The page must describe each key of a line.
func TestAccessLogIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/traffic.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "## Access log")
	if !found {
		t.Fatal("docs/traffic.md does not describe the access log")
	}
	for field := range reflect.TypeFor[traffic.AccessLine]().Fields() {
		key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !strings.Contains(section, "`"+key+"`") {
			t.Errorf("docs/traffic.md does not describe the key %q", key)
		}
	}
}

func TestAccessLogOfPinnedUpgradedAndCutRequests(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "access.log")
	r := newRig(t, dir, nil)
	if err := r.LogAccess(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	r.route(t, backend(t, "r1", func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/upgrade":
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		case "/cut":
			w.Header().Set("Content-Length", "9")
			_, _ = io.WriteString(w, "four")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	}), nil, 0)
	pin, err := r.Pin(t.Context(), "a", "r1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	send(t, pinnedRequest(t, r, pin))
	if l := readLog(t, file, 1)[0]; !l.Pinned || l.Release != "r1" {
		t.Errorf("got %+v", l)
	}
	conn, err := net.Dial("tcp", r.deps.Production.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 101 ") {
		t.Errorf("%q, %v", answer, err)
	}
	conn.Close()
	if l := readLog(t, file, 2)[1]; l.Status != 101 || l.Release != "r1" {
		t.Errorf("got %+v", l)
	}
	if res, err := http.DefaultTransport.RoundTrip(request(t, http.MethodGet, r.url+"/cut", "a", "")); err == nil {
		if _, err := io.ReadAll(res.Body); err == nil {
			t.Error("an answer that was cut looks whole")
		}
		res.Body.Close()
	}
	if l := readLog(t, file, 3)[2]; l.Status != 200 || l.Bytes != 4 {
		t.Errorf("got %+v", l)
	}
}

func TestAccessLogIsRotated(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "access.log")
	r := newRig(t, dir, nil)
	r.route(t, named(t, "r1"), nil, 0)
	for i := range 3 {
		if err := r.LogAccess(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		for range i + 1 {
			r.do(t, http.MethodGet, "")
		}
		readLog(t, file, i+1)
		if err := os.Rename(file, file+".old"); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.LogAccess(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	r.do(t, http.MethodGet, "")
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the log was begun anew when it was ended: %v", err)
	}
	readLog(t, file+".old", 3)
	for _, wrong := range []string{"access.log", filepath.Join(dir, "no", "such", "folder"), dir} {
		if err := r.LogAccess(t.Context(), wrong); err == nil {
			t.Errorf("%s can be written to", wrong)
		}
	}
}

// What the end of the edge finds in the queue is still written.
func TestAccessLogIsWholeAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "access.log")
	r := newRig(t, dir, nil)
	r.route(t, named(t, "r1"), nil, 0)
	if err := r.LogAccess(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	const n = 50
	for range n {
		r.do(t, http.MethodGet, "")
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil || strings.Count(string(data), "\n") != n {
		t.Errorf("%d lines, want %d: %v", strings.Count(string(data), "\n"), n, err)
	}
}

func TestAFullDiskCostsTheLogOnly(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	r.route(t, named(t, "r1"), nil, 0)
	if err := r.LogAccess(t.Context(), "/dev/full"); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if status, text := r.do(t, http.MethodGet, ""); status != http.StatusOK || text != "r1" {
			t.Fatalf("%d %q", status, text)
		}
	}
	eventually(t, "the lines are counted as dropped", func() bool {
		return r.metrics(t)["davit_edge_access_log_dropped_total"] == 10
	})
}
