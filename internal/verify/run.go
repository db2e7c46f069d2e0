package verify

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/davit-dev/davit/internal/x/quantity"
)

// Run asks the site all that the suite asks: first the assertions, then, when
// all of them hold, the load run. What the site does wrong is in the report; an
// error says that the suite could not be run, or that ctx ended.
func Run(ctx context.Context, suite Suite, site Site) (Report, error) {
	transport := newTransport()
	defer transport.CloseIdleConnections()
	return runOver(ctx, transport, suite, site)
}

func runOver(ctx context.Context, transport http.RoundTripper, suite Suite, site Site) (Report, error) {
	if err := suite.Validate(); err != nil {
		return Report{}, fmt.Errorf("suite: %w", err)
	}
	if err := site.validate(suite.Load != nil); err != nil {
		return Report{}, err
	}
	id, err := suite.Digest()
	if err != nil {
		return Report{}, err
	}
	report := Report{Passed: true, Suite: id}
	c := newClient(site, transport)
	for _, file := range suite.Files {
		saved := variables{}
		for _, assertion := range file.Assertions {
			check := assertion.run(ctx, c, saved)
			if ctx.Err() != nil {
				return Report{}, fmt.Errorf("verify: %w", context.Cause(ctx))
			}
			check.File = file.Name
			report.add(check)
		}
	}
	if suite.Load == nil || !report.Passed {
		return report, nil
	}
	check, load, err := runLoad(ctx, c, *suite.Load)
	if err != nil {
		return Report{}, err
	}
	report.add(check)
	report.Load = &load
	return report, nil
}

// run sends the request, compares the answer, and puts what it saves into saved.
func (a Assertion) run(ctx context.Context, c *client, saved variables) Check {
	check := Check{Name: a.Name}
	if name, missing := saved.missing(a.texts()); missing {
		check.Failures = []Failure{{"{{" + name + "}}", "a value saved before", "none, since that failed"}}
		return check
	}
	headers := make(map[string]string, len(a.Headers))
	for name, value := range a.Headers {
		headers[name] = saved.fill(value)
	}
	request := Request{Method: a.Request.Method, Target: saved.fillTarget(a.Request.Target)}
	begin := time.Now()
	got, err := c.ask(ctx, request, headers, saved.fill(a.Body))
	check.Duration = rounded(time.Since(begin))
	if err != nil {
		check.Failures = []Failure{{request.String(), "an answer", describe(err)}}
		return check
	}
	check.Failures = a.Expect.check(got, saved)
	if len(check.Failures) == 0 {
		check.Failures = a.save(got.body, saved)
	}
	return check
}

// describe says why there was no answer.
func describe(err error) string {
	switch errorKind(err) {
	case "timeout":
		return "none within " + quantity.Duration(answerTime).String()
	case "connection closed":
		return "a closed connection"
	default:
		return excerpt(err.Error())
	}
}

func (a Assertion) save(body []byte, saved variables) []Failure {
	if len(a.Save) == 0 {
		return nil
	}
	document, err := decodeValue(body)
	if err != nil {
		return []Failure{{"body", "JSON", fmt.Sprintf("%v: %s", err, excerpt(string(body)))}}
	}
	var failures []Failure
	for _, name := range sorted(a.Save) {
		value, found := a.Save[name].Lookup(document)
		switch {
		case !found:
			failures = append(failures, Failure{"json " + a.Save[name].String(), "a value to save as " + name, "no value"})
		case !value.saveable():
			failures = append(failures, Failure{"json " + a.Save[name].String(), "text, a number or a boolean to save as " + name, value.kind()})
		default:
			saved[name] = value
		}
	}
	return failures
}
