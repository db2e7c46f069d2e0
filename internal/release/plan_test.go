package release_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/x/quantity"
)

func TestPlanDigestIsOfAllThatMatters(t *testing.T) {
	digest := func(p release.Plan) string {
		d, err := p.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	same := digest(plan("v1"))
	if digest(plan("v1")) != same {
		t.Error("the same plan has two digests")
	}
	for what, change := range map[string]func(*release.Plan){
		"image":       func(p *release.Plan) { p.Image.Digest = "v2" },
		"environment": func(p *release.Plan) { p.Run.Env = map[string]string{"A": "b"} },
		"hosts":       func(p *release.Plan) { p.Hosts = []string{"other"} },
		"steps":       func(p *release.Plan) { p.Release.Steps = []quantity.Share{0.5} },
		"staging":     func(p *release.Plan) { p.Verify.Env = map[string]string{"A": "b"} },
	} {
		if digest(plan("v1", change)) == same {
			t.Errorf("another %s has the same digest", what)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	for want, change := range map[string]func(*release.Plan){
		"version 9":              func(p *release.Plan) { p.Version = 9 },
		"is not a DNS label":     func(p *release.Plan) { p.App = "Orders!" },
		"at least one host":      func(p *release.Plan) { p.Hosts = nil },
		"names no image":         func(p *release.Plan) { p.Image.Digest = "" },
		"run.port":               func(p *release.Plan) { p.Run.Port = 0 },
		"release.steps[1]":       func(p *release.Plan) { p.Release.Steps = []quantity.Share{0.5, 0.4} },
		"release.deadline":       func(p *release.Plan) { p.Release.Deadline = 1 },
		"release.undecided":      func(p *release.Plan) { p.Release.Undecided = "perhaps" },
		"release.false_rollback": func(p *release.Plan) { p.Release.FalseRollback = 0 },
	} {
		if err := plan("v1", change).Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func FuzzPlanReadsBack(f *testing.F) {
	for _, p := range []release.Plan{plan("v1"), plan("v2", func(p *release.Plan) { p.Run.Env = map[string]string{"<&>": "é"} })} {
		data, err := p.Canonical()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := release.DecodePlan(data)
		if err != nil {
			return
		}
		canonical, err := p.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		again, err := release.DecodePlan(canonical)
		if err != nil {
			t.Fatalf("what was written is not read: %v", err)
		}
		if twice, err := again.Canonical(); err != nil || !bytes.Equal(twice, canonical) {
			t.Errorf("%s is read back as %s, %v", canonical, twice, err)
		}
	})
}

// FuzzDecideNeverPanics folds whatever a journal could hold: a fold either
// refuses an entry or leaves a state that can be decided about.
func FuzzDecideNeverPanics(f *testing.F) {
	f.Add([]byte(`{}`), "submitted", []byte(`{"action":{"kind":"start","release":"orders-1"}}`), "acting")
	f.Add([]byte(`{"action":{"kind":"route","routing":{}}}`), "acting", []byte(`{"at":1,"result":{}}`), "acted")
	f.Add([]byte(`{"batch":{}}`), "counted", []byte(`{"outcome":"live"}`), "ended")
	f.Fuzz(func(t *testing.T, first []byte, firstKind string, second []byte, secondKind string) {
		app := release.NewApp("orders")
		p := plan("v1")
		events := []release.Entry{
			{Index: 0, Kind: string(release.Submitted), Release: "orders-1", App: "orders", Data: json.RawMessage(`{}`)},
			{Index: 1, Kind: firstKind, Release: "orders-1", App: "orders", Data: first},
			{Index: 2, Kind: secondKind, Release: "orders-1", App: "orders", Data: second},
		}
		for _, entry := range events {
			event, err := release.DecodeEvent(entry)
			if err != nil {
				return
			}
			event.Plan = &p
			if err := app.Next(event); err != nil {
				return
			}
			app.Decide(release.World{Instances: map[string]release.Health{}})
		}
	})
}

func TestRefusalsAreFoundInErrors(t *testing.T) {
	var err error = &release.RefusalError{Code: release.CodeBlocked, Message: "no"}
	var refusal *release.RefusalError
	if !errors.As(errors.Join(errors.New("other"), err), &refusal) || refusal.Error() != "no" {
		t.Errorf("got %v", refusal)
	}
}
