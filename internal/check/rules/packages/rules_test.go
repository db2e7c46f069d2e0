package packages_test

import (
	"testing"

	"github.com/davit-dev/davit/internal/check/checktest"
	"github.com/davit-dev/davit/internal/check/rule"
	"github.com/davit-dev/davit/internal/check/rules/packages"
)

func set() rule.Set { return rule.NewSet(packages.Rules()) }

func TestGolden(t *testing.T) { checktest.Golden(t, set(), "testdata") }

func TestDocs(t *testing.T) { checktest.Docs(t, packages.Rules()) }

func TestAgreesWithHadolint(t *testing.T) { checktest.Agree(t, set()) }
