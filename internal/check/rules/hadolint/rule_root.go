package hadolint

import (
	"fmt"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleRoot() rule.Rule {
	return rule.Rule{
		Code:     "DL3002",
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Do not leave USER at root",
		Why: "What runs as root in a container is root on the kernel that it shares with the host: " +
			"with one hole in the program or the runtime, everything there is open. A Go service needs none of that.",
		Dockerfile: checkRoot,
	}
}

// unprivileged is nobody's user and group, as distroless's nonroot has them.
const unprivileged = "65532:65532"

func checkRoot(p *rule.Pass, d *project.Dockerfile) {
	seen := map[*dockerfile.Instruction]bool{}
	for _, s := range outcome(d) {
		if s.User == nil || len(s.User.Args) != 1 || seen[s.User] {
			continue
		}
		seen[s.User] = true
		word := s.User.Args[0]
		user, _, _ := strings.Cut(strings.Trim(word.Value.String(), `'"`), ":")
		if user != "root" && user != "0" {
			continue
		}
		r := rule.Report{
			At:      s.User.Span,
			Message: fmt.Sprintf("the image runs as %s; end with a USER that has no rights, such as %s", word, unprivileged),
		}
		if len(s.Products) > 0 && written(word) {
			r.Fix = rule.UnsafeFix(rule.Edit(d.File, word.Span(), unprivileged))
		}
		p.Report(d.File, r)
	}
}
