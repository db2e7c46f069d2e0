// Package drivertest is the one suite that every driver passes: it starts a real
// service, built by the real toolchain, and asks both the service and the driver
// what became of it.
package drivertest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/x/quantity"
)

// Driver is what the suite asks of a driver.
type Driver interface {
	Start(ctx context.Context, spec driver.Spec) (driver.Instance, error)
	Stop(ctx context.Context, id string, grace time.Duration) error
	List(ctx context.Context) ([]driver.Instance, error)
	Logs(ctx context.Context, app, id string, follow bool, tail int) (io.ReadCloser, error)
}

// Open returns a driver over the same instances each time it is called in a test.
type Open func(t *testing.T) Driver

// Run runs the suite. New is called once for each test.
func Run(t *testing.T, fresh func(t *testing.T) Open) {
	t.Helper()
	image := Image(t)
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s *suite)
	}{
		{"starts, answers and stops", startsAnswersStops},
		{"environment and arguments", environmentAndArguments},
		{"a request in flight is finished", inFlightIsFinished},
		{"what does not end is killed", stubbornIsKilled},
		{"what ends at once is a failure", endsAtOnce},
		{"what is not healthy is a failure", notHealthy},
		{"what listens elsewhere is told so", listensElsewhere},
		{"what it waits for has to answer", waits},
		{"what ends is started again", startedAgain},
		{"what gets sick is started again", sickIsRestarted},
		{"what keeps ending is a crash loop", crashLoop},
		{"another driver finds the instances", foundAgain},
		{"a canceled start leaves nothing", canceled},
		{"logs", logs},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := &suite{image: image, open: fresh(t)}
			s.Driver = s.open(t)
			test.run(t, s)
		})
	}
}

type suite struct {
	Driver
	open  Open
	image driver.Image
}

var (
	building sync.Mutex
	built    string
)

// Image returns the suite's service as an unpacked image, building it once.
func Image(t *testing.T) driver.Image {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	if built == "" {
		built = build(t)
	}
	return driver.Image{
		Digest: "sha256:suite", Root: built, Entrypoint: []string{"/app/service"}, Cmd: []string{"--from=image"},
		Env: []string{"NAME=image", "KIND=test"}, User: "65532",
	}
}

// build compiles the service into a folder that every user can enter.
func build(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "davit-drivertest-") //nolint:usetesting // other users enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		built = ""
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	source, err := filepath.Abs("../drivertest/testdata/service")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "app", "service"), "main.go")
	cmd.Dir, cmd.Env = source, append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the service: %v: %s", err, output)
	}
	for _, path := range []string{dir, filepath.Join(dir, "app")} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// spec describes an instance; change alters it.
func (s *suite) spec(id string, change ...func(*driver.Spec)) driver.Spec {
	spec := driver.Spec{ID: id, App: "app", Image: s.image, Run: driver.Default()}
	spec.Run.Health.Interval = quantity.Duration(50 * time.Millisecond)
	spec.Run.Health.Start = quantity.Duration(10 * time.Second)
	spec.Run.Env = map[string]string{}
	for _, fn := range change {
		fn(&spec)
	}
	return spec
}

func env(name, value string) func(*driver.Spec) {
	return func(s *driver.Spec) { s.Run.Env[name] = value }
}

func (s *suite) start(t *testing.T, spec driver.Spec) driver.Instance {
	t.Helper()
	i, err := s.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.Stop(ctx, spec.ID, 0); err != nil {
			t.Error(err)
		}
	})
	return i
}

// fails starts what must not become ready and returns why it did not.
func (s *suite) fails(t *testing.T, spec driver.Spec) string {
	t.Helper()
	_, err := s.Start(t.Context(), spec)
	if err == nil {
		t.Fatal("it was started")
	}
	if left := s.ids(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	return err.Error()
}

func (s *suite) ids(t *testing.T) []string {
	t.Helper()
	list, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, i := range list {
		ids = append(ids, i.ID)
	}
	return ids
}

// Get asks an instance for a path.
func Get(i driver.Instance, path string) (string, error) {
	resp, err := http.Get("http://" + i.Address + path) //nolint:noctx // loopback, and the tests have deadlines
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// Ask asks an instance for a path with one query value and wants an answer.
func Ask(t *testing.T, i driver.Instance, path, value string) string {
	t.Helper()
	body, err := Get(i, path+"?path="+url.QueryEscape(value))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Self is what the service sees of itself.
type Self struct {
	PID    int
	UID    int
	Args   []string
	Env    []string
	Status string
}

// SelfOf asks an instance what it sees of itself.
func SelfOf(t *testing.T, i driver.Instance) Self {
	t.Helper()
	body, err := Get(i, "/self")
	if err != nil {
		t.Fatal(err)
	}
	var self Self
	if err := json.Unmarshal([]byte(body), &self); err != nil {
		t.Fatal(err)
	}
	return self
}

// Until waits for what becomes true by itself.
func Until(t *testing.T, what string, fn func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !fn(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: it did not happen", what)
		}
	}
}

func startsAnswersStops(t *testing.T, s *suite) {
	i := s.start(t, s.spec("app-1"))
	if i.State != driver.Ready || i.App != "app" || i.Digest != "sha256:suite" || i.PID == 0 {
		t.Errorf("got %+v", i)
	}
	if again := s.start(t, s.spec("app-1")); again.PID != i.PID || again.Address != i.Address {
		t.Errorf("a second start made another instance: %+v, %+v", i, again)
	}
	if got := s.ids(t); !slices.Equal(got, []string{"app-1"}) {
		t.Errorf("listed: %v", got)
	}
	for range 2 { // twice is once
		if err := s.Stop(t.Context(), "app-1", time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Get(i, "/healthz"); err == nil {
		t.Error("it still answers")
	}
	if got := s.ids(t); len(got) != 0 {
		t.Errorf("listed: %v", got)
	}
}

func environmentAndArguments(t *testing.T, s *suite) {
	i := s.start(t, s.spec("app-1", env("URL", "http://$(HOST):$(PORT)/$(UNKNOWN)/$$x"), func(spec *driver.Spec) {
		spec.Run.Args = []string{"--port=$(PORT)"}
		spec.Env = []string{"LATE=yes"}
	}))
	self := SelfOf(t, i)
	_, port, _ := strings.Cut(i.Address, ":")
	if !slices.Equal(self.Args, []string{"--port=" + port}) {
		t.Errorf("arguments %q", self.Args)
	}
	for _, want := range []string{
		"NAME=image", "KIND=test", "LATE=yes", "PORT=" + port, "HOST=127.0.0.1",
		"URL=http://127.0.0.1:" + port + "/$(UNKNOWN)/$x",
	} {
		if !slices.Contains(self.Env, want) {
			t.Errorf("%s is not in the environment: %q", want, self.Env)
		}
	}
	if len(self.Env) > 10 {
		t.Errorf("more leaked into the environment: %q", self.Env)
	}
	if image := SelfOf(t, s.start(t, s.spec("app-2"))); !slices.Equal(image.Args, []string{"--from=image"}) {
		t.Errorf("the image's arguments are %q", image.Args)
	}
}

func inFlightIsFinished(t *testing.T, s *suite) {
	i := s.start(t, s.spec("app-1"))
	answer := make(chan string, 1)
	go func() {
		body, err := Get(i, "/slow")
		answer <- body + errorText(err)
	}()
	time.Sleep(100 * time.Millisecond) // it is in flight then
	if err := s.Stop(t.Context(), "app-1", 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if got := <-answer; got != "done" {
		t.Errorf("got %q", got)
	}
}

func errorText(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

func stubbornIsKilled(t *testing.T, s *suite) {
	i := s.start(t, s.spec("app-1", env("STUBBORN", "1")))
	start := time.Now()
	if err := s.Stop(t.Context(), "app-1", 300*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 300*time.Millisecond || took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if _, err := Get(i, "/healthz"); err == nil {
		t.Error("it still answers")
	}
}

func endsAtOnce(t *testing.T, s *suite) {
	got := s.fails(t, s.spec("app-1", env("EXIT", "1")))
	if !strings.Contains(got, "exit status 3") || !strings.Contains(got, "giving up at once") {
		t.Errorf("got %q", got)
	}
}

func notHealthy(t *testing.T, s *suite) {
	got := s.fails(t, s.spec("app-1", func(spec *driver.Spec) {
		spec.Run.Health.Path, spec.Run.Health.Start = "/sick", quantity.Duration(time.Second)
	}))
	if !strings.Contains(got, "not healthy within 1s: GET /sick: 418") {
		t.Errorf("got %q", got)
	}
}

func listensElsewhere(t *testing.T, s *suite) {
	got := s.fails(t, s.spec("app-1", env("LISTEN", "127.0.0.1:18977"), func(spec *driver.Spec) {
		spec.Run.Health.Start = quantity.Duration(time.Second)
	}))
	if !strings.Contains(got, "listens on 127.0.0.1:18977, not on $PORT") {
		t.Errorf("got %q", got)
	}
}

func waits(t *testing.T, s *suite) {
	got := s.fails(t, s.spec("app-1", func(spec *driver.Spec) {
		spec.Run.Wait, spec.Run.Health.Start = []string{"tcp://127.0.0.1:1"}, quantity.Duration(500*time.Millisecond)
	}))
	if !strings.Contains(got, "tcp://127.0.0.1:1 does not answer") {
		t.Errorf("got %q", got)
	}
	other := s.start(t, s.spec("app-2"))
	s.start(t, s.spec("app-3", func(spec *driver.Spec) { spec.Run.Wait = []string{"tcp://" + other.Address} }))
}

// found returns the instance app-1 as it is listed.
func (s *suite) found(t *testing.T) driver.Instance {
	t.Helper()
	list, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		if i.ID == "app-1" {
			return i
		}
	}
	return driver.Instance{}
}

func startedAgain(t *testing.T, s *suite) {
	i := s.start(t, s.spec("app-1"))
	if _, err := Get(i, "/exit"); err == nil {
		t.Error("it answered before it ended")
	}
	Until(t, "restart", func() bool {
		now := s.found(t)
		return now.State == driver.Ready && now.Restarts == 1
	})
	if now := s.found(t); now.Address != i.Address || now.PID == i.PID {
		t.Errorf("before %+v, after %+v", i, now)
	}
}

func sickIsRestarted(t *testing.T, s *suite) {
	s.start(t, s.spec("app-1", env("SICK_AFTER", "300ms")))
	Until(t, "restart", func() bool { return s.found(t).Restarts > 0 })
}

func crashLoop(t *testing.T, s *suite) {
	i := s.start(t, s.spec("app-1"))
	Until(t, "crash loop", func() bool {
		_, _ = Get(i, "/exit") // ends it whenever it is there
		return s.found(t).State == driver.CrashLoop
	})
	if got := s.found(t).Reason; !strings.Contains(got, "exit status 4") {
		t.Errorf("the reason is %q", got)
	}
	if again := s.start(t, s.spec("app-1")); again.State != driver.Ready {
		t.Errorf("started anew: %+v", again)
	}
}

func foundAgain(t *testing.T, s *suite) {
	i := s.start(t, s.spec("app-1"))
	other := s.open(t)
	list, err := other.List(t.Context())
	if err != nil || len(list) != 1 || list[0].PID != i.PID {
		t.Fatalf("found %+v, %v", list, err)
	}
	if err := other.Stop(t.Context(), "app-1", time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := Get(i, "/healthz"); err == nil {
		t.Error("it still answers")
	}
}

func canceled(t *testing.T, s *suite) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := s.Start(ctx, s.spec("app-1", func(spec *driver.Spec) { spec.Run.Health.Path = "/sick" }))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if left := s.ids(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func logs(t *testing.T, s *suite) {
	i := s.start(t, s.spec("app-1", env("NAME", "logs")))
	read := func(follow bool, tail int) string {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		lines, err := s.Logs(ctx, "app", "", follow, tail)
		if err != nil {
			t.Fatal(err)
		}
		defer lines.Close()
		data, err := io.ReadAll(lines)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	Until(t, "a line", func() bool { return strings.Contains(read(false, 0), " out|hello from logs\n") })
	if _, err := Get(i, "/flood"); err != nil {
		t.Fatal(err)
	}
	if got := read(false, 3); strings.Count(got, "\n") != 3 {
		t.Errorf("the last three lines are %q", got)
	}
	if got := len(read(false, 0)); got > 40<<20 {
		t.Errorf("%d bytes are kept", got)
	}
	if _, err := s.Logs(t.Context(), "nobody", "", false, 0); err == nil {
		t.Error("logs of an unknown app were found")
	}
}
