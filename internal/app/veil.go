package app

import (
	"maps"
	"slices"

	"github.com/davit-dev/davit/internal/secret"
	"github.com/davit-dev/davit/internal/verify"
	"github.com/davit-dev/davit/internal/x/redact"
)

// veil takes an app's secrets out of what its program said, before that gets into
// the journal, onto the page or into an error.
type veil struct {
	secrets *secret.Store
	app     string
}

func (v veil) redactor() *redact.Redactor { return redact.New(v.secrets.Of(v.app)...) }

func (v veil) text(text string) string {
	if text == "" {
		return ""
	}
	return v.redactor().Text(text)
}

// veiledError says what an error says, without the secrets.
type veiledError struct {
	text string
	err  error
}

// Error implements error.
func (e *veiledError) Error() string { return e.text }

// Unwrap returns the error as it was; its text is not for anybody to see.
func (e *veiledError) Unwrap() error { return e.err }

func (v veil) error(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if hidden := v.text(text); hidden != text {
		return &veiledError{hidden, err}
	}
	return err
}

// report returns a report in which no answer shows a secret.
func (v veil) report(r verify.Report) verify.Report {
	hide := v.redactor()
	if hide == nil {
		return r
	}
	r.Checks = slices.Clone(r.Checks)
	for i := range r.Checks {
		failures := slices.Clone(r.Checks[i].Failures)
		for j, f := range failures {
			failures[j] = verify.Failure{What: hide.Text(f.What), Expected: hide.Text(f.Expected), Got: hide.Text(f.Got)}
		}
		r.Checks[i].Failures = failures
	}
	if r.Load != nil {
		load := *r.Load
		load.Errors = map[string]int{}
		for kind, n := range maps.All(r.Load.Errors) {
			load.Errors[hide.Text(kind)] += n
		}
		r.Load = &load
	}
	return r
}
