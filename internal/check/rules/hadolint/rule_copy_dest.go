package hadolint

import (
	"fmt"
	"path"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleCopyFolder() rule.Rule {
	return rule.Rule{
		Code:     "DL3021",
		Severity: finding.Error,
		Fix:      finding.Safe,
		Title:    "End the folder that several files are copied to with a slash",
		Why: "Without the slash the destination is a file, unless a folder of that name is there already: " +
			"the older builder refuses it, and with BuildKit each file is written over the one before.",
		Dockerfile: checkCopyFolder,
	}
}

func checkCopyFolder(p *rule.Pass, d *project.Dockerfile) {
	each(d, func(i *dockerfile.Instruction) {
		if len(i.Args) < 3 {
			return
		}
		word := i.Args[len(i.Args)-1]
		if name := bare(word); isFolder(name) {
			return
		}
		r := rule.Report{
			At:      word.Span(),
			Message: fmt.Sprintf("%d files are copied to %s, which is one file; end it with a slash", len(i.Args)-1, word),
		}
		if word.Contiguous() {
			end := word.Span().End
			if strings.HasSuffix(word.String(), `"`) || strings.HasSuffix(word.String(), `'`) {
				end--
			}
			r.Fix = rule.SafeFix(rule.Insert(d.File, end, "/"))
		}
		p.Report(d.File, r)
	}, "COPY", "ADD")
}

// isFolder says whether a destination is a folder, or may be: a variable can end
// with a slash, and BuildKit takes . for the folder.
func isFolder(name string) bool {
	if strings.HasSuffix(name, "/") || strings.HasSuffix(name, `\`) || name == "." || strings.HasSuffix(name, "/.") || strings.HasSuffix(name, "..") {
		return true
	}
	return strings.Contains(name[strings.LastIndexAny(name, `/\`)+1:], "$")
}

func ruleCopyRelative() rule.Rule {
	return rule.Rule{
		Code:     "DL3045",
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Set WORKDIR before copying to a relative path",
		Why: "Without a WORKDIR in the Dockerfile, the files land in the folder that the base image happens to have set: " +
			"/ today, another one after the next update.",
		Dockerfile: checkCopyRelative,
	}
}

func checkCopyRelative(p *rule.Pass, d *project.Dockerfile) {
	set := map[*project.Stage]bool{} // the stage, or one that it builds on, has a WORKDIR
	for _, s := range d.All() {
		set[s] = s.Below != nil && set[s.Below]
		onbuild := false
		for _, i := range s.Instructions {
			in := inner(i)
			switch {
			case in.Name == "WORKDIR" && in != i:
				onbuild = true
			case in.Name == "WORKDIR":
				set[s] = true
			case (in.Name == "COPY" || in.Name == "ADD") && len(in.Args) > 1 && !set[s] && (!onbuild || in == i):
				copyRelative(p, d, s, in)
			}
		}
	}
}

func copyRelative(p *rule.Pass, d *project.Dockerfile, s *project.Stage, i *dockerfile.Instruction) {
	word := i.Args[len(i.Args)-1]
	name := bare(word)
	if isAbsolute(name) || strings.HasPrefix(name, "$") {
		return
	}
	r := rule.Report{
		At:      word.Span(),
		Message: fmt.Sprintf("%s is relative to a WORKDIR that only the base image knows; set WORKDIR, or write the absolute path", word),
	}
	if at := startOf(s); at.Known && written(word) && !i.JSON {
		r.Fix = rule.UnsafeFix(rule.Edit(d.File, word.Span(), within(at.Text, name)))
	}
	p.Report(d.File, r)
}

// within puts a folder in front of a path and keeps what makes that a folder.
func within(folder, name string) string {
	out := path.Join(folder, name)
	if isFolder(name) && !strings.HasSuffix(out, "/") && !strings.Contains(name, "$") {
		out += "/"
	}
	return out
}
