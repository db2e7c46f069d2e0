package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// chaosRate is how many requests a second there are, whatever is broken.
const chaosRate = 600

// chaosSettings make a release take some seconds. Latency is not compared: how
// long an answer takes is up to what else this machine does.
const chaosSettings = `name: orders
run:
  env: {ORDERS_VERSION: %q, ORDERS_FAIL_SHARE: %q}
  drain: 3s
  replicas: 2
release:
  steps: [10%%, 50%%]
  dwell: 1s
  bake: 2s
  deadline: 2m
  tolerance: {errors: 1%%, latency: 100%%, delay: 10s}
`

// TestChaos releases good and bad versions and goes back by hand, under traffic,
// while control, the edge and instances are killed and davit is upgraded at random.
// What fails is either a bad version's own, or was on what was killed; the end is the one that
// the releases have by themselves. It takes half a minute, or as long as
// DAVIT_CHAOS says; DAVIT_SEED repeats the same decisions.
func TestChaos(t *testing.T) {
	length, seed := 30*time.Second, rand.Uint64()
	if text := os.Getenv("DAVIT_CHAOS"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	if text := os.Getenv("DAVIT_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("DAVIT_SEED=%d DAVIT_CHAOS=%s", seed, length)
	c := &chaos{t: t, p: newPlatform(t), rng: rand.New(rand.NewPCG(seed, 2)), versions: map[string]string{}, kills: map[string]int{}}
	c.live = c.versions[c.ship("good", "ship", "--skip-tests")]
	c.load = newWitness(t, c.p.edge)
	for end := time.Now().Add(length); time.Now().Before(end) && !t.Failed(); {
		c.round()
	}
	c.rest()
	c.judge()
}

// chaos is a platform that things happen to, and what has to come of it.
type chaos struct {
	t    *testing.T
	p    *platform
	rng  *rand.Rand
	load *witness

	made       int
	live, back string            // versions: what answers, and what a person could go back to
	versions   map[string]string // by release
	kills      map[string]int    // by what was killed
	lost       []loss
}

// loss is something that was killed, and when its requests could fail.
type loss struct {
	what     string
	from, to time.Time
}

// round is one release, or one way back, with accidents on its way.
func (c *chaos) round() {
	c.t.Helper()
	switch n := c.rng.IntN(10); {
	case n < 2 && c.back != "":
		c.rollback()
		return
	case n < 4:
		c.settle(c.ship("bad", "ship", "--skip-tests", "--detach"))
	default:
		c.settle(c.ship("good", "ship", "--skip-tests", "--detach"))
	}
}

// ship submits a new version and returns its release.
func (c *chaos) ship(quality string, command ...string) string {
	c.t.Helper()
	c.made++
	version, failing := fmt.Sprintf("%s-%d", quality, c.made), "0"
	if quality == "bad" {
		failing = "0.4"
	}
	dir := ordersSource(c.t, "x", "0", "1s")
	write(c.t, dir, "davit.yaml", fmt.Sprintf(chaosSettings, version, failing))
	c.p.must(dir, command...)
	id := c.newest()
	c.versions[id] = version
	return id
}

// newest is the last release that was submitted.
func (c *chaos) newest() string {
	c.t.Helper()
	releases := c.p.status().Apps[0].Releases
	return releases[len(releases)-1].ID
}

// settle lets accidents happen until a release has ended, which has to be as its
// version deserves; only a canary that was killed is taken back though it is good.
func (c *chaos) settle(id string) {
	c.t.Helper()
	edges := c.kills["edge"]
	s, killed := c.await(id)
	good := strings.HasPrefix(c.versions[id], "good")
	switch {
	case s.Outcome == "live" && good:
		c.live, c.back = c.versions[id], c.live
	case s.Outcome == "rolled_back" && !good:
	case s.Outcome == "rolled_back" && killed: // for its end, or for what it failed to answer then
	case s.Outcome == "rejected" && c.kills["edge"] > edges: // its proof was in flight in the edge
	case s.Waiting != "": // control was away for too long on a slow machine: a person is asked
		c.p.must("", "abort", id)
	default:
		c.t.Errorf("%s, which is %s and was killed: %v, ended %+v", id, c.versions[id], killed, s)
	}
	c.t.Logf("%s (%s): %s %s", id, c.versions[id], s.Outcome, s.Reason)
}

// await lets something break every second or so until a release has ended. It says
// whether its instance was among what broke.
func (c *chaos) await(id string) (s summary, killed bool) {
	c.t.Helper()
	next := time.Now()
	until(c.t, "the end of "+id, 3*time.Minute, func() bool {
		if s = c.p.release(id); s.Phase == "ended" || s.Waiting != "" {
			return true
		}
		if time.Now().After(next) {
			killed = c.accident(id) || killed
			next = time.Now().Add(time.Duration(300+c.rng.IntN(1500)) * time.Millisecond)
		}
		return false
	})
	return s, killed
}

// rollback goes back by hand. Whoever asked may lose sight of it when control is
// killed, and the way back goes on.
func (c *chaos) rollback() {
	c.t.Helper()
	before := c.newest()
	cmd := exec.Command(binary, "rollback", "orders")
	cmd.Env = c.p.env()
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	until(c.t, "the way back", 20*time.Second, func() bool { return c.newest() != before })
	id := c.newest()
	s, _ := c.await(id)
	_ = cmd.Wait()
	if s.Outcome != "live" {
		c.t.Errorf("the way back ended %+v", s)
	}
	c.versions[id] = c.back
	c.live, c.back = c.back, ""
	c.t.Logf("%s (%s): by hand", id, c.live)
}

// accident kills one of the processes, makes a backup, or puts another program in
// the place of davit. It says whether it killed the instance of the release that is
// on its way.
func (c *chaos) accident(id string) bool {
	c.t.Helper()
	switch n := c.rng.IntN(12); {
	case n == 11:
		c.upgrade()
	case n == 10:
		c.backup()
	case n < 5:
		c.killControl(time.Duration(c.rng.IntN(1000)) * time.Millisecond)
	case n < 7:
		c.killEdge()
	case n < 9:
		return c.killInstance(c.instances().Live) == id
	default:
		return c.killInstance(c.instances().Current) == id
	}
	return false
}

// killControl leaves the apps alone for a while. Nothing may be lost by that.
func (c *chaos) killControl(away time.Duration) {
	c.t.Helper()
	c.p.kill()
	time.Sleep(away) // traffic goes on without control
	c.p.start()
	c.kills["control"]++
}

// killEdge loses what is in flight. Connections that nobody has accepted wait for
// the next edge, which control starts.
func (c *chaos) killEdge() {
	c.t.Helper()
	before := c.p.status().Edge.PID
	if before == 0 {
		return
	}
	from := time.Now()
	c.end(before, "davit")
	c.lost = append(c.lost, loss{"in flight in the edge", from, time.Now()})
	c.kills["edge"]++
	until(c.t, "another edge", 20*time.Second, func() bool {
		now := c.p.status().Edge.PID
		return now != 0 && now != before
	})
}

// dying is how long a killed process may still have connections: they are closed with
// the last of its threads, and it counts as ended with the first.
const dying = 200 * time.Millisecond

// killInstance loses what is in flight on an instance. What comes until it is back
// goes to another one, of a canary that has no other to the live version. It returns
// the release whose instance was killed.
func (c *chaos) killInstance(id string) (killed string) {
	c.t.Helper()
	own := slices.DeleteFunc(c.instances().Instances, func(i instance) bool {
		return !i.of(id) || i.State != "ready" || i.Restarts > 1
	})
	if len(own) == 0 {
		return ""
	}
	i := own[c.rng.IntN(len(own))]
	from := time.Now()
	c.end(i.PID, "orders")
	c.lost = append(c.lost, loss{"on an instance", from, time.Now().Add(dying)})
	until(c.t, "the instance "+i.ID, 20*time.Second, func() bool { return c.ready(i.ID, i.PID) })
	c.kills["instance"]++
	return id
}

// upgrade replaces control at once, and the edge when no release is under way.
// Nothing may be lost by either.
func (c *chaos) upgrade() {
	c.t.Helper()
	c.p.upgrade()
	c.kills["nothing: an upgrade"]++
}

// backup is no accident, but comes as unexpectedly.
func (c *chaos) backup() {
	c.t.Helper()
	file := filepath.Join(c.p.home, "backup.tar.gz")
	c.p.must("", "backup", "-o", file)
	c.p.must("", "restore", "--verify", file)
	c.kills["nothing: a backup"]++
}

// appStatus is what the chaos reads of an app's instances.
type appStatus struct {
	Live      string     `json:"live"`
	Current   string     `json:"current"`
	Instances []instance `json:"instances"`
}

func (c *chaos) instances() appStatus {
	c.t.Helper()
	var s struct {
		Apps []appStatus `json:"apps"`
	}
	if err := json.Unmarshal([]byte(c.p.must("", "status", "--json")), &s); err != nil {
		c.t.Fatal(err)
	}
	return s.Apps[0]
}

// ready says whether an instance is, in another process than before, or is not
// needed any more.
func (c *chaos) ready(id string, before int) bool {
	c.t.Helper()
	for _, i := range c.instances().Instances {
		if i.ID == id {
			return i.State == "ready" && i.PID != before
		}
	}
	return true
}

// end kills a process that the platform has told of, if it still is that one, and
// returns when it is gone.
func (c *chaos) end(pid int, name string) {
	c.t.Helper()
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(command), name) {
		return
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		c.t.Fatal(err)
	}
	until(c.t, fmt.Sprintf("the end of process %d", pid), 20*time.Second, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

// rest waits until nothing is under way and nothing runs that is not needed.
func (c *chaos) rest() {
	c.t.Helper()
	until(c.t, "rest", time.Minute, func() bool {
		app := c.instances()
		stray := slices.ContainsFunc(app.Instances, func(i instance) bool { return !i.of(app.Live) || i.State != "ready" })
		return app.Current == "" && len(app.Instances) == 2 && !stray
	})
	c.load.end()
}

// judge holds the end, and every failed request, against what has to be.
func (c *chaos) judge() {
	t := c.t
	apart := map[string]int{}
	for _, f := range c.load.failures {
		what := c.explain(f)
		if what == "" {
			t.Errorf("a request failed from %s to %s: %s", f.from.Format(time.StampMicro), f.to.Format(time.StampMicro), f.reason)
		}
		apart[what]++
	}
	t.Logf("%d requests, %d failed: %v; killed %v", c.load.sent.Load(), len(c.load.failures), apart, c.kills)
	if version := versionOf(t, c.p.edge); version != c.live {
		t.Errorf("%s answers, the last good version is %s", version, c.live)
	}
	if out := c.p.must("", "audit", "verify"); !strings.Contains(out, "is whole") {
		t.Errorf("audit verify: %s", out)
	}
	if c.load.sent.Load() < chaosRate || c.kills["control"] == 0 {
		t.Errorf("nothing happened: %d requests, killed %v", c.load.sent.Load(), c.kills)
	}
}

// explain says what a failed request was lost with, "" when with nothing.
func (c *chaos) explain(f failure) string {
	if strings.HasPrefix(f.version, "bad") {
		return "a bad version's own"
	}
	for _, l := range c.lost {
		if !f.from.After(l.to) && !f.to.Before(l.from) {
			return l.what
		}
	}
	return ""
}

// witness sends requests at a steady rate and keeps what failed.
type witness struct {
	*load

	lock     sync.Mutex
	failures []failure
}

// failure is a request that was not answered with 200.
type failure struct {
	from, to time.Time
	version  string // that answered, "" when none did
	reason   string
}

func newWitness(t *testing.T, edge string) *witness {
	t.Helper()
	w := &witness{}
	transport := &witnessing{w, &http.Transport{MaxIdleConnsPerHost: 64}}
	w.load = startLoadWith(t, &http.Client{Timeout: 20 * time.Second, Transport: transport}, edge, "orders.localhost", "/orders/1", chaosRate)
	return w
}

// witnessing notes what failed.
type witnessing struct {
	witness *witness
	next    http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (w *witnessing) RoundTrip(req *http.Request) (*http.Response, error) {
	f := failure{from: time.Now()}
	resp, err := w.next.RoundTrip(req)
	f.to = time.Now()
	switch {
	case err != nil:
		f.reason = err.Error()
	case resp.StatusCode != http.StatusOK:
		f.reason, f.version = resp.Status, resp.Header.Get("X-Orders-Version")
	default:
		return resp, nil
	}
	w.witness.lock.Lock()
	defer w.witness.lock.Unlock()
	w.witness.failures = append(w.witness.failures, f)
	return resp, err
}

func versionOf(t *testing.T, edge string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+edge+"/version", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "orders.localhost"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer resp.Body.Close()
	return resp.Header.Get("X-Orders-Version")
}
