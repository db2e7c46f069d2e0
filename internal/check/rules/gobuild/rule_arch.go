package gobuild

import (
	"fmt"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleArch() rule.Rule {
	return rule.Rule{
		Code:     "GO209",
		Severity: finding.Warning,
		Fix:      finding.Safe,
		Title:    "Compile for the platform of the image",
		Why: "A stage on $BUILDPLATFORM compiles for the machine that builds unless GOARCH says otherwise: the image for arm64 has " +
			"a program for amd64 in it, `exec format error`.",
		Dockerfile: checkArch,
	}
}

func checkArch(p *rule.Pass, d *project.Dockerfile) {
	builds(d, func(s *project.Stage, c *project.Command) {
		arch := c.Go.Env["GOARCH"]
		crosses := strings.Contains(platformOf(s), "BUILDPLATFORM")
		if !crosses || !copiedOn(d, s, c) || c.Go.Has("GOARCH") && !arch.Known {
			return
		}
		message := "the stage is for the machine that builds, and GOARCH is not set: images for other platforms get a program that does not start; set GOARCH=$TARGETARCH"
		if c.Go.Has("GOARCH") {
			message = fmt.Sprintf("GOARCH=%s is in the images for all platforms; set GOARCH=$TARGETARCH", arch.Text)
		}
		r := rule.Report{At: goSpan(c), Message: message}
		if !c.Go.Has("GOARCH") && declares(s, "TARGETARCH") && !c.Exec {
			r.Fix = rule.SafeFix(rule.Insert(d.File, c.Start, "GOARCH=$TARGETARCH "))
		}
		p.Report(d.File, r)
	})
}

// copiedOn says whether the last stage, which is not the one that builds, has
// the program that a command makes.
func copiedOn(d *project.Dockerfile, s *project.Stage, c *project.Command) bool {
	last := d.Stages[len(d.Stages)-1]
	return last != s && slices.ContainsFunc(last.Products, func(made project.Product) bool { return made.Of == c })
}

// platformOf is the platform of the stage that a chain begins with.
func platformOf(s *project.Stage) string {
	for ; s != nil; s = s.Below {
		if platform := s.Platform.String(); platform != "" {
			return platform
		}
	}
	return ""
}

// declares says whether the stage, or one below, has an ARG of a name.
func declares(s *project.Stage, name string) bool {
	for ; s != nil; s = s.Below {
		for _, i := range s.Instructions {
			if i.Name != "ARG" {
				continue
			}
			for _, a := range i.Assignments() {
				if a.Name.String() == name {
					return true
				}
			}
		}
	}
	return false
}

func ruleEmulated() rule.Rule {
	return rule.Rule{
		Code:     "GO210",
		Severity: finding.Info,
		Fix:      finding.Safe,
		Title:    "Compile on the machine that builds",
		Why:      "Go compiles for every platform on any other. A stage that is of the image's platform compiles under emulation instead: half an hour for two minutes.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			seen := map[*project.Stage]bool{}
			builds(d, func(s *project.Stage, c *project.Command) {
				root := s
				for root.Below != nil {
					root = root.Below
				}
				arch := c.Go.Env["GOARCH"]
				cgo := c.Go.Env["CGO_ENABLED"]
				if seen[root] || platformOf(s) != "" || arch.Known || !c.Go.Has("GOARCH") || !declares(s, "TARGETARCH") || cgo.Known && cgo.Text == "1" {
					return
				}
				seen[root] = true
				p.Report(d.File, rule.Report{
					At:      root.From.Args[0].Span(),
					Message: "GOARCH is set for other platforms, but the compiler runs under emulation there; take FROM --platform=$BUILDPLATFORM",
					Fix:     rule.SafeFix(rule.Insert(d.File, root.From.Args[0].Span().Start, "--platform=$BUILDPLATFORM ")),
				})
			})
		},
	}
}
