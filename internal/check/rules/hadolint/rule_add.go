package hadolint

import (
	"os"
	"path"
	"regexp"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleAdd() rule.Rule {
	return rule.Rule{
		Code:     "DL3020",
		Severity: finding.Error,
		Fix:      finding.Safe,
		Title:    "Use COPY for files and folders",
		Why: "ADD unpacks what looks like an archive and fetches what looks like an address. " +
			"For files and folders it does what COPY does, until a file is put there that it takes for an archive.",
		Dockerfile: checkAdd,
	}
}

func checkAdd(p *rule.Pass, d *project.Dockerfile) {
	scope := dockerfile.NewScope(d.AST.Escape)
	for _, i := range d.AST.Instructions {
		if i.Name == "FROM" {
			scope = dockerfile.NewScope(d.AST.Escape)
		}
		scope.Apply(i)
		if i.Trigger != nil {
			i = i.Trigger
		}
		if i.Name == "ADD" && len(i.Args) > 1 {
			add(p, d, i, scope)
		}
	}
}

// source says what an ADD makes of one of its sources.
type source int

const (
	plain    source = iota // a file or folder that is copied
	special                // an archive, an address or a heredoc, which COPY cannot do
	anything               // a variable or a pattern: not known before the build
)

func add(p *rule.Pass, d *project.Dockerfile, i *dockerfile.Instruction, scope *dockerfile.Scope) {
	for _, name := range []string{"checksum", "keep-git-dir", "unpack"} {
		if _, found := i.Flag(name); found {
			return // only ADD has them
		}
	}
	kinds := map[source]int{}
	pattern := false
	for _, arg := range i.Args[:len(i.Args)-1] {
		kinds[sourceOf(p, d, i, arg, scope)]++
		pattern = pattern || strings.ContainsAny(arg.Value.String(), "*?[")
	}
	if kinds[plain] == 0 {
		return
	}
	r := rule.Report{
		At:      i.Keyword.Span(),
		Message: "ADD is for archives and addresses; use COPY for files and folders",
		Fix:     rule.SafeFix(rule.Edit(d.File, i.Keyword.Span(), like(i.Keyword.String()))),
	}
	switch {
	case kinds[special] > 0 || !i.Keyword.Contiguous():
		r.Fix = nil
	case kinds[anything] > 0 || pattern:
		r.Fix.Safety = finding.Unsafe // a pattern can match an archive
	}
	p.Report(d.File, r)
}

// like writes COPY in the case that ADD was written in.
func like(add string) string {
	switch {
	case add == strings.ToLower(add):
		return "copy"
	case add == "Add":
		return "Copy"
	}
	return "COPY"
}

func sourceOf(p *rule.Pass, d *project.Dockerfile, i *dockerfile.Instruction, arg dockerfile.Word, scope *dockerfile.Scope) source {
	raw := arg.Text
	if i.JSON {
		raw = arg.Value
	}
	e := dockerfile.Expand(raw, d.AST.Escape, scope.Lookup)
	name := e.String()
	if !e.Known {
		name = arg.Value.String()
	}
	switch {
	case strings.HasPrefix(name, "<<"), isAddress(name), isArchive(name):
		return special
	case !e.Known && (strings.HasPrefix(name, "$") || strings.LastIndexByte(name, '$') > strings.LastIndexByte(name, '.')):
		return anything
	case unpacks(p, d, name):
		return special
	}
	return plain
}

// isAddress knows what docs.docker.com/reference/dockerfile calls a remote
// file or a Git repository.
func isAddress(name string) bool {
	for _, scheme := range []string{"http://", "https://", "git://", "ssh://", "git@"} {
		if strings.HasPrefix(name, scheme) {
			return true
		}
	}
	return scpAddress.MatchString(name)
}

var scpAddress = regexp.MustCompile(`^[\w.-]+@[\w.-]+:`)

// isArchive knows the names of archives and of compressed files.
func isArchive(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".tar", ".gz", ".tgz", ".taz", ".bz2", ".tbz", ".tbz2", ".tb2", ".tz2", ".xz", ".txz",
		".lzma", ".tlz", ".lz", ".z", ".tz", ".tzo", ".zst", ".tzst", ".tpz":
		return true
	}
	return false
}

// unpacks says whether a file of the build context is an archive whatever its
// name: ADD looks at the first bytes of the content.
func unpacks(p *rule.Pass, d *project.Dockerfile, name string) bool {
	real, found := d.ContextPath(p.Project.Root, name)
	if !found {
		return false
	}
	info, err := os.Stat(real)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	file, err := os.Open(real)
	if err != nil {
		return false
	}
	defer file.Close()
	var block [512]byte
	n, _ := file.Read(block[:])
	head := string(block[:n])
	return strings.HasPrefix(head, "\x1f\x8b") || strings.HasPrefix(head, "BZh") ||
		strings.HasPrefix(head, "\xfd7zXZ\x00") || strings.HasPrefix(head, "\x28\xb5\x2f\xfd") ||
		n > 262 && head[257:262] == "ustar"
}
