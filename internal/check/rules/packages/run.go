package packages

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// mounted says whether a folder stays out of the image: RUN mounts a cache or a
// tmpfs there or above.
func mounted(r *project.Run, folder string) bool {
	return slices.ContainsFunc(mounts(r), func(target string) bool { return target == folder || strings.HasPrefix(folder, target+"/") })
}

// mountedAt says whether RUN mounts a cache or a tmpfs at the folder itself.
func mountedAt(r *project.Run, folder string) bool { return slices.Contains(mounts(r), folder) }

// mounts returns the folders at which RUN mounts a cache or a tmpfs.
func mounts(r *project.Run) []string {
	var out []string
	for _, flag := range r.Instruction.Flags {
		if flag.Name != "mount" {
			continue
		}
		kind, target := "", ""
		for field := range strings.SplitSeq(flag.Value.String(), ",") {
			switch key, value, _ := strings.Cut(field, "="); key {
			case "type":
				kind = value
			case "target", "dst", "destination":
				target = strings.TrimSuffix(value, "/")
			}
		}
		if kind == "cache" || kind == "tmpfs" {
			out = append(out, target)
		}
	}
	return out
}

// removes says whether a command removes what is in a folder, or the folder.
func removes(c *project.Command, folder string) bool {
	if c.Name() != "rm" {
		return false
	}
	return slices.ContainsFunc(c.Args[1:], func(a dockerfile.Argument) bool { return a.Text == folder || strings.HasPrefix(a.Text, folder+"/") })
}

// lasting says whether what a stage holds gets into an image: it is the last, or
// another stage is built on it.
func lasting(d *project.Dockerfile, s *project.Stage) bool {
	if s == d.Head || s == d.Stages[len(d.Stages)-1] {
		return true
	}
	return slices.ContainsFunc(d.Stages, func(other *project.Stage) bool { return other.Below == s })
}

// chained says whether the script is one chain of commands joined by &&, so that
// one more can be put at its end.
func chained(r *project.Run) bool {
	if r.Instruction.JSON || len(r.Instruction.Heredocs) > 0 || r.Script.Tree == nil || len(r.Script.Tree.Stmts) != 1 {
		return false
	}
	return isChain(r.Script.Tree.Stmts[0])
}

func isChain(s *syntax.Stmt) bool {
	if s.Background || s.Negated || len(s.Redirs) > 0 && s.Cmd == nil {
		return false
	}
	switch c := s.Cmd.(type) {
	case *syntax.CallExpr:
		return true
	case *syntax.BinaryCmd:
		return c.Op == syntax.AndStmt && isChain(c.X) && isChain(c.Y)
	}
	return false
}

// appended returns the fix that puts a command at the end of a RUN; nil where that
// cannot be done without changing the others.
func appended(d *project.Dockerfile, r *project.Run, command string) *finding.Fix {
	if !chained(r) {
		return nil
	}
	return rule.SafeFix(rule.Insert(d.File, r.Instruction.End, " && "+command))
}

// inserted returns the fix that puts words behind the verb of a call.
func inserted(d *project.Dockerfile, c call, safety finding.Safety, words string) *finding.Fix {
	at, ok := after(c.verbAt)
	if !ok || c.Exec {
		return nil
	}
	return &finding.Fix{Safety: safety, Edits: []finding.Edit{rule.Insert(d.File, at, " "+words)}}
}
