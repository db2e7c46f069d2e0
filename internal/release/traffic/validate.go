package traffic

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Limits of a table. They are far above what one machine runs, and keep a
// mistaken table from taking the edge's memory.
const (
	maxRoutes    = 10_000
	maxHosts     = 100
	maxAddresses = 256
	maxLabel     = 200
)

// Validate says what is wrong with t, naming the app and the listener.
func (t Table) Validate() error {
	if t.Version == 0 {
		return errors.New("route table has version 0: versions start at 1")
	}
	if len(t.Routes) > maxRoutes {
		return fmt.Errorf("route table has %d routes, allowed are %d", len(t.Routes), maxRoutes)
	}
	apps := make(map[appKey]bool)
	taken := make(map[Listener]map[place]string)
	for _, r := range t.Routes {
		key := appKey{r.Listener, r.App}
		if err := r.validate(); err != nil {
			return fmt.Errorf("route of %q on %q: %w", r.App, r.Listener, err)
		}
		if apps[key] {
			return fmt.Errorf("route of %q on %q: an app has one route on a listener, this is its second", r.App, r.Listener)
		}
		apps[key] = true
		if taken[r.Listener] == nil {
			taken[r.Listener] = make(map[place]string)
		}
		for _, h := range r.Hosts {
			at, err := parsePlace(h)
			if err != nil {
				return fmt.Errorf("route of %q on %q: host %q: %w", r.App, r.Listener, h, err)
			}
			if other, found := taken[r.Listener][at]; found {
				return fmt.Errorf("route of %q on %q: host %q already belongs to %q", r.App, r.Listener, h, other)
			}
			taken[r.Listener][at] = r.App
		}
	}
	return nil
}

func (r Route) validate() error {
	switch {
	case !validLabel(r.App) || strings.ToLower(r.App) != r.App:
		return errors.New("the app's name is not a DNS label such as orders")
	case r.Listener != Production && r.Listener != Staging:
		return fmt.Errorf("the listener is neither %q nor %q", Production, Staging)
	case len(r.Hosts) == 0 || len(r.Hosts) > maxHosts:
		return fmt.Errorf("it has %d hosts, allowed are 1 to %d", len(r.Hosts), maxHosts)
	case r.Stable == nil:
		return errors.New("it has no stable target")
	case r.Lease < 0 || r.Drain < 0:
		return errors.New("lease and drain must not be negative")
	}
	return errors.Join(r.validateShares(), r.Affinity.validate(), r.Cuts.validate(), r.validateTargets())
}

func (r Route) validateShares() error {
	switch {
	case r.Canary == nil && r.Weight != 0:
		return fmt.Errorf("weight %v without a canary", r.Weight)
	case !(r.Weight >= 0 && r.Weight <= 1):
		return fmt.Errorf("weight %v is not in [0, 1]", r.Weight)
	case !(r.Mirror >= 0 && r.Mirror <= 1):
		return fmt.Errorf("mirrored share %v is not in [0, 1]", r.Mirror)
	}
	return nil
}

func (r Route) validateTargets() error {
	if err := r.Stable.validate(); err != nil {
		return fmt.Errorf("stable target: %w", err)
	}
	if r.Canary == nil {
		return nil
	}
	if err := r.Canary.validate(); err != nil {
		return fmt.Errorf("canary target: %w", err)
	}
	if r.Canary.Label == r.Stable.Label {
		return fmt.Errorf("stable and canary are both labeled %q", r.Stable.Label)
	}
	return nil
}

func (t *Target) validate() error {
	if !validVersion(t.Label) {
		return fmt.Errorf("label %q is not 1 to %d printable ASCII characters without spaces", t.Label, maxLabel)
	}
	if len(t.Addresses) == 0 || len(t.Addresses)+len(t.Spare) > maxAddresses {
		return fmt.Errorf("%s has %d addresses and %d to spare, allowed are 1 to %d in all", t.Label, len(t.Addresses), len(t.Spare), maxAddresses)
	}
	for _, a := range slices.Concat(t.Addresses, t.Spare) {
		host, port, err := net.SplitHostPort(a)
		number, bad := strconv.ParseUint(port, 10, 16)
		if err != nil || bad != nil || number == 0 || !validHost(host) {
			return fmt.Errorf("%s: address %q is not host:port such as 127.0.0.1:8080", t.Label, a)
		}
	}
	return nil
}

func validVersion(label string) bool {
	return label != "" && len(label) <= maxLabel && !strings.ContainsFunc(label, notGraphic)
}

// notGraphic reports runes that have no place in a label or an identifier that
// goes into headers and logs.
func notGraphic(r rune) bool { return r <= ' ' || r > '~' }

func validHost(h string) bool {
	if _, err := netip.ParseAddr(h); err == nil {
		return !strings.Contains(h, "%") // a zone has no meaning in a Host header
	}
	if len(h) == 0 || len(h) > 253 {
		return false
	}
	for label := range strings.SplitSeq(h, ".") {
		if !validLabel(label) {
			return false
		}
	}
	return true
}

// validLabel reports whether s is a DNS label (RFC 1123 section 2.1), or one
// with underscores, which some networks use.
func validLabel(s string) bool {
	if len(s) == 0 || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		digit := r >= '0' && r <= '9'
		return !letter && !digit && r != '-' && r != '_'
	})
}

// hostname returns the form under which a Host header is looked up: without
// port, brackets and final dot, in lower case.
func hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		// A bare IPv6 address has colons but no port.
		if strings.IndexByte(host, ':') == i || host[i-1] == ']' {
			host = host[:i]
		}
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
