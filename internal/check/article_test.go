package check_test

import (
	"testing"

	"github.com/davit-dev/davit/internal/check/checktest"
	"github.com/davit-dev/davit/internal/check/rule"
	"github.com/davit-dev/davit/internal/check/rules/dockerignore"
	"github.com/davit-dev/davit/internal/check/rules/gomod"
	"github.com/davit-dev/davit/internal/check/rules/services"
)

// TestArticle holds what the rules between files say about a project that makes
// the well-known mistakes; what is safe to fix is fixed, and not found again.
func TestArticle(t *testing.T) {
	checktest.Golden(t, rule.NewSet(services.Rules(), dockerignore.Rules(), gomod.Rules()), "testdata/article")
}
