package dockerignore

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/project"
)

// mostEntries bounds how much of a context is looked at.
const mostEntries = 20000

// entry is a file or folder of a context.
type entry struct {
	name   string // relative to the context, with slashes
	folder bool
	mode   fs.FileMode
}

// entries returns what is in a context, as far as it is not more than rules look
// at. What is in .git and node_modules is passed over.
func entries(dir string) (found []entry, all bool) {
	all = true
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			all = false
			return nil //nolint:nilerr // what cannot be read is not known
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil || rel == "." {
			return nil //nolint:nilerr // the folder itself
		}
		if len(found) == mostEntries {
			all = false
			return filepath.SkipAll
		}
		found = append(found, entry{filepath.ToSlash(rel), e.IsDir(), e.Type()})
		if e.IsDir() && (e.Name() == ".git" || e.Name() == "node_modules") {
			return filepath.SkipDir
		}
		return nil
	})
	return found, all && err == nil
}

// source is what a COPY names in the context.
type source struct {
	name   string // clean, relative to the context; "." for all of it
	copy   project.Copy
	final  bool // it goes into the image itself
	glob   bool
	stages *project.Stage
}

// sources returns what the instructions of a Dockerfile copy out of the context,
// as far as it is known.
func sources(d *project.Dockerfile) []source {
	var out []source
	for _, s := range d.Stages {
		for _, c := range s.Copies {
			text := c.Source.Text
			if c.From != "" || !c.Source.Known || text == "" || strings.Contains(text, "://") || strings.HasPrefix(text, "git@") || strings.HasPrefix(text, "<<") {
				continue
			}
			name := strings.TrimPrefix(path.Clean("/"+text), "/")
			if name == "" || name == "*" {
				name = "."
			}
			last := d.Stages[len(d.Stages)-1]
			out = append(out, source{name: name, copy: c, final: last.BuildsOn(s), glob: strings.ContainsAny(name, "*?["), stages: s})
		}
	}
	return out
}

// takesAll returns the first COPY of the whole context.
func takesAll(all []source) (source, bool) {
	for _, s := range all {
		if s.name == "." {
			return s, true
		}
	}
	return source{}, false
}

// named says whether a COPY names an entry, or something in it.
func named(all []source, name string) bool {
	for _, s := range all {
		match, err := path.Match(s.name, name)
		if s.name != "." && (s.name == name || strings.HasPrefix(s.name, name+"/") || err == nil && match) {
			return true
		}
	}
	return false
}

// sourceSpan is where a COPY names its source.
func sourceSpan(c project.Copy) dockerfile.Span {
	for _, a := range c.Instruction.Args {
		if a.Value.String() == c.Source.Text {
			return a.Span()
		}
	}
	return c.Instruction.Span
}

// lists returns the contexts of a project with the list that counts in each for
// each Dockerfile.
func lists(p *project.Project, visit func(project.BuildContext, *project.Dockerfile, *project.Ignore)) {
	for _, c := range p.Contexts() {
		for _, d := range c.Dockerfiles {
			if d.Path != "-" && len(d.AST.Errors) == 0 {
				visit(c, d, p.IgnoredIn(c, d))
			}
		}
	}
}

// begins says whether a file begins like a program of Linux, macOS or Windows,
// or holds a private key.
func begins(dir, name string, any ...string) bool {
	file, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return false
	}
	defer file.Close()
	head := make([]byte, 64)
	n, _ := file.Read(head)
	for _, prefix := range any {
		if strings.HasPrefix(string(head[:n]), prefix) {
			return true
		}
	}
	return false
}
