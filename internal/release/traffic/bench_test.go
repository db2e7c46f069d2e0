package traffic_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// buffers is the pool of the bare proxy.
type buffers struct{ pool sync.Pool }

func (p *buffers) Get() []byte {
	if b, ok := p.pool.Get().(*[32 << 10]byte); ok {
		return b[:]
	}
	return make([]byte, 32<<10)
}

func (p *buffers) Put(b []byte) { p.pool.Put((*[32 << 10]byte)(b)) }

// BenchmarkProxy sends requests with 1 kB answers through the edge, with weights
// and cohorts on, and through a bare tuned ReverseProxy by turns, so that both
// see the same machine. The ratio of their times contains the client and the
// backend, which both paths share.
func BenchmarkProxy(b *testing.B) {
	body := make([]byte, 1<<10)
	answer := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }
	r := newRig(b, b.TempDir(), nil)
	stable, canary := backend(b, "r1", answer), backend(b, "r2", answer)
	r.route(b, stable, canary, 0.05)
	bare := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: stable.Addresses[0]})
			p.SetXForwarded()
		},
		Transport:  &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 512},
		BufferPool: &buffers{},
	})
	b.Cleanup(bare.Close)

	transport := &http.Transport{DisableCompression: true}
	b.Cleanup(transport.CloseIdleConnections)
	get := func(url string) time.Duration {
		start := time.Now()
		res, err := transport.RoundTrip(request(b, http.MethodGet, url, "a", ""))
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if err != nil || n != int64(len(body)) || res.StatusCode != http.StatusOK {
			b.Fatalf("%s: %d bytes, %v", res.Status, n, err)
		}
		return time.Since(start)
	}
	var edge, plain time.Duration
	for b.Loop() {
		edge += get(r.url)
		plain += get(bare.URL)
	}
	b.ReportMetric(float64(edge.Microseconds())/float64(b.N), "µs/edge")
	b.ReportMetric(float64(plain.Microseconds())/float64(b.N), "µs/bare")
	b.ReportMetric(float64(edge)/float64(plain), "edge/bare")
	if r.label(b, "r2").Role != traffic.RoleCanary {
		b.Error("the canary is not in the route")
	}
}
