package check

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// Changes are what fixes make of a project, in memory until they are written.
type Changes struct {
	Files    []Change  // those that differ, sorted by path
	Fixed    int       // findings whose fix was applied
	Project  *Project  // with the changes
	Findings []Finding // what is left
	Problems []error   // files that could not be fixed and are left as they were
}

// Change is a file before and after.
type Change struct {
	Path          string // relative to the project's root, with slashes; "-" for the standard input
	Before, After []byte

	real, home string
}

// mostRounds bounds the rounds of fixes. Each round applies all fixes that do
// not touch each other, so few are ever needed.
const mostRounds = 32

// Apply fixes what the findings of the project can fix: safe fixes only, or
// unsafe ones too. The fixed project is looked at again, and fixed again, until
// nothing changes. A file that a fix makes unreadable is a bug of the rule; it
// is left as it was and named in Problems. Nothing is written.
func Apply(p *Project, cfg Config, level Safety) Changes {
	f := fixer{before: p, project: p, level: level, broken: map[string]bool{}}
	for range mostRounds {
		f.findings = Run(f.project, cfg)
		if !f.round() {
			return f.changes()
		}
	}
	f.problems = append(f.problems, fmt.Errorf("fixes still change the files after %d rounds; the rules that do are a bug of davit", mostRounds))
	return f.changes()
}

type fixer struct {
	before   *Project
	project  *Project
	level    Safety
	findings []Finding
	fixed    int
	broken   map[string]bool // files that are left alone
	problems []error
}

// round applies the fixes that do not overlap and says whether anything changed.
func (f *fixer) round() bool {
	accepted := map[string][]Edit{}
	count := map[string]int{}
	for _, finding := range f.findings {
		if finding.Fix == nil || finding.Fix.Safety == Unsafe && f.level != Unsafe || f.broken[finding.File] {
			continue
		}
		if fit(accepted, finding.Fix.Edits) {
			count[finding.File]++
		}
	}
	changed := false
	for _, path := range slices.Sorted(maps.Keys(accepted)) {
		if !f.rewrite(path, accepted[path]) {
			continue
		}
		changed = true
		if !f.broken[path] {
			f.fixed += count[path]
		}
	}
	return changed
}

// fit takes over the edits of one fix, all or none. An edit that is already
// there, from another finding with the same cause, is taken once.
func fit(accepted map[string][]Edit, edits []Edit) bool {
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

// rewrite makes the edits in one file. Only Dockerfiles are edited.
func (f *fixer) rewrite(path string, edits []Edit) bool {
	i := slices.IndexFunc(f.project.Dockerfiles, func(d *Dockerfile) bool { return d.Path == path })
	if i < 0 {
		return false
	}
	now := f.project.Dockerfiles[i].File
	after, err := splice(now.Source, edits)
	if err == nil && string(after) == now.Source {
		return false
	}
	next := f.project.with(path, after)
	if err == nil && len(next.Dockerfiles[i].File.Errors) > len(now.Errors) {
		err = errors.New(next.Dockerfiles[i].File.Errors[0].Message)
	}
	if err != nil {
		f.broken[path] = true
		f.project = f.project.with(path, []byte(f.before.Dockerfiles[i].File.Source))
		f.problems = append(f.problems, fmt.Errorf("fix %s: the result cannot be read, the file is left as it was (a bug of davit): %w", path, err))
		return true
	}
	f.project = next
	return true
}

// splice makes edits that do not overlap.
func splice(source string, edits []Edit) ([]byte, error) {
	edits = slices.Clone(edits)
	slices.SortFunc(edits, func(a, b Edit) int { return a.Start - b.Start })
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
	for i, d := range f.before.Dockerfiles {
		after := f.project.Dockerfiles[i].File.Source
		if d.File.Source != after {
			out.Files = append(out.Files, Change{
				Path: d.Path, Before: []byte(d.File.Source), After: []byte(after), real: d.real, home: d.home,
			})
		}
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
	real, err := filepath.EvalSymlinks(c.real)
	if err != nil {
		return err
	}
	if real != c.real || !within(c.home, real) {
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
