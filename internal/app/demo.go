package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/davit-dev/davit/examples"
	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/release"
)

// DemoConfig is what `davit demo` can be told.
type DemoConfig struct {
	Keep     bool      // leave the platform running until ctx ends
	Output   io.Writer // what the platform and the tests print
	Say      func(format string, args ...any)
	Progress func(Progress)
}

// DemoResult is what the tour came to.
type DemoResult struct {
	Releases             []DemoRelease `json:"releases"`
	FailedOnGoodVersions int64         `json:"failed_on_good_versions"`
}

// DemoRelease is one version's way. Requests and Failed count the customers'
// requests during it by the version that answered.
type DemoRelease struct {
	Version  string           `json:"version"`
	Outcome  release.Outcome  `json:"outcome"`
	Seconds  float64          `json:"seconds"`
	Requests map[string]int64 `json:"requests"`
	Failed   map[string]int64 `json:"failed"`
	E        *float64         `json:"e"` // nil where there was nothing to compare with
}

// demoRate is how many requests a second the tour's customers send.
const demoRate = 300

// demoSteps are the versions of the tour: a good one, one that breaks a tenth
// of the requests for single orders, and one that is mended.
var demoSteps = [...]struct{ version, story, failShare string }{
	{"v1", "the first version goes live", "0"},
	{"v2", "10 % of GET /orders/{id} fail, which no test notices", "0.1"},
	{"v3", "the mended version goes live", "0"},
}

// Demo shows the loop: it starts a platform in a temporary folder, ships three
// versions of a service under live traffic, and ends it all again.
func Demo(ctx context.Context, cfg DemoConfig) (result DemoResult, err error) {
	dir, err := os.MkdirTemp("", "davit-demo-")
	if err != nil {
		return result, fmt.Errorf("make a folder for the tour: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	platform, err := startDemo(ctx, filepath.Join(dir, "data"), cfg.Output)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, platform.end()) }()
	cfg.Say("page: %s", platform.status.Page)
	tour := &tour{cfg: cfg, dir: filepath.Join(dir, "orders"), platform: platform}
	if result, err = tour.walk(ctx); err != nil {
		return result, err
	}
	if cfg.Keep {
		cfg.Say("the platform goes on: page %s, service: curl -H 'Host: orders.localhost' http://%s/orders\nCtrl-C ends it",
			platform.status.Page, platform.status.Edge.Production)
		<-ctx.Done()
	}
	return result, nil
}

// tour is one walk through the versions.
type tour struct {
	cfg      DemoConfig
	dir      string
	platform *demoPlatform
	load     *load
}

func (t *tour) walk(ctx context.Context) (DemoResult, error) {
	var result DemoResult
	if err := os.Mkdir(t.dir, 0o755); err != nil {
		return result, fmt.Errorf("make a folder for the service: %w", err)
	}
	if err := examples.WriteOrders(t.dir); err != nil {
		return result, err
	}
	t.load = newLoad(t.platform.status.Edge.Production, "orders.localhost")
	traffic, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	close(ended)
	defer func() { stop(); <-ended }()
	for i, step := range demoSteps {
		t.cfg.Say("\n%s: %s", step.version, step.story)
		one, err := t.ship(ctx, step.version, step.failShare)
		if err != nil {
			return result, err
		}
		if i == 0 {
			ended = make(chan struct{})
			go func() { defer close(ended); t.load.run(traffic, demoRate) }()
		}
		result.Releases = append(result.Releases, one)
	}
	stop()
	<-ended
	result.settle(t.load)
	return result, nil
}

// settle adds the last answers to the last version's way.
func (r *DemoResult) settle(l *load) {
	requests, failed := l.take()
	last := &r.Releases[len(r.Releases)-1]
	for version, n := range requests {
		last.Requests[version] += n
	}
	for version, n := range failed {
		last.Failed[version] += n
	}
	for _, one := range r.Releases {
		for version, n := range one.Failed {
			if version != "v2" {
				r.FailedOnGoodVersions += n
			}
		}
	}
}

func (t *tour) ship(ctx context.Context, version, failShare string) (DemoRelease, error) {
	settings := fmt.Sprintf(demoSettings, version, failShare)
	if err := os.WriteFile(filepath.Join(t.dir, "davit.yaml"), []byte(settings), 0o644); err != nil {
		return DemoRelease{}, fmt.Errorf("write davit.yaml: %w", err)
	}
	start := time.Now()
	summary, err := Ship(ctx, ShipConfig{
		Dir: t.dir, Server: Address{Data: t.platform.data}, Output: t.cfg.Output, Progress: t.cfg.Progress,
	})
	if err != nil {
		return DemoRelease{}, fmt.Errorf("ship %s: %w", version, err)
	}
	requests, failed := t.load.take()
	one := DemoRelease{
		Version: version, Outcome: summary.Outcome, Seconds: time.Since(start).Seconds(),
		Requests: requests, Failed: failed,
	}
	if summary.Verdict != nil {
		one.E = &summary.Verdict.E
	}
	return one, nil
}

// demoSettings make the tour short: real releases take minutes, not seconds.
const demoSettings = `name: orders
run:
  env:
    ORDERS_VERSION: %s
    ORDERS_FAIL_SHARE: "%s"
  drain: 2s
verify:
  load: {request: GET /orders, rate: 20, duration: 1s, p95: 1s}
release:
  steps: [5%%, 25%%, 50%%]
  dwell: 1s
  deadline: 40s
  bake: 2s
`

// demoPlatform is a `davit serve` that ends with this process.
type demoPlatform struct {
	data   string
	status api.Status
	cmd    *exec.Cmd
	leash  io.WriteCloser
}

func startDemo(ctx context.Context, data string, output io.Writer) (*demoPlatform, error) {
	cmd := exec.Command("/proc/self/exe", "serve", "--data", data, "--json", "--tether", //nolint:noctx // ended in order
		"--listen", "127.0.0.1:0", "--edge", "127.0.0.1:0", "--staging", "127.0.0.1:0")
	cmd.Args[0] = "davit"                                // what ps shows
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C reaches us alone
	cmd.Stderr = output
	leash, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the platform: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the platform: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the platform: %w", err)
	}
	p := &demoPlatform{data: data, cmd: cmd, leash: leash}
	stop := context.AfterFunc(ctx, func() { leash.Close() })
	defer stop()
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &p.status)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the platform: %w", err), p.end())
	}
	return p, nil
}

// end lets go of the platform and waits until it has ended itself and its apps.
func (p *demoPlatform) end() error {
	p.leash.Close()
	timer := time.AfterFunc(shutdownLimit, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("end the platform: %w", err)
	}
	return nil
}
