package verify

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/davit-dev/davit/internal/x/quantity"
)

// What a load run may ask for.
const (
	maxLoadTargets  = 50
	maxLoadRequests = 1_000_000
	minLoadRequests = 20 // fewer have no 95th percentile to speak of
	maxLoadTime     = quantity.Duration(10 * time.Minute)
	maxLatency      = quantity.Duration(30 * time.Second)
)

// LoadRun is traffic of an open model: requests are sent at a constant rate, as
// users send them who do not know of each other, whether or not earlier ones
// were answered. The rate is constant, not random, so that every run of a suite
// offers the same load.
type LoadRun struct {
	Request  Requests          `json:"request" yaml:"request"`                   // sent in turn
	Rate     float64           `json:"rate" yaml:"rate"`                         // requests a second, over all of them
	Duration quantity.Duration `json:"duration" yaml:"duration"`                 // of the part that is measured
	Warmup   quantity.Duration `json:"warmup,omitempty" yaml:"warmup,omitempty"` // sent before it, not measured
	P95      quantity.Duration `json:"p95" yaml:"p95"`                           // limit of the 95th percentile
	Errors   quantity.Share    `json:"errors" yaml:"errors"`                     // most of the requests that may fail
}

// Requests is one request or several: text or a list of texts in YAML.
type Requests []Request

// UnmarshalYAML implements yaml.Unmarshaler.
func (r *Requests) UnmarshalYAML(node *yaml.Node) error {
	list := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		list = node.Content
	}
	requests := make(Requests, 0, len(list))
	for _, entry := range list {
		var request Request
		err := errors.New("a request is text such as GET /orders, or a list of such texts")
		if entry.Kind == yaml.ScalarNode {
			err = request.UnmarshalText([]byte(entry.Value))
		}
		if err != nil {
			return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %v", entry.Line, err)}}
		}
		requests = append(requests, request)
	}
	*r = requests
	return nil
}

// Validate says what no load can be made of. The errors begin with the key.
func (l LoadRun) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(l.Request) == 0 || len(l.Request) > maxLoadTargets {
		fail("request: 1 to %d requests are needed, such as GET /orders", maxLoadTargets)
	}
	for _, request := range l.Request {
		if err := request.validate(); err != nil {
			fail("request: %w", err)
		} else if len(placeholders(request.Target)) > 0 {
			fail("request: %q: a load run has no saved values to fill in", request)
		}
	}
	if l.Duration <= 0 || l.Duration > maxLoadTime {
		fail("duration: must be above 0s and at most %s", maxLoadTime)
	}
	if l.Warmup > maxLoadTime {
		fail("warmup: must be at most %s", maxLoadTime)
	}
	if l.P95 <= 0 || l.P95 > maxLatency {
		fail("p95: must be above 0s and at most %s", maxLatency)
	}
	if l.Errors < 0 || l.Errors > 1 {
		fail("errors: must be from 0%% to 100%%")
	}
	return errors.Join(append(errs, l.validateRate())...)
}

func (l LoadRun) validateRate() error {
	if !(l.Rate > 0 && l.Rate <= maxLoadRequests) {
		return fmt.Errorf("rate: must be above 0 and at most %d requests a second", maxLoadRequests)
	}
	if n := l.measured(); l.Duration > 0 && n < minLoadRequests {
		return fmt.Errorf("rate: %g/s for %s are %d requests; at least %d are needed for a 95th percentile",
			l.Rate, l.Duration, n, minLoadRequests)
	}
	if n := l.warming() + l.measured(); n > maxLoadRequests {
		return fmt.Errorf("rate: %g/s for %s are %d requests; at most %d are sent",
			l.Rate, l.Warmup+l.Duration, n, maxLoadRequests)
	}
	return nil
}

// measured is how many requests are sent and count.
func (l LoadRun) measured() int { return int(l.Rate * l.Duration.Std().Seconds()) }

// warming is how many requests are sent before them.
func (l LoadRun) warming() int { return int(l.Rate * l.Warmup.Std().Seconds()) }

// due is when the i-th request has to be sent, counted from the beginning.
func (l LoadRun) due(i int) time.Duration {
	return time.Duration(float64(i) / l.Rate * float64(time.Second))
}

// String says what the run does: "GET /orders at 50/s for 5s".
func (l LoadRun) String() string {
	names := make([]string, 0, len(l.Request))
	for _, request := range l.Request {
		names = append(names, request.String())
	}
	return fmt.Sprintf("%s at %g/s for %s", strings.Join(names, ", "), l.Rate, l.Duration)
}
