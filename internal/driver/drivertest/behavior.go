package drivertest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/x/quantity"
)

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
