package traffic

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/x/exposition"
	"github.com/davit-dev/davit/internal/x/quantity"
)

func canaryTable(version, route uint64, weight float64) Table {
	return Table{Version: version, Routes: []Route{{
		App: "a", Version: route, Listener: Production, Hosts: []string{"a"},
		Stable: &Target{Label: "r1", Addresses: []string{"s:1"}},
		Canary: &Target{Label: "r2", Addresses: []string{"c:1"}},
		Weight: weight, Lease: quantity.Duration(10 * time.Second),
	}}}
}

// share claims n times and returns the canary's share.
func share(t *testing.T, r *router, n int) float64 {
	t.Helper()
	var canary float64
	for range n {
		c, err := r.claim(Production, "a", nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.target.version.label == "r2" {
			canary++
		}
		c.unit.Score(OK, 0)
		c.target.release()
	}
	return canary / float64(n)
}

func TestClaimsAreSplitByWeight(t *testing.T) {
	r := newRouter(func() time.Duration { return 0 }, rand.Float64)
	const n = 40_000
	for version, w := range []float64{0, 0.01, 0.05, 0.5, 0.95, 1} {
		r.swap(canaryTable(uint64(version+1), uint64(version+1), w))
		// Five standard deviations: one run in 10^6 may fail.
		if got, sd := share(t, r, n), math.Sqrt(w*(1-w)/n); math.Abs(got-w) > 5*sd {
			t.Errorf("weight %v: got a share of %v", w, got)
		}
	}
}

// After a swap the old version's requests can only become fewer: else a drain
// could see none and one come after.
func TestNothingEntersTheOldVersionAfterASwap(t *testing.T) {
	r := newRouter(func() time.Duration { return 0 }, rand.Float64)
	table := func(version uint64) Table {
		next := canaryTable(version, version, 0)
		next.Routes[0].Canary = nil
		next.Routes[0].Stable.Label = fmt.Sprint("r", version)
		return next
	}
	r.swap(table(1))
	var done atomic.Bool
	var claimers sync.WaitGroup
	for range 4 {
		claimers.Go(func() {
			for !done.Load() {
				c, err := r.claim(Production, "a", nil)
				if err != nil {
					t.Error(err)
					return
				}
				runtime.Gosched()
				c.target.release()
			}
		})
	}
	for version := uint64(2); version < 2000 && !t.Failed(); version++ {
		old := r.sites[Production]["a"][0].route.stable.version
		r.swap(table(version))
		before := old.inFlight.Load()
		for before > 0 {
			runtime.Gosched()
			now := old.inFlight.Load()
			if now > before {
				t.Errorf("swap %d: %d in flight on the old version, then %d", version, before, now)
				break
			}
			before = now
		}
		if now := old.inFlight.Load(); now != 0 {
			t.Errorf("swap %d: drained, and then %d in flight", version, now)
		}
	}
	done.Store(true)
	claimers.Wait()
}

func TestReliability11TheLeaseLapsesUntilTheRouteIsNew(t *testing.T) {
	var now time.Duration
	r := newRouter(func() time.Duration { return now }, func() float64 { return 0 })
	r.swap(canaryTable(1, 7, 0.95))
	now = 9 * time.Second
	r.renew()
	now = 18 * time.Second
	if lapsed := r.lapseDue(); len(lapsed) != 0 || share(t, r, 10) != 1 {
		t.Fatal("a renewed lease lapsed")
	}
	now = 19 * time.Second
	if lapsed := r.lapseDue(); len(lapsed) != 1 || lapsed[0].App != "a" {
		t.Fatalf("lapsed: %+v", lapsed)
	}
	for what, renew := range map[string]func(){
		"nothing": func() {}, "renewal": r.renew, "same route": func() { r.swap(canaryTable(2, 7, 0.95)) },
	} {
		renew()
		if s := r.status().Routes[0]; share(t, r, 10) != 0 || !s.Lapsed || s.Weight != 0 {
			t.Errorf("after %s: %+v", what, s)
		}
	}
	if left, err := r.drain(t.Context(), appKey{Production, "a"}, "r2"); left != 0 || err != nil {
		t.Errorf("a lapsed canary cannot be drained: %d, %v", left, err)
	}
	r.swap(canaryTable(3, 8, 0.95))
	if s := r.status().Routes[0]; share(t, r, 10) != 1 || s.Lapsed {
		t.Errorf("with a new route: %+v", s)
	}
	if got := r.recorder.Read("", 0).Cohorts; got[0].Weight != 0.95 || got[1].Weight != 0 || got[1].Stable.Units[OK] != 30 {
		t.Errorf("cohorts carry the weight that was in force: %+v", got)
	}
}

func TestFinalRouteNeverLapses(t *testing.T) {
	var now time.Duration
	r := newRouter(func() time.Duration { return now }, func() float64 { return 0 })
	table := canaryTable(1, 7, 1)
	table.Routes[0].Lease = 0
	r.swap(table)
	now = 1000 * time.Hour
	if lapsed := r.lapseDue(); len(lapsed) != 0 || share(t, r, 10) != 1 {
		t.Error("a route without a lease lapsed")
	}
}

func TestVersionsAreForgotten(t *testing.T) {
	r := newRouter(func() time.Duration { return 0 }, func() float64 { return 0 })
	r.swap(canaryTable(1, 1, 1))
	held, err := r.claim(Production, "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	labels := func() (got []string) {
		for _, s := range r.status().Routes {
			for _, v := range s.Versions {
				got = append(got, v.Label)
			}
		}
		return got
	}
	for version := range uint64(3) {
		next := canaryTable(version+2, version+2, 0)
		next.Routes[0].Canary = nil
		r.swap(next)
		if got := labels(); len(got) != 2 {
			t.Fatalf("a version with a request in flight was forgotten: %v", got)
		}
	}
	held.target.release()
	r.swap(Table{Version: 5})
	if got := labels(); len(got) != 1 || got[0] != "r1" {
		t.Errorf("got %v, want the version that has just left", got)
	}
	r.swap(Table{Version: 6})
	if len(r.apps) != 0 {
		t.Errorf("an app that is gone is remembered: %v", labels())
	}
}

func TestHistogramQuantiles(t *testing.T) {
	for v := uint64(0); v < 1<<topBits; v = v*9/8 + 1 {
		i := bucket(v)
		got := uint64(upper(i) / time.Microsecond)
		if got < v || float64(got-v) > float64(v)/16 || i > 0 && uint64(upper(i-1)/time.Microsecond) >= v && v > 0 {
			t.Fatalf("%d µs is in bucket %d, which ends at %d", v, i, got)
		}
	}
	if bucket(math.MaxUint64) != buckets-1 {
		t.Error("a huge value has no bucket")
	}
	var h histogram
	if q := h.quantiles(0.5, 1); q[0] != 0 || q[1] != 0 {
		t.Errorf("empty: %v", q)
	}
	for i := 1; i <= 1000; i++ {
		h.add(time.Duration(i) * time.Millisecond)
	}
	for i, want := range []time.Duration{500 * time.Millisecond, 950 * time.Millisecond, 990 * time.Millisecond} {
		got := h.quantiles(0.5, 0.95, 0.99)[i]
		if got < want || got > want+want/16 {
			t.Errorf("got %v, want %v to a sixteenth", got, want)
		}
	}
}

func TestTraceparent(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for s, want := range map[string]bool{
		good:                   true,
		"cc" + good[2:] + "-x": true,
		good + "-x":            false,
		"cc" + good[2:] + "x":  false,
		"ff" + good[2:]:        false,
		"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01": false,
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": false,
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01": false,
		"": false,
	} {
		if validTraceparent(s) != want {
			t.Errorf("%q: want %v", s, want)
		}
	}
}

func TestHostname(t *testing.T) {
	for in, want := range map[string]string{
		"Orders.Localhost:8080": "orders.localhost", "a.": "a", "a.:80": "a",
		"[::1]:80": "::1", "[::1]": "::1", "::1": "::1", "": "", ":80": "", "1.2.3.4:5": "1.2.3.4",
	} {
		if got := hostname(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// FuzzDecodeState: as FuzzDecodeTable, for the file on disk.
func FuzzDecodeState(f *testing.F) {
	data, err := state{Table: canaryTable(3, 7, 0.5), Lapsed: []lapse{{"a", Production, 7}}}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{"format":1,"table":{"version":1,"routes":[]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decodeState(data)
		if err != nil {
			return
		}
		once, err := s.encode()
		if err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		again, err := decodeState(once)
		if err != nil || !reflect.DeepEqual(again.Table, s.Table) {
			t.Fatalf("%v\nread  %+v\nagain %+v", err, s, again)
		}
		if twice, _ := again.encode(); !bytes.Equal(once, twice) {
			t.Fatalf("written %s\nthen    %s", once, twice)
		}
	})
}

func TestExportedBucketsAreExact(t *testing.T) {
	var h histogram
	for _, us := range []int64{0, 511, 512, 513, 1023, 1024, 1 << 25, 1<<25 - 1, 1 << 40} {
		h.add(time.Duration(us) * time.Microsecond)
	}
	buckets, count, sum := h.cumulative()
	if len(buckets) != lastBound-firstBound+1 || count != 9 {
		t.Fatalf("%d buckets, %d durations", len(buckets), count)
	}
	if want := time.Duration(511+512+513+1023+1024+(1<<25)+(1<<25-1)+(1<<40)) * time.Microsecond; sum != want {
		t.Errorf("sum %v, want %v", sum, want)
	}
	for bound, want := range map[float64]uint64{0.000512: 2, 0.001024: 5, 0.002048: 6, 16.777216: 6, 33.554432: 7} {
		i := slices.IndexFunc(buckets, func(b exposition.Bucket) bool { return b.UpTo == bound })
		if i < 0 || buckets[i].Count != want {
			t.Errorf("up to %v: bucket %d of %v, want %d", bound, i, buckets, want)
		}
	}
}

// A log that nobody writes must not hold up a request.
func TestAccessLogNeverWaits(t *testing.T) {
	r := newRouter(func() time.Duration { return 0 }, rand.Float64)
	r.access.on.Store(true)
	d := &door{listener: Production, router: r}
	in := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	for range accessQueue + 3 {
		d.end(d.begin(in))
	}
	if got := r.access.dropped.Load(); got != 3 || len(r.access.lines) != accessQueue {
		t.Errorf("%d lines dropped, %d wait", got, len(r.access.lines))
	}
}

func TestCallTimeout(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1n": 1, "20u": 20 * time.Microsecond, "300m": 300 * time.Millisecond, "4S": 4 * time.Second, "5M": 5 * time.Minute,
		"6H": 6 * time.Hour, "99999999S": 99999999 * time.Second, "0S": 0,
	} {
		if got, ok := callTimeout(text); got != want || !ok {
			t.Errorf("%s: %v, %v; want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "S", "1", "-1S", "+1S", "1s", "1.5S", "100000000S", "99999999H", " 1S", "1S "} {
		if got, ok := callTimeout(text); ok {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestAClientThatGivesUpIsReadSlowly(t *testing.T) {
	reader, writer := net.Pipe()
	defer reader.Close()
	defer writer.Close()
	go func() { _, _ = writer.Write(make([]byte, 8*paceBytes)) }()
	gone := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	gone.ProtoMajor = 2
	c := &client{paced: &paced{Conn: reader}}
	buffer := make([]byte, 8*paceBytes)
	for range wavering {
		if c.paced.slow.Load() {
			t.Fatal("it is slow too early")
		}
		c.gaveUp(gone, 1000)
	}
	for range 2 {
		if n, err := c.paced.Read(buffer); n > paceBytes || err != nil {
			t.Errorf("%d bytes are read at once, %v", n, err)
		}
	}
	c.answered()
	if n, err := c.paced.Read(buffer); n <= paceBytes || err != nil {
		t.Errorf("after an answer %d bytes are read at once, %v", n, err)
	}
}

func TestAClientThatGivesUpIsNotBelieved(t *testing.T) {
	gone, leave := context.WithCancel(t.Context())
	leave()
	request := func(ctx context.Context, major int) *http.Request {
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
		r.ProtoMajor = major
		return r
	}
	c := &client{}
	for range wavering {
		if !c.stays(request(gone, 2)) {
			t.Fatal("it is doubted too early")
		}
		c.gaveUp(request(gone, 2), 1000)
	}
	if c.stays(request(gone, 2)) {
		t.Error("a request that was given up is passed on")
	}
	if !c.stays(request(t.Context(), 2)) {
		t.Error("one that was not given up is not passed on")
	}
	if !c.stays(request(gone, 1)) {
		t.Error("HTTP/1 pays for HTTP/2")
	}
	c.answered()
	if !c.stays(request(gone, 2)) {
		t.Error("it is doubted although it took an answer")
	}
}
