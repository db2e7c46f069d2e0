package gobuild

import (
	"go/version"
	"path/filepath"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleStamp() rule.Rule {
	return rule.Rule{
		Code:     "GO106",
		Severity: finding.Error,
		Fix:      finding.Safe,
		Title:    "Let the go command read the repository that it stamps",
		Why: "`go build` asks git for the revision. Git refuses a repository of another user, and the build ends: " +
			"`error obtaining VCS status: exit status 128`. Without .git there is no revision, and no version, in the program.",
		Project: func(p *rule.Pass) { stamped(p, checkStamp) },
	}
}

// stamping is a `go build` in a context that is a repository.
type stamping struct {
	file    *project.Dockerfile
	stage   *project.Stage
	command *project.Command
	git     project.Copy // what brings .git
	left    bool         // .git is left out of the context
	shallow bool
}

// stamped calls check for each command that could write a revision into a program.
func stamped(p *rule.Pass, check func(*rule.Pass, stamping)) {
	for _, c := range p.Project.Contexts() {
		if !project.Exists(filepath.Join(c.Dir, ".git")) {
			continue
		}
		for _, d := range c.Dockerfiles {
			ignored := p.Project.IgnoredIn(c, d)
			left := false
			if ignored != nil && ignored.List != nil {
				left, _ = ignored.List.Left(".git")
			}
			builds(d, func(s *project.Stage, command *project.Command) {
				if git, found := bringsGit(s, command.Instruction); found {
					shallow := project.Exists(filepath.Join(c.Dir, ".git", "shallow"))
					check(p, stamping{d, s, command, git, left, shallow})
				}
			})
		}
	}
}

// bringsGit returns the COPY before an instruction that brings .git, unless it is
// left out.
func bringsGit(s *project.Stage, before *dockerfile.Instruction) (project.Copy, bool) {
	for at := s; at != nil; at = at.Below {
		for _, c := range at.Copies {
			name := strings.Trim(c.Source.Text, "./")
			if c.From == "" && c.Source.Known && (name == "" || name == "*" || name == "git") && c.Instruction.Start < before.Start {
				return c, true
			}
		}
	}
	return project.Copy{}, false
}

func checkStamp(p *rule.Pass, s stamping) {
	if _, _, set := option(s.command, "-buildvcs"); set || inFlags(s.command, "-buildvcs") {
		return
	}
	if s.left {
		checkUnstamped(p, s)
		return
	}
	if !hasGit(s.stage) || trusts(s.stage) {
		return
	}
	owner, known := owner(s.git)
	runner, alsoKnown := runner(s.stage, s.command.Instruction)
	if !known || !alsoKnown || owner == runner {
		return
	}
	p.Report(s.file.File, rule.Report{
		At: goSpan(s.command),
		Message: "git does not give " + runner + " the revision of a repository of " + owner +
			": the build ends with `error obtaining VCS status`; copy the source as " + runner + ", or add -buildvcs=false",
		Fix: behindVerb(s.file, s.command, "-buildvcs=false"),
	})
}

// checkUnstamped speaks about programs that ask for a version that is not there.
func checkUnstamped(p *rule.Pass, s stamping) {
	for _, made := range s.stage.Products {
		ldflags, _, _ := option(s.command, "-ldflags")
		if made.Of == s.command && p.Project.Calls(s.file, made).Has("runtime/debug.ReadBuildInfo") && !strings.Contains(ldflags, "-X") {
			p.Report(s.file.File, rule.Report{
				At: goSpan(s.command), Severity: finding.Info,
				Message: "the program reads its build information, but .dockerignore leaves .git out: it has no version and no revision",
			})
			return
		}
	}
}

// hasGit says whether git is in the image: the official ones of Alpine lack it.
func hasGit(s *project.Stage) bool {
	return !strings.Contains(s.Base.Tag.String(), "alpine") || slices.Contains(s.Installed, "git")
}

// trusts says that git is told to read repositories of others.
func trusts(s *project.Stage) bool {
	for at := s; at != nil; at = at.Below {
		for _, c := range at.Commands {
			if slices.ContainsFunc(c.Args, func(a dockerfile.Argument) bool { return strings.Contains(a.Text, "safe.directory") }) {
				return true
			}
		}
		if _, set := at.Vars.Lookup("GIT_CONFIG_COUNT"); set {
			return true
		}
	}
	return false
}

// owner returns whose the files are that a COPY brings.
func owner(c project.Copy) (name string, known bool) {
	flag, found := c.Instruction.Flag("chown")
	if !found {
		return "root", true
	}
	return account(flag.String())
}

// runner returns who runs an instruction of a stage.
func runner(s *project.Stage, of *dockerfile.Instruction) (name string, known bool) {
	for at := s; at != nil; at = at.Below {
		for _, i := range slices.Backward(at.Instructions) {
			if i.Name == "USER" && i.Start < of.Start {
				return account(strings.TrimSpace(i.Rest.String()))
			}
		}
	}
	return "root", !s.Base.Known || s.Base.IsGolang()
}

func account(text string) (name string, known bool) {
	name, _, _ = strings.Cut(text, ":")
	if name == "" || name == "0" {
		name = "root"
	}
	return name, !strings.Contains(name, "$")
}

func ruleShallow() rule.Rule {
	return rule.Rule{
		Code:     "GO212",
		Severity: finding.Info,
		Title:    "Fetch the tags that the version is made of",
		Why: "Go stamps the version that the last tag gives; in a clone without tags it is v0.0.0 and a date. " +
			"Scanners hold that against every advisory that a later version has mended.",
		Project: func(p *rule.Pass) {
			reported := map[*project.Dockerfile]bool{}
			stamped(p, func(p *rule.Pass, s stamping) {
				if s.shallow && !s.left && !reported[s.file] && asksForTags(s) {
					reported[s.file] = true
					p.Report(s.file.File, rule.Report{
						At:      goSpan(s.command),
						Message: "this clone is shallow, without the tags that the version is made of; fetch all of it (actions/checkout: fetch-depth: 0)",
					})
				}
			})
		},
	}
}

// asksForTags says that the version comes from tags: by git describe, or by the
// go command since 1.24.
func asksForTags(s stamping) bool {
	i := s.command.Instruction
	if strings.Contains(s.file.Source[i.Start:i.End], "git describe") {
		return true
	}
	value, _, set := option(s.command, "-buildvcs")
	m := s.file.Module
	return m != nil && (!set || value == "true") && !inFlags(s.command, "-buildvcs") && hasGit(s.stage) &&
		m.Go != "" && version.Compare("go"+m.Go, "go1.24") >= 0
}
