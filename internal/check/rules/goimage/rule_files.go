package goimage

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleFiles() rule.Rule {
	return rule.Rule{
		Code:     "GO312",
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Bring the files that the program reads",
		Why: "A program that is started beside its source finds its templates and migrations; the image holds the program alone: " +
			"`open templates/index.html: no such file or directory`. With //go:embed they are in the program.",
		Dockerfile: checkFiles,
	}
}

func checkFiles(p *rule.Pass, d *project.Dockerfile) {
	last, ok := final(d)
	c, known := calls(p, d)
	if !ok || !known || d.Module == nil || d.Dir() != d.Module.Dir || !plainCopies(last) {
		return
	}
	said := map[string]bool{}
	for _, name := range filesRead(c) {
		top, _, _ := strings.Cut(name, "/")
		if said[top] || !thereFor(d.Module.Dir, name) || brings(last, top) {
			continue
		}
		said[top] = true
		r := rule.Report{At: last.From.Args[0].Span(), Message: fmt.Sprintf("the program reads %s, and nothing brings it into the image; embed it, or copy %s", name, top)}
		if from, found := programCopy(last); found && last.Workdir.Known {
			r.Fix = rule.UnsafeFix(rule.Insert(d.File, from.Instruction.Whole(d.AST).End, d.Newline()+"COPY "+top+" "+path.Join(last.Workdir.Text, top)))
		}
		p.Report(d.File, r)
	}
}

// plainCopies says that it is known of all copies what they bring, and that none
// of them brings all there is.
func plainCopies(s *project.Stage) bool {
	for at := s; at != nil; at = at.Below {
		if slices.ContainsFunc(at.Copies, func(c project.Copy) bool {
			source := path.Clean("/" + c.Source.Text)
			return !c.Source.Known || c.Instruction.Name == "ADD" || source == "/" || strings.Contains(source, "*") ||
				c.Origin != nil && source == c.Origin.Workdir.Text
		}) {
			return false
		}
	}
	return true
}

// filesRead returns the relative paths that a program names when it reads, in
// the order of the alphabet.
func filesRead(c project.Calls) []string {
	var out []string
	for _, function := range []string{
		"os.Open", "os.ReadFile", "os.ReadDir", "os.DirFS", "io/ioutil.ReadFile", "io/ioutil.ReadDir", "net/http.Dir",
		"html/template.ParseFiles", "html/template.ParseGlob", "text/template.ParseFiles", "text/template.ParseGlob",
	} {
		for _, name := range c.Arguments[function] {
			name = path.Clean(name)
			if name != "." && name != project.Unknown && filepath.IsLocal(name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// thereFor says whether a file, or one that a pattern matches, is in a folder.
func thereFor(dir, name string) bool {
	found, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(name)))
	return err == nil && len(found) > 0
}
