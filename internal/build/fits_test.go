package build_test

import (
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/build"
)

// TestWhatDoesNotFitIsRefused: programs that would start and then fail.
func TestWhatDoesNotFitIsRefused(t *testing.T) {
	dir := module(t, "report", t.TempDir()) // it looks up zones and is a client of TLS
	cache := t.TempDir()
	scratch := func(change func(*build.Config)) build.Config {
		cfg := build.DefaultConfig()
		cfg.Base = build.BaseScratch
		change(&cfg)
		return cfg
	}
	for name, c := range map[string]struct {
		cfg  build.Config
		want string
	}{
		"zones":     {scratch(func(c *build.Config) { c.Allow = []string{"no-ca-roots"} }), "time zones"},
		"roots":     {scratch(func(c *build.Config) { c.Allow = []string{"no-timezones"} }), "CA roots"},
		"both said": {scratch(func(c *build.Config) { c.Allow = []string{"no-timezones", "no-ca-roots"} }), ""},
		"static":    {build.DefaultConfig(), ""},
		"low port":  {func() build.Config { c := build.DefaultConfig(); c.Expose = []string{"80"}; return c }(), "port 80 is for root alone"},
		"root":      {func() build.Config { c := build.DefaultConfig(); c.Expose, c.User = []string{"80"}, "root"; return c }(), ""},
		"capability": {func() build.Config {
			c := build.DefaultConfig()
			c.Expose, c.Capabilities = []string{"80"}, []string{"net_bind_service"}
			return c
		}(), ""},
		"said of low": {func() build.Config {
			c := build.DefaultConfig()
			c.Expose, c.Allow = []string{"80"}, []string{"low-port"}
			return c
		}(), ""},
	} {
		_, err := one(t.Context(), builder(t, c.cfg, build.Options{Cache: cache}), dir)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
