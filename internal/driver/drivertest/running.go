package drivertest

import (
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/x/quantity"
)

func startsAnswersStops(t *testing.T, s *suite) {
	i := s.start(t, s.spec())
	if i.State != driver.Ready || i.App != "app" || i.Digest != "sha256:suite" || i.PID == 0 || i.Sandbox == "" {
		t.Errorf("got %+v", i)
	}
	if age := time.Since(i.Started); age < 0 || age > time.Minute {
		t.Errorf("started %s ago", age)
	}
	if _, err := Get(i, "/healthz"); err != nil {
		t.Error(err)
	}
	other := s.start(t, s.spec(id("app-2")))
	if other.Address == i.Address {
		t.Errorf("both have the address %s", i.Address)
	}
	s.listed(t, "app-1", "app-2")
	for range 2 { // twice is once
		s.stop(t, "app-1", time.Second)
	}
	gone(t, i)
	s.listed(t, "app-2")
}

func startIsDoneOnce(t *testing.T, s *suite) {
	first := s.start(t, s.spec())
	var starting sync.WaitGroup
	for range 4 {
		starting.Go(func() {
			again, err := s.open(t).Start(t.Context(), s.spec())
			if err != nil || again.PID != first.PID || again.Address != first.Address {
				t.Errorf("started %+v, then %+v, %v", first, again, err)
			}
		})
	}
	starting.Wait()
	s.listed(t, "app-1")
}

func environmentAndArguments(t *testing.T, s *suite) {
	i := s.start(t, s.spec(
		env("URL", "http://$(HOST):$(PORT)/$(UNKNOWN)/$$(PORT)"), env("DEEP", "$(URL)!"), env("KIND", "of $(NAME)"),
		func(spec *driver.Spec) {
			spec.Run.Args = []string{"--port=$(PORT)", "--kind=$(KIND)"}
			spec.Env = []string{"LATE=yes", "PORT=2", "HOST=0.0.0.0"}
		}))
	self := SelfOf(t, i)
	host, port, _ := strings.Cut(i.Address, ":")
	if host != "127.0.0.1" || !slices.Equal(self.Args, []string{"--port=" + port, "--kind=of image"}) {
		t.Errorf("at %s with arguments %q", i.Address, self.Args)
	}
	url := "http://127.0.0.1:" + port + "/$(UNKNOWN)/$(PORT)"
	for _, want := range []string{
		"NAME=image", "KIND=of image", "LATE=yes", "PORT=" + port, "HOST=127.0.0.1", "URL=" + url, "DEEP=" + url + "!",
	} {
		if !slices.Contains(self.Env, want) {
			t.Errorf("%s is not in the environment: %q", want, self.Env)
		}
	}
	for _, own := range []string{"PATH=", "HOME=", "GOMAXPROCS="} { // the test has them
		if slices.ContainsFunc(self.Env, func(pair string) bool { return strings.HasPrefix(pair, own) }) {
			t.Errorf("davit's own environment leaked: %q", self.Env)
		}
	}
	if image := SelfOf(t, s.start(t, s.spec(id("app-2")))); !slices.Equal(image.Args, []string{"--from=image"}) {
		t.Errorf("the image's arguments are %q", image.Args)
	}
}

func secrets(t *testing.T, s *suite) {
	i := s.start(t, s.spec(env("URL", "x://me:$(NAME)@db"), func(spec *driver.Spec) {
		spec.Run.Args = []string{"--name=$(NAME)"}
		spec.Secrets = map[string]string{"NAME": "$(PORT)-hunter22"}
	}))
	self := SelfOf(t, i)
	for _, want := range []string{"NAME=$(PORT)-hunter22", "URL=x://me:$(PORT)-hunter22@db"} {
		if !slices.Contains(self.Env, want) {
			t.Errorf("%s is not in the environment: %q", want, self.Env)
		}
	}
	if strings.Contains(strings.Join(self.Args, " "), "hunter22") {
		t.Errorf("everybody can see the arguments %q", self.Args)
	}
	Until(t, "the line without the secret", func() bool {
		return strings.Contains(s.read(t, "app-1", 0), " out|hello from [redacted]\n")
	})
	if all := s.read(t, "app-1", 0); strings.Contains(all, "hunter22") {
		t.Errorf("it is in the log: %q", all)
	}
}

func limitsAreTold(t *testing.T, s *suite) {
	limited := func(spec *driver.Spec) { spec.Run.Memory, spec.Run.CPU = 200<<20, 1500 }
	i := s.start(t, s.spec(limited))
	procs := "GOMAXPROCS=" + strconv.Itoa(min(2, runtime.NumCPU()))
	for _, want := range []string{"GOMEMLIMIT=184320KiB", procs} {
		if got := SelfOf(t, i).Env; !slices.Contains(got, want) {
			t.Errorf("%s is not in %q", want, got)
		}
	}
	if (i.Limits == "") == (i.Unlimited == "") || !strings.Contains(i.Limits+i.Unlimited, "memory 200MiB") {
		t.Errorf("limited: %q, not limited: %q", i.Limits, i.Unlimited)
	}
	other := s.start(t, s.spec(limited, id("app-2"), env("GOMAXPROCS", "7"), func(spec *driver.Spec) {
		spec.Image.Env = append(slices.Clone(spec.Image.Env), "GOMEMLIMIT=off")
	}))
	for _, want := range []string{"GOMEMLIMIT=off", "GOMAXPROCS=7"} {
		if got := SelfOf(t, other).Env; !slices.Contains(got, want) {
			t.Errorf("%s is not in %q", want, got)
		}
	}
}

func redirectIsHealthy(t *testing.T, s *suite) {
	s.start(t, s.spec(func(spec *driver.Spec) { spec.Run.Health.Path = "/moved" }))
}

func inFlightIsFinished(t *testing.T, s *suite) {
	i := s.start(t, s.spec())
	answer := make(chan string, 1)
	go func() {
		body, err := Get(i, "/slow")
		if err != nil {
			body = err.Error()
		}
		answer <- body
	}()
	Until(t, "the request", func() bool { begun, _ := Get(i, "/slow/begun"); return begun == "1" })
	s.stop(t, "app-1", 10*time.Second)
	if got := <-answer; got != "done" {
		t.Errorf("got %q", got)
	}
	gone(t, i)
}

func stubbornIsKilled(t *testing.T, s *suite) {
	i := s.start(t, s.spec(env("STUBBORN", "1")))
	offspring := Spawn(t, i)
	start := time.Now()
	s.stop(t, "app-1", 300*time.Millisecond)
	if took := time.Since(start); took < 300*time.Millisecond || took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
	gone(t, i)
	if Listens(offspring) {
		t.Error("what it started is still there")
	}
}

func foundAgain(t *testing.T, s *suite) {
	i := s.start(t, s.spec())
	other := s.open(t)
	list, err := other.List(t.Context())
	if err != nil || len(list) != 1 || list[0] != i {
		t.Fatalf("started %+v, found %+v, %v", i, list, err)
	}
	lister, ok := other.(AppLister)
	if !ok {
		t.Fatalf("a %T lists no apps", other)
	}
	for app, want := range map[string]int{"app": 1, "ap": 0, "app-1": 0, "other": 0} {
		if list, err := lister.ListApp(t.Context(), app); err != nil || len(list) != want {
			t.Errorf("of %s there are %+v, %v", app, list, err)
		}
	}
	if err := other.Stop(t.Context(), "app-1", time.Second); err != nil {
		t.Fatal(err)
	}
	gone(t, i)
	s.listed(t)
}

func startedAgain(t *testing.T, s *suite) {
	i := s.start(t, s.spec())
	offspring := Spawn(t, i)
	if _, err := Get(i, "/exit"); err == nil {
		t.Error("it answered before it ended")
	}
	Until(t, "restart", func() bool {
		now := s.found(t)
		return now.State == driver.Ready && now.Restarts == 1
	})
	if now := s.found(t); now.Address != i.Address || now.PID == i.PID || now.Started != i.Started {
		t.Errorf("before %+v, after %+v", i, now)
	}
	if Listens(offspring) {
		t.Error("what the first had started is still there")
	}
}

func sickIsRestarted(t *testing.T, s *suite) {
	s.start(t, s.spec(env("SICK_AFTER", "300ms"), func(spec *driver.Spec) { spec.Run.Health.Failures = 2 }))
	reason := ""
	Until(t, "restart", func() bool {
		now := s.found(t)
		if now.State != driver.Ready {
			reason = now.Reason
		}
		return now.Restarts > 0 && reason != ""
	})
	if !strings.Contains(reason, "GET /healthz: 500 Internal Server Error, 2 times in a row") {
		t.Errorf("the reason is %q", reason)
	}
}

func crashLoop(t *testing.T, s *suite) {
	i := s.start(t, s.spec(func(spec *driver.Spec) { spec.Run.Health.Interval = quantity.Duration(time.Minute) }))
	Until(t, "crash loop", func() bool {
		_, _ = Get(i, "/exit") // ends it whenever it is there
		return s.found(t).State == driver.CrashLoop
	})
	if got := s.found(t); !strings.Contains(got.Reason, "exit status 4") || got.Restarts == 0 || got.PID != 0 {
		t.Errorf("listed as %+v", got)
	}
	if again := s.start(t, s.spec()); again.State != driver.Ready || again.Restarts != 0 {
		t.Errorf("started anew: %+v", again)
	}
}
