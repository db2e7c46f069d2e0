package verify_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davit-dev/davit/internal/verify"
	"github.com/davit-dev/davit/internal/x/quantity"
)

// run is a load run of 100 requests a second for 10 s.
func run() *verify.LoadRun {
	return &verify.LoadRun{
		Request: verify.Requests{{Method: "GET", Target: "/orders"}},
		Rate:    100, Duration: quantity.Duration(10 * time.Second),
		P95: quantity.Duration(250 * time.Millisecond),
	}
}

// measure carries out the load run in fake time.
func measure(t *testing.T, run *verify.LoadRun, handler http.HandlerFunc) verify.Report {
	t.Helper()
	report, err := verify.RunOver(t.Context(), serve(t, handler), verify.Suite{Load: run}, here)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Checks) != 1 || report.Load == nil || report.Passed != report.Checks[0].Passed {
		t.Fatalf("got %+v", report)
	}
	return report
}

// near compares with the precision of the histogram.
func near(t *testing.T, what string, got quantity.Duration, want time.Duration) {
	t.Helper()
	if diff := (got.Std() - want).Abs(); diff > want/200 {
		t.Errorf("%s is %s, want %s", what, got, want)
	}
}

// stalling answers one request after another, each in 1 ms, but one of them in 2 s.
func stalling(at int64) http.HandlerFunc {
	turn := make(chan struct{}, 1) // fake time passes for who waits for a channel, not for a mutex
	var n atomic.Int64
	return func(http.ResponseWriter, *http.Request) {
		turn <- struct{}{}
		defer func() { <-turn }()
		if n.Add(1) == at {
			time.Sleep(2 * time.Second)
		}
		time.Sleep(time.Millisecond)
	}
}

// A server that stalls for 2 s of 10 keeps everybody waiting who comes in that
// time. A client that sends the next request when it has the last answer meets
// the stall once, and calls it an outlier.
func TestLatencyCountsFromTheIntendedStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := closedModel(t, stalling(500), 1000)
		if p95 := closed[949]; p95 > 2*time.Millisecond {
			t.Fatalf("a closed model measures a p95 of %s: this server is no trap", p95)
		}
		report := measure(t, run(), stalling(500))
		if report.Passed {
			t.Errorf("the stall was not seen: %+v", report.Load)
		}
		// The k-th request after the one that stalls waits 2000-10k ms for the end
		// of the stall and k ms for those before it, and 1 ms for itself. 50 of
		// 1000 wait longer than the 95th percentile: those with k < 50.
		near(t, "p95", report.Load.P95, 2001*time.Millisecond-50*9*time.Millisecond)
		near(t, "max", report.Load.Max, 2001*time.Millisecond)
		near(t, "p50", report.Load.P50, time.Millisecond)
		want := "p95: expected at most 250ms, got " + report.Load.P95.String()
		if got := report.Checks[0].Reason(); got != want {
			t.Errorf("reason is %q, want %q", got, want)
		}
	})
}

// closedModel returns the sorted latencies of one client that waits for each answer.
func closedModel(t *testing.T, handler http.HandlerFunc, n int) []time.Duration {
	t.Helper()
	transport := serve(t, handler)
	var took []time.Duration
	for range n {
		begin := time.Now()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, here.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took
}

func TestGoodSitePasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		seen := map[string]int{}
		begin := time.Now()
		spread := run()
		spread.Request = append(spread.Request, verify.Request{Method: "POST", Target: "/b?c=d"})
		report := measure(t, spread, func(_ http.ResponseWriter, r *http.Request) {
			mu.Lock()
			seen[r.Host+" "+r.Method+" "+r.URL.String()]++
			mu.Unlock()
			time.Sleep(20 * time.Millisecond)
		})
		if !report.Passed || report.Load.Requests != 1000 || report.Load.Failed != 0 {
			t.Errorf("got %s, %+v", report.Summary(), report.Load)
		}
		near(t, "p95", report.Load.P95, 20*time.Millisecond)
		if got, want := time.Since(begin), 10*time.Second+10*time.Millisecond; got != want {
			t.Errorf("it took %s, want %s: 999 intervals and the last answer", got, want)
		}
		want := map[string]int{"orders.localhost GET /orders": 500, "orders.localhost POST /b?c=d": 500}
		if !maps.Equal(seen, want) {
			t.Errorf("sent %v", seen)
		}
		if got, want := report.Summary(), "1 check passed; load 100.0/s, p95 20ms, 0 of 1000 failed"; got != want {
			t.Errorf("summary is %q, want %q", got, want)
		}
	})
}

func TestErrorsAreCountedByKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		some := run()
		some.Errors = 0.05
		failing := func(w http.ResponseWriter, n int64) {
			switch {
			case n%40 == 0:
				w.WriteHeader(http.StatusInternalServerError)
			case n%101 == 1: // the client tries again, which is one request more
				panic(http.ErrAbortHandler)
			case n%101 == 3:
				w.WriteHeader(http.StatusNotFound)
			}
		}
		var n atomic.Int64
		handler := func(w http.ResponseWriter, _ *http.Request) { failing(w, n.Add(1)) }
		report := measure(t, some, handler)
		want := map[string]int{"status 500": 25, "status 404": 10, "connection closed": 10}
		if !report.Passed || report.Load.Failed != 45 || !maps.Equal(report.Load.Errors, want) {
			t.Errorf("got %+v, want %v", report.Load, want)
		}
		some.Errors = 0.04
		n.Store(0)
		report = measure(t, some, handler)
		reason := "errors: expected at most 4%, got 45 of 1000 (status 500: 25, connection closed: 10, status 404: 10)"
		if report.Passed || report.Checks[0].Reason() != reason {
			t.Errorf("got %q, want %q", report.Checks[0].Reason(), reason)
		}
	})
}

// A site that does not answer any more is not asked ever more slowly: what cannot
// be sent is said, and fails the run.
func TestRequestsInFlightAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hard := run()
		hard.Rate, hard.Errors = 150, 1
		hard.P95 = quantity.Duration(30 * time.Second)
		report := measure(t, hard, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		want := map[string]int{"not sent": 500, "timeout": verify.MaxInFlight}
		if report.Passed || !maps.Equal(report.Load.Errors, want) {
			t.Errorf("got %+v, want %v", report.Load, want)
		}
		near(t, "p50", report.Load.P50, 40*time.Second)
		reason := "requests in flight: expected at most 1000, got more: 500 requests could not be sent; p95: expected at most 30s"
		if got := report.Checks[0].Reason(); !strings.HasPrefix(got, reason) {
			t.Errorf("reason is %q", got)
		}
	})
}

func TestWarmupIsNotMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		warm := run()
		warm.Warmup = quantity.Duration(2 * time.Second)
		var n atomic.Int64
		report := measure(t, warm, func(w http.ResponseWriter, _ *http.Request) {
			if n.Add(1) <= 200 {
				time.Sleep(time.Second)
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		if !report.Passed || report.Load.Requests != 1000 || n.Load() != 1200 || report.Load.Max > quantity.Duration(time.Millisecond) {
			t.Errorf("%d requests were sent, got %+v", n.Load(), report.Load)
		}
	})
}

func TestLoadRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := errors.New("somebody pressed Ctrl-C")
		ctx, cancel := context.WithCancelCause(t.Context())
		transport := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		time.AfterFunc(3*time.Second, func() { cancel(ended) })
		begin := time.Now()
		_, err := verify.RunOver(ctx, transport, verify.Suite{Load: run()}, here)
		if !errors.Is(err, ended) || time.Since(begin) != 3*time.Second {
			t.Errorf("got %v after %s", err, time.Since(begin))
		}
	})
}

func TestLoadIsSentToThisMachineOnly(t *testing.T) {
	for _, address := range []string{"http://example.com", "http://10.0.0.1:80", "http://localhost.example.com", "http://[2001:db8::1]:80"} {
		_, err := verify.Run(t.Context(), verify.Suite{Load: run()}, verify.Site{URL: address})
		if err == nil || !strings.Contains(err.Error(), "is not on this machine; a load run is only sent to loopback addresses") {
			t.Errorf("%s: got %v", address, err)
		}
	}
	for _, address := range []string{"", "127.0.0.1:80", "ftp://127.0.0.1", "http://127.0.0.1/path", "http://a:b@127.0.0.1"} {
		if _, err := verify.Run(t.Context(), verify.Suite{}, verify.Site{URL: address}); err == nil {
			t.Errorf("%q was taken as a site", address)
		}
	}
}

// TestRealSockets goes the whole way once: real time, real connections.
func TestRealSockets(t *testing.T) {
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%10 == 0 {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer server.Close()
	quick := run()
	quick.Rate, quick.Duration, quick.P95 = 200, quantity.Duration(500*time.Millisecond), quantity.Duration(20*time.Second)
	report, err := verify.Run(t.Context(), verify.Suite{Load: quick}, verify.Site{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]int{"status 502": 10}; report.Passed || n.Load() != 100 || !maps.Equal(report.Load.Errors, want) {
		t.Errorf("%d requests arrived, got %+v", n.Load(), report.Load)
	}
	server.Close()
	report, err = verify.Run(t.Context(), verify.Suite{Load: quick}, verify.Site{URL: server.URL})
	if want := map[string]int{"connection refused": 100}; err != nil || !maps.Equal(report.Load.Errors, want) {
		t.Errorf("got %+v, %v", report.Load, err)
	}
}

// A machine that sends late measures itself, unless it was late by less than
// every request may be.
func TestATooBusyMachineIsToldApart(t *testing.T) {
	short := run()
	short.Rate, short.Duration, short.P95 = 50, quantity.Duration(time.Second), quantity.Duration(250*time.Millisecond)
	for rate, want := range map[float64]string{50: "", 44: "", 41: "", 30: "30.0/s: this machine is too busy to measure"} {
		report := verify.LoadReport{Requests: 50, Rate: rate}
		var got string
		for _, failure := range verify.Failures(report, *short) {
			got += failure.Got
		}
		if got != want {
			t.Errorf("%g/s: got %q, want %q", rate, got, want)
		}
	}
}
