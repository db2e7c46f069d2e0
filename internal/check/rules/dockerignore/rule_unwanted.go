package dockerignore

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleUnwanted() rule.Rule {
	return rule.Rule{
		Code:     "GO501",
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Leave out of the build context what no build needs",
		Why: "COPY . . takes in all that is not left out: .env with its passwords, .git with its history, programs and coverage of the last test run. " +
			"It is in the image or its layers then, and every change of it builds everything again.",
		Project: checkUnwanted,
	}
}

func checkUnwanted(p *rule.Pass) {
	done := map[string]bool{}
	lists(p.Project, func(c project.BuildContext, d *project.Dockerfile, list *project.Ignore) {
		all := sources(d)
		taking, found := takesAll(all)
		key := c.Dir
		if list != nil {
			key = list.Path
		}
		if !found || done[key] || list == nil && onDisk(c, d) || list != nil && list.List == nil {
			return
		}
		done[key] = true
		o := &look{pass: p, context: c, dockerfile: d, list: list, sources: all, taking: taking}
		o.collect()
		o.report()
	})
}

// onDisk says that there is a list that is not part of the project, since other
// files were named to be looked at.
func onDisk(c project.BuildContext, d *project.Dockerfile) bool {
	real, _ := d.Real()
	return project.Exists(c.Dir+"/.dockerignore") || real != "" && project.Exists(real+".dockerignore")
}

// look is one context with the list that counts there.
type look struct {
	pass       *rule.Pass
	context    project.BuildContext
	dockerfile *project.Dockerfile
	list       *project.Ignore // nil when there is none
	sources    []source
	taking     source // the COPY of everything

	left, kept []unwanted // what nothing depends on, and what a build may need
}

func (o *look) collect() {
	found, all := entries(o.context.Dir)
	if !all {
		return
	}
	var patterns []string
	for _, e := range found {
		u, bad := judge(o.context.Dir, e)
		if !bad || o.leavesOut(e.name) || named(o.sources, e.name) {
			continue
		}
		if patterns == nil {
			patterns = append(embedded(o.context.Dir, found), "\x00")
		}
		switch {
		case embeddedIn(patterns, e.name):
		case u.builds, u.git && o.usesGit(), u.secret && o.inImage():
			o.kept = append(o.kept, u)
		default:
			o.left = append(o.left, u)
		}
	}
}

func (o *look) leavesOut(name string) bool {
	if o.list == nil {
		return false
	}
	out, _ := o.list.List.Left(name)
	return out
}

// usesGit says that a build may look at .git: go build does, to write the
// revision into the program, unless it is told not to.
func (o *look) usesGit() bool {
	for _, d := range o.context.Dockerfiles {
		for _, s := range d.Stages {
			for _, c := range s.Commands {
				if c.Go == nil && c.Name() != "git" && c.Name() != "make" && c.Name() != "sh" && !strings.HasSuffix(c.Args[0].Text, ".sh") {
					continue
				}
				flags := c.Go != nil && slices.ContainsFunc(c.Args, func(a dockerfile.Argument) bool { return strings.HasPrefix(a.Text, "-buildvcs=false") })
				if c.Go == nil || !flags && (c.Go.Verb == "build" || c.Go.Verb == "install") {
					return true
				}
			}
		}
	}
	return false
}

// inImage says that the whole context goes into an image that is shipped.
func (o *look) inImage() bool {
	return slices.ContainsFunc(o.sources, func(s source) bool { return s.name == "." && s.final })
}

func (o *look) report() {
	if o.list == nil || len(o.left) > 0 {
		o.say(o.left, finding.Safe)
	}
	if len(o.kept) > 0 {
		o.say(o.kept, finding.Unsafe)
	}
}

func (o *look) say(what []unwanted, safety finding.Safety) {
	r := rule.Report{Severity: o.severity(what), Message: o.message(what)}
	patterns := patternsOf(what)
	if o.list == nil { // whichever fix comes first makes the list
		patterns = slices.Concat(patternsOf(o.left), o.own())
		if safety == finding.Unsafe {
			patterns = append(patterns, patternsOf(what)...)
		}
	}
	if len(patterns) > 0 {
		r.Fix = &finding.Fix{Safety: safety, Edits: []finding.Edit{o.edit(patterns)}}
	}
	if o.list == nil {
		r.At = sourceSpan(o.taking.copy)
		o.pass.Report(o.dockerfile.File, r)
		return
	}
	if lines := o.list.List.Patterns(); len(lines) > 0 {
		last := lines[len(lines)-1]
		r.At = dockerfile.Span{Start: last.Start, End: last.End}
	}
	o.pass.Report(o.list.File, r)
}

func (o *look) severity(what []unwanted) finding.Severity {
	out := finding.Info
	for _, u := range what {
		switch {
		case u.secret && o.inImage():
			return finding.Error
		case u.secret, u.git && !o.usesGit():
			out = finding.Warning
		}
	}
	return out
}

func (o *look) message(what []unwanted) string {
	names := namesOf(what)
	where := "the build"
	if o.inImage() {
		where = "the image"
	}
	switch {
	case o.list == nil && names == "":
		return "there is no .dockerignore, so a change to this very file builds all of it again; add one"
	case o.list == nil:
		return fmt.Sprintf("there is no .dockerignore to keep %s out of %s; add one", names, where)
	}
	return fmt.Sprintf("%s does not keep %s out of %s", o.list.Path, names, where)
}

// namesOf names the first few.
func namesOf(what []unwanted) string {
	var names []string
	for _, u := range what {
		names = append(names, u.name)
	}
	if len(names) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}

func patternsOf(what []unwanted) []string {
	var out []string
	for _, u := range what {
		if !slices.Contains(out, u.pattern) {
			out = append(out, u.pattern)
		}
	}
	return out
}

// own returns what describes the build and is not part of it.
func (o *look) own() []string {
	var out []string
	add := func(name string) {
		if path.Dir(name) == path.Clean(o.context.Path) && !named(o.sources, path.Base(name)) {
			out = append(out, path.Base(name))
		}
	}
	for _, d := range o.context.Dockerfiles {
		add(d.Path)
	}
	for _, c := range o.pass.Project.Composes {
		add(c.Path)
	}
	slices.Sort(out)
	return append([]string{".dockerignore"}, out...)
}

// edit adds patterns to the list, or makes one of them.
func (o *look) edit(patterns []string) finding.Edit {
	if o.list == nil {
		name := path.Join(o.context.Path, ".dockerignore")
		return finding.Edit{File: name, Text: strings.Join(patterns, "\n") + "\n"}
	}
	newline := o.list.Newline()
	text := strings.Join(patterns, newline) + newline
	end := len(o.list.Source)
	if end > 0 && !strings.HasSuffix(o.list.Source, "\n") {
		text = newline + text
	}
	return rule.Insert(o.list.File, end, text)
}
