package dockerignore

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/ignore"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleSource() rule.Rule {
	return rule.Rule{
		Code:     "GO105",
		Severity: finding.Error,
		Fix:      finding.Unsafe,
		Title:    "Do not leave out the source of the program",
		Why: "A pattern that was meant for tests or docs can take in source: `*test` matches `latest`. The build ends with " +
			"`undefined: …` or `pattern web/*: no matching files found`, and only in the image.",
		Project: checkSource,
	}
}

func checkSource(p *rule.Pass) {
	lists(p.Project, func(c project.BuildContext, d *project.Dockerfile, list *project.Ignore) {
		if list == nil || list.List == nil {
			return
		}
		reported := map[int]bool{}
		for _, s := range d.Stages {
			if generates(s) {
				continue
			}
			for _, made := range s.Products {
				if made.Stage != s {
					continue
				}
				for _, n := range needed(p.Project, c, d, made) {
					by, hides := n.hiddenBy(list.List)
					if !hides || reported[by] || !copied(d, s, n.name) {
						continue
					}
					reported[by] = true
					pattern := list.List.Patterns()[by]
					line, _ := d.Position(made.Of.Instruction.Start)
					p.Report(list.File, rule.Report{
						At:      dockerfile.Span{Start: pattern.Start, End: pattern.End},
						Message: fmt.Sprintf("%s is left out of the build context, and %s; %s:%d builds it", n.name, n.because, d.Path, line),
						Fix:     rule.UnsafeFix(rule.Insert(list.File, pattern.End, list.Newline()+"!"+n.back)),
					})
				}
			}
		}
	})
}

// need is something that a program is built from.
type need struct {
	name    string   // relative to the context: a file, or what is embedded
	back    string   // the pattern that brings it back
	files   []string // that must not all be left out
	because string
}

// needed returns the source files of a program and what they embed, as far as
// these are there.
func needed(p *project.Project, c project.BuildContext, d *project.Dockerfile, made project.Product) []need {
	var out []need
	for _, file := range p.Reach(d, made).Files {
		rel, err := filepath.Rel(c.Dir, file)
		if err != nil || !filepath.IsLocal(rel) {
			continue
		}
		name := filepath.ToSlash(rel)
		out = append(out, need{name, name, []string{name}, "the program needs it"})
		for _, pattern := range embeds(c.Dir, name) {
			matches, err := filepath.Glob(filepath.Join(c.Dir, filepath.FromSlash(pattern)))
			if err != nil || len(matches) == 0 {
				continue
			}
			back := pattern
			if info, err := os.Stat(matches[0]); err == nil && info.IsDir() {
				back += "/**"
			}
			out = append(out, need{pattern, back, filesIn(c.Dir, matches), name + " embeds it"})
		}
	}
	return out
}

// filesIn returns the files that the paths are, or have in them.
func filesIn(dir string, paths []string) []string {
	var out []string
	for _, p := range paths {
		_ = filepath.WalkDir(p, func(name string, e fs.DirEntry, err error) error {
			rel, relErr := filepath.Rel(dir, name)
			if err != nil || relErr != nil || len(out) == mostEntries {
				return filepath.SkipAll
			}
			if !e.IsDir() {
				out = append(out, filepath.ToSlash(rel))
			}
			return nil
		})
	}
	return out
}

// hiddenBy says whether all files of the need are left out, and by which pattern.
func (n need) hiddenBy(l *ignore.List) (by int, hides bool) {
	for _, name := range n.files {
		left, index := l.Left(name)
		if !left || index < 0 {
			return 0, false
		}
		by = index
	}
	return by, len(n.files) > 0 && !strings.ContainsAny(n.name, " #\\?[")
}

// copied says whether a stage copies a file or folder of the context by a folder
// that it is in, and brings nothing of that name from elsewhere.
func copied(d *project.Dockerfile, s *project.Stage, name string) bool {
	first, _, _ := strings.Cut(name, "/")
	for at := s; at != nil; at = at.Below {
		if slices.ContainsFunc(at.Copies, func(c project.Copy) bool {
			return c.From != "" && (!c.Dest.Known || strings.Contains(c.Dest.Text+"/", "/"+first+"/"))
		}) {
			return false
		}
	}
	return slices.ContainsFunc(sources(d), func(from source) bool {
		return s.BuildsOn(from.stages) && !from.glob && (from.name == "." || strings.HasPrefix(name+"/", from.name+"/"))
	})
}

// generates says that a stage makes files that may be sources.
func generates(s *project.Stage) bool {
	for at := s; at != nil; at = at.Below {
		for _, c := range at.Commands {
			known := c.Go != nil && c.Go.Verb != "generate" && c.Go.Verb != "run" && c.Go.Verb != "tool" ||
				slices.Contains([]string{"apk", "apt-get", "apt", "cd", "mkdir", "set", "echo", "export", "rm", "chmod", "update-ca-certificates", "adduser", "addgroup", "strip", "test", "true"}, c.Name())
			if c.Instruction.Name == "RUN" && !known {
				return true
			}
		}
	}
	return false
}
