package goimage_test

import (
	"testing"

	"github.com/davit-dev/davit/internal/check/checktest"
	"github.com/davit-dev/davit/internal/check/rule"
	"github.com/davit-dev/davit/internal/check/rules/goimage"
)

func set() rule.Set { return rule.NewSet(goimage.Rules()) }

func TestGolden(t *testing.T) { checktest.Golden(t, set(), "testdata") }

// How one stage becomes two is looked at by itself.
func TestGoldenOfSplitting(t *testing.T) {
	checktest.Golden(t, checktest.Only(set(), "GO301"), "testdata/alone")
}

func TestDocs(t *testing.T) { checktest.Docs(t, goimage.Rules()) }
