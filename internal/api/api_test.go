package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/x/quantity"
)

// server is a hand-written platform behind a real socket.
type server struct {
	mu      sync.Mutex
	app     api.App
	changed chan struct{}
	actor   string
	asked   []string

	archiving bool // a backup is under way
}

func (s *server) Status(context.Context) (api.Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return api.Status{PID: 42, Apps: []api.App{s.app}}, nil
}

func (s *server) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *server) Logs(_ context.Context, q api.LogQuery) (io.ReadCloser, error) {
	if q.App != "orders" {
		return nil, errors.New("no logs of " + q.App)
	}
	return io.NopCloser(strings.NewReader("one\ntwo\n")), nil
}

func (s *server) Explain(_ context.Context, id string) (release.Explanation, error) {
	if id != "orders-1" {
		return release.Explanation{}, &release.RefusalError{Code: release.CodeUnknown, Message: "no release " + id}
	}
	return release.Explanation{Release: id, Agrees: true}, nil
}

func (s *server) Submit(_ context.Context, sub api.Submission, actor string) (release.Summary, error) {
	s.actor = actor
	if sub.Plan == "blocked" {
		return release.Summary{}, &release.RefusalError{
			Code: release.CodeBlocked, Message: "it was rolled back", Hint: "unblock it", Release: "orders-2",
		}
	}
	return release.Summary{ID: "orders-1"}, nil
}

func (s *server) Steer(_ context.Context, verb api.Verb, target, _ string) (release.Summary, error) {
	s.asked = append(s.asked, string(verb)+" "+target)
	return release.Summary{ID: target}, nil
}

func (s *server) Preview(_ context.Context, app string, ask api.PreviewRequest, actor string) (api.Preview, error) {
	if app != "orders" {
		return api.Preview{}, &release.RefusalError{Code: release.CodeUnknown, Message: "no app " + app}
	}
	return api.Preview{App: app, Release: ask.Release, Token: ask.For.String() + " for " + actor}, nil
}

func (s *server) Shutdown(context.Context, string) error { return nil }

func (s *server) Scrub(_ context.Context, actor string) (api.Scrub, error) {
	s.actor = actor
	return api.Scrub{Blobs: 2, Damaged: []api.Damage{{Digest: "sha256:1", Missing: true}}}, nil
}

func (s *server) Leaves(_ context.Context, from int64, fn func([]byte) error) error {
	if from > 0 {
		return errors.New("the disk is gone")
	}
	return errors.Join(fn([]byte(`{"index":0}`)), fn([]byte(`{"index":1}`)))
}

func (s *server) Checkpoint(_ context.Context, old int64) (api.Checkpoint, error) {
	return api.Checkpoint{Note: "note", Key: "key", Proof: make([]string, old)}, nil
}

func (s *server) Proof(_ context.Context, index int64) (json.RawMessage, error) {
	if index > 1 {
		return nil, errors.New("there are two entries")
	}
	return json.RawMessage(`{"index":1}`), nil
}

// move changes the release and wakes the watchers.
func (s *server) move(phase release.Phase, outcome release.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.app = api.App{View: release.View{App: "orders", Releases: []release.Summary{{ID: "orders-1", Phase: phase, Outcome: outcome}}}}
	close(s.changed)
	s.changed = make(chan struct{})
}

func serve(t *testing.T) (*server, *api.Client, string) {
	t.Helper()
	s := &server{changed: make(chan struct{})}
	s.move(release.PhaseSubmitted, "")
	socket := filepath.Join(t.TempDir(), "api.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{
		Handler:     api.NewHandler(s, s, s, s, slog.New(slog.DiscardHandler)),
		ConnContext: api.ConnContext,
		ErrorLog:    slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	done := make(chan error, 1)
	go func() { done <- web.Serve(l) }()
	t.Cleanup(func() {
		web.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return s, api.NewClient(socket), socket
}

func TestSubmitTellsWhoAsksAndWhyNot(t *testing.T) {
	s, client, _ := serve(t)
	summary, err := client.Submit(t.Context(), api.Submission{Repository: "orders", Plan: "good"})
	if err != nil || summary.ID != "orders-1" {
		t.Fatalf("%+v, %v", summary, err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if s.actor != me.Username {
		t.Errorf("the actor is %q, this is %q", s.actor, me.Username)
	}
	_, err = client.Submit(t.Context(), api.Submission{Repository: "orders", Plan: "blocked"})
	var refusal *api.Error
	if !errors.As(err, &refusal) || refusal.Code != release.CodeBlocked || refusal.Hint != "unblock it" || refusal.Release != "orders-2" {
		t.Errorf("got %#v", err)
	}
}

func TestScrubTellsWhoAsks(t *testing.T) {
	s, client, _ := serve(t)
	found, err := client.Scrub(t.Context())
	if err != nil || found.Blobs != 2 || len(found.Damaged) != 1 || !found.Damaged[0].Missing || s.actor == "" {
		t.Errorf("%+v, %v; asked by %q", found, err, s.actor)
	}
}

func TestSteerGoesToTheRightPlace(t *testing.T) {
	s, client, _ := serve(t)
	for verb, target := range map[api.Verb]string{
		api.Approve: "orders-1", api.Abort: "orders-1", api.Rollback: "orders", api.Unblock: "orders", api.Remove: "orders",
	} {
		if _, err := client.Steer(t.Context(), verb, target); err != nil {
			t.Fatal(err)
		}
		if last := s.asked[len(s.asked)-1]; last != string(verb)+" "+target {
			t.Errorf("%s arrived as %q", verb, last)
		}
	}
}

func TestPreview(t *testing.T) {
	_, client, socket := serve(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	ask := api.PreviewRequest{Release: "orders-1", For: quantity.Duration(time.Hour)}
	if p, err := client.Preview(t.Context(), "orders", ask); err != nil || p.Release != "orders-1" || p.Token != "1h for "+me.Username {
		t.Errorf("%+v, %v", p, err)
	}
	_, err = client.Preview(t.Context(), "bills", ask)
	if refusal, ok := errors.AsType[*api.Error](err); !ok || refusal.Code != release.CodeUnknown {
		t.Errorf("got %v", err)
	}
	bare := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	for _, body := range []string{`{"for":"1h","forever":true}`, `{"for":"-1h"}`, `{`} {
		resp, err := bare.Post("http://davit/v1/apps/orders/preview", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %s", body, resp.Status)
		}
	}
}

func TestFollowEndsWithTheRelease(t *testing.T) {
	s, client, _ := serve(t)
	var seen []release.Phase
	err := client.Follow(t.Context(), "orders-1", func(now release.Summary) error {
		seen = append(seen, now.Phase)
		switch now.Phase {
		case release.PhaseSubmitted:
			s.move(release.PhaseCanary, "")
		case release.PhaseCanary:
			s.move(release.PhaseEnded, release.Live)
		default:
		}
		return nil
	})
	if err != nil || len(seen) != 3 || seen[2] != release.PhaseEnded {
		t.Errorf("saw %v, %v", seen, err)
	}
	if err := client.Follow(t.Context(), "nothing-1", func(release.Summary) error { return nil }); err == nil {
		t.Error("an unknown release was followed")
	}
}

func TestExplain(t *testing.T) {
	_, client, _ := serve(t)
	if x, err := client.Explain(t.Context(), "orders-1"); err != nil || x.Release != "orders-1" || !x.Agrees {
		t.Errorf("%+v, %v", x, err)
	}
	_, err := client.Explain(t.Context(), "orders-2")
	if refusal, ok := errors.AsType[*api.Error](err); !ok || refusal.Code != release.CodeUnknown {
		t.Errorf("got %v", err)
	}
}

func TestStreams(t *testing.T) {
	_, client, _ := serve(t)
	for name, open := range map[string]func() (io.ReadCloser, error){
		"one\ntwo\n": func() (io.ReadCloser, error) {
			return client.Logs(t.Context(), api.LogQuery{App: "orders"})
		},
		"{\"index\":0}\n{\"index\":1}\n": func() (io.ReadCloser, error) { return client.Journal(t.Context(), 0) },
	} {
		body, err := open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(body)
		if err != nil || string(data) != name {
			t.Errorf("got %q, %v", data, err)
		}
		body.Close()
	}
	if _, err := client.Logs(t.Context(), api.LogQuery{App: "nobody"}); err == nil {
		t.Error("logs of an unknown app were found")
	}
	body, err := client.Journal(t.Context(), 1)
	if err == nil {
		_, err = io.ReadAll(body)
		body.Close()
	}
	if err == nil {
		t.Error("a journal that was cut looks like a whole one")
	}
	if c, err := client.Checkpoint(t.Context(), 2); err != nil || c.Note != "note" || len(c.Proof) != 2 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestNobodyServes(t *testing.T) {
	_, err := api.NewClient(filepath.Join(t.TempDir(), "none.sock")).Status(t.Context())
	if !errors.Is(err, api.ErrNotRunning) {
		t.Errorf("got %v", err)
	}
}

func TestBadRequests(t *testing.T) {
	_, _, socket := serve(t)
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	for body, want := range map[string]int{
		`{"plan":"x","unknown":1}`:       http.StatusUnprocessableEntity,
		`{`:                              http.StatusUnprocessableEntity,
		`"` + strings.Repeat("x", 1<<17): http.StatusUnprocessableEntity,
		`{"plan":"good"}`:                http.StatusCreated,
	} {
		resp, err := client.Post("http://davit/v1/releases", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != want {
			t.Errorf("%.40s: %s", body, resp.Status)
		}
		resp.Body.Close()
	}
}

func TestProofOfAnEntry(t *testing.T) {
	_, client, _ := serve(t)
	if proof, err := client.Proof(t.Context(), 1); err != nil || string(proof) != `{"index":1}` {
		t.Errorf("got %s, %v", proof, err)
	}
	if _, err := client.Proof(t.Context(), 2); err == nil || err.Error() != "there are two entries" {
		t.Errorf("error %v", err)
	}
}
