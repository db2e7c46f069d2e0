package traffic_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// newSteered returns an edge whose clock and draws the test decides.
func newSteered(t *testing.T) (*rig, *steered) {
	t.Helper()
	var s steered
	r := newRig(t, t.TempDir(), func(_ *traffic.Config, d *traffic.Deps) { d.Clock, d.Draw = s.clock, s.draw })
	return r, &s
}

func fails(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }

// only returns the one cohort that is closed when the tick is over.
func (s *steered) only(t *testing.T, r *rig) traffic.Cohort {
	t.Helper()
	s.now.Add(int64(traffic.TickLength))
	got := r.cohorts(t)
	if len(got) != 1 {
		t.Fatalf("got cohorts %+v, want one", got)
	}
	return got[0]
}

// The trap: at equal error rates the canary fails at once and the stable version
// late. Scored as they complete, the canary's failures would all come first.
func TestFailuresAreScoredInTheOrderOfClaims(t *testing.T) {
	r, s := newSteered(t)
	leave := make(chan struct{})
	stable := backend(t, "r1", func(w http.ResponseWriter, _ *http.Request) {
		<-leave
		w.WriteHeader(http.StatusInternalServerError)
	})
	r.route(t, stable, backend(t, "r2", fails), 0.5)
	var slow sync.WaitGroup
	for i := range 6 {
		if i > 0 {
			s.now.Add(int64(traffic.TickLength))
		}
		s.canary.Store(true)
		r.do(t, http.MethodGet, "")
		s.canary.Store(false)
		slow.Go(func() { r.do(t, http.MethodGet, "") })
		eventually(t, "the slow request is claimed", func() bool { return r.label(t, "r1").InFlight == int64(i+1) })
	}
	s.now.Add(int64(2 * traffic.TickLength))
	if early := r.cohorts(t); len(early) != 0 {
		t.Fatalf("the canary's failures were given out first: %+v", early)
	}
	close(leave)
	slow.Wait()
	got := r.cohorts(t)
	if len(got) != 6 {
		t.Fatalf("got %d cohorts, want 6", len(got))
	}
	for i, c := range got {
		if c.Tick != int64(i) || !reflect.DeepEqual(c.Canary, units(0, 1)) || !reflect.DeepEqual(c.Stable, units(0, 1)) {
			t.Errorf("cohort %d: %+v, want one failure of each", i, c)
		}
	}
}

func TestWhatIsCounted(t *testing.T) {
	r, s := newSteered(t)
	route := func(stable, canary *traffic.Target, listener traffic.Listener) {
		r.version++
		err := r.PutTable(t.Context(), traffic.Table{Version: r.version, Routes: []traffic.Route{{
			App: "a", Version: 40 + r.version, Listener: listener, Hosts: []string{"a"},
			Stable: stable, Canary: canary, Weight: 0,
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	stable := backend(t, "r1", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(map[string]int{"/missing": 404, "/broken": 503}[r.URL.Path])
	})
	good := named(t, "r1")
	route(good, nil, traffic.Production)
	r.do(t, http.MethodGet, "")
	route(good, named(t, "r2"), traffic.Staging)
	send(t, request(t, http.MethodGet, r.staging, "a", ""))
	send(t, request(t, http.MethodGet, r.url, "nobody", ""))
	s.now.Add(int64(traffic.TickLength))
	if got := r.cohorts(t); len(got) != 0 {
		t.Fatalf("without a canary, in staging, or without a route: %+v", got)
	}
	route(stable, named(t, "r2"), traffic.Production)
	send(t, request(t, http.MethodGet, r.url+"/missing", "a", ""))
	send(t, request(t, http.MethodGet, r.url+"/broken", "a", ""))
	got := s.only(t, r)
	if got.Route != 43 || got.App != "a" || !reflect.DeepEqual(got.Stable, units(1, 1)) || !reflect.DeepEqual(got.Canary, units(0, 0)) {
		t.Errorf("got %+v, want a 404 that is fine and a 503 that is not", got)
	}
}

func TestRefusedCanaryFallsBackAndIsToBlame(t *testing.T) {
	r, s := newSteered(t)
	s.canary.Store(true)
	r.route(t, named(t, "r1"), refusing(t, "r2"), 0.5)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if status, text := r.do(t, method, "some body"); status != http.StatusOK || text != "r1" {
			t.Errorf("%s: %d %q, want the stable version's answer", method, status, text)
		}
	}
	got := s.only(t, r)
	if !reflect.DeepEqual(got.Canary, units(0, 2)) || !reflect.DeepEqual(got.Stable, units(0, 0)) {
		t.Errorf("got %+v, want two failures of the canary", got)
	}
	canary, stable := r.label(t, "r2"), r.label(t, "r1")
	if canary.Failed != 2 || canary.InFlight != 0 || stable.Requests != 0 || stable.Codes["2xx"] != 2 || stable.InFlight != 0 {
		t.Errorf("canary %+v\nstable %+v", canary, stable)
	}
}

func TestRefusedStableDoesNotFallOnTheCanary(t *testing.T) {
	r, s := newSteered(t)
	r.route(t, refusing(t, "r1"), named(t, "r2"), 0.5)
	if status, text := r.do(t, http.MethodGet, ""); status != http.StatusBadGateway || len(text) > 80 {
		t.Errorf("got %d %q", status, text)
	}
	if got := s.only(t, r); !reflect.DeepEqual(got.Stable, units(0, 1)) {
		t.Errorf("got %+v", got)
	}
}

func TestRefusedAddressFallsOnItsNeighbor(t *testing.T) {
	r, _ := newSteered(t)
	mixed := target("r1", append(refusing(t, "r1").Addresses, named(t, "r1").Addresses...)...)
	r.route(t, mixed, nil, 0)
	for range 4 {
		if status, text := r.do(t, http.MethodPost, "body"); status != http.StatusOK || text != "r1" {
			t.Errorf("got %d %q", status, text)
		}
	}
	if v := r.label(t, "r1"); v.Requests != 4 || v.Failed != 2 {
		t.Errorf("got %+v, want two of four first attempts refused", v)
	}
}

// raw is a version that speaks TCP by itself: serve gets each connection, its
// number, and what makes the version refuse further ones.
func raw(t *testing.T, label string, serve func(c net.Conn, n int, refuse func())) *traffic.Target {
	t.Helper()
	l := listen(t)
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	all.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				defer context.AfterFunc(ctx, func() { c.Close() })()
				serve(c, n, func() { l.Close() })
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		cancel()
		all.Wait()
	})
	return target(label, l.Addr().String())
}

func TestRequestThatWasSentIsNotSentToAnother(t *testing.T) {
	r, s := newSteered(t)
	s.canary.Store(true)
	hangUp := raw(t, "r2", func(c net.Conn, _ int, _ func()) { _, _ = http.ReadRequest(bufio.NewReader(c)) })
	r.route(t, named(t, "r1"), hangUp, 0.5)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if status, _ := r.do(t, method, "body"); status != http.StatusBadGateway {
			t.Errorf("%s: got %d", method, status)
		}
	}
	if got := s.only(t, r); !reflect.DeepEqual(got.Canary, units(0, 2)) {
		t.Errorf("got %+v", got)
	}
	if v := r.label(t, "r1"); len(v.Codes) != 0 {
		t.Errorf("the stable version got a request that had been sent: %+v", v)
	}
}

// The version dies of a request that came on a kept connection: that the next
// connection is refused does not mean that nothing was sent.
func TestRequestThatKillsItsVersionIsNotSentToAnother(t *testing.T) {
	r, s := newSteered(t)
	s.canary.Store(true)
	mortal := raw(t, "r2", func(c net.Conn, _ int, refuse func()) {
		in := bufio.NewReader(c)
		_, _ = http.ReadRequest(in)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		_, _ = http.ReadRequest(in)
		refuse()
	})
	r.route(t, named(t, "r1"), mortal, 0.5)
	for _, want := range []int{http.StatusOK, http.StatusBadGateway} {
		if status, _ := r.do(t, http.MethodGet, ""); status != want {
			t.Errorf("got %d, want %d", status, want)
		}
	}
	if got := s.only(t, r); !reflect.DeepEqual(got.Canary, units(1, 1)) {
		t.Errorf("got %+v", got)
	}
}

// http.Transport sends a GET again when a kept connection breaks. The client sees
// an answer, but the first attempt failed.
func TestSilentResendIsAFailure(t *testing.T) {
	r, s := newSteered(t)
	s.canary.Store(true)
	flaky := raw(t, "r2", func(c net.Conn, n int, _ func()) {
		in := bufio.NewReader(c)
		for range 1 + n {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
		_, _ = http.ReadRequest(in)
	})
	r.route(t, named(t, "r1"), flaky, 0.5)
	for range 2 {
		if status, text := r.do(t, http.MethodGet, ""); status != http.StatusOK || text != "ok" {
			t.Fatalf("got %d %q", status, text)
		}
	}
	if got := s.only(t, r); !reflect.DeepEqual(got.Canary, units(1, 1)) {
		t.Errorf("got %+v, want the second request to have failed", got)
	}
}

func TestClientThatIsGone(t *testing.T) {
	for what, c := range map[string]struct {
		waits time.Duration
		want  traffic.Counts
	}{
		"soon":     {time.Second, units(1, 0)},
		"too late": {time.Second + 1, units(0, 1)},
	} {
		t.Run(what, func(t *testing.T) {
			r, s := newSteered(t)
			entered, gone := make(chan struct{}), make(chan struct{})
			stable := backend(t, "r1", func(_ http.ResponseWriter, req *http.Request) {
				close(entered)
				<-req.Context().Done()
				close(gone)
			})
			r.route(t, stable, named(t, "r2"), 0.5)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() {
				res, err := http.DefaultTransport.RoundTrip(request(t, http.MethodGet, r.url, "a", "").WithContext(ctx))
				if err == nil {
					res.Body.Close()
				}
				ended <- err
			}()
			<-entered
			s.now.Add(int64(c.waits))
			cancel()
			if err := <-ended; err == nil {
				t.Error("a request that was canceled has an answer")
			}
			<-gone // the version is told, too
			eventually(t, "the claim is given back", func() bool { return r.label(t, "r1").InFlight == 0 })
			if got := s.only(t, r); !reflect.DeepEqual(got.Stable, c.want) {
				t.Errorf("got %+v, want %+v", got.Stable, c.want)
			}
		})
	}
}

// An upload that breaks off, or turns into nonsense, is not the version's failure.
func TestUploadThatBreaksOff(t *testing.T) {
	for what, c := range map[string]struct{ upload, answer string }{
		"too short": {"Content-Length: 100\r\n\r\nhalf", ""},
		"bad chunk": {"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nnonsense\r\n", "HTTP/1.1 400"},
	} {
		t.Run(what, func(t *testing.T) {
			r, s := newSteered(t)
			r.route(t, named(t, "r1"), named(t, "r2"), 0.5)
			conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\n"+c.upload)
			if c.answer == "" {
				eventually(t, "it is claimed", func() bool { return r.label(t, "r1").InFlight == 1 })
				conn.Close()
			} else if line, err := bufio.NewReader(conn).ReadString('\n'); !strings.HasPrefix(line, c.answer) {
				t.Errorf("got %q, %v; want %s", line, err, c.answer)
			}
			eventually(t, "the claim is given back", func() bool { return r.label(t, "r1").InFlight == 0 })
			if got := s.only(t, r); !reflect.DeepEqual(got.Stable, units(1, 0)) {
				t.Errorf("got %+v", got.Stable)
			}
		})
	}
}
