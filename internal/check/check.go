// Package check turns the files of a project into findings: what is wrong
// between the Dockerfiles, the compose files, .dockerignore, go.mod and the Go
// source, where it is to the byte, and how it is mended.
//
// Its invariants: the same files and configuration give the same findings in
// the same order, ShellCheck's apart, which is asked where it is installed; a fix changes the bytes that its edits name and no other; an
// error of davit's own rules says that something will not build, will not start
// or leaks a secret, never less (rules with hadolint's codes keep hadolint's
// severity). It must not import build or anything after it on the way, and it
// asks no network.
//
// The way of the data: project reads the files, the rules of the families in
// rules look at them through rule, fix makes the edits of the findings, and
// report writes them down.
package check

import (
	"context"
	"io"
	"slices"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/fix"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
	"github.com/davit-dev/davit/internal/check/rules/buildkit"
	"github.com/davit-dev/davit/internal/check/rules/dockerignore"
	"github.com/davit-dev/davit/internal/check/rules/gobuild"
	"github.com/davit-dev/davit/internal/check/rules/gocontext"
	"github.com/davit-dev/davit/internal/check/rules/goimage"
	"github.com/davit-dev/davit/internal/check/rules/gomod"
	"github.com/davit-dev/davit/internal/check/rules/hadolint"
	"github.com/davit-dev/davit/internal/check/rules/labels"
	"github.com/davit-dev/davit/internal/check/rules/packages"
	"github.com/davit-dev/davit/internal/check/rules/services"
	"github.com/davit-dev/davit/internal/check/rules/shell"
	"github.com/davit-dev/davit/internal/check/rules/shellcheck"
)

// Config is the check part of davit.yaml.
type Config = rule.Config

// ShellCheck says when the program of that name is asked.
type ShellCheck = rule.ShellCheck

// The words that make a difference to the caller.
const (
	ShellCheckOff      = rule.ShellCheckOff
	ShellCheckRequired = rule.ShellCheckRequired
)

// Finding is something that is wrong, and where.
type Finding = finding.Finding

// Project is what is looked at.
type Project = project.Project

// Changes are what fixes make of a project.
type Changes = fix.Changes

// Rules returns all rules in the order of their codes.
func Rules() rule.Set {
	return rule.NewSet(
		hadolint.Rules(),
		labels.Rules(),
		packages.Rules(),
		shell.Rules(),
		shellcheck.Rules(),
		buildkit.Rules(),
		gocontext.Rules(),
		gobuild.Rules(),
		goimage.Rules(),
		services.Rules(),
		dockerignore.Rules(),
		gomod.Rules(),
	)
}

// Load reads the project in the folder root; see project.Load.
func Load(ctx context.Context, root string, paths []string) (*Project, error) {
	return project.Load(ctx, root, paths)
}

// LoadReader reads one Dockerfile from r; see project.LoadReader.
func LoadReader(root string, r io.Reader) (*Project, error) {
	return project.LoadReader(root, r)
}

// Run looks at a project with all rules. The findings are sorted by file, line,
// column and code; cfg has been validated by the caller.
func Run(p *Project, cfg Config) []Finding { return Rules().Run(p, cfg) }

// Apply fixes what can be fixed at a level of safety; nothing is written.
func Apply(p *Project, cfg Config, level finding.Safety) Changes {
	return fix.Apply(Rules(), p, cfg, level)
}

// DefaultConfig returns the configuration of a project that says nothing.
func DefaultConfig() Config { return rule.DefaultConfig() }

// Validate says which codes and severities of a configuration do not exist.
func Validate(cfg Config) error { return cfg.Validate(Rules()) }

// Failed says whether any finding is as bad as the threshold, or worse. The
// empty threshold is Warning.
func Failed(findings []Finding, threshold finding.Severity) bool {
	return finding.Failed(findings, threshold)
}

// Errors returns the findings of severity Error: those that stop a release.
func Errors(findings []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return f.Severity != finding.Error })
}
