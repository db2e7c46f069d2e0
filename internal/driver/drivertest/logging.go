package drivertest

import (
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/davit-dev/davit/internal/driver"
)

// read returns lines of the app, or of one instance.
func (s *suite) read(t *testing.T, id string, tail int) string {
	t.Helper()
	lines, err := s.Logs(t.Context(), "app", func(found string) bool { return id == "" || found == id }, false, tail)
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

var logLine = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (out|err|davit)\|.*\n$`)

func logs(t *testing.T, s *suite) {
	s.start(t, s.spec(env("NAME", "one")))
	s.start(t, s.spec(id("app-2"), env("NAME", "two")))
	s.start(t, s.spec(id("app-3"), func(spec *driver.Spec) { spec.App, spec.ID = "other", "other-1" }))
	want := []string{" out|hello from one\n", " err|and from stderr\n", " out|hello from two\n"}
	Until(t, "the lines of both", func() bool {
		all := s.read(t, "", 0)
		return strings.Contains(all, want[0]) && strings.Contains(all, want[1]) && strings.Contains(all, want[2])
	})
	s.stop(t, "app-2", 0)
	all := s.read(t, "", 0)
	if !strings.Contains(all, want[2]) {
		t.Errorf("the log went with its instance: %q", all)
	}
	before := ""
	for line := range strings.Lines(all) {
		if !logLine.MatchString(line) || line[:24] < before {
			t.Errorf("a line after %s is %q", before, line)
		}
		before = line[:24]
	}
	if got := s.read(t, "app-1", 0); !strings.Contains(got, "one") || strings.Contains(got, "two") {
		t.Errorf("the lines of one instance: %q", got)
	}
	if got := s.read(t, "", 2); !strings.HasSuffix(all, got) || strings.Count(got, "\n") != 2 {
		t.Errorf("the last two lines: %q", got)
	}
	for _, nobody := range []string{"nobody", "../app", ""} {
		if _, err := s.Logs(t.Context(), nobody, nil, false, 0); err == nil {
			t.Errorf("%q has a log", nobody)
		}
	}
}

func logsAreFollowed(t *testing.T, s *suite) {
	i := s.start(t, s.spec())
	lines, err := s.Logs(t.Context(), "app", nil, true, 1)
	if err != nil {
		t.Fatal(err)
	}
	var followed transcript
	ended := make(chan struct{})
	go func() { _, _ = io.Copy(&followed, lines); close(ended) }()
	next := s.start(t, s.spec(id("app-2")))
	Try(t, i, "/say", "from the first")
	Try(t, next, "/say", "from the second")
	want := []string{"out|from the first\n", "out|from the second\n"}
	Until(t, "the lines", func() bool {
		got := followed.String()
		return strings.Contains(got, want[0]) && strings.Contains(got, want[1])
	})
	if err := lines.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
	for _, line := range want {
		if got := followed.String(); strings.Count(got, line) != 1 {
			t.Errorf("%q is there more than once: %q", line, got)
		}
	}
}

// transcript is text that is read while it is written.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *transcript) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *transcript) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func flood(t *testing.T, s *suite) {
	i := s.start(t, s.spec())
	if _, err := Get(i, "/flood"); err != nil { // it returns: nothing blocks
		t.Fatal(err)
	}
	Until(t, "the marker", func() bool { return strings.Contains(s.read(t, "", 0), "lines were dropped") })
	if got := len(s.read(t, "", 0)); got > 5<<20 {
		t.Errorf("%d bytes are kept of 11 MB in a moment", got)
	}
}
