package traffic_test

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// routeMirror puts a route whose canary gets copies of a share of what the stable
// version gets.
func (r *rig) routeMirror(tb testing.TB, stable, canary *traffic.Target, share float64) {
	tb.Helper()
	r.version++
	err := r.PutTable(tb.Context(), traffic.Table{Version: r.version, Routes: []traffic.Route{{
		App: "a", Version: r.version, Listener: traffic.Production, Hosts: []string{"a"},
		Stable: stable, Canary: canary, Weight: 0.1, Mirror: share,
	}}})
	if err != nil {
		tb.Fatal(err)
	}
}

// copies is a version that keeps what it was asked.
type copies struct {
	mu  sync.Mutex
	got []string
}

func (c *copies) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, strings.Join([]string{r.Method, r.Host, r.RequestURI, r.Header.Get("X-Davit-Mirror"), r.Header.Get("X-Own")}, " "))
	w.WriteHeader(http.StatusEarlyHints) // must not reach the client of the other version
	w.WriteHeader(http.StatusServiceUnavailable)
}

func (c *copies) sorted() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(slices.Values(c.got))
}

func (r *rig) mirrorOf(tb testing.TB, label string) traffic.MirrorStatus {
	tb.Helper()
	if m := r.label(tb, label).Mirror; m != nil {
		return *m
	}
	return traffic.MirrorStatus{}
}

func TestSafeRequestsAreMirrored(t *testing.T) {
	r, s := newSteered(t)
	canary, early := copies{}, make(chan struct{})
	hints := &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		t.Errorf("the client got the canary's %d", code)
		return nil
	}}
	stable := backend(t, "r1", func(w http.ResponseWriter, req *http.Request) {
		if got := req.Header.Get("X-Davit-Mirror"); got != "" {
			t.Errorf("the stable version got a forged mark %q", got)
		}
		_, _ = io.Copy(io.Discard, req.Body)
		if req.URL.Path == "/a" {
			<-early // so that the canary's early hints could still reach the client
		}
		_, _ = io.WriteString(w, "r1")
	})
	r.routeMirror(t, stable, backend(t, "r2", canary.ServeHTTP), 1)
	var group sync.WaitGroup
	group.Go(func() {
		req := request(t, http.MethodGet, r.url+"/a?b=%20;c", "a", "")
		req.Header.Set("X-Own", "1")
		if res, err := http.DefaultTransport.RoundTrip(req.WithContext(httptrace.WithClientTrace(t.Context(), hints))); err == nil {
			res.Body.Close()
		}
	})
	eventually(t, "the first copy has ended", func() bool { return r.mirrorOf(t, "r2").Requests == 1 })
	close(early)
	group.Wait()
	for _, c := range []struct{ method, path, body, name, value string }{
		{"HEAD", "/b", "", "X-Davit-Mirror", "forged"},
		{"OPTIONS", "/c", "", "", ""},
		{"GET", "/body", "x", "", ""},
		{"POST", "/d", "", "", ""},
		{"DELETE", "/e", "", "", ""},
		{"GET", "/upgrade", "", "Upgrade", "websocket"},
	} {
		req := request(t, c.method, r.url+c.path, "a", c.body)
		if c.name != "" {
			req.Header.Set(c.name, c.value)
		}
		if c.name == "Upgrade" {
			req.Header.Set("Connection", "Upgrade")
		}
		if status, text := send(t, req); status != http.StatusOK || c.method != "HEAD" && text != "r1" {
			t.Errorf("%s %s: %d %q, want the stable version's answer", c.method, c.path, status, text)
		}
	}
	eventually(t, "the copies have ended", func() bool { return r.mirrorOf(t, "r2").Requests == 2 })
	if got, want := canary.sorted(), []string{"GET a /a?b=%20;c 1 1", "HEAD a /b 1 "}; !slices.Equal(got, want) {
		t.Errorf("the canary got %q, want %q", got, want)
	}
	if got := r.mirrorOf(t, "r2"); got.Failed != 2 || got.Dropped != 0 {
		t.Errorf("got %+v, want two failures", got)
	}
	if got := r.metrics(t)[`davit_edge_mirrored_requests_failed_total{app="a",listener="production",release="r2"}`]; got != 2 {
		t.Errorf("metrics have %v failures", got)
	}
	if got := r.label(t, "r2"); got.Requests != 0 || got.Failed != 0 || len(got.Codes) != 0 {
		t.Errorf("copies are in the totals: %+v", got)
	}
	s.now.Add(int64(traffic.TickLength))
	if a, b := scored(r.cohorts(t)); a != 7 || b != 0 {
		t.Errorf("%d and %d units, want the seven requests of the stable version", a, b)
	}
}

func TestMirroredShare(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	r.routeMirror(t, named(t, "r1"), named(t, "r2"), 0.3)
	const n = 1000
	own := 0 // that the canary answers itself
	for range n {
		v, _ := r.visitor().visit(t)
		if v == "r2" {
			own++
		}
	}
	eventually(t, "no copy is under way", func() bool { return r.label(t, "r2").InFlight == 0 })
	got := r.mirrorOf(t, "r2")
	if !within(int(got.Requests+got.Dropped), n-own, 0.3) || got.Failed != 0 || got.P99 == 0 {
		t.Errorf("of %d requests of the stable version were mirrored: %+v", n-own, got)
	}
}

// A canary that never answers costs its copies, and nothing else.
func TestMirrorIsBounded(t *testing.T) {
	r, _ := newSteered(t)
	waits := make(chan struct{})
	answer := sync.OnceFunc(func() { close(waits) })
	defer answer()
	canary := backend(t, "r2", func(http.ResponseWriter, *http.Request) { <-waits })
	r.routeMirror(t, named(t, "r1"), canary, 1)
	const n, most = 130, 64 // more are dropped than there are places
	for range n {
		if status, text := r.do(t, http.MethodGet, ""); status != http.StatusOK || text != "r1" {
			t.Fatalf("%d %q", status, text)
		}
	}
	if got := r.mirrorOf(t, "r2"); got.Dropped != n-most || got.Requests != 0 {
		t.Errorf("got %+v, want %d dropped", got, n-most)
	}
	if got := r.label(t, "r2").InFlight; got != most {
		t.Errorf("%d copies in flight, want %d: drain must see them", got, most)
	}
	r.route(t, named(t, "r3"), nil, 0) // rolled back
	r.do(t, http.MethodGet, "")
	answer()
	left, err := r.Drained(t.Context(), traffic.Drain{Listener: traffic.Production, App: "a", Label: "r2", Timeout: 10 * time.Second})
	if err != nil || left != 0 {
		t.Fatalf("%d left, %v", left, err)
	}
	if got := r.mirrorOf(t, "r2"); got.Requests != most {
		t.Errorf("got %+v, want none after the rollback", got)
	}
	// The places are free again.
	r.routeMirror(t, named(t, "r1"), named(t, "r4"), 1)
	r.do(t, http.MethodGet, "")
	eventually(t, "a copy ends", func() bool { return r.mirrorOf(t, "r4").Requests == 1 })
}

func TestTheCanarysOwnRequestsAreNotMirrored(t *testing.T) {
	r, s := newSteered(t)
	s.canary.Store(true)
	stable, canary := named(t, "r1"), named(t, "r2")
	r.routeMirror(t, stable, canary, 1)
	if _, text := r.do(t, http.MethodGet, ""); text != "r2" {
		t.Fatalf("answered by %s", text)
	}
	// Without weight the canary is drained, and nothing enters it.
	r.version++
	err := r.PutTable(t.Context(), traffic.Table{Version: r.version, Routes: []traffic.Route{{
		App: "a", Version: r.version, Listener: traffic.Production, Hosts: []string{"a"}, Stable: stable, Canary: canary, Mirror: 1,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	r.do(t, http.MethodGet, "")
	eventually(t, "nothing is in flight", func() bool { return r.label(t, "r2").InFlight == 0 })
	if got := r.mirrorOf(t, "r2"); got != (traffic.MirrorStatus{}) {
		t.Errorf("got %+v, want no copies", got)
	}
}

func TestMirrorOfARefusingCanary(t *testing.T) {
	r, _ := newSteered(t)
	r.routeMirror(t, named(t, "r1"), refusing(t, "r2"), 1)
	for range 100 {
		if status, text := r.do(t, http.MethodGet, ""); status != http.StatusOK || text != "r1" {
			t.Fatalf("%d %q", status, text)
		}
	}
	eventually(t, "all copies have ended", func() bool {
		m := r.mirrorOf(t, "r2")
		return m.Failed+m.Dropped == 100 && r.label(t, "r2").InFlight == 0
	})
}
