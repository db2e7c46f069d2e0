package release

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Bounds of an entry of a plan's hosts, in bytes.
const (
	MaxHost     = 253 // the host name
	MaxHostPath = 200 // the path after it
)

// HostForm is what an entry of a plan's hosts looks like: a host name in small
// letters, and a path where the app has not all of it.
const HostForm = `^[a-z0-9.-]+(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$`

var (
	hostForm  = regexp.MustCompile(HostForm)
	hostLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// HostName returns the host of an entry of a plan's hosts, without its path.
func HostName(entry string) string {
	host, _, _ := strings.Cut(entry, "/")
	return host
}

// ValidateHost says what is wrong with an entry of a plan's hosts.
func ValidateHost(entry string) error {
	host := HostName(entry)
	valid := len(host) <= MaxHost
	for label := range strings.SplitSeq(host, ".") {
		valid = valid && hostLabel.MatchString(label)
	}
	switch {
	case !valid:
		return fmt.Errorf("%q is not a host name in small letters and without a port, such as orders.example.com", entry)
	case len(entry)-len(host) > MaxHostPath || !hostForm.MatchString(entry):
		return fmt.Errorf("%q has a path that is not one such as /orders/v2: letters, digits and - . _ ~, no / at its end, at most %d bytes",
			entry, MaxHostPath)
	}
	return nil
}

// hostsFree refuses places that another app answers at, or will.
func (e *Engine) hostsFree(plan Plan) error {
	for _, v := range e.Apps() {
		if v.App == plan.App {
			continue
		}
		for _, place := range v.Places() {
			if slices.Contains(plan.Hosts, place) {
				return refuse(CodeInvalid, "hosts: %s belongs to the app %s", place, v.App)
			}
		}
	}
	return nil
}

// Places are the hosts of what is live, and of what is under way.
func (v View) Places() []string {
	if v.Live == "" && v.Current == "" {
		return nil
	}
	return slices.Concat(v.Hosts, v.NextHosts)
}

// admit records a submission if its hosts are free. Two at a time could each find
// them so.
func (e *Engine) admit(ctx context.Context, m *machine, event *Event) (Summary, error) {
	e.admission.Lock()
	defer e.admission.Unlock()
	if err := e.hostsFree(*event.Plan); err != nil {
		return Summary{}, err
	}
	return m.submit(ctx, event)
}
