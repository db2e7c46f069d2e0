package gomod_test

import (
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/davit-dev/davit/internal/check/checktest"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
	"github.com/davit-dev/davit/internal/check/rules/gomod"
)

func set() rule.Set { return rule.NewSet(gomod.Rules()) }

func TestGolden(t *testing.T) { checktest.Golden(t, set(), "testdata") }

func TestDocs(t *testing.T) { checktest.Docs(t, gomod.Rules()) }

// TestModuleCache holds that the newest release in the cache is asked.
func TestModuleCache(t *testing.T) {
	cache := checktest.Write(t, txtar.Parse([]byte(`
-- cache/download/example.com/!a/@v/v1.0.0.mod --
module example.com/A
-- cache/download/example.com/!a/@v/v1.2.0.mod --
// Deprecated: use B.
module example.com/A

retract v1.0.0 // wrong
-- cache/download/example.com/!a/@v/v1.3.0-rc.1.mod --
module example.com/A
`)).Files)
	t.Setenv("GOMODCACHE", cache)
	root := checktest.Write(t, txtar.Parse([]byte(`
-- go.mod --
module example.com/x

go 1.24

require example.com/A v1.0.0
-- go.sum --
`)).Files)
	p, err := project.Load(t.Context(), root, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := rule.DefaultConfig()
	cfg.Enable = []string{"GO605"}
	var got []string
	for _, f := range set().Run(p, cfg) {
		got = append(got, f.Message)
	}
	want := []string{"example.com/A is deprecated: use B.", "example.com/A v1.0.0 was retracted (wrong); go get example.com/A@latest"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
