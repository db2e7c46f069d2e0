package gocontext_test

import (
	"testing"

	"github.com/davit-dev/davit/internal/check/checktest"
	"github.com/davit-dev/davit/internal/check/rule"
	"github.com/davit-dev/davit/internal/check/rules/gocontext"
)

func set() rule.Set { return rule.NewSet(gocontext.Rules()) }

func TestGolden(t *testing.T) { checktest.Golden(t, set(), "testdata") }

func TestDocs(t *testing.T) { checktest.Docs(t, gocontext.Rules()) }
