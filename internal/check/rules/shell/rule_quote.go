package shell

import (
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleVariable() rule.Rule {
	return rule.Rule{
		Code:       "SC2086",
		Severity:   finding.Info,
		Fix:        finding.Unsafe,
		Title:      "Put variables in double quotes",
		Why:        "Without quotes the shell splits the value at white space and takes * and ? in it for patterns of file names: one argument becomes several, or other ones.",
		Dockerfile: scripts(unquotedVariable),
	}
}

// unquotedVariable looks at the arguments of commands. What a variable that ARG,
// ENV or the script sets comes to is known: without white space it does no harm.
func unquotedVariable(s *scan, n syntax.Node) {
	c, ok := n.(*syntax.CallExpr)
	if !ok || len(c.Args) < 2 {
		return
	}
	for _, word := range c.Args[1:] {
		for _, part := range word.Parts {
			p, ok := part.(*syntax.ParamExp)
			if !ok || p.Param == nil || p.Length || harmless(s, p) {
				continue
			}
			s.report(p, fmt.Sprintf("$%s is split where its value has white space; write it in double quotes", p.Param.Value), quoted(s, p))
		}
	}
}

// harmless says that a variable cannot be split: the shell's own numbers, and
// values that are known.
func harmless(s *scan, p *syntax.ParamExp) bool {
	if strings.Contains("?#$!-@*", p.Param.Value) || p.Exp != nil && p.Exp.Op == syntax.AlternateUnsetOrNull {
		return true
	}
	at := s.run.Script.Span(p).Start
	for _, c := range s.run.Commands {
		if c.Start <= at && at < c.End {
			value, set := c.Lookup(p.Param.Value)
			return set && value.Known && !strings.ContainsAny(value.Text, " \t\n*?[")
		}
	}
	return true // in a word that no command of the Dockerfile is read from
}

// quoted is the fix: quotes around the variable.
func quoted(s *scan, n syntax.Node) *finding.Fix {
	span, whole := s.span(n)
	if !whole {
		return nil
	}
	return rule.UnsafeFix(rule.Insert(s.file.File, span.Start, `"`), rule.Insert(s.file.File, span.End, `"`))
}

func ruleOutput() rule.Rule {
	return rule.Rule{
		Code:       "SC2046",
		Severity:   finding.Warning,
		Fix:        finding.Unsafe,
		Title:      "Put the output of commands in double quotes",
		Why:        "Without quotes the shell splits the output at white space and takes * and ? in it for patterns of file names.",
		Dockerfile: scripts(unquotedOutput),
	}
}

// unquotedOutput looks at the arguments of commands. Some programs print one
// word, and are left alone.
func unquotedOutput(s *scan, n syntax.Node) {
	c, ok := n.(*syntax.CallExpr)
	if !ok || len(c.Args) < 2 {
		return
	}
	for _, word := range c.Args[1:] {
		for _, part := range word.Parts {
			if sub, ok := part.(*syntax.CmdSubst); ok && !printsAWord(sub) {
				s.report(sub, "the output is split where it has white space; write it in double quotes", quoted(s, sub))
			}
		}
	}
}

func printsAWord(sub *syntax.CmdSubst) bool {
	if len(sub.Stmts) != 1 {
		return len(sub.Stmts) == 0
	}
	words, _ := isCall(sub.Stmts[0].Cmd, "nproc", "uname", "arch", "whoami", "hostname", "id", "getconf", "dpkg")
	return words != nil
}

func ruleAll() rule.Rule {
	return rule.Rule{
		Code:       "SC2068",
		Severity:   finding.Error,
		Fix:        finding.Unsafe,
		Title:      "Write \"$@\" in double quotes",
		Why:        "Without quotes $@ is no better than $*: arguments with white space are split.",
		Dockerfile: scripts(unquotedAll),
	}
}

func unquotedAll(s *scan, n syntax.Node) {
	c, ok := n.(*syntax.CallExpr)
	if !ok {
		return
	}
	for _, word := range c.Args {
		for _, part := range word.Parts {
			if p, ok := part.(*syntax.ParamExp); ok && p.Param != nil && p.Param.Value == "@" {
				s.report(p, `$@ without quotes splits the arguments; write "$@"`, quoted(s, p))
			}
		}
	}
}

func ruleBackquotes() rule.Rule {
	return rule.Rule{
		Code:       "SC2006",
		Severity:   finding.Style,
		Fix:        finding.Safe,
		Title:      "Write $(…) for the output of a command",
		Why:        "Backquotes end at the next one, so they cannot stand in each other, and a backslash in them means something else.",
		Dockerfile: scripts(backquotes),
	}
}

func backquotes(s *scan, n syntax.Node) {
	sub, ok := n.(*syntax.CmdSubst)
	if !ok || !sub.Backquotes {
		return
	}
	var fix *finding.Fix
	if span, whole := s.span(sub); whole && !strings.Contains(s.file.Source[span.Start:span.End], `\`) && strings.Count(s.file.Source[span.Start:span.End], "`") == 2 {
		fix = rule.SafeFix(
			finding.Edit{File: s.file.Path, Start: span.Start, End: span.Start + 1, Text: "$("},
			finding.Edit{File: s.file.Path, Start: span.End - 1, End: span.End, Text: ")"},
		)
	}
	s.report(sub, "backquotes cannot stand in each other; write $(…)", fix)
}
