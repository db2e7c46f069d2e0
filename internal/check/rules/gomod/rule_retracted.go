package gomod

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleRetracted() rule.Rule {
	return rule.Rule{
		Code:     "GO605",
		Severity: finding.Warning,
		Off:      true,
		Title:    "Do not require what its author has taken back",
		Why: "A retracted version was a mistake, often one with a hole in it; a deprecated module gets no more fixes. " +
			"Go says so when a version is chosen, and never again in a build.",
		Module: readable(checkRetracted),
	}
}

func checkRetracted(p *rule.Pass, m *project.Module) {
	cache := moduleCache()
	for _, r := range m.Mod.Require {
		if r.Indirect {
			continue
		}
		newest := newestMod(m, r, cache)
		if newest == nil {
			continue
		}
		if newest.Module != nil && newest.Module.Deprecated != "" {
			p.Report(m.File, rule.Report{At: span(r.Syntax), Message: fmt.Sprintf("%s is deprecated: %s", r.Mod.Path, oneLine(newest.Module.Deprecated))})
		}
		for _, back := range newest.Retract {
			if semver.Compare(back.Low, r.Mod.Version) <= 0 && semver.Compare(r.Mod.Version, back.High) <= 0 {
				p.Report(m.File, rule.Report{At: span(r.Syntax), Message: fmt.Sprintf("%s %s was retracted%s; go get %s@latest", r.Mod.Path, r.Mod.Version, because(back.Rationale), r.Mod.Path)})
				break
			}
		}
	}
}

func because(rationale string) string {
	if rationale == "" {
		return ""
	}
	return " (" + oneLine(rationale) + ")"
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// newestMod returns the newest go.mod of a requirement that is on this machine:
// that of the folder that it is replaced by, or of the newest version in the
// module cache. What was retracted and deprecated stands in the newest one
// (go.dev/ref/mod#go-mod-file-retract).
func newestMod(m *project.Module, r *modfile.Require, cache string) *modfile.File {
	name := ""
	if by := replaced(m, r); by != nil {
		if by.New.Version != "" {
			return nil
		}
		name = filepath.Join(m.Dir, filepath.FromSlash(by.New.Path), "go.mod")
		if filepath.IsAbs(by.New.Path) {
			name = filepath.Join(by.New.Path, "go.mod")
		}
	} else {
		name = newestCached(cache, r.Mod.Path)
	}
	source, err := os.ReadFile(name)
	if name == "" || err != nil {
		return nil
	}
	file, err := modfile.ParseLax(name, source, nil)
	if err != nil {
		return nil
	}
	// A lax reading passes over retractions.
	if strict, err := modfile.Parse(name, source, nil); err == nil {
		file = strict
	}
	return file
}

// newestCached returns the go.mod of the newest release of a module in the
// cache; empty without one.
func newestCached(cache, path string) string {
	escaped, err := module.EscapePath(path)
	if err != nil || cache == "" {
		return ""
	}
	dir := filepath.Join(cache, "cache", "download", filepath.FromSlash(escaped), "@v")
	names, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	best := ""
	for _, entry := range names {
		v, found := strings.CutSuffix(entry.Name(), ".mod")
		if !found || !semver.IsValid(v) || module.IsPseudoVersion(v) {
			continue
		}
		if best == "" || newer(v, best) {
			best = v
		}
	}
	if best == "" {
		return ""
	}
	return filepath.Join(dir, best+".mod")
}

// newer orders versions as Go does when it looks for the latest: releases come
// before what is not released yet.
func newer(a, b string) bool {
	if (semver.Prerelease(a) == "") != (semver.Prerelease(b) == "") {
		return semver.Prerelease(a) == ""
	}
	return semver.Compare(a, b) > 0
}

// moduleCache returns the folder of the module cache.
func moduleCache() string {
	if dir := os.Getenv("GOMODCACHE"); dir != "" {
		return dir
	}
	gopath := os.Getenv("GOPATH")
	if list := filepath.SplitList(gopath); len(list) > 0 {
		return filepath.Join(list[0], "pkg", "mod")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, "go", "pkg", "mod")
}
