package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/davit-dev/davit/internal/driver"
)

// askHealth asks once. An answer of 200 to 399 is good.
func askHealth(ctx context.Context, address string, health driver.Health) error {
	ctx, cancel := context.WithTimeout(ctx, health.Timeout.Std())
	defer cancel()
	resp, err := get(ctx, "http://"+address+health.Path)
	if err != nil {
		return fmt.Errorf("GET %s: %w", health.Path, bare(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 399 {
		return fmt.Errorf("GET %s: %s", health.Path, resp.Status)
	}
	return nil
}

// get makes one request on a connection of its own, not by way of a proxy, and
// does not follow redirects.
func get(ctx context.Context, target string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "davit-health")
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return client.Do(req)
}

// bare takes the address away that http and net put around an error: people
// know which instance is meant.
func bare(err error) error {
	if at, ok := errors.AsType[*url.Error](err); ok {
		err = at.Err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// waitFor returns when everything in run.wait answers, at the latest after
// run.health.start.
func waitFor(ctx context.Context, run driver.Config) error {
	ctx, cancel := context.WithTimeout(ctx, run.Health.Start.Std())
	defer cancel()
	for _, target := range run.Wait {
		for last := error(nil); ; {
			err := reach(ctx, target)
			if err == nil {
				break
			}
			if last == nil || ctx.Err() == nil { // the last try may have been cut short, which says nothing
				last = err
			}
			if !sleep(ctx, 100*time.Millisecond) {
				return fmt.Errorf("run.wait: %s does not answer: %w", target, bare(last))
			}
		}
	}
	return nil
}

// reach connects to tcp://host:port, or wants an answer below 500 from an HTTP
// URL.
func reach(ctx context.Context, target string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	if u.Scheme == "tcp" {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	resp, err := get(ctx, target)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusInternalServerError {
		return errors.New(resp.Status)
	}
	return nil
}
