package drivertest

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/driver"
)

func endsAtOnce(t *testing.T, s *suite) {
	got := s.fails(t, s.spec(env("EXIT", "1")))
	if !strings.Contains(got, "exit status 3") || !strings.Contains(got, "giving up at once") {
		t.Errorf("got %q", got)
	}
	s.start(t, s.spec()) // nothing of it is in the way
}

func notHealthy(t *testing.T, s *suite) {
	got := s.fails(t, s.spec(within(time.Second), func(spec *driver.Spec) { spec.Run.Health.Path = "/sick" }))
	if !strings.Contains(got, "not healthy within 1s: GET /sick: 418") {
		t.Errorf("got %q", got)
	}
}

func listensElsewhere(t *testing.T, s *suite) {
	got := s.fails(t, s.spec(within(time.Second), env("LISTEN", "127.0.0.1:0")))
	if !regexp.MustCompile(`listens on 127\.0\.0\.1:\d+, not on \$PORT`).MatchString(got) {
		t.Errorf("got %q", got)
	}
	// On the port that a container would use it is wrong for certain.
	port := unused(t)
	begin := time.Now()
	got = s.fails(t, s.spec(within(time.Minute), env("LISTEN", ":"+port), func(spec *driver.Spec) {
		spec.Run.Port, _ = strconv.Atoi(port)
	}))
	if !strings.Contains(got, "listens on :"+port+", not on $PORT") {
		t.Errorf("got %q", got)
	}
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
}

// unused returns a port that nobody listens on.
func unused(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func wait(target string) func(*driver.Spec) {
	return func(s *driver.Spec) { s.Run.Wait = append(s.Run.Wait, target) }
}

func waitsInVain(t *testing.T, s *suite) {
	target := "tcp://127.0.0.1:" + unused(t)
	got := s.fails(t, s.spec(wait(target), within(300*time.Millisecond)))
	if !strings.Contains(got, "run.wait: "+target+" does not answer") {
		t.Errorf("got %q", got)
	}
	sick := s.start(t, s.spec(id("app-2"), env("SICK_AFTER", "0s"), func(spec *driver.Spec) { spec.Run.Health.Path = "/slow/begun" }))
	got = func() string {
		_, err := s.Start(t.Context(), s.spec(wait("http://"+sick.Address+"/healthz"), within(time.Second)))
		if err == nil {
			t.Fatal("it was started")
		}
		return err.Error()
	}()
	if !strings.Contains(got, "500 Internal Server Error") {
		t.Errorf("got %q", got)
	}
}

func waitsUntil(t *testing.T, s *suite) {
	port := unused(t)
	ready := make(chan error, 1)
	t.Cleanup(func() { s.stop(t, "app-1", 0) })
	go func() {
		_, err := s.Start(t.Context(), s.spec(wait("tcp://127.0.0.1:"+port)))
		ready <- err
	}()
	Until(t, "the beginning", func() bool { return s.found(t).State == driver.Starting })
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := <-ready; err != nil {
		t.Error(err)
	}
}

func canceled(t *testing.T, s *suite) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	reason := errors.New("enough")
	t.Cleanup(func() { s.stop(t, "app-1", 0) })
	failed := make(chan error, 1)
	go func() {
		_, err := s.Start(ctx, s.spec(func(spec *driver.Spec) { spec.Run.Health.Path = "/sick" }))
		failed <- err
	}()
	Until(t, "the beginning", func() bool { return s.found(t).PID != 0 })
	cancel(reason)
	if err := <-failed; !errors.Is(err, reason) {
		t.Errorf("got %v", err)
	}
	s.listed(t)
	s.start(t, s.spec())
	if i, err := s.Start(ctx, s.spec()); err == nil {
		t.Errorf("with a context that has ended: %+v", i)
	}
	s.listed(t, "app-1") // what a canceled start found is left alone
}

func refused(t *testing.T, s *suite) {
	for want, change := range map[string]func(*driver.Spec){
		"alone":                func(spec *driver.Spec) { spec.ID = "../app" },
		"DNS label":            func(spec *driver.Spec) { spec.App = "../app" },
		"interval":             func(spec *driver.Spec) { spec.Run.Health.Interval = 0 },
		"not absolute":         func(spec *driver.Spec) { spec.Image.Root = "app" },
		"neither ENTRYPOINT":   func(spec *driver.Spec) { spec.Image.Entrypoint, spec.Image.Cmd = nil, nil },
		"no such file":         func(spec *driver.Spec) { spec.Image.Entrypoint = []string{"/app/nothing"} },
		`user "somebody"`:      func(spec *driver.Spec) { spec.Image.User = "somebody" },
		"no such file or dire": func(spec *driver.Spec) { spec.Image.Root = "/nowhere" },
	} {
		_, err := s.Start(t.Context(), s.spec(change))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if err := s.Stop(t.Context(), "../app", 0); err == nil {
		t.Error("what is outside was stopped")
	}
	s.listed(t)
}
