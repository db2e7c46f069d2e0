package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/davit-dev/davit/internal/app"
	"github.com/davit-dev/davit/internal/release"
)

// progress prints what ship has come to: one line that changes on a terminal, a
// line for each change elsewhere, an event for each with --json.
type progress struct {
	stdio Stdio
	json  bool
	open  bool   // a line on the terminal is not ended yet
	last  string // what was said of the release
}

func newProgress(stdio Stdio, asJSON bool) *progress { return &progress{stdio: stdio, json: asJSON} }

func (p *progress) event(e app.Progress) {
	switch {
	case p.json:
		p.object(e)
	case e.Summary != nil:
		p.release(*e.Summary)
	case e.Done:
		p.finish(fmt.Sprintf("%-8s %6.1fs  %s", e.Stage, e.Took.Seconds(), e.Detail))
	case p.stdio.Terminal:
		p.rewrite(fmt.Sprintf("%-8s    …    %s", e.Stage, e.Detail))
	}
}

// stepEvent is one line of --json.
type stepEvent struct {
	Stage   app.Stage        `json:"stage"`
	Done    bool             `json:"done"`
	Detail  string           `json:"detail,omitempty"`
	Seconds float64          `json:"seconds,omitempty"`
	Release *release.Summary `json:"release,omitempty"`
}

func (p *progress) object(e app.Progress) {
	event := stepEvent{Stage: e.Stage, Done: e.Done, Detail: e.Detail, Seconds: e.Took.Seconds()}
	if e.Summary != nil {
		summary := *e.Summary
		summary.Trace = nil
		if !app.Settled(summary) {
			summary.Report = nil // it comes with the last event
		}
		event.Release, event.Done = &summary, app.Settled(summary)
	}
	if line, err := json.Marshal(event); err == nil {
		fmt.Fprintf(p.stdio.Out, "%s\n", line)
	}
}

// release prints how the release is: on a terminal at each event, elsewhere
// when it came to something new.
func (p *progress) release(s release.Summary) {
	now := describe(s)
	line := fmt.Sprintf("%-8s %6.1fs  %s %s%s", "release",
		(time.Duration(s.Elapsed) * time.Millisecond).Seconds(), s.ID, now, evidence(s))
	settled := app.Settled(s)
	switch {
	case settled:
		if s.Reason != "" {
			line += ": " + s.Reason
		}
		p.finish(line)
	case p.stdio.Terminal:
		p.rewrite(line)
	case now+s.Waiting != p.last:
		p.finish(line)
	}
	p.last = now + s.Waiting
}

// evidence adds what is known of the comparison, or what it still needs.
func evidence(s release.Summary) string {
	text := ""
	if v := s.Verdict; v != nil {
		text = fmt.Sprintf(", E %.3g of %.3g, new %d/%d failed, live %d/%d",
			v.E, v.Bound, v.Canary.Errors(), v.Canary.Total(), v.Stable.Errors(), v.Stable.Total())
	}
	switch {
	case s.Outcome != "":
	case s.Incident > 0:
		text += fmt.Sprintf(", waits: %.3g%% of all requests fail, the live version's too", 100*s.Incident)
	case s.NeedUnits > 0:
		text += fmt.Sprintf(", needs %d more %s on the new version", s.NeedUnits, s.Unit)
	case s.Verdict != nil && s.Step == s.Steps && s.Verdict.Needs > 0 && s.Verdict.Needs < plenty:
		text += fmt.Sprintf(", needs about %d more requests for a proof", s.Verdict.Needs)
	}
	return text
}

// plenty is a number of requests that nobody waits for.
const plenty = 1_000_000

func (p *progress) rewrite(line string) {
	fmt.Fprintf(p.stdio.Err, "\r\x1b[K%s", line)
	p.open = true
}

func (p *progress) finish(line string) {
	if p.open {
		fmt.Fprint(p.stdio.Err, "\r\x1b[K")
		p.open = false
	}
	fmt.Fprintln(p.stdio.Err, line)
}

// end leaves the terminal at the beginning of a line.
func (p *progress) end() {
	if p.open {
		fmt.Fprintln(p.stdio.Err)
		p.open = false
	}
}

// erase takes the open line away.
func (p *progress) erase() {
	if p.open {
		fmt.Fprint(p.stdio.Err, "\r\x1b[K")
		p.open = false
	}
}
