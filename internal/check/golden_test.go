package check_test

import (
	"testing"

	"github.com/davit-dev/davit/internal/check/checktest"
)

func TestGolden(t *testing.T) { checktest.Golden(t, few(), "testdata") }
