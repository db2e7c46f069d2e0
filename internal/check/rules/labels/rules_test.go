package labels_test

import (
	"testing"

	"github.com/davit-dev/davit/internal/check/checktest"
	"github.com/davit-dev/davit/internal/check/rule"
	"github.com/davit-dev/davit/internal/check/rules/labels"
)

func set() rule.Set { return rule.NewSet(labels.Rules()) }

func TestGolden(t *testing.T) { checktest.Golden(t, set(), "testdata") }

func TestDocs(t *testing.T) { checktest.Docs(t, labels.Rules()) }

func TestAgreesWithHadolint(t *testing.T) { checktest.Agree(t, set()) }
