package shell

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// scan is one rule looking at the script of one RUN.
type scan struct {
	pass *rule.Pass
	file *project.Dockerfile
	run  *project.Run
}

// scripts returns the check of a rule that looks at each node of the scripts of
// RUN in the shell form, those behind ONBUILD too.
func scripts(visit func(*scan, syntax.Node)) func(*rule.Pass, *project.Dockerfile) {
	return func(p *rule.Pass, d *project.Dockerfile) {
		for _, s := range d.All() {
			for _, r := range s.Runs {
				if r.Instruction.Name != "RUN" || r.Script.Tree == nil || !posix(r) {
					continue
				}
				at := &scan{p, d, r}
				syntax.Walk(r.Script.Tree, func(n syntax.Node) bool {
					if n != nil {
						visit(at, n)
					}
					return true
				})
			}
		}
	}
}

// plain is scripts for what dash does not know: in scripts that /bin/sh reads, in
// images of which it is known that this is dash. Alpine's BusyBox, and the bash of
// Fedora and its like, understand most of it.
func plain(visit func(*scan, syntax.Node)) func(*rule.Pass, *project.Dockerfile) {
	return scripts(func(s *scan, n syntax.Node) {
		name := path.Base(s.run.Shell[0])
		if name == "dash" || name == "sh" && hasDash(s.run.Stage.Base) && !ownInterpreter(s.run) {
			visit(s, n)
		}
	})
}

// hasDash knows the official images that are Debian or Ubuntu, or built on them
// unless the tag says otherwise.
func hasDash(base project.Image) bool {
	switch base.Name {
	case "debian", "ubuntu", "buildpack-deps", "golang", "node", "python", "ruby", "rust", "gcc", "php", "perl", "openjdk", "nginx", "postgres", "redis":
	default:
		return false
	}
	tag := base.Tag.String()
	return base.Known && !strings.Contains(tag, "alpine") && !strings.Contains(tag, "oracle") && !strings.Contains(tag, "windows")
}

// posix says whether the shell is one whose language is that of sh, or more.
func posix(r *project.Run) bool {
	return len(r.Shell) > 0 && slices.Contains([]string{"sh", "ash", "bash", "dash", "ksh"}, path.Base(r.Shell[0]))
}

// ownInterpreter says whether a heredoc names the program that reads it.
func ownInterpreter(r *project.Run) bool {
	return strings.HasPrefix(strings.TrimLeft(r.Script.Text.String(), "\t\n"), "#!")
}

// report says something about a node.
func (s *scan) report(n syntax.Node, message string, fix *finding.Fix) {
	s.pass.Report(s.file.File, rule.Report{At: s.run.Script.Span(n), Message: message, Fix: fix})
}

// span returns where a node stands, and whether that is one piece of the source.
func (s *scan) span(n syntax.Node) (dockerfile.Span, bool) {
	span := s.run.Script.Span(n)
	length := int(n.End().Offset()) - int(n.Pos().Offset())
	return span, span.End-span.Start == length
}

// callOf returns the words of a call as far as they are literal, "" for those
// that are not.
func callOf(c *syntax.CallExpr) []string {
	words := make([]string, len(c.Args))
	for i, w := range c.Args {
		words[i] = literal(w)
	}
	return words
}

// literal returns what a word comes to when it holds neither variables nor
// commands, "" otherwise.
func literal(w *syntax.Word) string {
	var b strings.Builder
	for _, part := range w.Parts {
		switch part := part.(type) {
		case *syntax.Lit:
			b.WriteString(part.Value)
		case *syntax.SglQuoted:
			b.WriteString(part.Value)
		case *syntax.DblQuoted:
			for _, inner := range part.Parts {
				lit, ok := inner.(*syntax.Lit)
				if !ok {
					return ""
				}
				b.WriteString(lit.Value)
			}
		default:
			return ""
		}
	}
	return b.String()
}

// isCall returns the words of a node that calls one of the programs.
func isCall(n syntax.Node, names ...string) ([]string, *syntax.CallExpr) {
	c, ok := n.(*syntax.CallExpr)
	if !ok || len(c.Args) == 0 {
		return nil, nil
	}
	words := callOf(c)
	if !slices.Contains(names, words[0]) {
		return nil, nil
	}
	return words, c
}
