package rule

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
)

// Set is the rules that are looked for, in the order of their codes.
type Set []Rule

// NewSet puts rules together with those of the frame.
func NewSet(families ...[]Rule) Set {
	s := frame()
	for _, family := range families {
		s = append(s, family...)
	}
	slices.SortFunc(s, func(a, b Rule) int { return strings.Compare(a.Code, b.Code) })
	return s
}

// Run looks at a project with the rules of the set that cfg asks for. The
// findings are sorted by file, line, column and code; cfg has been validated.
func (s Set) Run(p *project.Project, cfg Config) []finding.Finding {
	active := s.active(cfg)
	var jobs []func() []finding.Finding
	for _, d := range p.Dockerfiles {
		jobs = append(jobs, func() []finding.Finding { return s.dockerfile(p, d, active, cfg) })
	}
	jobs = append(jobs, func() []finding.Finding { return s.others(p, active, cfg) })
	found := make([][]finding.Finding, len(jobs))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, job := range jobs {
		group.Go(func() error {
			found[i] = job()
			return nil
		})
	}
	_ = group.Wait() // the functions above return no error
	findings := cfg.apply(s, slices.Concat(found...))
	slices.SortFunc(findings, finding.Order)
	return slices.CompactFunc(findings, func(a, b finding.Finding) bool { return finding.Order(a, b) == 0 })
}

// active returns the rules that are not off.
func (s Set) active(cfg Config) Set {
	return slices.DeleteFunc(slices.Clone(s), func(r Rule) bool { return r.Off && !cfg.enables(s, r.Code) })
}

// dockerfile applies the rules to a Dockerfile and takes away what its comments
// ignore.
func (s Set) dockerfile(p *project.Project, d *project.Dockerfile, active Set, cfg Config) []finding.Finding {
	pragmas, strange := s.readPragmas(d.AST)
	if len(pragmas.enabled) > 0 {
		cfg.Enable = slices.Concat(cfg.Enable, pragmas.enabled)
		active = s.active(cfg)
	}
	var found []finding.Finding
	for _, r := range active {
		pass := &Pass{Rule: r, Project: p, Config: cfg}
		switch {
		case r.Code == codePragma:
			for _, report := range strange {
				pass.Report(d.File, report)
			}
		case r.Dockerfile != nil:
			r.Dockerfile(pass, d)
		}
		found = append(found, s.foreign(r, pass.findings)...)
	}
	for i := range found {
		if slices.Contains(pragmas.strict, found[i].Code) {
			found[i].Severity = finding.Error
		}
	}
	return slices.DeleteFunc(found, func(f finding.Finding) bool {
		_, start := d.Line(f.Line)
		return cfg.Comments && f.File == d.Path && pragmas.ignores(f.Code, start+f.Column-1)
	})
}

// foreign takes the findings of another tool away for which there is a rule here.
func (s Set) foreign(r Rule, found []finding.Finding) []finding.Finding {
	if r.Passes == nil {
		return found
	}
	return slices.DeleteFunc(found, func(f finding.Finding) bool {
		return f.Code != r.Code && slices.ContainsFunc(s, func(own Rule) bool { return own.Code == f.Code })
	})
}

// others applies the rules to all files that are not Dockerfiles.
func (s Set) others(p *project.Project, active Set, cfg Config) []finding.Finding {
	var found []finding.Finding
	for _, r := range active {
		pass := &Pass{Rule: r, Project: p, Config: cfg}
		if r.Compose != nil {
			for _, c := range p.Composes {
				r.Compose(pass, c)
			}
		}
		if r.Ignore != nil {
			for _, i := range p.Ignores {
				r.Ignore(pass, i)
			}
		}
		if r.Module != nil {
			for _, m := range p.Modules {
				r.Module(pass, m)
			}
		}
		if r.Project != nil {
			r.Project(pass)
		}
		found = append(found, pass.findings...)
	}
	return found
}

// Find returns the rule that a code or another tool's name stands for, the first
// one when it stands for several.
func (s Set) Find(name string) (Rule, bool) {
	for _, r := range s {
		if r.named(name) {
			return r, true
		}
	}
	for _, r := range s {
		if r.Passes != nil && r.Passes(strings.ToUpper(name)) {
			return r, true
		}
	}
	return Rule{}, false
}

// codes returns the codes that a name stands for: more than one when another
// tool has one rule for what is several here.
func (s Set) codes(name string) []string {
	var out []string
	for _, r := range s {
		if r.named(name) {
			out = append(out, r.Code)
		}
	}
	if code := strings.ToUpper(name); len(out) == 0 && slices.ContainsFunc(s, func(r Rule) bool { return r.Passes != nil && r.Passes(code) }) {
		return []string{code}
	}
	return out
}

func (r Rule) named(name string) bool {
	return strings.EqualFold(r.Code, name) || slices.ContainsFunc(r.Aliases, func(a string) bool { return strings.EqualFold(a, name) })
}

// Unknown says that a name is no code, and which one may have been meant.
func (s Set) Unknown(name string) error {
	var known []string
	for _, r := range s {
		known = append(append(known, r.Code), r.Aliases...)
	}
	if near := Nearest(name, known); near != "" {
		return fmt.Errorf("%q is not the code of a rule; did you mean %q?", name, near)
	}
	return fmt.Errorf("%q is not the code of a rule; `davit check --list` shows them", name)
}
