package check

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

func ruleFinalGolang() Rule {
	return Rule{
		Code:     "GO301",
		Severity: Warning,
		Fix:      Unsafe,
		Title:    "Do not ship the Go toolchain",
		Why: "An image made from golang carries a compiler, a shell, a package manager and the source: " +
			"hundreds of megabytes, and the vulnerabilities of all of them. A static Go program needs none of it.",
		check: checkFinalGolang,
	}
}

// finalBase is the image that the fix ships the program in. It holds roots,
// time zones, /tmp and an unprivileged user, and no shell.
const finalBase = "gcr.io/distroless/static:nonroot"

func checkFinalGolang(p *pass) {
	if len(p.file.stages) == 0 {
		return
	}
	last := p.file.stages[len(p.file.stages)-1]
	if !last.image.isGolang() || !last.isService() {
		return
	}
	p.report(report{
		at:      last.From.Args[0].Span(),
		message: "the final image holds the whole Go toolchain; build in one stage and copy the program into another",
		fix:     p.split(last),
	})
}

// isService says that the stage is there to run or build a program: a golang
// image with tools in it and nothing to run is a work bench.
func (s *stage) isService() bool {
	return len(s.products) > 0 || slices.ContainsFunc(s.Instructions, func(i *dockerfile.Instruction) bool {
		return i.Name == "CMD" || i.Name == "ENTRYPOINT"
	})
}

// split makes two stages of a Dockerfile of one, when it first builds one
// program and then says nothing but how that is run.
func (p *pass) split(s *stage) *Fix {
	tail := s.tail()
	if len(p.file.stages) != 1 || len(s.products) != 1 || len(tail) == 0 || !s.headIsForBuilding(len(tail)) {
		return nil
	}
	made := s.products[0]
	if p.reach(made).cgo || !s.runs(made) {
		return nil
	}
	head := s.Instructions[len(s.Instructions)-len(tail)-1]
	edits := []Edit{p.insert(head.Whole(p.file.File).End, s.finalStage(p.file.File.Newline(), made))}
	if s.Name == "" {
		edits = append(edits, p.insert(s.From.End, " AS "+s.builder()))
	}
	if !made.of.golang.linksStatically() {
		if made.of.Exec {
			return nil
		}
		edits = append(edits, p.insert(made.of.Start, "CGO_ENABLED=0 "))
	}
	return &Fix{Safety: Unsafe, Edits: edits}
}

func (s *stage) builder() string {
	if s.Name != "" {
		return s.Name
	}
	return "build"
}

// finalStage is what stands between building and running.
func (s *stage) finalStage(newline string, made product) string {
	lines := []string{"", "", "FROM " + finalBase}
	if s.workdir.Known && !path.IsAbs(s.program()) {
		lines = append(lines, "WORKDIR "+s.workdir.Text)
	}
	lines = append(lines, fmt.Sprintf("COPY --from=%s %s %s", s.builder(), made.path, made.path))
	return strings.Join(lines, newline)
}

// tail returns the instructions at the end that say how the program is run.
func (s *stage) tail() []*dockerfile.Instruction {
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
func (s *stage) headIsForBuilding(tail int) bool {
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
func (s *stage) program() string {
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
func (s *stage) runs(made product) bool {
	program := s.resolve(s.workdir, dockerfile.Value{Text: s.program(), Known: s.program() != ""})
	return program.Known && program.Text == made.path && strings.Contains(s.program(), "/") && !strings.ContainsAny(made.path, " \t\"'$\\")
}
