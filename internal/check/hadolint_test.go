package check_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check"
)

// hadolintCases are assertions of hadolint's own tests. They are GPL-3.0 data:
// they are read here when they lie beside the repository and never go into it.
const hadolintCases = "../../../shared/data/hadolint-cases.json"

// TestAgreesWithHadolint asks of every rule that has hadolint's code that it
// says what hadolint says, on all of the cases for that code.
func TestAgreesWithHadolint(t *testing.T) {
	data, err := os.ReadFile(hadolintCases)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("SKIP: NOT COMPARED WITH HADOLINT: %s is not there", hadolintCases)
	}
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Code, Dockerfile, It, Expect string
			Onbuild                      bool
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	for _, rule := range check.Rules() {
		if !strings.HasPrefix(rule.Code, "DL") {
			continue
		}
		count := 0
		for _, c := range file.Cases {
			if c.Code != rule.Code {
				continue
			}
			count++
			source := c.Dockerfile
			if c.Onbuild {
				source = onbuild(source)
			}
			p, err := check.LoadReader(t.TempDir(), strings.NewReader(source))
			if err != nil {
				t.Fatal(err)
			}
			present := slices.ContainsFunc(check.Run(p, check.DefaultConfig()), func(f check.Finding) bool { return f.Code == c.Code })
			if present != (c.Expect == "present") {
				t.Errorf("%s %q: hadolint says %s\n%s", c.Code, c.It, c.Expect, source)
			}
		}
		if count == 0 {
			t.Errorf("there is no case for %s", rule.Code)
		}
		t.Logf("%s: %d cases", rule.Code, count)
	}
}

func onbuild(source string) string {
	lines := strings.Split(source, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "RUN ") {
			lines[i] = "ONBUILD " + line
		}
	}
	return strings.Join(lines, "\n")
}
