package gocontext

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleSum() rule.Rule {
	return rule.Rule{
		Code:     "GO102",
		Severity: finding.Error,
		Fix:      finding.Safe,
		Title:    "Copy go.sum with go.mod",
		Why: "Without go.sum `go build` refuses what it imports, and `go mod download` takes whatever it is given: " +
			"nothing says that it is what it was.",
		Dockerfile: checkSum,
	}
}

func checkSum(p *rule.Pass, d *project.Dockerfile) {
	if !requires(d.Module) || isVendored(d.Module) || !project.Exists(filepath.Join(d.Module.Dir, "go.sum")) {
		return
	}
	for _, s := range d.Stages {
		if !s.Base.IsGolang() {
			continue
		}
		for _, c := range goRuns(s) {
			if _, mounted := c.Instruction.Flag("mount"); mounted {
				continue
			}
			if sumIsMissing(p, d, s, c) {
				break
			}
		}
	}
}

// sumIsMissing reports the first command that runs with go.mod and without go.sum.
func sumIsMissing(p *rule.Pass, d *project.Dockerfile, s *project.Stage, c *project.Command) bool {
	there := before(s, c.Instruction)
	mod := slices.IndexFunc(there, func(c project.Copy) bool { return copies(c, "go.mod") })
	if mod < 0 || slices.ContainsFunc(there, func(c project.Copy) bool {
		return c.From != "" || !c.Source.Known || copies(c, "go.sum") || c.Dest.Known && isFolderOf(c)
	}) {
		return false
	}
	r := rule.Report{At: there[mod].Instruction.Keyword.Span(), Message: "go.sum is not copied, so go build refuses the modules that it does not have the checksums of; copy it with go.mod"}
	if c.Go.Verb == "mod download" {
		r.Severity = finding.Warning
		r.Message = "go.sum is not copied, so nothing checks what go mod download is given; copy it with go.mod"
	}
	if word := sourceWord(there[mod], "go.mod"); word != nil && word.Contiguous() {
		r.Fix = rule.SafeFix(rule.Insert(d.File, word.Span().End, " "+strings.TrimSuffix(word.String(), "go.mod")+"go.sum"))
		if last := there[mod].Instruction.Args; len(last) == 2 && !isFolderName(last[1].String()) {
			r.Fix = nil
		}
	}
	p.Report(d.File, r)
	return true
}

// isFolderOf says whether a folder is copied, in which go.sum may be.
func isFolderOf(c project.Copy) bool {
	return path.Ext(c.Source.Text) == "" && path.Base(c.Source.Text) != "go.mod"
}

func isFolderName(name string) bool {
	return strings.HasSuffix(name, "/") || name == "." || strings.HasSuffix(name, "/.")
}

// sourceWord returns the word of a COPY that names a file.
func sourceWord(c project.Copy, name string) *dockerfile.Word {
	if c.Instruction.JSON {
		return nil
	}
	for i, w := range c.Instruction.Args[:len(c.Instruction.Args)-1] {
		if path.Base(w.String()) == name && w.String() == w.Value.String() {
			return &c.Instruction.Args[i]
		}
	}
	return nil
}

func ruleReplace() rule.Rule {
	return rule.Rule{
		Code:     "GO103",
		Severity: finding.Error,
		Fix:      finding.Safe,
		Title:    "Copy the folders that go.mod replaces modules by",
		Why: "A module that go.mod replaces by a folder is read from there: `go mod download` before the folder is copied ends with " +
			"`replacement directory ../lib does not exist`.",
		Dockerfile: checkReplace,
	}
}

func checkReplace(p *rule.Pass, d *project.Dockerfile) {
	m := d.Module
	if m == nil || m.Mod == nil || isVendored(m) {
		return
	}
	for _, s := range d.Stages {
		runs := goRuns(s)
		if !s.Base.IsGolang() || len(runs) == 0 {
			continue
		}
		first := runs[0]
		if !slices.ContainsFunc(before(s, first.Instruction), func(c project.Copy) bool { return copies(c, "go.mod") }) {
			continue // it builds something else
		}
		for _, r := range localReplaces(m) {
			dir := path.Clean(r.New.Path)
			if path.IsAbs(dir) || strings.HasPrefix(dir, "..") || copied(s, first.Instruction, dir) || hasFlag(first.Instruction, "type=bind") {
				continue
			}
			p.Report(d.File, rule.Report{
				At: first.Span, Message: fmt.Sprintf(
					"go.mod replaces %s by the folder %s, which is not copied before this: go ends with an error; copy it first", r.Old.Path, r.New.Path),
				Fix: copyFolder(p, d, first, dir),
			})
			break
		}
	}
}

// copyFolder is the fix where the module lies at the top of the context.
func copyFolder(p *rule.Pass, d *project.Dockerfile, before *project.Command, dir string) *finding.Fix {
	context, found := d.ContextPath(p.Project.Root, dir)
	if !found || d.Dir() != d.Module.Dir || context != filepath.Join(d.Module.Dir, filepath.FromSlash(dir)) || !before.Dir.Known {
		return nil
	}
	return rule.SafeFix(rule.Insert(d.File, before.Instruction.Start, "COPY "+dir+" "+path.Join(before.Dir.Text, dir)+d.Newline()))
}

// copied says whether a folder of the module may have been copied before an
// instruction.
func copied(s *project.Stage, i *dockerfile.Instruction, dir string) bool {
	return slices.ContainsFunc(before(s, i), func(c project.Copy) bool {
		if c.From != "" || !c.Source.Known || isAll(c) {
			return true
		}
		source := strings.TrimPrefix(path.Clean("/"+c.Source.Text), "/")
		top, _, _ := strings.Cut(dir, "/")
		return source == dir || strings.HasPrefix(source, dir+"/") || strings.HasPrefix(dir, source+"/") || strings.Contains(source, "*") || strings.HasSuffix(source, "/"+top)
	})
}

func hasFlag(i *dockerfile.Instruction, part string) bool {
	return slices.ContainsFunc(i.Flags, func(f dockerfile.Flag) bool { return strings.Contains(f.String(), part) })
}

func ruleVendor() rule.Rule {
	return rule.Rule{
		Code:       "GO104",
		Severity:   finding.Error,
		Fix:        finding.Safe,
		Title:      "Let vendor into the build context when it is used",
		Why:        "With a folder vendor in the repository go builds from it, and where .dockerignore leaves it out, -mod=vendor finds nothing: `cannot find module providing package …: import lookup disabled by -mod=vendor`.",
		Dockerfile: checkVendor,
	}
}

func checkVendor(p *rule.Pass, d *project.Dockerfile) {
	if d.Module == nil || !isVendored(d.Module) {
		return
	}
	list := p.Project.Ignored(d)
	if list == nil || list.List == nil {
		return
	}
	context, found := d.ContextPath(p.Project.Root, "vendor")
	if !found || filepath.Dir(context) != d.Module.Dir {
		return
	}
	out, by := list.List.Left("vendor/modules.txt")
	if !out || by < 0 {
		return
	}
	pattern := list.List.Patterns()[by]
	for _, s := range d.Stages {
		for _, c := range goRuns(s) {
			if c.Go.Verb != "mod download" && strings.Contains(d.Source[c.Start:c.End], "-mod=vendor") || strings.Contains(c.Go.Env["GOFLAGS"].Text, "-mod=vendor") {
				p.Report(d.File, rule.Report{
					At: c.Span, Message: fmt.Sprintf("-mod=vendor needs the folder vendor, and %s leaves it out of the build; take the pattern away", list.Path),
					Fix: rule.SafeFix(rule.Insert(list.File, pattern.End, list.Newline()+"!vendor/**")),
				})
				return
			}
		}
	}
}
