package traffic_test

import (
	"net/http"
	"testing"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// TestSpareAddresses: what was not well gets nothing while anything else answers, and
// everything when nothing else does.
func TestSpareAddresses(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	well, spare := named(t, "well").Addresses[0], named(t, "spare").Addresses[0]
	dead := refusing(t, "dead").Addresses[0]
	answer := func(addresses ...string) string {
		r.route(t, &traffic.Target{Label: "r1", Addresses: addresses, Spare: []string{dead, spare}}, nil, 0)
		text := ""
		for range 20 {
			status, by := r.do(t, http.MethodGet, "")
			if status != http.StatusOK || text != "" && by != text {
				t.Errorf("%v: %d %s after %s", addresses, status, by, text)
			}
			text = by
		}
		return text
	}
	if got := answer(well); got != "well" {
		t.Errorf("%s answers", got)
	}
	if got := answer(dead, well); got != "well" {
		t.Errorf("beside a dead one %s answers", got)
	}
	if got := answer(dead); got != "spare" {
		t.Errorf("in the place of a dead one %s answers", got)
	}
}
