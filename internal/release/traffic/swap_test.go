package traffic_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// Versions replace one another under load; each is cut off hard as soon as it is
// drained. A claim that drain does not see is a request that fails here.
func TestNoRequestIsLostOverSwaps(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	start := func(n int) (*traffic.Target, func()) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			body, _ := io.ReadAll(req.Body)
			<-time.After(3 * time.Millisecond) // so that there is something to drain
			_, _ = w.Write(body)
		}))
		return at(fmt.Sprintf("r%d", n), s), func() { s.CloseClientConnections(); s.Close() }
	}
	live, kill := start(0)
	r.route(t, live, nil, 0)

	var done atomic.Bool
	var served, lost atomic.Int64
	var load sync.WaitGroup
	for i := range 6 {
		load.Go(func() {
			transport := &http.Transport{DisableKeepAlives: i%3 == 0}
			defer transport.CloseIdleConnections()
			body := strings.Repeat("x", 1+i*3000)
			for !done.Load() {
				method := []string{http.MethodGet, http.MethodPost}[i%2]
				res, err := transport.RoundTrip(request(t, method, r.url, "a", body))
				if err != nil {
					lost.Add(1)
					t.Errorf("lost: %v", err)
					return
				}
				got, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil || res.StatusCode != http.StatusOK || string(got) != body {
					lost.Add(1)
					t.Errorf("lost: %s, %d of %d bytes, %v", res.Status, len(got), len(body), err)
					return
				}
				served.Add(1)
			}
		})
	}
	const swaps = 60
	for n := 1; n <= swaps && lost.Load() == 0; n++ {
		next, killNext := start(n)
		r.route(t, live, next, 0.5)
		before := served.Load()
		eventually(t, "both serve", func() bool { return served.Load() > before+10 || lost.Load() > 0 })
		r.route(t, next, nil, 0)
		left, err := r.Drained(t.Context(), traffic.Drain{
			Listener: traffic.Production, App: "a", Label: live.Label, Timeout: 10 * time.Second,
		})
		if err != nil || left != 0 {
			t.Fatalf("drain: %d left, %v", left, err)
		}
		kill()
		live, kill = next, killNext
	}
	done.Store(true)
	load.Wait()
	kill()
	t.Logf("%d requests over %d swaps", served.Load(), swaps)
}

func TestDrainSeesWhatWasClaimed(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	entered, leave := make(chan struct{}), make(chan struct{})
	old := backend(t, "r1", func(http.ResponseWriter, *http.Request) {
		close(entered)
		<-leave
	})
	r.route(t, old, nil, 0)
	answered := make(chan int)
	go func() {
		status, _ := r.do(t, http.MethodGet, "")
		answered <- status
	}()
	<-entered
	drain := traffic.Drain{Listener: traffic.Production, App: "a", Label: "r1", Timeout: 20 * time.Millisecond}
	if _, err := r.Drained(t.Context(), drain); !errors.Is(err, traffic.ErrRouted) {
		t.Errorf("drain of a version in use: %v", err)
	}
	r.route(t, named(t, "r2"), nil, 0)
	if left, err := r.Drained(t.Context(), drain); left != 1 || err != nil {
		t.Errorf("%d left, %v; want the one request", left, err)
	}
	if v := r.label(t, "r1"); v.Role != traffic.RoleDraining || v.InFlight != 1 {
		t.Errorf("status says %+v", v)
	}
	drain.Timeout = 10 * time.Second
	drained := make(chan int64)
	go func() {
		left, _ := r.Drained(t.Context(), drain)
		drained <- left
	}()
	close(leave)
	if status := <-answered; status != http.StatusOK {
		t.Errorf("the old request got %d", status)
	}
	if left := <-drained; left != 0 {
		t.Errorf("%d left after the last answer", left)
	}
	drain.Label = "never heard of"
	if left, err := r.Drained(t.Context(), drain); left != 0 || err != nil {
		t.Errorf("unknown version: %d, %v", left, err)
	}
}

// On one kept connection the version must not depend on the one before: the
// number of changes along the sequence is binomial.
func TestVersionsAreIndependentOnKeepAlive(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	r.route(t, named(t, "r1"), named(t, "r2"), 0.5)
	transport := &http.Transport{MaxConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	const n = 2000
	var canary, changes float64
	last := ""
	for range n {
		res, err := transport.RoundTrip(request(t, http.MethodGet, r.url, "a", ""))
		if err != nil {
			t.Fatal(err)
		}
		data, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if got := string(data); got == "r2" {
			canary++
		}
		if got := string(data); got != last {
			changes++
			last = got
		}
	}
	// Five standard deviations of a binomial with p = 1/2.
	if bound := 5 * math.Sqrt(n) / 2; math.Abs(canary-n/2) > bound || math.Abs(changes-n/2) > bound {
		t.Errorf("%v on the canary, %v changes; want %d ± %.0f of both", canary, changes, n/2, bound)
	}
}

func TestAddressesTakeTurns(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	var hits [2]atomic.Int64
	var addresses []string
	for i := range hits {
		one := backend(t, "r1", func(http.ResponseWriter, *http.Request) { hits[i].Add(1) })
		addresses = append(addresses, one.Addresses...)
	}
	r.route(t, target("r1", addresses...), nil, 0)
	for range 10 {
		r.do(t, http.MethodGet, "")
	}
	if hits[0].Load() != 5 || hits[1].Load() != 5 {
		t.Errorf("got %d and %d requests", hits[0].Load(), hits[1].Load())
	}
}
