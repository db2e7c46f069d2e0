package release_test

import (
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/release"
)

// TestReliability26ANewerPlanIsRefused: what a plan of tomorrow says in fields that
// nobody knows yet must not be left out.
func TestReliability26ANewerPlanIsRefused(t *testing.T) {
	data, err := plan("v1").Canonical()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, newer, want string }{
		"version": {`"version":2,`, `"version":3,"replicas_of_tomorrow":2,`, "it has version 3, this davit knows versions up to 2"},
		"field":   {`"version":2,`, `"version":2,"replicas_of_tomorrow":2,`, `unknown field "replicas_of_tomorrow"`},
	} {
		text := strings.Replace(string(data), c.old, c.newer, 1)
		if _, err := release.DecodePlan([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
