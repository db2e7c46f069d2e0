package admission

import (
	"net/netip"
	"testing"
)

func TestClient(t *testing.T) {
	for of, want := range map[string]string{
		"192.0.2.7":              "192.0.2.7/32",
		"::ffff:192.0.2.7":       "192.0.2.7/32",
		"2001:db8:1:2:3:4:5:6":   "2001:db8:1:2::/64",
		"fe80::1:2:3:4%eth0":     "fe80::/64",
		"2001:db8:1:2:ffff::":    "2001:db8:1:2::/64",
		"::ffff:255.255.255.255": "255.255.255.255/32",
	} {
		if got := Client(netip.MustParseAddr(of)); got.String() != want {
			t.Errorf("%s counts for %s, want %s", of, got, want)
		}
	}
	if got := Client(netip.Addr{}); got != (netip.Prefix{}) {
		t.Errorf("no address counts for %s", got)
	}
}
