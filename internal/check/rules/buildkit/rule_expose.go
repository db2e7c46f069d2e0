package buildkit

import (
	"fmt"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleProtocolCase() rule.Rule {
	return rule.Rule{
		Code:     "BK011",
		Aliases:  []string{"ExposeProtoCasing"},
		Severity: finding.Style,
		Fix:      finding.Safe,
		Title:    "Write the protocol of EXPOSE in lower case",
		Why:      "The image has it in lower case anyway, and whoever looks for 53/udp does not find 53/UDP.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			eachPort(d, func(word dockerfile.Word) {
				slash := strings.LastIndexByte(word.String(), '/')
				proto := word.Slice(slash+1, word.Len())
				if lower := strings.ToLower(proto.String()); slash >= 0 && lower != proto.String() {
					p.Report(d.File, rule.Report{
						At:      word.Span(),
						Message: fmt.Sprintf("the protocol %s is not in lower case; write %s", strings.Trim(proto.String(), `'"`), strings.Trim(lower, `'"`)),
						Fix:     rewrite(d, proto, lower),
					})
				}
			})
		},
	}
}

func ruleExposeFormat() rule.Rule {
	return rule.Rule{
		Code:     "BK012",
		Aliases:  []string{"ExposeInvalidFormat"},
		Severity: finding.Warning,
		Fix:      finding.Safe,
		Title:    "Expose the port of the container and nothing else",
		Why: "EXPOSE says what the program listens on. An address or a port of the host has no effect there, and Docker has said that it will be an error: " +
			"`docker run -p` and compose publish ports.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			eachPort(d, func(word dockerfile.Word) {
				start := len(word.String()) - len(strings.TrimLeft(word.String(), `'"`))
				colon := strings.LastIndexByte(word.String(), ':')
				if colon <= start {
					return
				}
				mapping := word.Slice(start, colon+1)
				p.Report(d.File, rule.Report{
					At:      word.Span(),
					Message: fmt.Sprintf("%s has no effect in EXPOSE; write %s, and publish the port where the container is run", mapping, strings.Trim(word.String()[colon+1:], `'"`)),
					Fix:     rewrite(d, mapping, ""),
				})
			})
		},
	}
}

// eachPort visits the words of EXPOSE in which there is no variable.
func eachPort(d *project.Dockerfile, visit func(dockerfile.Word)) {
	for _, i := range d.AST.Instructions {
		if i.Trigger != nil {
			i = i.Trigger
		}
		if i.Name != "EXPOSE" {
			continue
		}
		for _, word := range i.Args {
			if !strings.Contains(word.String(), "$") {
				visit(word)
			}
		}
	}
}
