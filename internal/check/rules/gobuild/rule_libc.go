package gobuild

import (
	"fmt"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleMusl() rule.Rule {
	return rule.Rule{
		Code:     "GO203",
		Severity: finding.Error,
		Title:    "Run a program with the C library that it was linked to",
		Why: "With CGO_ENABLED=1 in a Debian image the program is linked to glibc. Alpine has musl: " +
			"`exec /app: no such file or directory`.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			linked(d, func(s *project.Stage, made project.Product) {
				if s.Base.Userland() == project.Musl && !s.BringsLibc() {
					p.Report(d.File, rule.Report{At: goSpan(made.Of), Message: "the program is linked to glibc, and Alpine has musl: it will not start; build in golang:…-alpine with gcc and musl-dev, or take a base with glibc"})
				}
			})
		},
	}
}

func ruleOlderLibc() rule.Rule {
	return rule.Rule{
		Code:     "GO204",
		Severity: finding.Error,
		Title:    "Run a program on a Debian that is not older than its builder",
		Why:      "A program that is linked to glibc needs the one of its builder, or a newer one: `version GLIBC_2.36 not found`.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			linked(d, func(s *project.Stage, made project.Product) {
				have, want := debian(s.Base), debian(made.Stage.Base)
				if have > 0 && want > have {
					p.Report(d.File, rule.Report{At: goSpan(made.Of), Severity: finding.Warning, Message: fmt.Sprintf(
						"the program is linked to the glibc of Debian %d, and %s is Debian %d; take the same release for both", want, s.Base.Name, have)})
				}
			})
		},
	}
}

// linked calls visit for the programs in the last stage that are linked to glibc
// by decision: with CGO_ENABLED=1, and not statically.
func linked(d *project.Dockerfile, visit func(*project.Stage, project.Product)) {
	if len(d.Stages) == 0 {
		return
	}
	last := d.Stages[len(d.Stages)-1]
	seen := map[*project.Command]bool{}
	for _, made := range last.Products {
		cgo := made.Of.Go.Env["CGO_ENABLED"]
		alpine := strings.Contains(made.Stage.Base.Tag.String(), "alpine")
		if made.Stage == last || seen[made.Of] || !cgo.Known || cgo.Text != "1" || made.Of.Go.Static || alpine || !made.Stage.Base.IsGolang() {
			continue
		}
		seen[made.Of] = true
		visit(last, made)
	}
}

// debian is the number of the release of Debian that an image is, 0 for none
// that is known.
func debian(i project.Image) int {
	text := i.Name + ":" + i.Tag.String()
	known := i.IsGolang() || i.Name == "debian" || strings.HasPrefix(i.Name, "gcr.io/distroless/")
	if !known || !i.Known {
		return 0
	}
	for _, r := range []struct {
		number int
		names  []string
	}{{10, []string{"buster", "debian10", "debian:10"}}, {11, []string{"bullseye", "debian11", "debian:11"}}, {12, []string{"bookworm", "debian12", "debian:12"}}, {13, []string{"trixie", "debian13", "debian:13"}}} {
		for _, name := range r.names {
			if strings.Contains(text, name) {
				return r.number
			}
		}
	}
	return 0
}
