package verify

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/x/quantity"
)

// Expect is what must be true of an answer. What is left out is not looked at,
// but for the status.
type Expect struct {
	Status   []Status          `json:"status,omitempty"`   // one of them; none: 2xx
	Headers  map[string]string `json:"headers,omitempty"`  // name → value, in which * stands for any text
	JSON     []Rule            `json:"json,omitempty"`     // all of them
	Body     *string           `json:"body,omitempty"`     // the whole body
	Contains []string          `json:"contains,omitempty"` // texts, each somewhere in the body
	Latency  quantity.Duration `json:"latency,omitempty"`  // most, until the end of the body
}

// Status is a status code such as "201", or a class of them such as "2xx".
type Status string

var statusForm = regexp.MustCompile(`^[1-5](xx|[0-9][0-9])$`)

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Status) UnmarshalText(text []byte) error {
	if !statusForm.Match(text) {
		return fmt.Errorf("%q is not a status such as 201 or 2xx", text)
	}
	*s = Status(text)
	return nil
}

func (s Status) matches(code int) bool {
	text := strconv.Itoa(code)
	class, isClass := strings.CutSuffix(string(s), "xx")
	return text == string(s) || isClass && strings.HasPrefix(text, class)
}

// RuleKind says what a Rule asks.
type RuleKind string

// The kinds of rules. A place that holds null exists.
const (
	Equals RuleKind = "equals"
	Exists RuleKind = "exists"
	Absent RuleKind = "absent"
)

// Rule asks one thing of one place in the answer's JSON.
type Rule struct {
	Path  Path     `json:"path"`
	Kind  RuleKind `json:"kind"`
	Value Value    `json:"value,omitzero"` // of Equals; left out for null
}

func (e Expect) problems() []error {
	var errs []error
	for _, status := range e.Status {
		if !statusForm.MatchString(string(status)) {
			errs = append(errs, fmt.Errorf("expect.status: %q is not a status such as 201 or 2xx", string(status)))
		}
	}
	if err := validateHeaders("expect.headers", e.Headers); err != nil {
		errs = append(errs, err)
	}
	for _, rule := range e.JSON {
		if !slices.Contains([]RuleKind{Equals, Exists, Absent}, rule.Kind) {
			errs = append(errs, fmt.Errorf("expect.json: %s: %q is not one of equals, exists, absent", rule.Path, string(rule.Kind)))
		}
	}
	if e.Latency < 0 || e.Latency > maxLatency {
		errs = append(errs, fmt.Errorf("expect.latency: %s is above %s", e.Latency, maxLatency))
	}
	return errs
}

// texts returns everything in e that may hold placeholders.
func (e Expect) texts() []string {
	texts := slices.Clone(e.Contains)
	for _, name := range sorted(e.Headers) {
		texts = append(texts, e.Headers[name])
	}
	for _, rule := range e.JSON {
		texts = append(texts, rule.Value.texts()...)
	}
	if e.Body != nil {
		texts = append(texts, *e.Body)
	}
	return texts
}

// check returns what in the answer is not as expected. After a wrong status the
// rest is not looked at: it would only say the same again.
func (e Expect) check(got answer, saved variables) []Failure {
	if failure, failed := e.checkStatus(got); failed {
		return []Failure{failure}
	}
	failures := e.checkHeaders(got.header, saved)
	failures = append(failures, e.checkJSON(got.body, saved)...)
	failures = append(failures, e.checkBody(got.body, saved)...)
	if e.Latency > 0 && got.took > e.Latency.Std() {
		failures = append(failures, Failure{"latency", "at most " + e.Latency.String(), rounded(got.took).String()})
	}
	return failures
}

func (e Expect) checkStatus(got answer) (Failure, bool) {
	wanted := e.Status
	if len(wanted) == 0 {
		wanted = []Status{"2xx"}
	}
	texts := make([]string, 0, len(wanted))
	for _, status := range wanted {
		if status.matches(got.status) {
			return Failure{}, false
		}
		texts = append(texts, string(status))
	}
	text := strings.TrimSpace(fmt.Sprintf("%d %s", got.status, http.StatusText(got.status)))
	if len(got.body) > 0 {
		text += ": " + excerpt(string(got.body))
	}
	return Failure{"status", strings.Join(texts, " or "), text}, true
}

func (e Expect) checkHeaders(header http.Header, saved variables) []Failure {
	var failures []Failure
	for _, name := range sorted(e.Headers) {
		pattern := saved.fill(e.Headers[name])
		values := header.Values(name)
		if !slices.ContainsFunc(values, func(value string) bool { return matchPattern(pattern, value) }) {
			got := "no such header"
			if len(values) > 0 {
				got = excerpt(strings.Join(values, ", "))
			}
			failures = append(failures, Failure{"header " + name, excerpt(pattern), got})
		}
	}
	return failures
}

func (e Expect) checkJSON(body []byte, saved variables) []Failure {
	if len(e.JSON) == 0 {
		return nil
	}
	document, err := decodeValue(body)
	if err != nil {
		return []Failure{{"body", "JSON", fmt.Sprintf("%v: %s", err, excerpt(string(body)))}}
	}
	var failures []Failure
	for _, rule := range e.JSON {
		if failure, failed := rule.check(document, saved); failed {
			failures = append(failures, failure)
		}
	}
	return failures
}

func (r Rule) check(document Value, saved variables) (Failure, bool) {
	what := "json " + r.Path.String()
	got, found := r.Path.Lookup(document)
	wanted := "a value"
	switch r.Kind {
	case Exists:
		if found {
			return Failure{}, false
		}
	case Absent:
		if !found {
			return Failure{}, false
		}
		wanted = "no value"
	default:
		want := saved.fillValue(r.Value)
		if found && want.equal(got) {
			return Failure{}, false
		}
		wanted = excerpt(want.String())
	}
	if !found {
		return Failure{what, wanted, "no value"}, true
	}
	return Failure{what, wanted, excerpt(got.String())}, true
}

func (e Expect) checkBody(body []byte, saved variables) []Failure {
	var failures []Failure
	if e.Body != nil {
		if want := saved.fill(*e.Body); want != string(body) {
			failures = append(failures, Failure{"body", excerpt(want), excerpt(string(body))})
		}
	}
	for _, text := range e.Contains {
		if want := saved.fill(text); !strings.Contains(string(body), want) {
			failures = append(failures, Failure{"body", "contains " + excerpt(want), excerpt(string(body))})
		}
	}
	return failures
}

// matchPattern compares text with a pattern in which * stands for any text.
func matchPattern(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return pattern == text
	}
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = after
	}
	return true
}
