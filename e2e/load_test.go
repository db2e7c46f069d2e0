package e2e

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load is live traffic at a steady rate, whatever the answers do.
type load struct {
	sent    atomic.Int64
	failed  atomic.Int64
	mu      sync.Mutex
	reasons map[string]int
	stop    context.CancelFunc
	done    chan struct{}
}

// startLoad sends rate GET requests a second to a path of a host on the edge.
func startLoad(t *testing.T, edge, host, path string, rate int) *load {
	t.Helper()
	client := &http.Client{
		Timeout:   20 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}
	return startLoadWith(t, client, edge, host, path, rate)
}

// startLoadWith is startLoad with a client of one's own, which finds a whole URL
// where the edge is "".
func startLoadWith(t *testing.T, client *http.Client, edge, host, path string, rate int) *load {
	t.Helper()
	url := path
	if edge != "" {
		url = "http://" + edge + path
	}
	ctx, stop := context.WithCancel(context.Background())
	l := &load{stop: stop, done: make(chan struct{}), reasons: map[string]int{}}
	go l.run(ctx, client, rate, func() (*http.Request, error) {
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err == nil {
			req.Host = host
		}
		return req, err
	})
	t.Cleanup(func() { l.end() })
	return l
}

func (l *load) run(ctx context.Context, client *http.Client, rate int, next func() (*http.Request, error)) {
	defer close(l.done)
	var flying sync.WaitGroup
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
			l.sent.Add(1)
			flying.Go(func() {
				if err := once(client, next); err != nil {
					l.fail(err)
				}
			})
		}
	}
	flying.Wait()
	client.CloseIdleConnections()
}

func once(client *http.Client, next func() (*http.Request, error)) error {
	req, err := next()
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := drain(resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

func (l *load) fail(err error) {
	l.failed.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reasons[err.Error()]++
}

// end stops sending, waits for the answers and returns the counts.
func (l *load) end() (sent, failed int64, reasons map[string]int) {
	l.stop()
	<-l.done
	return l.sent.Load(), l.failed.Load(), l.reasons
}
