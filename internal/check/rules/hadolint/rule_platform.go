package hadolint

import (
	"fmt"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func rulePlatformConstant() rule.Rule {
	return rule.Rule{
		Code:     "DL3029",
		Aliases:  []string{"FromPlatformFlagConstDisallowed"},
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Do not fix the platform of a base image",
		Why: "With a fixed platform, a build for arm64 makes an image that says arm64 and holds amd64 programs. " +
			"A Go program is compiled fastest on $BUILDPLATFORM, for any platform.",
		Dockerfile: checkPlatformConstant,
	}
}

func checkPlatformConstant(p *rule.Pass, d *project.Dockerfile) {
	for _, s := range d.Stages {
		platform := s.Platform.String()
		if platform == "" || strings.Contains(platform, "$") || isForPlatform(s.Name, platform) {
			continue
		}
		p.Report(d.File, rule.Report{
			At:      flagSpan(s.From, "platform"),
			Message: fmt.Sprintf("the stage is for %s whatever the image is built for; take $BUILDPLATFORM to compile, and nothing otherwise", platform),
			Fix:     withoutPlatform(d, s.From, rule.UnsafeFix),
		})
	}
}

// isForPlatform says that the name of a stage tells that it is for one platform,
// as when there is a stage for each.
func isForPlatform(name, platform string) bool {
	for part := range strings.SplitSeq(strings.ToLower(platform), "/") {
		if part != "" && strings.Contains(name, part) {
			return true
		}
	}
	return false
}

func rulePlatformRedundant() rule.Rule {
	return rule.Rule{
		Code:     "DL3065",
		Aliases:  []string{"RedundantTargetPlatform"},
		Severity: finding.Warning,
		Fix:      finding.Safe,
		Title:    "Leave --platform=$TARGETPLATFORM away",
		Why:      "A stage is for the target platform unless it says otherwise. Who reads --platform thinks that this one is not.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, s := range d.Stages {
				if platform := s.Platform.String(); platform == "$TARGETPLATFORM" || platform == "${TARGETPLATFORM}" {
					p.Report(d.File, rule.Report{
						At:      flagSpan(s.From, "platform"),
						Message: fmt.Sprintf("every stage is for %s by itself; remove --platform", platform),
						Fix:     withoutPlatform(d, s.From, rule.SafeFix),
					})
				}
			}
		},
	}
}

// withoutPlatform takes the flag and the white space behind it away, or the line
// that it has for itself.
func withoutPlatform(d *project.Dockerfile, from *dockerfile.Instruction, fix func(...finding.Edit) *finding.Fix) *finding.Fix {
	span := flagSpan(from, "platform")
	line, column := d.Position(span.Start)
	text, start := d.Line(line)
	if rest := strings.TrimSpace(text[span.End-start:]); rest == string(d.AST.Escape) && strings.TrimSpace(text[:column-1]) == "" {
		_, next := d.Line(line + 1)
		return fix(rule.Edit(d.File, dockerfile.Span{Start: start, End: next}, ""))
	}
	for span.End < len(d.Source) && strings.IndexByte(" \t", d.Source[span.End]) >= 0 {
		span.End++
	}
	return fix(rule.Edit(d.File, span, ""))
}
