package app

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// load is the live traffic of the tour: requests at a steady rate, whatever the
// answers do, counted by the version that the answer says it comes from.
type load struct {
	url    string
	host   string
	client *http.Client

	mu       sync.Mutex
	requests map[string]int64
	failed   map[string]int64
	flying   sync.WaitGroup
	sent     atomic.Int64
}

// versionHeader is how the tour's service says which version answered. Answers
// without it come from nobody's version.
const versionHeader = "X-Orders-Version"

// unknownVersion counts what no version answered: lost requests.
const unknownVersion = "none"

func newLoad(address, host string) *load {
	return &load{
		url: "http://" + address, host: host,
		client: &http.Client{
			Timeout:   10 * time.Second,
			Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		},
		requests: map[string]int64{}, failed: map[string]int64{},
	}
}

// run sends rate requests a second until ctx ends, and waits for the answers.
func (l *load) run(ctx context.Context, rate int) {
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			l.flying.Wait()
			l.client.CloseIdleConnections()
			return
		case <-ticker.C:
			n := l.sent.Add(1)
			l.flying.Go(func() { l.request(context.WithoutCancel(ctx), n) })
		}
	}
}

// paths is what the tour's customers ask for.
var paths = [...]string{"/orders/1", "/orders/2", "/orders", "/orders/3"}

func (l *load) request(ctx context.Context, n int64) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+paths[n%int64(len(paths))], nil)
	if err != nil {
		l.count(unknownVersion, true)
		return
	}
	req.Host = l.host
	resp, err := l.client.Do(req)
	if err != nil {
		l.count(unknownVersion, true)
		return
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	version := resp.Header.Get(versionHeader)
	if version == "" {
		version = unknownVersion
	}
	l.count(version, err != nil || resp.StatusCode >= http.StatusInternalServerError)
}

func (l *load) count(version string, failed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests[version]++
	if failed {
		l.failed[version]++
	}
}

// take returns the counts since the last time.
func (l *load) take() (requests, failed map[string]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	requests, failed = l.requests, l.failed
	l.requests, l.failed = map[string]int64{}, map[string]int64{}
	return requests, failed
}
