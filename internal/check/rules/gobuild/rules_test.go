package gobuild_test

import (
	"testing"

	"github.com/davit-dev/davit/internal/check/checktest"
	"github.com/davit-dev/davit/internal/check/rule"
	"github.com/davit-dev/davit/internal/check/rules/gobuild"
)

func set() rule.Set { return rule.NewSet(gobuild.Rules()) }

func TestGolden(t *testing.T) { checktest.Golden(t, set(), "testdata") }

// Whether a program builds and starts is looked at by itself.
func TestGoldenOfLinking(t *testing.T) {
	checktest.Golden(t, checktest.Only(set(), "GO111", "GO201"), "testdata/linking")
}

func TestDocs(t *testing.T) { checktest.Docs(t, gobuild.Rules()) }
