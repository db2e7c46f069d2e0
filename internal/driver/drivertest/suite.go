// Package drivertest is the one suite that every driver passes: it starts a real
// service, built by the real toolchain, and asks both the service and the driver
// what became of it. It knows no driver.
package drivertest

import (
	"context"
	"io"
	"slices"
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
	Logs(ctx context.Context, app string, wanted func(id string) bool, follow bool, tail int) (io.ReadCloser, error)
}

// AppLister lists the instances of one app, without asking others.
type AppLister interface {
	ListApp(ctx context.Context, app string) ([]driver.Instance, error)
}

// Open returns a new driver over the same instances each time it is called.
type Open func(t *testing.T) Driver

// Run runs the suite with the image of the service. Fresh is called once for
// each test, and returns how to open its driver.
func Run(t *testing.T, image driver.Image, fresh func(t *testing.T) Open) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s *suite)
	}{
		{"starts, answers and stops", startsAnswersStops},
		{"a start is done once", startIsDoneOnce},
		{"environment and arguments", environmentAndArguments},
		{"secrets are in the environment alone", secrets},
		{"limits are told, unless somebody says otherwise", limitsAreTold},
		{"a redirect is healthy", redirectIsHealthy},
		{"a request in flight is finished", inFlightIsFinished},
		{"what does not end is killed", stubbornIsKilled},
		{"another driver finds the instances", foundAgain},
		{"what ends is started again", startedAgain},
		{"what gets sick is started again", sickIsRestarted},
		{"what keeps ending is a crash loop", crashLoop},
		{"what ends at once is a failure", endsAtOnce},
		{"what is not healthy is a failure", notHealthy},
		{"what listens elsewhere is told so", listensElsewhere},
		{"what it waits for has to answer", waitsInVain},
		{"it begins when that answers", waitsUntil},
		{"a canceled start leaves nothing", canceled},
		{"what cannot be started is said", refused},
		{"logs", logs},
		{"logs are followed", logsAreFollowed},
		{"a flood is bounded", flood},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := &suite{image: image, open: fresh(t)}
			s.Driver = s.open(t)
			test.run(t, s)
		})
	}
}

// suite is one test's driver.
type suite struct {
	Driver
	open  Open
	image driver.Image
}

// spec describes the instance app-1; change alters it.
func (s *suite) spec(change ...func(*driver.Spec)) driver.Spec {
	spec := driver.Spec{ID: "app-1", App: "app", Image: s.image, Run: driver.Default()}
	spec.Run.Health.Interval = quantity.Duration(50 * time.Millisecond)
	spec.Run.Health.Start = quantity.Duration(20 * time.Second)
	spec.Run.Env = map[string]string{}
	for _, fn := range change {
		fn(&spec)
	}
	return spec
}

func id(id string) func(*driver.Spec) { return func(s *driver.Spec) { s.ID = id } }

func env(name, value string) func(*driver.Spec) {
	return func(s *driver.Spec) { s.Run.Env[name] = value }
}

func within(start time.Duration) func(*driver.Spec) {
	return func(s *driver.Spec) { s.Run.Health.Start = quantity.Duration(start) }
}

// start starts an instance for the time of the test.
func (s *suite) start(t *testing.T, spec driver.Spec) driver.Instance {
	t.Helper()
	t.Cleanup(func() { s.stop(t, spec.ID, 0) })
	i, err := s.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// stop works also when the test's context has ended.
func (s *suite) stop(t *testing.T, id string, grace time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	defer cancel()
	if err := s.Stop(ctx, id, grace); err != nil {
		t.Error(err)
	}
}

// fails starts what must not become ready, and returns why it did not.
func (s *suite) fails(t *testing.T, spec driver.Spec) string {
	t.Helper()
	t.Cleanup(func() { s.stop(t, spec.ID, 0) })
	_, err := s.Start(t.Context(), spec)
	if err == nil {
		t.Fatal("it was started")
	}
	s.listed(t)
	return err.Error()
}

func (s *suite) list(t *testing.T) []driver.Instance {
	t.Helper()
	list, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// listed checks which instances there are.
func (s *suite) listed(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, i := range s.list(t) {
		got = append(got, i.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("there are %q, not %q", got, want)
	}
}

// found returns the instance app-1 as it is listed.
func (s *suite) found(t *testing.T) driver.Instance {
	t.Helper()
	for _, i := range s.list(t) {
		if i.ID == "app-1" {
			return i
		}
	}
	return driver.Instance{}
}

// gone checks that nobody answers for an instance.
func gone(t *testing.T, i driver.Instance) {
	t.Helper()
	if _, err := Get(i, "/healthz"); err == nil {
		t.Error("it still answers")
	}
}
