package app

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/secret"
	"github.com/davit-dev/davit/internal/verify"
)

func vault(t *testing.T, values map[secret.Stage]string) (*secret.Store, map[secret.Stage]string) {
	t.Helper()
	store, err := secret.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	versions := map[secret.Stage]string{}
	for stage, value := range values {
		set, err := store.Set(secret.Info{App: "orders", Stage: stage, Name: "KEY"}, value)
		if err != nil {
			t.Fatal(err)
		}
		versions[stage] = set.Fingerprint
	}
	return store, versions
}

// TestReliability31StagingHasItsOwnOrNothing asks what may be sent to staging.
func TestReliability31StagingHasItsOwnOrNothing(t *testing.T) {
	both := map[secret.Stage]string{secret.Production: "production-value", secret.Staging: "staging-value"}
	posts := []verify.File{{Name: "a.yaml", Assertions: []verify.Assertion{{Request: verify.Request{Method: "POST", Target: "/"}}}}}
	for name, test := range map[string]struct {
		values map[secret.Stage]string
		change func(*release.Plan)
		want   string
	}{
		"its own":            {both, func(*release.Plan) {}, ""},
		"nothing, looked at": {map[secret.Stage]string{secret.Production: "x"}, func(*release.Plan) {}, ""},
		"nothing, load": {map[secret.Stage]string{secret.Production: "x"}, func(p *release.Plan) {
			p.Verify.Load = &verify.LoadRun{}
		}, "load is not sent to staging"},
		"nothing, written to": {map[secret.Stage]string{secret.Production: "x"}, func(p *release.Plan) {
			p.Verify.Files = posts
		}, "POST / of a.yaml is not sent to staging"},
		"a variable instead": {map[secret.Stage]string{secret.Production: "x"}, func(p *release.Plan) {
			p.Verify.Files, p.Verify.Env = posts, map[string]string{"KEY": "none"}
		}, ""},
		"production's": {both, func(p *release.Plan) { p.Secrets[0].Staging = p.Secrets[0].Production }, "was changed after"},
		"changed":      {both, func(p *release.Plan) { p.Secrets[0].Production = "0123456789abcdef" }, "was changed after"},
		"missing":      {map[secret.Stage]string{secret.Staging: "x"}, func(*release.Plan) {}, "orders has no value for KEY"},
		"in the open": {both, func(p *release.Plan) {
			p.Run.Args = []string{"--key=staging-value"}
		}, "run.args[0] holds the value of a secret"},
	} {
		store, versions := vault(t, test.values)
		production := versions[secret.Production]
		if production == "" {
			production = "0123456789abcdef"
		}
		plan := release.Plan{App: "orders", Secrets: []release.Secret{
			{Name: "KEY", Production: production, Staging: versions[secret.Staging]},
		}}
		test.change(&plan)
		err := (&desk{platform: &Platform{secrets: store}}).admitSecrets(plan)
		if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "-value") {
			t.Errorf("%s: %v tells a secret", name, err)
		}
	}
}

// TestReliability28WhatAProgramSaysIsVeiled hands over what a program could have
// said with its secret in it.
func TestReliability28WhatAProgramSaysIsVeiled(t *testing.T) {
	store, _ := vault(t, map[secret.Stage]string{secret.Production: "hunter22"})
	hide := veil{store, "orders"}
	err := hide.error(errors.Join(io.ErrUnexpectedEOF, errors.New("start: it wrote: panic: key hunter22")))
	if strings.Contains(err.Error(), "hunter22") || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if hide.error(nil) != nil || !errors.Is(hide.error(io.EOF), io.EOF) {
		t.Error("errors without a secret are not left as they are")
	}
	original := verify.Report{
		Checks: []verify.Check{{Name: "one", Failures: []verify.Failure{{What: "json", Expected: "x", Got: "hunter22"}}}},
		Load:   &verify.LoadReport{Errors: map[string]int{"hunter22": 1, "timeout": 2}},
	}
	shown := hide.report(original)
	if shown.Checks[0].Failures[0].Got != "[redacted]" || shown.Load.Errors["[redacted]"] != 1 || shown.Load.Errors["timeout"] != 2 {
		t.Errorf("got %+v, %+v", shown, shown.Load)
	}
	if original.Checks[0].Failures[0].Got != "hunter22" {
		t.Error("the original was changed")
	}
}
