package shell

import (
	"fmt"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleCd() rule.Rule {
	return rule.Rule{
		Code:       "SC2164",
		Severity:   finding.Warning,
		Fix:        finding.Unsafe,
		Title:      "Stop when cd fails",
		Why:        "When the folder is not there, cd says so, and what follows happens in another folder: rm, too.",
		Dockerfile: scripts(carelessCd),
	}
}

// carelessCd looks at lists of commands: a cd that another command follows
// without && or ||, in a shell that goes on after a failure.
func carelessCd(s *scan, n syntax.Node) {
	list := statements(n)
	if len(list) < 2 || stopsOnErrors(s) {
		return
	}
	for _, stmt := range list[:len(list)-1] {
		words, c := isCall(stmt.Cmd, "cd", "pushd")
		if c == nil || len(words) < 2 {
			continue
		}
		var fix *finding.Fix
		if span, whole := s.span(c); whole {
			fix = rule.UnsafeFix(rule.Insert(s.file.File, span.End, " || exit"))
		}
		s.report(c, "when the folder is not there, what follows happens in another one; write && behind it, or || exit", fix)
	}
}

// statements returns those that follow each other in a node.
func statements(n syntax.Node) []*syntax.Stmt {
	switch n := n.(type) {
	case *syntax.File:
		return n.Stmts
	case *syntax.Block:
		return n.Stmts
	case *syntax.Subshell:
		return n.Stmts
	}
	return nil
}

// stopsOnErrors says whether the shell, or the script, has set -e.
func stopsOnErrors(s *scan) bool {
	for _, word := range s.run.Shell[1:] {
		if strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "--") && strings.Contains(word, "e") {
			return true
		}
	}
	return slices.ContainsFunc(s.run.Commands, func(c *project.Command) bool {
		return c.Name() == "set" && len(c.Args) > 1 && strings.HasPrefix(c.Args[1].Text, "-") && strings.Contains(c.Args[1].Text, "e")
	})
}

func ruleGlob() rule.Rule {
	return rule.Rule{
		Code:       "SC2035",
		Severity:   finding.Info,
		Fix:        finding.Unsafe,
		Title:      "Begin patterns of file names with ./",
		Why:        "A file that is called -rf is an option where * stands alone; ./* never begins with a dash.",
		Dockerfile: scripts(leadingGlob),
	}
}

func leadingGlob(s *scan, n syntax.Node) {
	words, c := isCall(n, "rm", "mv", "cp", "chmod", "chown", "ls", "cat", "tar", "mkdir", "touch", "ln", "grep", "sed", "wc")
	if c == nil {
		return
	}
	for i, word := range words {
		if i == 0 || !strings.HasPrefix(word, "*") || len(c.Args[i].Parts) == 0 {
			continue
		}
		if _, bare := c.Args[i].Parts[0].(*syntax.Lit); !bare || slices.Contains(words[:i], "--") {
			continue
		}
		var fix *finding.Fix
		if span, whole := s.span(c.Args[i]); whole {
			fix = rule.UnsafeFix(rule.Insert(s.file.File, span.Start, "./"))
		}
		s.report(c.Args[i], fmt.Sprintf("a file whose name begins with a dash is an option here; write ./%s", word), fix)
	}
}

func ruleRmRoot() rule.Rule {
	return rule.Rule{
		Code:       "SC2115",
		Severity:   finding.Warning,
		Fix:        finding.Unsafe,
		Title:      "Do not let an empty variable remove everything",
		Why:        "`rm -rf $DIR/` with nothing in DIR is `rm -rf /`. `${DIR:?}` fails instead.",
		Dockerfile: scripts(removeRoot),
	}
}

func removeRoot(s *scan, n syntax.Node) {
	words, c := isCall(n, "rm")
	if c == nil || !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") && strings.ContainsAny(w, "rR") }) {
		return
	}
	for _, word := range c.Args[1:] {
		p, rest := variableFirst(word)
		if p == nil || p.Exp != nil || !strings.HasPrefix(rest, "/") || rest != "/" && rest != "/*" && strings.Count(rest, "/") > 1 {
			continue
		}
		if known(s, p) {
			continue
		}
		var fix *finding.Fix
		if span, whole := s.span(p); whole {
			fix = rule.UnsafeFix(rule.Edit(s.file.File, span, "${"+p.Param.Value+":?}"))
		}
		s.report(word, fmt.Sprintf("with nothing in $%s this removes %s; write ${%s:?}", p.Param.Value, rest, p.Param.Value), fix)
	}
}

// known says whether a variable has a value at this place.
func known(s *scan, p *syntax.ParamExp) bool {
	at := s.run.Script.Span(p).Start
	for _, c := range s.run.Commands {
		if c.Start <= at && at < c.End {
			value, set := c.Lookup(p.Param.Value)
			return set && value.Known && value.Text != ""
		}
	}
	return false
}

// variableFirst returns the variable that a word begins with, and what follows.
func variableFirst(word *syntax.Word) (*syntax.ParamExp, string) {
	parts := word.Parts
	if len(parts) > 0 {
		if q, ok := parts[0].(*syntax.DblQuoted); ok {
			parts = append(append([]syntax.WordPart{}, q.Parts...), parts[1:]...)
		}
	}
	if len(parts) == 0 {
		return nil, ""
	}
	p, ok := parts[0].(*syntax.ParamExp)
	if !ok || p.Param == nil {
		return nil, ""
	}
	return p, literal(&syntax.Word{Parts: parts[1:]})
}

func ruleTestAnd() rule.Rule {
	return rule.Rule{
		Code:       "SC2166",
		Severity:   finding.Warning,
		Title:      "Write two tests for -a and -o",
		Why:        "What `[ a -a b ]` means when a value looks like an operator is not defined; `[ a ] && [ b ]` is.",
		Dockerfile: scripts(testAnd),
	}
}

func testAnd(s *scan, n syntax.Node) {
	words, c := isCall(n, "[", "test")
	for i, word := range words {
		if i > 1 && (word == "-a" || word == "-o") {
			s.report(c.Args[i], fmt.Sprintf("%s in a test is not well defined; write two tests with && or || between them", word), nil)
		}
	}
}

func ruleAndOr() rule.Rule {
	return rule.Rule{
		Code:       "SC2015",
		Severity:   finding.Info,
		Title:      "Write if for one command or the other",
		Why:        "`a && b || c` runs c when b fails, too, and not only when a does.",
		Dockerfile: scripts(andOr),
	}
}

func andOr(s *scan, n syntax.Node) {
	or, ok := n.(*syntax.BinaryCmd)
	if !ok || or.Op != syntax.OrStmt {
		return
	}
	and, ok := or.X.Cmd.(*syntax.BinaryCmd)
	if !ok || and.Op != syntax.AndStmt {
		return
	}
	if words, _ := isCall(or.Y.Cmd, "true", ":", "exit", "return", "false", "echo"); words != nil {
		return
	}
	s.report(or.Y, "this runs as well when the command before it fails, not only the first one; write if … then … else", nil)
}

func ruleExport() rule.Rule {
	return rule.Rule{
		Code:       "SC2155",
		Severity:   finding.Warning,
		Title:      "Assign first and export then",
		Why:        "`export A=$(command)` succeeds when the command fails: nobody sees it.",
		Dockerfile: scripts(exportOutput),
	}
}

func exportOutput(s *scan, n syntax.Node) {
	decl, ok := n.(*syntax.DeclClause)
	if !ok {
		return
	}
	for _, a := range decl.Args {
		if a.Value == nil || a.Name == nil {
			continue
		}
		found := false
		syntax.Walk(a.Value, func(n syntax.Node) bool {
			_, sub := n.(*syntax.CmdSubst)
			found = found || sub
			return !found
		})
		if found {
			s.report(a, fmt.Sprintf("that the command fails is lost behind %s; assign %s first", decl.Variant.Value, a.Name.Value), nil)
		}
	}
}

func ruleRead() rule.Rule {
	return rule.Rule{
		Code:       "SC2162",
		Severity:   finding.Info,
		Fix:        finding.Safe,
		Title:      "Give read -r",
		Why:        "Without -r a backslash in the input takes the meaning of the next byte away.",
		Dockerfile: scripts(readRaw),
	}
}

func readRaw(s *scan, n syntax.Node) {
	words, c := isCall(n, "read")
	if c == nil || slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") && strings.Contains(w, "r") }) {
		return
	}
	var fix *finding.Fix
	if span, whole := s.span(c.Args[0]); whole {
		fix = rule.SafeFix(rule.Insert(s.file.File, span.End, " -r"))
	}
	s.report(c.Args[0], "read takes backslashes in the input for something else; add -r", fix)
}

func ruleCat() rule.Rule {
	return rule.Rule{
		Code:       "SC2002",
		Severity:   finding.Style,
		Title:      "Give the file to the command itself",
		Why:        "`cat file | command` starts a program that does nothing, and hides what fails in it.",
		Dockerfile: scripts(uselessCat),
	}
}

func uselessCat(s *scan, n syntax.Node) {
	b, ok := n.(*syntax.BinaryCmd)
	if !ok || b.Op != syntax.Pipe || len(b.X.Redirs) > 0 {
		return
	}
	words, c := isCall(b.X.Cmd, "cat")
	if len(words) == 2 && words[1] != "" && !strings.HasPrefix(words[1], "-") && !strings.ContainsAny(words[1], "*?[") {
		s.report(c, fmt.Sprintf("cat does nothing here; write `command < %s`, or name the file behind the command", words[1]), nil)
	}
}
