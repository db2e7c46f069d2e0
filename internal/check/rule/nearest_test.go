package rule_test

import (
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check/rule"
)

func TestNearest(t *testing.T) {
	names := []string{"VERSION", "REVISION", "GO", "PATH"}
	for name, want := range map[string]string{
		"VERSIN": "VERSION", "version": "VERSION", "PAHT": "PATH", "REVERSION": "VERSION", "VRSEION": "", "VERISNO": "", "VESRION": "VERSION", "G": "", "GOO": "GO", "GOPATH": "",
		"AB": "", "ABC": "", "NOTHING": "", "": "", strings.Repeat("x", 1000): "",
	} {
		if got := rule.Nearest(name, names); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
