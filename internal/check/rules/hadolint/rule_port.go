package hadolint

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func rulePort() rule.Rule {
	return rule.Rule{
		Code:     "DL3011",
		Severity: finding.Error,
		Title:    "Expose ports from 0 to 65535",
		Why:      "There are no other ports: BuildKit does not build what exposes one.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			each(d, func(i *dockerfile.Instruction) {
				for _, word := range i.Args {
					port(p, d, word)
				}
			}, "EXPOSE")
		},
	}
}

// mostPort is the highest port of TCP and UDP (RFC 9293, 3.1).
const mostPort = 65535

func port(p *rule.Pass, d *project.Dockerfile, word dockerfile.Word) {
	numbers, _, _ := strings.Cut(strings.Trim(word.Value.String(), `'"`), "/")
	for number := range strings.FieldsFuncSeq(numbers, func(r rune) bool { return r == '-' || r == ':' }) {
		if value, err := strconv.ParseUint(number, 10, 64); err == nil && value > mostPort {
			p.Report(d.File, rule.Report{
				At:      word.Span(),
				Message: fmt.Sprintf("port %s does not exist; the highest one is %d", number, mostPort),
			})
			return
		}
	}
}
