// Package fix turns findings into changed files: it makes the edits of the fixes
// in memory, looks again, and goes on until nothing changes.
//
// Its invariant: a fix changes the bytes that its edits name and no other; a
// file that a fix makes unreadable is left as it was; nothing is written before
// Write, and then each file as a whole.
package fix

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// Changes are what fixes make of a project, in memory until they are written.
type Changes struct {
	Files    []Change          // those that differ, sorted by path
	Fixed    []finding.Finding // those whose fix was applied, where they were
	Project  *project.Project  // with the changes
	Findings []finding.Finding // what is left
	Problems []error           // files that could not be fixed and are left as they were
}

// Change is a file before and after.
type Change struct {
	Path          string // relative to the project's root, with slashes; "-" for the standard input
	Before, After []byte
	New           bool // there was no such file before

	real, home string
}

// mostRounds bounds the rounds of fixes. Each round applies all fixes that do
// not touch each other, so few are ever needed.
const mostRounds = 32

// Apply fixes what the findings of the project can fix: safe fixes only, or
// unsafe ones too. The fixed project is looked at again, and fixed again, until
// nothing changes. A file that a fix makes unreadable is a bug of the rule; it
// is left as it was and named in Problems. Nothing is written.
func Apply(set rule.Set, p *project.Project, cfg rule.Config, level finding.Safety) Changes {
	f := fixer{set: set, before: p, project: p, level: level, broken: map[string]bool{}}
	for range mostRounds {
		f.findings = set.Run(f.project, cfg)
		if !f.round() {
			return f.changes()
		}
	}
	f.problems = append(f.problems, fmt.Errorf("fixes still change the files after %d rounds; the rules that do are a bug of davit", mostRounds))
	return f.changes()
}

type fixer struct {
	set      rule.Set
	before   *project.Project
	project  *project.Project
	level    finding.Safety
	findings []finding.Finding
	fixed    []finding.Finding
	broken   map[string]bool // files that are left alone
	problems []error
}

// round applies the fixes that do not overlap and says whether anything changed.
func (f *fixer) round() bool {
	accepted := map[string][]finding.Edit{}
	var fixed []finding.Finding
	for _, found := range f.findings {
		if found.Fix == nil || found.Fix.Safety == finding.Unsafe && f.level != finding.Unsafe || f.leavesAlone(found.Fix) {
			continue
		}
		if fit(accepted, found.Fix.Edits) {
			fixed = append(fixed, found)
		}
	}
	changed := false
	broken := len(f.broken)
	for _, path := range slices.Sorted(maps.Keys(accepted)) {
		changed = f.rewrite(path, accepted[path]) || changed
	}
	if changed && len(f.broken) == broken {
		f.fixed = append(f.fixed, fixed...)
	}
	return changed
}

// leavesAlone says whether a fix touches a file that could not be fixed.
func (f *fixer) leavesAlone(fix *finding.Fix) bool {
	return slices.ContainsFunc(fix.Edits, func(e finding.Edit) bool { return f.broken[e.File] })
}

// fit takes over the edits of one fix, all or none. An edit that is already
// there, from another finding with the same cause, is taken once.
func fit(accepted map[string][]finding.Edit, edits []finding.Edit) bool {
	for _, e := range edits {
		for _, other := range accepted[e.File] {
			if e != other && e.Start <= other.End && other.Start <= e.End {
				return false
			}
		}
	}
	for _, e := range edits {
		if !slices.Contains(accepted[e.File], e) {
			accepted[e.File] = append(accepted[e.File], e)
		}
	}
	return true
}

// rewrite makes the edits in one file.
func (f *fixer) rewrite(path string, edits []finding.Edit) bool {
	now := source(f.project, path)
	after, err := splice(now, edits)
	if err == nil && string(after) == now {
		return false
	}
	next := f.project.With(map[string]string{path: string(after)})
	if err == nil {
		err = f.readable(next, path)
	}
	if err != nil {
		f.broken[path] = true
		f.project = f.project.With(map[string]string{path: source(f.before, path)})
		f.problems = append(f.problems, fmt.Errorf("fix %s: the result cannot be read, the file is left as it was (a bug of davit): %w", path, err))
		return true
	}
	f.project = next
	return true
}

// source returns what a file of a project holds; nothing when it is not there.
func source(p *project.Project, path string) string {
	if f := p.File(path); f != nil {
		return f.Source
	}
	return ""
}

// readable says what of a file cannot be read that could be before.
func (f *fixer) readable(next *project.Project, path string) error {
	before, after := f.project.Problems(path), next.Problems(path)
	if len(after) > len(before) {
		return after[0]
	}
	for _, err := range after {
		if !slices.ContainsFunc(before, func(known error) bool { return known.Error() == err.Error() }) {
			return err
		}
	}
	return nil
}

// splice makes edits that do not overlap.
func splice(source string, edits []finding.Edit) ([]byte, error) {
	edits = slices.Clone(edits)
	slices.SortFunc(edits, func(a, b finding.Edit) int { return a.Start - b.Start })
	var out []byte
	at := 0
	for _, e := range edits {
		if e.Start < at || e.End < e.Start || e.End > len(source) {
			return nil, fmt.Errorf("edit of bytes %d to %d of %d", e.Start, e.End, len(source))
		}
		out = append(out, source[at:e.Start]...)
		out = append(out, e.Text...)
		at = e.End
	}
	return append(out, source[at:]...), nil
}

func (f *fixer) changes() Changes {
	out := Changes{Fixed: f.fixed, Project: f.project, Findings: f.findings, Problems: f.problems}
	for _, file := range f.project.Files() {
		before := f.before.File(file.Path)
		if before != nil && before.Source == file.Source || before == nil && file.Source == "" {
			continue
		}
		change := Change{Path: file.Path, After: []byte(file.Source), New: before == nil}
		change.real, change.home = file.Real()
		if before != nil {
			change.Before = []byte(before.Source)
		}
		if change.New {
			change.real = filepath.Join(f.project.Root, filepath.FromSlash(file.Path))
		}
		out.Files = append(out.Files, change)
	}
	return out
}

// Write replaces the files on disk, each as a whole and with the permissions
// that it had. A file that has changed since it was read, or that has come to
// lead out of the project, is left alone; the errors of all files are joined.
func (c Changes) Write() error {
	var errs []error
	for _, change := range c.Files {
		if err := change.write(); err != nil {
			errs = append(errs, fmt.Errorf("fix %s: %w", change.Path, err))
		}
	}
	return errors.Join(errs...)
}

func (c Change) write() error {
	if c.real == "" {
		return errors.New("the standard input cannot be written; take the diff")
	}
	if c.New {
		return c.create()
	}
	real, err := filepath.EvalSymlinks(c.real)
	if err != nil {
		return err
	}
	if real != c.real || !project.Within(c.home, real) {
		return errOutside
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	now, err := os.ReadFile(real)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, c.Before) {
		return errors.New("the file has changed since it was read; run the check again")
	}
	return atomicfile.Write(real, c.After, info.Mode().Perm())
}

// create writes a file that is not to be there yet.
func (c Change) create() error {
	dir, err := filepath.EvalSymlinks(filepath.Dir(c.real))
	if err != nil {
		return err
	}
	if !project.Within(c.home, dir) {
		return errOutside
	}
	if _, err := os.Lstat(c.real); !errors.Is(err, os.ErrNotExist) {
		return errors.New("the file has come to be there since the check; run it again")
	}
	return atomicfile.Write(c.real, c.After, 0o644)
}

var errOutside = errors.New("leads out of the project")
