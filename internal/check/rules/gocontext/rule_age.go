package gocontext

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// The releases that get no more fixes, as of 2026-11-23: go.dev/doc/devel/release
// "Release Policy", alpinelinux.org/releases, wiki.debian.org/LTS.
const (
	asOf           = "2026-11-23"
	oldestGo       = "1.26"
	oldestAlpine   = "3.22"
	oldestDebian   = 12
	debianByNumber = "buster 10, bullseye 11, bookworm 12, trixie 13"
)

func ruleEndOfLife() rule.Rule {
	return rule.Rule{
		Code:     "GO112",
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Build with a release that still gets fixes",
		Why: "What Go, Alpine and Debian no longer support has the holes that were found since: in the standard library they are in " +
			"every program that it compiles.",
		Dockerfile: checkEndOfLife,
	}
}

func checkEndOfLife(p *rule.Pass, d *project.Dockerfile) {
	for _, s := range d.Stages {
		if s.Below != nil || !s.Base.Known || s.From == nil {
			continue
		}
		if what := outdated(s.Base); what != "" {
			p.Report(d.File, rule.Report{
				At:      s.From.Args[0].Span(),
				Message: fmt.Sprintf("%s gets no more fixes (as of %s); take a newer one", what, asOf),
				Fix:     takeNewer(d, s.Base),
			})
		}
	}
}

// takeNewer is the fix for tags that are written out: the oldest release that
// still gets fixes. What is pinned by its digest stays.
func takeNewer(d *project.Dockerfile, i project.Image) *finding.Fix {
	if !i.Tag.Contiguous() || i.Digest {
		return nil
	}
	tag := ""
	switch t, ok := i.GoTag(); {
	case ok && t.Before(oldestGo) && t.Floating():
		tag = oldestGo + t.Suffix
	case i.Name == "alpine" && isOlder(i.Tag.String(), oldestAlpine):
		tag = oldestAlpine
	default:
		return nil
	}
	return rule.UnsafeFix(rule.Edit(d.File, i.Tag.Span(), tag))
}

// outdated names the part of an image that gets no more fixes.
func outdated(i project.Image) string {
	tag := i.Tag.String()
	if t, ok := i.GoTag(); ok {
		if t.Before(oldestGo) {
			return "Go " + t.Version.String()
		}
		_, alpine, found := strings.Cut(tag, "alpine")
		if found && isOlder(alpine, oldestAlpine) {
			return "Alpine " + alpine
		}
	}
	switch i.Name {
	case "alpine":
		if isOlder(tag, oldestAlpine) {
			return "Alpine " + tag
		}
	case "debian":
		name, _, _ := strings.Cut(tag, "-")
		if n := debianNumber(name); n > 0 && n < oldestDebian {
			return "Debian " + name
		}
	}
	return ""
}

// isOlder compares versions such as 3.19 and 3.19.1.
func isOlder(have, want string) bool {
	major, rest, found := strings.Cut(have, ".")
	minor, _, _ := strings.Cut(rest, ".")
	wantMajor, wantMinor, _ := strings.Cut(want, ".")
	a, errA := strconv.Atoi(major)
	b, errB := strconv.Atoi(minor)
	c, _ := strconv.Atoi(wantMajor) // a constant
	e, _ := strconv.Atoi(wantMinor)
	return found && errA == nil && errB == nil && (a < c || a == c && b < e)
}

// debianNumber is the number of a release of Debian, 0 for none.
func debianNumber(name string) int {
	if n, err := strconv.Atoi(strings.SplitN(name, ".", 2)[0]); err == nil {
		return n
	}
	for pair := range strings.SplitSeq(debianByNumber, ", ") {
		release, number, _ := strings.Cut(pair, " ")
		if release == name {
			n, _ := strconv.Atoi(number) // a constant
			return n
		}
	}
	return 0
}

func ruleFetchedToolchain() rule.Rule {
	return rule.Rule{
		Code:       "GO113",
		Severity:   finding.Info,
		Fix:        finding.Safe,
		Title:      "Take the image of the Go that go.mod asks for",
		Why:        "With GOTOOLCHAIN=auto an older Go downloads the one that go.mod asks for, in every build that begins without a cache: 70 MB beside the one that is in the image.",
		Dockerfile: checkFetchedToolchain,
	}
}

func checkFetchedToolchain(p *rule.Pass, d *project.Dockerfile) {
	m := d.Module
	if m == nil || m.Go == "" {
		return
	}
	for _, s := range d.Stages {
		tag, ok := s.Base.GoTag()
		if s.Below != nil || !ok || !tag.Older(m.Needs()) || tag.Before("1.21") {
			continue
		}
		for _, c := range goRuns(s) {
			value := c.Go.Env["GOTOOLCHAIN"]
			if !c.Sources || !value.Known || value.Text != "auto" && !strings.HasSuffix(value.Text, "+auto") {
				continue
			}
			r := rule.Report{At: s.From.Args[0].Span(), Message: fmt.Sprintf(
				"Go %s downloads Go %s in every build, since %s asks for it; take golang:%s", tag.Version.String(), m.Needs(), m.Path, m.Needs())}
			if tag.Floating() && tag.Version.Contiguous() && !s.Base.Digest {
				r.Fix = rule.SafeFix(rule.Edit(d.File, tag.Version.Span(), m.Needs()))
			}
			p.Report(d.File, r)
			break
		}
	}
}
