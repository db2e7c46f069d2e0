package verify_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/verify"
)

// stage starts what it is told to, and remembers how it was stopped.
type stage struct {
	start    func(context.Context) (verify.Site, error)
	stopErr  error
	stops    int
	canceled bool // the context of Stop had ended already
	bounded  bool // and had a deadline
}

func (s *stage) Start(ctx context.Context) (verify.Site, error) { return s.start(ctx) }

func (s *stage) Stop(ctx context.Context) error {
	s.stops++
	s.canceled = ctx.Err() != nil
	_, s.bounded = ctx.Deadline()
	return s.stopErr
}

// checkStopped says whether the stage was stopped as it has to be.
func (s *stage) checkStopped(t *testing.T) {
	t.Helper()
	if s.stops != 1 || s.canceled || !s.bounded {
		t.Errorf("stopped %d times, canceled %v, bounded %v", s.stops, s.canceled, s.bounded)
	}
}

func running(t *testing.T) *stage {
	t.Helper()
	server := httptest.NewServer(shop())
	t.Cleanup(server.Close)
	return &stage{start: func(context.Context) (verify.Site, error) { return verify.Site{URL: server.URL}, nil }}
}

const starts = "starts and answers its health check"

func TestImage(t *testing.T) {
	for text, want := range map[string]string{
		"- request: GET /text": "2 checks passed",
		"- request: GET /none": "1 of 2 checks failed: acceptance/a.yaml: GET /none: status",
	} {
		s := running(t)
		report, err := verify.Image(t.Context(), verify.Suite{Files: []verify.File{parsed(t, text)}}, s)
		if err != nil {
			t.Fatal(err)
		}
		if first := report.Checks[0]; first.Name != starts || !first.Passed {
			t.Errorf("the first check is %+v", first)
		}
		if !strings.HasPrefix(report.Summary(), want) {
			t.Errorf("got %q, want %q", report.Summary(), want)
		}
		s.checkStopped(t)
	}
}

func TestImageThatDoesNotStart(t *testing.T) {
	s := &stage{start: func(context.Context) (verify.Site, error) {
		return verify.Site{}, errors.New("listens on :8080,\nnot on $PORT " + strings.Repeat("x", 9000))
	}}
	report, err := verify.Image(t.Context(), verify.Suite{Load: run()}, s)
	if err != nil || report.Passed || len(report.Checks) != 1 {
		t.Fatalf("got %+v, %v", report, err)
	}
	want := starts + ": start: expected a good answer from the health check, got listens on :8080, not on $PORT xxx"
	if got := report.Summary(); !strings.Contains(got, want) || len(got) > 2200 {
		t.Errorf("got %q, want %q", got, want)
	}
	s.checkStopped(t)
}

func TestImageIsStoppedAfterItsContextEnded(t *testing.T) {
	ended := errors.New("somebody pressed Ctrl-C")
	ctx, cancel := context.WithCancelCause(t.Context())
	s := &stage{start: func(ctx context.Context) (verify.Site, error) {
		cancel(ended)
		return verify.Site{}, ctx.Err()
	}}
	if report, err := verify.Image(ctx, verify.Suite{}, s); !errors.Is(err, ended) {
		t.Errorf("got %+v, %v: what davit broke off says nothing about the version", report, err)
	}
	s.checkStopped(t)
}

func TestImageThatCannotBeStopped(t *testing.T) {
	s := running(t)
	s.stopErr = errors.New("process 7 does not end")
	report, err := verify.Image(t.Context(), verify.Suite{}, s)
	if !errors.Is(err, s.stopErr) || !report.Passed {
		t.Errorf("got %+v, %v", report, err)
	}
}

func TestImageWithAnImpossibleSuiteIsNotStarted(t *testing.T) {
	s := running(t)
	_, err := verify.Image(t.Context(), verify.Suite{Load: &verify.LoadRun{}}, s)
	if err == nil || s.stops != 0 {
		t.Errorf("got %v, stopped %d times", err, s.stops)
	}
}
