package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// client is one kept connection. It writes the same request again and again.
type client struct {
	address string
	request []byte
	conn    net.Conn
	reader  *bufio.Reader
}

func newClient(address, host string, size int) *client {
	return &client{address: address, request: fmt.Appendf(nil, "GET /%d HTTP/1.1\r\nHost: %s\r\n\r\n", size, host)}
}

// do makes one request; a connection that the other side closed is made anew.
func (c *client) do(ctx context.Context) error {
	if c.conn == nil {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", c.address)
		if err != nil {
			return err
		}
		c.conn, c.reader = conn, bufio.NewReaderSize(conn, 32<<10)
	}
	if _, err := c.conn.Write(c.request); err != nil {
		c.close()
		return err
	}
	res, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		c.close()
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", res.Status)
	}
	if res.Close {
		c.close()
	}
	return err
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close() // nothing of it is needed any more
	}
	c.conn = nil
}

// connections is how many are kept at once.
const connections = 32

// closed makes requests on all connections, each as soon as the last is answered,
// and returns how many there were. What fails ends it.
func closed(ctx context.Context, address, host string, size int, length time.Duration) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var done atomic.Int64
	var failed atomic.Pointer[error]
	var group sync.WaitGroup
	for range connections {
		group.Go(func() {
			c := newClient(address, host, size)
			defer c.close()
			for ctx.Err() == nil {
				if err := c.do(context.WithoutCancel(ctx)); err != nil {
					failed.Store(&err)
					return
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return done.Load(), *err
	}
	return done.Load(), nil
}

// open makes requests at a rate, whether or not the answers keep up, and returns
// the 99th percentile of the time from when each was due to its answer.
func open(ctx context.Context, address, host string, size int, rate float64, length time.Duration) (time.Duration, error) {
	due := make(chan time.Time, int(rate*length.Seconds())+1)
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var group sync.WaitGroup
	for range connections {
		group.Go(func() {
			c := newClient(address, host, size)
			defer c.close()
			for at := range due {
				err := c.do(ctx)
				mu.Lock()
				took = append(took, time.Since(at))
				if err != nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	begin := time.Now()
	for i := 0; ; i++ {
		at := begin.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		if at.Sub(begin) >= length {
			break
		}
		time.Sleep(time.Until(at))
		due <- at
	}
	close(due)
	group.Wait()
	slices.Sort(took)
	if len(took) == 0 || failed != nil {
		return 0, fmt.Errorf("load: %w", failed)
	}
	return took[len(took)*99/100], nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
