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

// errUnready is the cause when something did not get well in time.
var errUnready = errors.New("not ready")

// firstHealth asks, ever less often, until the first good answer or until
// health.start is over.
func firstHealth(ctx context.Context, address string, health driver.Health) error {
	ctx, cancel := context.WithTimeoutCause(ctx, health.Start.Std(), errUnready)
	defer cancel()
	var last error
	for pause := 5 * time.Millisecond; ; pause = min(pause*3/2, health.Interval.Std()) {
		if last = askHealth(ctx, address, health); last == nil {
			return nil
		}
		if !sleep(ctx, pause) {
			break
		}
	}
	if errors.Is(context.Cause(ctx), errUnready) {
		return fmt.Errorf("not healthy within %s: %w", health.Start, last)
	}
	return context.Cause(ctx)
}

// askHealth asks once. An answer of 200 to 399 is good.
func askHealth(ctx context.Context, address string, health driver.Health) error {
	ctx, cancel := context.WithTimeout(ctx, health.Timeout.Std())
	defer cancel()
	target := "http://" + address + health.Path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "davit-health")
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("GET %s: %w", health.Path, bare(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 399 {
		return fmt.Errorf("GET %s: %s", health.Path, resp.Status)
	}
	return nil
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

// waitFor returns when everything in targets answers, at the latest after limit.
func waitFor(ctx context.Context, targets []string, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errUnready)
	defer cancel()
	for _, target := range targets {
		for {
			err := reach(ctx, target)
			if err == nil {
				break
			}
			if !sleep(ctx, 100*time.Millisecond) {
				return fmt.Errorf("run.wait: %s does not answer: %w", target, bare(err))
			}
		}
	}
	return nil
}

// reach connects to tcp://host:port, or wants an answer from an HTTP URL.
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusInternalServerError {
		return errors.New(resp.Status)
	}
	return nil
}
