package buildkit

import (
	"fmt"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleBasePlatform() rule.Rule {
	return rule.Rule{
		Code:     "BK013",
		Aliases:  []string{"InvalidBaseImagePlatform"},
		Severity: finding.Warning,
		Title:    "Take a base image of the platform that FROM asks for",
		Why: "An image of one architecture is pulled whatever --platform says. " +
			"The programs in it then do not start, or are emulated, many times slower.",
		Dockerfile: checkBasePlatform,
	}
}

func checkBasePlatform(p *rule.Pass, d *project.Dockerfile) {
	for _, s := range d.Stages {
		want, is := strings.ToLower(s.Platform.String()), platformOf(s)
		if s.Parent != nil || is == "" || want == "" || strings.Contains(want, "$") || samePlatform(want, is) {
			continue
		}
		p.Report(d.File, rule.Report{
			At:      s.From.Args[0].Span(),
			Message: fmt.Sprintf("%s is an image for %s, and FROM asks for %s", s.From.Args[0], is, want),
		})
	}
}

// platformOf returns the platform of an image that has it in its name: those
// that Docker's official images are also published under, and Microsoft's.
func platformOf(s *project.Stage) string {
	if !s.Base.Known {
		return ""
	}
	owner, _, found := strings.Cut(s.Base.Name, "/")
	switch {
	case strings.HasPrefix(s.Base.Name, "mcr.microsoft.com/windows/") || strings.HasPrefix(s.Base.Name, "mcr.microsoft.com/windows:"):
		return "windows"
	case !found:
		return ""
	}
	switch owner {
	case "amd64", "ppc64le", "s390x", "riscv64", "mips64le":
		return "linux/" + owner
	case "i386":
		return "linux/386"
	case "arm64v8":
		return "linux/arm64"
	case "arm32v5", "arm32v6", "arm32v7":
		return "linux/arm/" + strings.TrimPrefix(owner, "arm32")
	case "winamd64":
		return "windows/amd64"
	}
	return ""
}

// samePlatform compares the parts that both name.
func samePlatform(want, is string) bool {
	a, b := strings.Split(canonicalPlatform(want), "/"), strings.Split(is, "/")
	for k := range min(len(a), len(b)) {
		if a[k] != b[k] {
			return false
		}
	}
	return true
}

// canonicalPlatform writes the other names of architectures as Go does, and the
// system of an architecture that stands alone.
func canonicalPlatform(platform string) string {
	if !strings.Contains(platform, "/") && platform != "linux" && platform != "windows" {
		platform = "linux/" + platform
	}
	return strings.NewReplacer("x86_64", "amd64", "x86-64", "amd64", "aarch64", "arm64", "armhf", "arm/v7", "armel", "arm/v6", "i386", "386").Replace(platform)
}
