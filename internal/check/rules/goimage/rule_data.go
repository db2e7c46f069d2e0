package goimage

import (
	"fmt"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleRoots() rule.Rule {
	return rule.Rule{
		Code:     "GO302",
		Severity: finding.Warning,
		Fix:      finding.Safe,
		Title:    "Give the program the roots of trust that it needs",
		Why:      "scratch has no CA certificates. Every https request of the program ends with `x509: certificate signed by unknown authority`.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			s, ok := final(d)
			if !ok || !isScratch(s) || brings(s, "ssl", "certs", ".crt", ".pem") {
				return
			}
			c, known := calls(p, d)
			if !known || c.Imports["golang.org/x/crypto/x509roots/fallback"] || !c.Has(clients()...) {
				return
			}
			p.Report(d.File, rule.Report{
				At:      s.From.Args[0].Span(),
				Message: "the program makes https requests, and scratch has no CA certificates: they all fail; copy them, or take distroless static",
				Fix:     addCopy(d, s, "/etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/"),
			})
		},
	}
}

// clients are the functions and types by which a program asks others over TLS.
func clients() []string {
	return []string{
		"net/http.Get", "net/http.Head", "net/http.Post", "net/http.PostForm", "net/http.Client", "net/http.DefaultClient",
		"net/http.NewRequest", "net/http.NewRequestWithContext", "crypto/tls.Dial", "crypto/tls.DialWithDialer", "crypto/tls.Dialer",
	}
}

func ruleZones() rule.Rule {
	return rule.Rule{
		Code:       "GO303",
		Severity:   finding.Warning,
		Fix:        finding.Safe,
		Title:      "Give the program the time zones that it loads",
		Why:        "scratch and Alpine have no zones: time.LoadLocation ends with `unknown time zone`. With -tags timetzdata they are in the program.",
		Dockerfile: checkZones,
	}
}

func checkZones(p *rule.Pass, d *project.Dockerfile) {
	s, ok := final(d)
	alpine := ok && s.Base.Name == "alpine" && s.Base.Known
	if !ok || !isScratch(s) && !alpine || brings(s, "zoneinfo", "tzdata") || slices.Contains(s.Installed, "tzdata") {
		return
	}
	if c, known := calls(p, d); !known || !loadsZones(c) {
		return
	}
	for _, made := range s.Products {
		g := made.Of.Go
		if made.Stage == s || slices.Contains(g.Tags, "timetzdata") {
			continue
		}
		p.Report(d.File, rule.Report{
			At:      g.Word,
			Message: fmt.Sprintf("the program loads time zones, and %s has none; add -tags timetzdata, which puts them into the program", s.Base.Name),
			Fix:     tagInstead(d, made.Of),
		})
		return
	}
}

func loadsZones(c project.Calls) bool {
	return !c.Imports["time/tzdata"] &&
		slices.ContainsFunc(c.Arguments["time.LoadLocation"], func(zone string) bool { return zone != "UTC" && zone != "Local" })
}

// tagInstead is the fix that adds the tag to a command that has none yet.
func tagInstead(d *project.Dockerfile, c *project.Command) *finding.Fix {
	if len(c.Go.Tags) > 0 || c.Exec {
		return nil
	}
	for _, a := range c.Args {
		if a.Text == c.Go.Verb && a.Start > c.Go.Word.Start {
			return rule.SafeFix(rule.Insert(d.File, a.End, " -tags timetzdata"))
		}
	}
	return nil
}

// makesTemporary says that a program asks for the folder of the system: with an
// empty name, or by os.TempDir.
func makesTemporary(c project.Calls) bool {
	return c.Has("os.TempDir") || slices.ContainsFunc([]string{"os.CreateTemp", "os.MkdirTemp", "io/ioutil.TempFile", "io/ioutil.TempDir"}, func(name string) bool {
		return slices.Contains(c.Arguments[name], "")
	})
}

func ruleTemp() rule.Rule {
	return rule.Rule{
		Code:     "GO304",
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Give the program a folder for temporary files",
		Why:      "scratch has no /tmp: os.CreateTemp ends with `no such file or directory`. distroless static has one, and so has davit's base.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			s, ok := final(d)
			if !ok || !isScratch(s) || brings(s, "/tmp") || strings.HasPrefix(s.Workdir.Text, "/tmp") || lastOf(s, "VOLUME") != nil {
				return
			}
			if _, set := s.Vars.Lookup("TMPDIR"); set {
				return
			}
			if c, known := calls(p, d); known && makesTemporary(c) {
				p.Report(d.File, rule.Report{
					At:      s.From.Args[0].Span(),
					Message: "the program makes temporary files, and scratch has no /tmp; take distroless static, or make the folder",
					Fix:     rule.UnsafeFix(rule.Edit(d.File, s.From.Args[0].Span(), finalBase)),
				})
			}
		},
	}
}
