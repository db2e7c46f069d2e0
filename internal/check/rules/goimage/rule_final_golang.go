package goimage

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleFinalGolang() rule.Rule {
	return rule.Rule{
		Code:     "GO301",
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Do not ship the Go toolchain",
		Why: "An image made from golang carries a compiler, a shell, a package manager and the source: " +
			"hundreds of megabytes, and the vulnerabilities of all of them. A static Go program needs none of it.",
		Dockerfile: checkFinalGolang,
	}
}

// finalBase is the image that the fix ships the program in. It holds roots,
// time zones, /tmp and an unprivileged user, and no shell.
const finalBase = "gcr.io/distroless/static:nonroot"

func checkFinalGolang(p *rule.Pass, d *project.Dockerfile) {
	if len(d.Stages) == 0 {
		return
	}
	last := d.Stages[len(d.Stages)-1]
	if !last.Base.IsGolang() || !isService(last) || project.IsForDevelopers(d.Path) || project.IsForDevelopers(last.Name) || runsGo(d) {
		return
	}
	p.Report(d.File, rule.Report{
		At:      last.From.Args[0].Span(),
		Message: "the final image holds the whole Go toolchain; build in one stage and copy the program into another",
		Fix:     split(p.Project, d, last),
	})
}

// isService says that the stage is there to run or build a program: a golang
// image with tools in it and nothing to run is a work bench.
func isService(s *project.Stage) bool {
	return len(s.Products) > 0 || slices.ContainsFunc(s.Instructions, func(i *dockerfile.Instruction) bool {
		return i.Name == "CMD" || i.Name == "ENTRYPOINT"
	})
}

// runsGo says that the program reads Go source, and so asks the go command, as
// linters and generators do.
func runsGo(d *project.Dockerfile) bool {
	return d.Module != nil && slices.ContainsFunc(d.Module.Reach("", nil).Foreign, func(pkg string) bool {
		return project.InModule(pkg, "golang.org/x/tools/go")
	})
}

// split makes two stages of a Dockerfile of one, when it first builds one
// program and then says nothing but how that is run.
func split(p *project.Project, d *project.Dockerfile, s *project.Stage) *finding.Fix {
	tail := tailOf(s)
	if len(d.Stages) != 1 || len(s.Products) != 1 || len(tail) == 0 || !headIsForBuilding(s, len(tail)) {
		return nil
	}
	made := s.Products[0]
	if made.Of.Exec || p.Reach(d, made).Cgo || !runs(s, made) {
		return nil
	}
	head := s.Instructions[len(s.Instructions)-len(tail)-1]
	edits := []finding.Edit{rule.Insert(d.File, head.Whole(d.AST).End, finalStage(s, d.Newline(), made))}
	if s.Name == "" {
		edits = append(edits, rule.Insert(d.File, s.From.End, " AS "+builder(s)))
	}
	if !made.Of.Go.CgoIsSettled() {
		edits = append(edits, rule.Insert(d.File, made.Of.Start, "CGO_ENABLED=0 "))
	}
	return rule.UnsafeFix(edits...)
}

func builder(s *project.Stage) string {
	if s.Name != "" {
		return s.Name
	}
	return "build"
}

// finalStage is what stands between building and running.
func finalStage(s *project.Stage, newline string, made project.Product) string {
	lines := []string{"", "", "FROM " + finalBase}
	if s.Workdir.Known && !path.IsAbs(program(s)) {
		lines = append(lines, "WORKDIR "+s.Workdir.Text)
	}
	lines = append(lines, fmt.Sprintf("COPY --from=%s %s %s", builder(s), made.Path, made.Path))
	return strings.Join(lines, newline)
}

// tailOf returns the instructions at the end that say how the program is run.
func tailOf(s *project.Stage) []*dockerfile.Instruction {
	from := len(s.Instructions)
	for from > 0 && slices.Contains([]string{"CMD", "ENTRYPOINT", "ENV", "EXPOSE", "LABEL", "STOPSIGNAL"}, s.Instructions[from-1].Name) {
		from--
	}
	if from == 0 {
		return nil
	}
	return s.Instructions[from:]
}

// headIsForBuilding says that what stands before the tail can stay behind.
func headIsForBuilding(s *project.Stage, tail int) bool {
	for _, i := range s.Instructions[:len(s.Instructions)-tail] {
		switch i.Name {
		case "ARG", "COPY", "ADD", "RUN", "WORKDIR":
		case "ENV":
			for _, a := range i.Assignments() {
				if name := a.Name.String(); !strings.HasPrefix(name, "GO") && !strings.HasPrefix(name, "CGO_") {
					return false
				}
			}
		default:
			return false
		}
	}
	return true
}

// program returns the program that the exec form of ENTRYPOINT, or of CMD
// without one, runs; empty when it is not clear.
func program(s *project.Stage) string {
	program, entrypoint := "", false
	for _, i := range s.Instructions {
		if i.Name != "ENTRYPOINT" && i.Name != "CMD" {
			continue
		}
		if !i.JSON || len(i.Args) == 0 {
			return ""
		}
		if i.Name == "ENTRYPOINT" || !entrypoint {
			program = i.Args[0].Value.String()
		}
		entrypoint = entrypoint || i.Name == "ENTRYPOINT"
	}
	return program
}

// runs says that what the image runs is the program, and that its path is known.
func runs(s *project.Stage, made project.Product) bool {
	name := program(s)
	run := s.Resolve(s.Workdir, dockerfile.Value{Text: name, Known: name != ""})
	return run.Known && run.Text == made.Path && strings.Contains(name, "/") && !strings.ContainsAny(made.Path, " \t\"'$\\")
}
