// Package drivertest is the one suite that every driver passes: it starts a real
// service, built by the real toolchain, and asks both the service and the driver
// what became of it.
package drivertest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
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
