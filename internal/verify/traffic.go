package verify

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/davit-dev/davit/internal/x/quantity"
)

const (
	// maxInFlight bounds what a site that stopped answering can pile up here. A
	// request that would be one more is not sent, and the run fails by it: to wait
	// instead would ask less of the site the worse it is.
	maxInFlight = 1000
	// patience is how much longer than the p95 limit an answer is waited for.
	patience = 10 * time.Second
	// minRate is the share of the intended rate that this machine must reach for
	// the measurement to mean something, unless it was late by less than what is
	// allowed to every request.
	minRate = 0.9
	notSent = "not sent"
)

// traffic is a load run under way.
type traffic struct {
	client *client
	run    LoadRun
	start  time.Time
	slots  chan struct{} // one entry for each request in flight

	mu      sync.Mutex
	latency *hdrhistogram.Histogram // µs from the moment a request was due
	errors  map[string]int
	sent    int
	last    time.Time // when the last one was sent
}

// runLoad sends the traffic and says how the site bore it.
func runLoad(ctx context.Context, c *client, run LoadRun) (Check, LoadReport, error) {
	limit := run.P95.Std() + patience
	t := &traffic{
		client: c, run: run, start: time.Now(),
		slots:   make(chan struct{}, maxInFlight),
		latency: hdrhistogram.New(1, (2 * limit).Microseconds(), 3),
		errors:  map[string]int{},
	}
	if err := t.drive(ctx); err != nil {
		return Check{}, LoadReport{}, fmt.Errorf("load run: %w", err)
	}
	report := t.report()
	return Check{
		Name:     "load: " + clip(run.String(), maxName),
		Failures: report.failures(run),
		Duration: rounded(time.Since(t.start)),
	}, report, nil
}

// drive sends every request when it is due and returns when all are answered.
func (t *traffic) drive(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	for i := range t.run.warming() + t.run.measured() {
		due := t.start.Add(t.run.due(i))
		if err := sleepUntil(ctx, due); err != nil {
			return err
		}
		select {
		case t.slots <- struct{}{}:
		default:
			t.score(i, due, notSent)
			continue
		}
		t.count(i)
		running.Go(func() {
			defer func() { <-t.slots }()
			t.score(i, due, t.request(ctx, i, due))
		})
	}
	running.Wait()
	return context.Cause(ctx)
}

// request sends the i-th request and returns what kind of error it met, "" for none.
func (t *traffic) request(ctx context.Context, i int, due time.Time) string {
	ctx, cancel := context.WithDeadline(ctx, due.Add(t.run.P95.Std()+patience))
	defer cancel()
	resp, err := t.client.send(ctx, t.run.Request[i%len(t.run.Request)], nil, "")
	if err != nil {
		return errorKind(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return errorKind(err)
	}
	if resp.StatusCode >= 400 {
		return "status " + strconv.Itoa(resp.StatusCode)
	}
	return ""
}

// count notes that the i-th request is sent now.
func (t *traffic) count(i int) {
	if i < t.run.warming() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent++
	t.last = time.Now()
}

// score notes how the i-th request went. Its latency counts from when it was due,
// not from when it was sent: a request that had to wait for its turn waited for
// the site, as a user would have ("coordinated omission" is to leave that out).
func (t *traffic) score(i int, due time.Time, kind string) {
	if i < t.run.warming() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if kind != "" {
		t.errors[kind]++
	}
	if kind == notSent {
		return
	}
	µs := min(time.Since(due).Microseconds(), t.latency.HighestTrackableValue())
	_ = t.latency.RecordValue(µs) // is within the range, and nothing else can fail
}

func (t *traffic) report() LoadReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := func(percentile float64) quantity.Duration {
		return significant(t.latency.ValueAtPercentile(percentile))
	}
	report := LoadReport{
		Requests: t.run.measured(),
		P50:      at(50), P90: at(90), P95: at(95), P99: at(99),
		Max:    significant(t.latency.Max()),
		Errors: t.errors,
	}
	for _, n := range t.errors {
		report.Failed += n
	}
	// The first of n requests is sent at the beginning, so n of them take the
	// time of n-1 and one more.
	first := t.start.Add(t.run.due(t.run.warming()))
	took := t.last.Sub(first) + t.run.due(1)
	if t.sent > 0 {
		report.Rate = min(float64(t.sent)/took.Seconds(), t.run.Rate)
	}
	return report
}

// significant leaves of µs the three digits that the histogram keeps.
func significant(µs int64) quantity.Duration {
	unit := time.Microsecond
	for rest := µs; rest >= 1000; rest /= 10 {
		unit *= 10
	}
	return quantity.Duration((time.Duration(µs) * time.Microsecond).Round(unit))
}

// failures compares what was measured with what the run allows.
func (r LoadReport) failures(run LoadRun) []Failure {
	var failures []Failure
	if n := r.Errors[notSent]; n > 0 {
		failures = append(failures, Failure{"requests in flight", fmt.Sprintf("at most %d", maxInFlight), fmt.Sprintf("more: %d requests could not be sent", n)})
	} else if r.Rate < minRate*run.Rate && r.lag(run) > run.P95.Std() {
		failures = append(failures, Failure{"rate", fmt.Sprintf("%g/s", run.Rate), fmt.Sprintf("%.1f/s: this machine is too busy to measure", r.Rate)})
	}
	if r.P95 > run.P95 {
		failures = append(failures, Failure{"p95", "at most " + run.P95.String(), r.P95.String()})
	}
	if share := float64(r.Failed) / float64(r.Requests); share > run.Errors.Float() {
		got := fmt.Sprintf("%d of %d (%s)", r.Failed, r.Requests, r.kinds())
		failures = append(failures, Failure{"errors", "at most " + run.Errors.String(), got})
	}
	return failures
}

// lag is how late the last request was sent, when all were. Up to the limit of
// the latency, which counts from when a request was due, that is no failure of
// its own.
func (r LoadReport) lag(run LoadRun) time.Duration {
	seconds := float64(r.Requests) * (1/r.Rate - 1/run.Rate)
	return time.Duration(seconds * float64(time.Second))
}

// kinds lists the errors by kind, the most frequent first.
func (r LoadReport) kinds() string {
	names := sorted(r.Errors)
	slices.SortStableFunc(names, func(a, b string) int { return r.Errors[b] - r.Errors[a] })
	texts := make([]string, 0, len(names))
	for _, name := range names {
		texts = append(texts, fmt.Sprintf("%s: %d", name, r.Errors[name]))
	}
	return excerpt(strings.Join(texts, ", "))
}

func sleepUntil(ctx context.Context, due time.Time) error {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}
