package verify

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/davit-dev/davit/internal/x/quantity"
)

const (
	maxExcerpt = 200 // bytes of an answer that a report shows
	maxReason  = 2000
)

// Report is what a suite found out about one version. It goes into the journal.
type Report struct {
	Passed bool        `json:"passed"`
	Suite  string      `json:"suite"` // digest of what was asked
	Checks []Check     `json:"checks"`
	Load   *LoadReport `json:"load,omitempty"` // nil: not asked for, or not reached
}

// Check is one thing that was asked and the answer.
type Check struct {
	Name     string            `json:"name"`
	File     string            `json:"file,omitempty"` // of an assertion
	Passed   bool              `json:"passed"`
	Failures []Failure         `json:"failures,omitempty"` // none when it passed
	Duration quantity.Duration `json:"duration"`
}

// Failure is one way in which an answer is not as expected. Texts from the
// version are cut to an excerpt.
type Failure struct {
	What     string `json:"what"` // "status", "header Location", "json $.id", "latency" …
	Expected string `json:"expected"`
	Got      string `json:"got"`
}

// LoadReport is what a load run measured. Latencies count from the moment at
// which a request had to be sent, and to the end of its answer; failed answers
// count with theirs.
type LoadReport struct {
	Requests int               `json:"requests"` // that had to be sent while it was measured
	Rate     float64           `json:"rate"`     // requests a second that were sent
	P50      quantity.Duration `json:"p50"`
	P90      quantity.Duration `json:"p90"`
	P95      quantity.Duration `json:"p95"`
	P99      quantity.Duration `json:"p99"`
	Max      quantity.Duration `json:"max"`
	Failed   int               `json:"failed"`           // all of Errors
	Errors   map[string]int    `json:"errors,omitempty"` // by kind: "status 500", "timeout", "connection refused" …
}

// Digest is SHA-256 over the canonical JSON of r, as "sha256:<hex>".
func (r Report) Digest() (string, error) { return digest(r) }

// add takes the result of one more check into r.
func (r *Report) add(check Check) {
	check.Passed = len(check.Failures) == 0
	r.Passed = r.Passed && check.Passed
	r.Checks = append(r.Checks, check)
}

// Failed returns the checks that did not pass.
func (r Report) Failed() []Check {
	var failed []Check
	for _, check := range r.Checks {
		if !check.Passed {
			failed = append(failed, check)
		}
	}
	return failed
}

// Summary says in one line how it went, and names the first failure.
func (r Report) Summary() string {
	failed := r.Failed()
	if len(failed) > 0 {
		return fmt.Sprintf("%d of %d checks failed: %s: %s", len(failed), len(r.Checks), failed[0].Title(), failed[0].Reason())
	}
	text := fmt.Sprintf("%d checks passed", len(r.Checks))
	if len(r.Checks) == 1 {
		text = "1 check passed"
	}
	if r.Load != nil {
		text += fmt.Sprintf("; load %.1f/s, p95 %s, %d of %d failed", r.Load.Rate, r.Load.P95, r.Load.Failed, r.Load.Requests)
	}
	return text
}

// Title names the check and its file.
func (c Check) Title() string {
	if c.File == "" {
		return c.Name
	}
	return c.File + ": " + c.Name
}

// Reason says in one line why the check did not pass; "" when it did.
func (c Check) Reason() string {
	texts := make([]string, 0, len(c.Failures))
	for _, failure := range c.Failures {
		texts = append(texts, failure.String())
	}
	return strings.Join(texts, "; ")
}

// String says in one line what was expected of what, and what came.
func (f Failure) String() string {
	return fmt.Sprintf("%s: expected %s, got %s", f.What, f.Expected, f.Got)
}

// excerpt returns the beginning of text as one line of at most maxExcerpt bytes.
func excerpt(text string) string { return clip(text, maxExcerpt) }

func clip(text string, limit int) string {
	const more = "…"
	if len(text) > 4*limit {
		text = text[:4*limit] // what follows is cut below in any case
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.TrimSpace(text)
	if len(text) <= limit {
		return text
	}
	text = text[:limit-len(more)]
	for len(text) > 0 {
		if r, size := utf8.DecodeLastRuneInString(text); r != utf8.RuneError || size > 1 {
			break
		}
		text = text[:len(text)-1]
	}
	return text + more
}

// rounded leaves out what nobody can measure.
func rounded(d time.Duration) quantity.Duration {
	return quantity.Duration(d.Round(10 * time.Microsecond))
}
