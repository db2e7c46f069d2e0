package packages

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleChangeFolder() rule.Rule {
	return rule.Rule{
		Code:     "DL3003",
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Change the folder with WORKDIR",
		Why:      "cd counts until the RUN ends, WORKDIR for all that follows, and it makes the folder where there is none.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, r := range runs(d) {
				for _, c := range r.Commands {
					if c.Name() == "cd" {
						p.Report(d.File, rule.Report{At: c.Args[0].Span, Message: "cd counts for this RUN alone; set WORKDIR", Fix: workdirInstead(d, r, c)})
					}
				}
			}
		},
	}
}

// workdirInstead makes a WORKDIR of a cd that a RUN begins with.
func workdirInstead(d *project.Dockerfile, r *project.Run, c *project.Command) *finding.Fix {
	if r.Onbuild || !chained(r) || len(r.Instruction.Flags) > 0 || c.Start != r.Instruction.Rest.Span().Start || len(c.Args) != 2 ||
		!c.Args[1].Known || strings.ContainsAny(c.Args[1].Text, " $~") || c.Args[1].Text == "-" {
		return nil
	}
	workdir := rule.Edit(d.File, r.Instruction.Keyword.Span(), "WORKDIR")
	folder := rule.Edit(d.File, dockerfile.Span{Start: c.Start, End: c.End}, c.Args[1].Text)
	if len(r.Commands) == 1 {
		return rule.UnsafeFix(workdir, folder)
	}
	next := r.Commands[1]
	if between := d.Source[c.End:next.Start]; strings.Trim(between, " \t\\\r\n") != "&&" {
		return nil
	}
	return rule.UnsafeFix(workdir, rule.Edit(d.File, dockerfile.Span{Start: c.Start, End: next.Start}, c.Args[1].Text+d.Newline()+"RUN "))
}

func ruleShellLink() rule.Rule {
	return rule.Rule{
		Code:     "DL4005",
		Severity: finding.Warning,
		Fix:      finding.Safe,
		Title:    "Set the shell with SHELL",
		Why:      "A link in the place of /bin/sh changes the shell of every script in the image, those of its packages too. SHELL says it for the Dockerfile alone.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			ln := program{names: []string{"ln"}}
			for _, r := range runs(d) {
				for _, c := range ln.calls(r) {
					if len(c.operands) == 2 && c.operands[1].Text == "/bin/sh" {
						p.Report(d.File, rule.Report{
							At:      c.at.Span,
							Message: fmt.Sprintf("/bin/sh is linked to %s for all that is in the image; write SHELL [%q, \"-c\"]", c.operands[0].Text, c.operands[0].Text),
							Fix:     shellInstead(d, r, c),
						})
					}
				}
			}
		},
	}
}

// shellInstead makes a SHELL of a RUN that does nothing else.
func shellInstead(d *project.Dockerfile, r *project.Run, c call) *finding.Fix {
	if len(r.Commands) != 1 || !chained(r) || r.Onbuild || !c.operands[0].Known || !strings.HasPrefix(c.operands[0].Text, "/") {
		return nil
	}
	return rule.SafeFix(rule.Edit(d.File, r.Instruction.Span, fmt.Sprintf("SHELL [%q, \"-c\"]", c.operands[0].Text)))
}

func rulePipefail() rule.Rule {
	return rule.Rule{
		Code:     "DL4006",
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Set pipefail before a RUN with a pipe",
		Why:      "A pipe succeeds when its last command does: `wget … | tar x` that fetches nothing can be a step that went well.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, r := range runs(d) {
				if at, found := firstPipe(r); found && readsPipes(r.Shell) && !failsInPipes(r) {
					p.Report(d.File, rule.Report{
						At:      at,
						Message: "when the command before the pipe fails, nobody notices; set SHELL with -o pipefail before this RUN",
						Fix:     pipefail(d, r),
					})
				}
			}
		},
	}
}

// firstPipe finds a pipe in the script.
func firstPipe(r *project.Run) (dockerfile.Span, bool) {
	if r.Script.Tree == nil {
		return dockerfile.Span{}, false
	}
	var at dockerfile.Span
	found := false
	syntax.Walk(r.Script.Tree, func(n syntax.Node) bool {
		if b, ok := n.(*syntax.BinaryCmd); ok && !found && (b.Op == syntax.Pipe || b.Op == syntax.PipeAll) {
			at, found = r.Script.Span(b), true
		}
		return !found
	})
	return at, found
}

// readsPipes says whether the shell is one in which | is a pipe of programs.
func readsPipes(shell []string) bool {
	return len(shell) > 0 && slices.Contains([]string{"sh", "ash", "bash", "dash", "ksh", "zsh"}, path.Base(shell[0]))
}

// failsInPipes says whether the shell, or the script, has set pipefail.
func failsInPipes(r *project.Run) bool {
	for i, word := range r.Shell {
		if word == "pipefail" && i > 0 && strings.HasPrefix(r.Shell[i-1], "-") && strings.HasSuffix(r.Shell[i-1], "o") {
			return true
		}
	}
	return slices.ContainsFunc(r.Commands, func(c *project.Command) bool {
		return c.Name() == "set" && slices.ContainsFunc(c.Args, func(a dockerfile.Argument) bool { return a.Text == "pipefail" })
	})
}

// pipefail is the fix for images whose shells are known.
func pipefail(d *project.Dockerfile, r *project.Run) *finding.Fix {
	shell := ""
	switch base := r.Stage.Base; {
	case r.Onbuild || !base.Known:
	case base.Name == "alpine", base.IsGolang() && strings.Contains(base.Tag.String(), "alpine"):
		shell = `SHELL ["/bin/ash", "-o", "pipefail", "-c"]`
	case base.Name == "debian", base.Name == "ubuntu", base.IsGolang(), base.Name == "fedora":
		shell = `SHELL ["/bin/bash", "-o", "pipefail", "-c"]`
	}
	if shell == "" {
		return nil
	}
	return rule.UnsafeFix(rule.Insert(d.File, r.Instruction.Start, shell+d.Newline()))
}

func ruleConsecutive() rule.Rule {
	return rule.Rule{
		Code:     "DL3059",
		Severity: finding.Info,
		Fix:      finding.Unsafe,
		Title:    "Join RUN instructions that follow each other",
		Why:      "Each RUN is a layer of its own, and what one writes the next cannot take away again.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, s := range d.All() {
				for k := 1; k < len(s.Instructions); k++ {
					consecutive(p, d, s.Instructions[k-1], s.Instructions[k])
				}
			}
		},
	}
}

func consecutive(p *rule.Pass, d *project.Dockerfile, before, here *dockerfile.Instruction) {
	if !single(before) || !single(here) || flags(before) != flags(here) {
		return
	}
	r := rule.Report{At: here.Keyword.Span(), Message: "this RUN follows another one and makes a layer of its own; join them with &&"}
	between := d.Source[before.End:here.Start]
	if strings.TrimSpace(between) == "" && !before.JSON && !here.JSON {
		joined := " && \\" + d.Newline() + "    "
		r.Fix = rule.UnsafeFix(rule.Edit(d.File, dockerfile.Span{Start: before.End, End: here.Rest.Span().Start}, joined))
	}
	p.Report(d.File, r)
}

// single says whether an instruction is a RUN of one command.
func single(i *dockerfile.Instruction) bool {
	if i.Name != "RUN" || len(i.Heredocs) > 0 {
		return false
	}
	text := i.Rest.String()
	return i.JSON || !strings.Contains(text, "&&") && !strings.Contains(text, ";")
}

// flags returns the flags of an instruction as one text.
func flags(i *dockerfile.Instruction) string {
	var all []string
	for _, f := range i.Flags {
		all = append(all, f.String())
	}
	return strings.Join(all, " ")
}
