package dockerignore_test

import (
	"testing"

	"github.com/davit-dev/davit/internal/check/checktest"
	"github.com/davit-dev/davit/internal/check/rule"
	"github.com/davit-dev/davit/internal/check/rules/dockerignore"
)

func set() rule.Set { return rule.NewSet(dockerignore.Rules()) }

func TestGolden(t *testing.T) { checktest.Golden(t, set(), "testdata") }

func TestDocs(t *testing.T) { checktest.Docs(t, dockerignore.Rules()) }
